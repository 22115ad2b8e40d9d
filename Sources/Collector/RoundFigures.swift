import Assessment
import Bundle
import Chain
import Metering
import Rounds
import SCI
import Store

extension RoundDocument {
    /// A round's figures as they are kept.
    init(
        _ round: PlannedRound, _ figures: PlanRoundIntensity, of plan: Plan, _ hash: PlanHash,
        _ roots: RecordRoots, _ imports: PlanImports
    ) {
        self.init(plan: hash, round: round.number + 1, interval: round.interval)
        isReserve = round.isReserve
        isValid = figures.intensity.isValid
        problems = round.problems.map(\.description)
        if problems.isEmpty, let reason = figures.intensity.gramsPerUnit.reason {
            problems = [reason.description]
        }
        machines = round.machines.map { Machine($0, roots, in: round.number) }
        scenarios = round.scenarios.map(Scenario.init)
        units = figures.intensity.units.value
        operational = figures.intensity.operationalGrams?.description
        if case .included = plan.embodied {
            embodied = figures.embodied?.grams.typical.description
        }
        intensity = figures.intensity.gramsPerUnit.value?.description
        coverage = round.fleetCoverage.description
        recordsRoot = roots.root(of: plan.hosts.map(\.id), in: round.number)?.hexadecimal
        self.imports = imports.digests(of: plan, in: round.interval)
    }

    /// The figures that a round closed with: of what had been received, and imported, by then. With `isSound`,
    /// throws ``DamagedRecords`` rather than leave out what cannot be read.
    static func closing(
        _ number: Int, of sealed: Store.SealedPlan, _ plan: Plan, _ store: any AssessmentSource,
        factors: FactorTable, isSound: Bool = false
    ) throws -> Self? {
        let schedule = plan.schedule
        let start = schedule.end(afterRounds: number)
        let closing = schedule.end(afterRounds: number + 1) + schedule.grace
        let imports = try PlanImports(store, until: closing)
        // Windows that begin a day after it closed had hardly come before.
        let reading = try PlanRecords(
            plan, imports, store, over: Interval(start: start, end: closing + .day),
            receivedBy: closing)
        if isSound, let damage = DamagedRecords(reading.records) { throw damage }
        guard reading.rounds.indices.contains(number) else { return nil }
        let round = reading.rounds[number]
        guard
            let figures = PlanIntensity(plan, [round.assessed], factors: factors).rounds.first
        else { return nil }
        return Self(round, figures, of: plan, sealed.hash, reading.roots, imports)
    }
}

extension Nanoseconds {
    fileprivate static let day = Nanoseconds.seconds(86_400)
}

extension RoundDocument.Machine {
    fileprivate init(_ machine: MachineRound, _ roots: RecordRoots, in round: Int) {
        var isDevice = false
        if case .device = machine.machine { isDevice = true }
        self.init(
            id: machine.machine.id, isDevice: isDevice, expected: machine.round.expected,
            covered: machine.round.energyCovered, energy: machine.energy?.boundary)
        guard !isDevice, let entries = roots[machine.machine.id, round] else { return }
        runs = entries.runs.map { RoundDocument.Run($0.run, $0.stretches) }
        recordsRoot = entries.root.hexadecimal
    }
}

extension RoundDocument.Scenario {
    fileprivate init(_ scenario: PlannedScenarioRound) {
        self.init(id: scenario.id.name)
        volume = scenario.volume.value
        guard case .traffic = scenario.source, volume != nil else { return }
        let counts = scenario.counted.counts
        approved = counts.completed
        refused = counts.refused
        failed = counts.failed
        incomplete = counts.incomplete
        duplicates = counts.duplicates
        duplicatesAcrossHosts = counts.duplicatesAcrossHosts
    }
}
