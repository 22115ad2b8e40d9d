import Assessment
import Chain
import Metering
import Report
import Rounds
import SCI

// The rounds of a plan.
extension PlanReportContent.Round {
    init(_ round: PlannedRound, _ reading: PlanReading) {
        self.init(
            number: round.number + 1, isReserve: round.isReserve,
            span: PlanReportContent.Span(round.interval))
        let closing = reading.request.closing(of: round.interval)
        guard
            let figures = reading.figures.rounds.first(where: { $0.number == round.number })
        else {
            leaveOpen(until: closing)
            return
        }
        use = PlanReportContent.Use(figures, reading.figures)
        problems = round.problems.map(Wording.init)
        if problems.isEmpty, figures.standing == .invalid,
            let reason = figures.intensity.gramsPerUnit.reason
        {
            problems = [Wording(reason)]
        }
        disclosures = round.disclosures.map(Wording.init) + reading.unsignedVolumes(in: round)
        countLoss = round.countLoss
        closed = closing
        scenarios = round.scenarios.map { PlanReportContent.Scenario($0, on: round.interval) }
        units = figures.intensity.units.because(Wording.init)
        addEnergy(round, figures, reading)
        intensity = figures.intensity.gramsPerUnit.because(Wording.init)
        coverage = .known(round.fleetCoverage)
        let error = round.machines.compactMap(\.round.clockError).max()
        clockErrorMilliseconds = error.map { Double($0) / 1000 }.orUnknown(
            Wording(zh: "没有同步的时钟", en: "no clock was synchronised"))
        missingHosts = round.missing
        hosts = round.machines.map {
            PlanReportContent.HostRound($0, of: round, figures.embodied, reading)
        }
        recordsRoot =
            (reading.roots.root(of: reading.plan.hosts.map(\.id), in: round.number)?.hexadecimal)
            .orUnknown(.noRecord)
    }

    /// No figure of a round is shown before it is closed.
    private mutating func leaveOpen(until closing: Timestamp) {
        let reason = Wording.notClosed(until: closing)
        use = .notClosed
        units = .unknown(reason)
        energy = .unknown(reason)
        operationalIT = .unknown(reason)
        operationalFacility = .unknown(reason)
        operationalMarket = .unknown(reason)
        operational = .unknown(reason)
        embodied = .unknown(reason)
        intensity = .unknown(reason)
        coverage = .unknown(reason)
        imputedShare = .unknown(reason)
        clockErrorMilliseconds = .unknown(reason)
        recordsRoot = .unknown(reason)
    }

    private mutating func addEnergy(
        _ round: PlannedRound, _ figures: PlanRoundIntensity, _ reading: PlanReading
    ) {
        let segments = round.machines.flatMap(\.segments)
        energy = PlanReportContent.energy(of: segments)
        sites = reading.plan.sites.compactMap {
            PlanReportContent.SiteEnergy($0, segments, reading)
        }
        let carbon = reading.carbon.location(segments)
        operationalIT = carbon.grams(of: .equipment)
        operationalFacility = carbon.grams(of: .facility)
        operationalMarket = reading.market(segments)
        operational = carbon.grams(of: reading.plan.scope)
        embodied = PlanReportContent.embodied([figures], reading)
        imputedShare = energy.map(\.imputed.share)
    }
}

extension PlannedRound {
    /// Of the host whose counts are the most doubtful, where the round's are.
    fileprivate var countLoss: CountLoss? {
        disclosures.compactMap { problem in
            guard case .countsDoubtful(_, _, _, let loss) = problem else { return nil }
            return loss > .doubtful ? loss : nil
        }.max()
    }
}

extension PlanReading {
    /// O under contracts in the plan's scope, or why there is none.
    func market(_ segments: [BoundarySegment]) -> PlanReportContent.Figure {
        carbon.market(segments)?.grams(of: plan.scope)
            ?? .unknown(Wording(zh: "没有合同电力", en: "no site has electricity under contract"))
    }
}

extension PlanReportContent {
    /// What segments used in the boundary; unknown where nothing of any is known.
    static func energy(of segments: [BoundarySegment]) -> Known<Energy, Wording> {
        var states = EnergyStates()
        var idle = Microjoules.zero
        var simulated = Microjoules.zero
        var isKnown = false
        for segment in segments {
            guard let energy = segment.energy else { continue }
            isKnown = true
            states.add(energy.boundary)
            idle += energy.boundaryIdle
            if segment.isSimulated { simulated += energy.boundary.total }
        }
        return isKnown
            ? .known(Energy(states, simulated: simulated, idle: .known(idle)))
            : .unknown(.noEnergy)
    }

    /// M over rounds, or why it is not known.
    static func embodied(
        _ rounds: [PlanRoundIntensity], _ reading: PlanReading
    ) -> Known<Embodied, Wording> {
        if case .omitted(let reason) = reading.plan.embodied {
            return .unknown(Wording(zh: "M未统计：\(reason)", en: "M is omitted: \(reason)"))
        }
        var sum = Embodied(low: 0, typical: 0, high: 0)
        for round in rounds {
            guard let grams = round.embodied?.grams else {
                return .unknown(
                    round.intensity.gramsPerUnit.reason.map(Wording.init)
                        ?? Wording(zh: "M 未知", en: "M is not known"))
            }
            sum.low += grams.low
            sum.typical += grams.typical
            sum.high += grams.high
        }
        return rounds.isEmpty ? .unknown(.noValidRound) : .known(sum)
    }
}

extension PlanReportContent.Use {
    init(_ round: PlanRoundIntensity, _ figures: PlanIntensity) {
        switch round.standing {
        case .counts: self = .counted
        case .replaces(let number): self = .replaces(round: number + 1)
        case .spare: self = .notNeeded
        case .invalid:
            let other = figures.rounds.first { $0.standing == .replaces(round.number) }
            self = .invalid(replacedBy: other.map { $0.number + 1 })
        }
    }
}

extension PlanReportContent.SiteEnergy {
    /// `nil` where no segment is at the site.
    init?(_ site: Site, _ segments: [BoundarySegment], _ reading: PlanReading) {
        let here = segments.filter { $0.site == site.id }
        guard !here.isEmpty else { return nil }
        self.init()
        self.site = site.id
        name = site.name
        energy = PlanReportContent.energy(of: here)
        var seen: Set<String> = []
        factorIDs = here.map(\.supply.factor).filter { seen.insert($0).inserted }
        pue = (site.pue?.value.fraction).orUnknown(.noPUE)
        pueSource = site.pue?.source ?? ""
        let carbon = reading.carbon.location(here)
        operationalIT = carbon.grams(of: .equipment)
        operationalFacility = carbon.grams(of: .facility)
        operationalMarket = reading.market(here)
    }
}

extension PlanReportContent.Scenario {
    init(_ scenario: PlannedScenarioRound, on round: Interval) {
        self.init()
        id = scenario.id.name
        name = scenario.id.wording
        weight = StandardWeights.weight(of: scenario.id) ?? 0
        volume = scenario.volume.because(Wording.init)
        switch scenario.source {
        case .ledger(let reason):
            origin = Wording(zh: "台账：\(reason)", en: "the ledger: \(reason)")
            ledger = volume
        case .traffic:
            origin = Wording(zh: "流量", en: "traffic")
            ledger = Self.ledger(scenario, on: round)
            guard volume.value != nil else { return }
            let counts = scenario.counted.counts
            approved = counts.completed
            refused = counts.refused
            failed = counts.failed
            incomplete = counts.incomplete
            duplicates = counts.duplicates
            duplicatesAcrossHosts = counts.duplicatesAcrossHosts
            outsideLayer = scenario.outsideHosts.isEmpty ? 0 : scenario.outside.volume
        }
    }

    private static func ledger(
        _ scenario: PlannedScenarioRound, on round: Interval
    ) -> PlanReportContent.Count {
        let lines = scenario.reconciliations
        guard !lines.isEmpty else {
            return .unknown(Wording(zh: "未导入本轮台账", en: "no ledger of the round was imported"))
        }
        let told = lines.reduce(Nanoseconds.zero) { $0 + $1.interval.length }
        guard told == round.length else {
            return .unknown(
                Wording(
                    zh: "台账只覆盖本轮 \(told.seconds) s",
                    en: "the ledger tells only \(told.seconds) s of the round"))
        }
        return .known(lines.reduce(0) { $0.addingClamped($1.ledger) })
    }

    /// The sum over rounds; unknown where it is in one of them.
    init(_ id: ScenarioID, _ rounds: [Self]) {
        self.init()
        self.id = id.name
        name = id.wording
        weight = StandardWeights.weight(of: id) ?? 0
        origin = rounds.first?.origin ?? .noValidRound
        volume = Self.sum(rounds.map(\.volume))
        ledger = Self.sum(rounds.map(\.ledger))
        approved = Self.sum(rounds, \.approved)
        refused = Self.sum(rounds, \.refused)
        failed = Self.sum(rounds, \.failed)
        incomplete = Self.sum(rounds, \.incomplete)
        duplicates = Self.sum(rounds, \.duplicates)
        duplicatesAcrossHosts = Self.sum(rounds, \.duplicatesAcrossHosts)
        outsideLayer = Self.sum(rounds, \.outsideLayer)
    }

    static func sum(_ counts: [PlanReportContent.Count]) -> PlanReportContent.Count {
        var sum: UInt64 = 0
        for count in counts {
            guard let value = count.value else { return count }
            sum = sum.addingClamped(value)
        }
        return counts.isEmpty ? .unknown(.noValidRound) : .known(sum)
    }

    private static func sum(_ rounds: [Self], _ path: KeyPath<Self, UInt64?>) -> UInt64? {
        guard !rounds.isEmpty else { return nil }
        return rounds.reduce(0 as UInt64?) { sum, one in
            sum.flatMap { sum in one[keyPath: path].map { sum.addingClamped($0) } }
        }
    }
}
