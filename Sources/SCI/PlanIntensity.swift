package import Assessment
package import Metering

/// The unit that carbon of a plan is told in.
package enum CarbonUnit: String, Sendable, Hashable {
    case carbonDioxide = "gCO2"
    case equivalent = "gCO2e"
    /// CO₂ alone and all greenhouse gases are added.
    case mixed
}

/// What became of a round.
package enum RoundStanding: Sendable, Hashable {
    /// It is one of the m rounds of the mean.
    case counts
    /// It is one of them in the place of an invalid one, of this number.
    case replaces(Int)
    /// Not valid, and so no part of the mean.
    case invalid
    /// In reserve and not needed.
    case spare

    /// Whether it is part of the mean.
    package var isCounted: Bool {
        switch self {
        case .counts, .replaces: true
        case .invalid, .spare: false
        }
    }
}

/// The figures of one round of a plan.
package struct PlanRoundIntensity: Sendable, Hashable {
    package let number: Int
    package let isReserve: Bool
    package let interval: Interval
    /// O in the plan's scope, location-based; M typical; R; SCI_CF^j.
    package let intensity: RoundIntensity
    package let standing: RoundStanding
    /// In the boundary; `nil` where none is known.
    package let energy: EnergyStates?
    /// Of it, that of machines with simulated counters.
    package let simulated: Microjoules
    /// O by the electricity where it is used.
    package let location: OperationalCarbon?
    /// O under contracts and certificates, a second line; `nil` where no site has one.
    package let market: OperationalCarbon?
    /// M and what it comes from; `nil` where it is left out or not known.
    package let embodied: EmbodiedCarbon?
    /// R without refusals.
    package let unitsWithoutRefusals: Known<UInt64, UnitsUnknown>
    /// O of each segment, in the order of the round's.
    package let segments: [SegmentCarbon]
}

/// The figures of a plan.
///
/// Source: T/CQJR 032.2-2025, 8.2.1 formulas (1) and (2), Annex A.
package struct PlanIntensity: Sendable, Hashable {
    /// In the order of time, as far as they were given.
    package let rounds: [PlanRoundIntensity]
    /// The result over the rounds that count: complete with m of them, else 评估未完成 and the mean in
    /// part. Its ratio of sums has the rounds with R = 0 in it, which the mean cannot have.
    package let summary: IntensitySummary
    /// The numbers of the rounds that every sum is over, and the ratio of sums: those that count, and those that
    /// are invalid for nothing but R = 0.
    package let summed: Set<Int>
    /// Planned rounds that were not given.
    package let pending: [Int]
    /// The scenarios are the standard's four, so that the result may be called SCI_CF.
    package let isStandard: Bool
    package let unit: CarbonUnit
    /// Over the rounds of ``summed``, in the boundary.
    package let energy: EnergyStates
    package let simulated: Microjoules
    /// The same by site, by id.
    package let sites: [SiteCarbon]
    package let sensitivity: [SensitivityLine]

    /// Whether m rounds count.
    package var isComplete: Bool { summary.mean != nil }

    /// The figures of a plan's rounds that are closed, in any order. `factors` are looked at for the
    /// levels of the grid alone: the plan holds the factors it uses.
    package init(_ plan: Plan, _ assessed: [AssessedRound], factors: FactorTable) {
        let terms = PlanTerms(plan)
        let figures = assessed.sorted { $0.number < $1.number }.map { RoundTerms($0, terms) }
        let standings = RoundSelection(figures, planned: plan.schedule.rounds)
        let counted = figures.filter { standings[$0.round.number].isCounted }
        rounds = figures.map { PlanRoundIntensity($0, standings[$0.round.number]) }
        let zero = figures.filter {
            $0.round.isSound && $0.intensity.units.value == 0
                && $0.intensity.operationalGrams != nil && $0.embodied?.reason == nil
                && standings[$0.round.number] == .invalid
        }
        summary = IntensitySummary(
            counted.map(\.intensity), of: plan.schedule.rounds,
            ratioOver: (counted + zero).map(\.intensity))
        let all = (counted + zero).sorted { $0.round.number < $1.round.number }
        summed = Set(all.map(\.round.number))
        let given = Set(figures.map(\.round.number))
        pending = (0..<plan.schedule.rounds).filter { !given.contains($0) }
        isStandard =
            plan.scenarios.count == StandardWeights.scenarios.count
            && Set(plan.scenarios.map(\.id)) == Set(StandardWeights.scenarios)
        energy = all.reduce(into: EnergyStates()) { sum, one in
            if let energy = one.energy { sum.add(energy) }
        }
        simulated = all.reduce(.zero) { $0 + $1.simulated }
        sites = SiteCarbon.all(all.flatMap(\.segments))
        unit = terms.unit(of: counted.isEmpty ? figures : counted)
        sensitivity = SensitivityLine.all(terms, counted, factors: factors)
    }
}

/// What all rounds of a plan are computed with.
struct PlanTerms {
    let plan: Plan
    let electricity: PlanElectricity
    let hardware: PlanHardware

    init(_ plan: Plan) {
        self.plan = plan
        electricity = PlanElectricity(plan)
        hardware = PlanHardware(plan)
    }

    func unit(of rounds: [RoundTerms]) -> CarbonUnit {
        var gases = rounds.reduce(into: Set<FactorGas>()) { sum, one in
            if let carbon = one.location.value { sum.formUnion(carbon.gases) }
        }
        if case .included = plan.embodied { gases.insert(.equivalent) }
        if gases.count > 1 { return .mixed }
        return gases == [.equivalent] ? .equivalent : .carbonDioxide
    }
}

/// A round with its terms, before it is known whether it counts.
struct RoundTerms {
    let round: AssessedRound
    let energy: EnergyStates?
    let simulated: Microjoules
    let location: Known<OperationalCarbon, IntensityUnknown>
    let market: Known<OperationalCarbon, IntensityUnknown>?
    let embodied: Known<EmbodiedCarbon, EmbodiedUnknown>?
    let unitsWithoutRefusals: Known<UInt64, UnitsUnknown>
    let intensity: RoundIntensity
    let segments: [SegmentCarbon]

    init(_ round: AssessedRound, _ terms: PlanTerms) {
        self.round = round
        energy = round.segments.reduce(into: nil) { sum, segment in
            guard let energy = segment.energy?.boundary else { return }
            var states = sum ?? EnergyStates()
            states.add(energy)
            sum = states
        }
        simulated = round.segments.filter(\.isSimulated).reduce(.zero) {
            $0 + ($1.energy?.boundary.total ?? .zero)
        }
        let electricity = terms.electricity
        segments = round.segments.map { SegmentCarbon($0, electricity) }
        location = electricity.carbon(of: round.segments, by: electricity.location)
        market =
            electricity.hasMarket
            ? electricity.carbon(of: round.segments, by: electricity.market) : nil
        embodied = terms.hardware.carbon(of: round)
        unitsWithoutRefusals = businessUnits(
            round.volumes.map { BusinessVolume($0.scenario, $0.flowsWithoutRefusals) })
        intensity = RoundIntensity(
            kilowattHours: energy.map {
                Double($0.total.rawValue) / RoundIntensity.microjoulesPerKilowattHour
            },
            operational: location.grams(terms.plan.scope),
            embodied: embodied?.typicalGrams,
            units: businessUnits(round.volumes.map { BusinessVolume($0.scenario, $0.flows) }),
            isSound: round.isSound)
    }
}

extension Known<OperationalCarbon, IntensityUnknown> {
    func grams(_ scope: ElectricityScope) -> Known<Double, IntensityUnknown> {
        switch self {
        case .known(let carbon): carbon.grams(scope)
        case .unknown(let reason): .unknown(reason)
        }
    }
}

extension Known<EmbodiedCarbon, EmbodiedUnknown> {
    var typicalGrams: Known<Double, IntensityUnknown> {
        switch self {
        case .known(let carbon): .known(carbon.grams.typical)
        case .unknown(let reason): .unknown(.embodied(reason))
        }
    }
}

extension PlanRoundIntensity {
    fileprivate init(_ terms: RoundTerms, _ standing: RoundStanding) {
        number = terms.round.number
        isReserve = terms.round.isReserve
        interval = terms.round.interval
        intensity = terms.intensity
        self.standing = standing
        energy = terms.energy
        simulated = terms.simulated
        location = terms.location.value
        market = terms.market?.value
        embodied = terms.embodied?.value
        unitsWithoutRefusals = terms.unitsWithoutRefusals
        segments = terms.segments
    }
}

/// Which rounds the mean is of: the planned ones that are valid, and for each other one, in their
/// order, the first reserve round that is valid.
///
/// Source: T/CQJR 032.2-2025 Annex A c) and d): all rounds, so none is left out without one in its
/// place.
struct RoundSelection {
    private var standings: [Int: RoundStanding] = [:]

    init(_ rounds: [RoundTerms], planned: Int) {
        self.init(rounds.map { ($0.round.number, $0.intensity.isValid) }, planned: planned)
    }

    /// Of rounds in the order of their numbers.
    init(_ rounds: [(number: Int, isValid: Bool)], planned: Int) {
        var lacking: [Int] = []
        for (number, isValid) in rounds where number < planned {
            standings[number] = isValid ? .counts : .invalid
            if !isValid { lacking.append(number) }
        }
        lacking.reverse()
        for (number, isValid) in rounds where number >= planned {
            if lacking.isEmpty {
                standings[number] = .spare
            } else if isValid, let replaced = lacking.popLast() {
                standings[number] = .replaces(replaced)
            } else {
                standings[number] = .invalid
            }
        }
    }

    subscript(number: Int) -> RoundStanding { standings[number] ?? .spare }
}
