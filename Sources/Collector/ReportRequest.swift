package import Assessment
import Metering
import Report
package import Rounds
import SCI
import Store

/// What a report is asked for.
package struct ReportRequest: Sendable {
    package let period: Period
    package let factor: EmissionFactor

    package init(period: Period, factor: EmissionFactor) {
        self.period = period
        self.factor = factor
    }
}

extension ReportContent {
    init(
        _ request: ReportRequest, _ rounds: [FleetRound], _ totals: PeriodTotals,
        _ reading: RecordReading, agents: [String], losses: [SequenceLoss], alerts: [Store.Alert]
    ) {
        self.init(period: Span(request.period.whole))
        roundSeconds = request.period.roundLength.seconds
        factor = Factor(request.factor)
        simulated = rounds.contains(where: \.simulated)
        scopes = Set(rounds.flatMap(\.hosts).flatMap(\.scopes)).map(\.label).sorted()
        attributions = Set(rounds.flatMap(\.hosts).flatMap(\.attributions)).sorted {
            ($0.model.rawValue, $0.idle.rawValue) < ($1.model.rawValue, $1.idle.rawValue)
        }
        let intensities = rounds.map { round in
            RoundIntensity(
                energy: round.energy?.total, volumes: round.scenarios.map(BusinessVolume.init),
                factor: request.factor, isSound: round.problems.isEmpty)
        }
        self.rounds = zip(rounds, intensities).map(Round.init)
        summary = Summary(IntensitySummary(intensities))
        self.totals = Figures(totals, factor: request.factor)
        let present = Set(rounds.flatMap(\.hosts).map(\.host))
        silentAgents = agents.filter { !present.contains($0) }
        self.losses = losses.map {
            Loss(agent: $0.agent, run: $0.run.rawValue, first: $0.first, last: $0.last)
        }
        self.alerts = alerts.map {
            Alert(
                agent: $0.agent, kind: $0.kind.rawValue, text: $0.text, first: $0.first,
                last: $0.last, count: $0.count)
        }
        records = reading.records
        unreadable = reading.unreadable
        inconsistent = reading.inconsistent
        hasAlteredCompletions = reading.hasAlteredCompletions
        rules = reading.rules.rules.map {
            Rule(scenario: $0.scenario, name: $0.name, hits: $0.hits, hosts: $0.hosts)
        }
    }
}

extension ReportContent.Span {
    init(_ interval: Interval) { self.init(from: interval.start, to: interval.end) }
}

extension ReportContent.Factor {
    init(_ factor: EmissionFactor) {
        self.init()
        id = factor.id
        area = factor.area
        year = factor.year
        basis = factor.basis
        gramsPerKilowattHour = factor.gramsPerKilowattHour
        gas = factor.gas.rawValue
        grade = factor.grade
        source = factor.source
    }
}

extension BusinessVolume {
    init(_ scenario: FleetScenario) { self.init(scenario.id, scenario.volume.value) }
}

extension ReportContent.Figures {
    init(_ intensity: RoundIntensity) {
        self.init()
        kilowattHours = intensity.kilowattHours
        operationalGrams = intensity.operationalGrams
        embodiedGrams = intensity.embodiedGrams
        units = intensity.units.value
        unitsUnknown = intensity.units.reason?.description
        gramsPerUnit = intensity.gramsPerUnit.value
        intensityUnknown = intensity.gramsPerUnit.reason?.description
    }

    init(_ totals: PeriodTotals, factor: EmissionFactor) {
        self.init(
            RoundIntensity(
                energy: totals.energy?.total,
                volumes: totals.scenarios.map { BusinessVolume($0.id, $0.volume.value) },
                factor: factor, isSound: true))
        energy = totals.energy.map { ReportContent.Energy($0, totals.use) }
        scenarios = totals.scenarios.map { total in
            var scenario = ReportContent.Scenario(
                total.id, total.counts, total.volume, totals.energy == nil ? nil : total.energy)
            scenario.joulesPerFlow = total.joulesPerFlow
            scenario.deduplications = total.deduplications.labels
            return scenario
        }
    }
}

extension ReportContent.Energy {
    init(_ states: EnergyByState, _ use: EnergyByUse) {
        self.init()
        total = states.total
        measured = states.measured
        bridged = states.bridged
        estimated = states.estimated
        other = use.other
        background = use.background
        unmonitored = use.unmonitored
        idle = use.idle
        undivided = use.undivided
    }
}

extension ReportContent.Scenario {
    init(
        _ id: ScenarioID, _ counts: ScenarioCounts, _ volume: Known<UInt64, VolumeUnknown>,
        _ energy: Microjoules?
    ) {
        self.init()
        self.id = id.name
        self.volume = volume.value
        unknown = volume.reason?.description
        counted = counts.volume
        self.energy = energy
        // Without all windows these are parts of an unknown whole, and no figures.
        guard volume.value != nil else { return }
        requests = counts.requests
        completed = counts.completed
        refused = counts.refused
        failed = counts.failed
        incomplete = counts.incomplete
        duplicates = counts.duplicates
        duplicatesAcrossHosts = counts.duplicatesAcrossHosts
    }
}

extension ReportContent.Round {
    init(_ round: FleetRound, _ intensity: RoundIntensity) {
        self.init(ReportContent.Span(round.interval))
        figures = ReportContent.Figures(intensity)
        figures.energy = round.energy.map { ReportContent.Energy($0, round.use) }
        figures.scenarios = round.scenarios.map { scenario in
            let energy = round.use.scenarios[scenario.id] ?? .zero
            var shown = ReportContent.Scenario(
                scenario.id, scenario.counts, scenario.volume, round.energy == nil ? nil : energy)
            shown.joulesPerFlow = scenario.joulesPerFlow(of: round.energy == nil ? nil : energy)
            shown.deduplications = scenario.deduplications.labels
            return shown
        }
        isValid = intensity.isValid
        problems = round.problems.map(\.description)
        disclosures = round.disclosures.map(\.description)
        missingHosts = round.missing
        hosts = round.hosts.map(ReportContent.Host.init)
    }
}

extension ReportContent.Host {
    init(_ host: HostRound) {
        self.init()
        name = host.host
        records = host.records
        simulated = host.simulated
        sources = host.sources.map(\.label).sorted()
        scopes = host.scopes.map(\.label).sorted()
        energy = host.energy?.total
        comparisons = host.comparisons.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            ReportContent.Comparison(
                source: $0.key.label, primary: $0.value.primary, other: $0.value.other,
                ratio: $0.value.ratio)
        }
        for (reason, count) in host.energyUnknown { energyUnknown[reason.label] = count }
        energyCovered = host.energyCovered.fraction(of: host.round.length)
        energyCoveredSeconds = host.energyCovered.seconds
        countsCovered = host.countsCovered?.fraction(of: host.round.length)
        countsCoveredSeconds = host.countsCovered?.seconds
        withoutRecord = host.withoutRecord.map(ReportContent.Span.init)
        withoutEnergy = host.withoutEnergy.map(ReportContent.Span.init)
        withoutCounts = host.withoutCounts.map(ReportContent.Span.init)
        losses = host.losses
        packets = host.packets
        exchanges = host.exchanges
        straddling = host.straddling
        doubtful = host.doubtful
        degraded = host.degraded
        countLossPartsPerMillion = host.countLoss.partsPerMillion
        partial = host.partial
        clockStepped = host.clockStepped
        suspended = host.suspended
        agentStopped = host.agentStopped
        overlapSeconds = host.overlap.seconds
        spoolDropped = host.spoolDropped
        clockErrorMicroseconds = host.clockError
        unsynchronised = host.unsynchronised
    }
}

extension ReportContent.Summary {
    init(_ summary: IntensitySummary) {
        self.init()
        rounds = summary.rounds
        validRounds = summary.validRounds
        mean = summary.mean
        partialMean = summary.partialMean
        ratioOfSums = summary.ratioOfSums
        ratioRounds = summary.ratioRounds
        populationDeviation = summary.populationDeviation
        sampleDeviation = summary.sampleDeviation
        relativeDifference = summary.relativeDifference
        meansDiffer = summary.warnsOfDifference
    }
}

extension Set<Deduplication> {
    var labels: [String] {
        sorted { $0.rawValue < $1.rawValue }.map { one in
            switch one {
            case .none: "none"
            case .host: "host"
            case .fleet: "fleet"
            }
        }
    }
}
