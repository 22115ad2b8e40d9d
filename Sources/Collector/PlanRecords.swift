import Assessment
import Metering
import Rounds
import Store

/// A plan's rounds as far as a part of the store tells them.
struct PlanRecords {
    /// All rounds of the schedule; those that were not read are without records.
    let rounds: [PlannedRound]
    let roots: RecordRoots
    let records: RecordReading

    /// From the records that overlap `span`, or the plan's whole time, and were received up to and with a
    /// time. Reads them twice where gaps must be filled.
    init(
        _ plan: Plan, _ imports: PlanImports, _ store: any AssessmentSource,
        over span: Interval? = nil, receivedBy: Timestamp = Timestamp(.max)
    ) throws {
        var builder = try PlanRoundsBuilder(
            plan, readings: imports.readings.map(\.value), ledger: imports.totals.map(\.value))
        let span = span ?? builder.period.whole
        let machines = Set(plan.hosts.map(\.id))
        var roots = RecordRoots(builder.period)
        var records = RecordReading(store, of: span)
        try store.consistently {
            try store.forEachRecord(from: span.start, to: span.end, receivedBy: receivedBy) {
                stored in
                if machines.contains(stored.agent) { roots.add(stored) }
                if let record = try records.roundRecord(stored) { builder.add(record) }
            } repeated: {
                if let place = records.occurrence($0) { builder.add(place) }
            }
            try records.compareCompletions(over: span, receivedBy: receivedBy)
        }
        roots.close()
        var imputation = builder.imputation()
        let gapped = Set(imputation.hostsToRead)
        if !gapped.isEmpty {
            var again = RecordReading(store, of: span)
            try store.forEachRecord(
                from: span.start, to: span.end, receivedBy: receivedBy,
                { stored in
                    guard gapped.contains(stored.agent) else { return }
                    if let record = try again.roundRecord(stored) { imputation.add(record) }
                }, repeated: nil)
        }
        rounds = try builder.finish(imputation)
        self.roots = roots
        self.records = records
    }
}
