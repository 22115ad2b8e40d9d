import Assessment
import Imports
import Metering
import Report
import Rounds
import SCI
import Store

/// A plan's rounds and figures, and all that was read for them.
struct PlanReading {
    let request: PlanReportRequest
    /// All rounds of the schedule, those that are not closed too.
    let rounds: [PlannedRound]
    /// Of the closed rounds alone.
    let figures: PlanIntensity
    let carbon: PlanCarbon
    let roots: RecordRoots
    let records: RecordReading
    let imports: PlanImports
    let plans: [Store.SealedPlan]
    let keys: [RunKey]
    let losses: [SequenceLoss]
    let alerts: [Store.Alert]

    var plan: Plan { request.plan }

    init(_ request: PlanReportRequest, _ store: any AssessmentSource) throws {
        self.request = request
        let plan = request.plan
        imports = try PlanImports(store)
        let reading = try PlanRecords(plan, imports, store)
        rounds = reading.rounds
        figures = PlanIntensity(
            plan, rounds.filter { request.isClosed($0.interval) }.map(\.assessed),
            factors: request.factors)
        carbon = PlanCarbon(plan)
        roots = reading.roots
        records = reading.records
        let machines = Set(plan.hosts.map(\.id))
        plans = try store.plans()
        keys = try store.runKeys().filter { machines.contains($0.agent) }
        losses = try store.losses().filter { machines.contains($0.agent) }
        alerts = try store.alerts().filter { machines.contains($0.agent) }
    }

    /// The rounds that are closed, each with its figures.
    var closed: [(round: PlannedRound, figures: PlanRoundIntensity)] {
        let byNumber = Dictionary(
            figures.rounds.map { ($0.number, $0) }, uniquingKeysWith: { one, _ in one })
        return rounds.compactMap { round in byNumber[round.number].map { (round, $0) } }
    }

    /// Those that the result is the mean of.
    var counted: [(round: PlannedRound, figures: PlanRoundIntensity)] {
        closed.filter(\.figures.standing.isCounted)
    }

    /// Those that the sums and their ratio are of: a round of R = 0 has no part in a mean, and its O and M are
    /// emitted all the same.
    var summed: [(round: PlannedRound, figures: PlanRoundIntensity)] {
        closed.filter { figures.summed.contains($0.figures.number) }
    }

    /// The site of this id, as the plan tells it.
    func site(_ id: String) -> Site? { plan.sites.first { $0.id == id } }
}

/// The imports that count, each with the digest of the bytes it stands in.
struct PlanImports {
    let readings: [Revised<MeterReading>]
    let totals: [Revised<LedgerTotal>]
    let assets: Revised<[Asset]>?
    private let stored: [Int64: StoredImport]

    /// Of those that had been imported by a time, where one is given.
    init(_ store: any ImportSource, until: Timestamp = Timestamp(.max)) throws {
        readings = try Pipeline.revisions(.meter, from: store, until: until).meterReadings
        totals = try Pipeline.revisions(.ledger, from: store, until: until).ledgerTotals
        assets = try Pipeline.revisions(.assets, from: store, until: until).assets
        stored = Dictionary(
            try store.imports(nil).map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
    }

    func stored(_ source: Int64) -> StoredImport? { stored[source] }

    /// The imports with values that count, in the order of their coming.
    var counting: [StoredImport] {
        var sources = Set(readings.map(\.source)).union(totals.map(\.source))
        if let assets { sources.insert(assets.source) }
        return sources.sorted().compactMap { stored[$0] }
    }

    /// SHA-256 in hexadecimal digits.
    func digest(_ source: Int64) -> String { stored[source]?.digest.hexadecimal ?? "" }

    /// The digests of what speaks of a plan's scenarios and machines in an interval, sorted.
    func digests(of plan: Plan, in interval: Interval) -> [String] {
        let scenarios = Set(plan.scenarios.map(\.id))
        let meters = Set(plan.devices.map(\.meter) + plan.hosts.map(\.id))
        var sources: Set<Int64> = []
        for one in totals
        where scenarios.contains(one.value.scenario)
            && one.value.interval.clamped(to: interval) != nil
        { sources.insert(one.source) }
        for one in readings
        where meters.contains(one.value.meter)
            && one.value.interval.clamped(to: interval) != nil
        { sources.insert(one.source) }
        return Set(sources.map(digest)).sorted()
    }
}
