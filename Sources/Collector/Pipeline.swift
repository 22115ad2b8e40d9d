import Chain
import Metering
import Records
package import Report
import Rounds
package import Store
import Wire

/// The collector's order, and the only place that knows it:
///
///     bytes → Wire → Chain → Records → CommitQueue → Store → acknowledgement
///     Store → Records → Rounds → SCI → Report
///
/// Nothing is acknowledged before `CommitQueue.keep` has returned, which is after the commit.
package enum Pipeline {
    /// Makes an agent's run known and returns up to which record it is durable.
    static func greet(
        _ hello: Hello, in store: any RecordStore, at now: Timestamp
    ) throws -> UInt64 {
        guard let key = VerifyingKey(hello.publicKey) else { throw Refusal.key }
        return try store.open(
            Greeting(
                agent: hello.agent, run: RunID(hello.run), firstAvailable: hello.first, key: key,
                predecessor: hello.predecessor.map {
                    Predecessor(run: RunID($0.run), last: $0.last)
                }, at: now))
    }

    /// Keeps a manifest, which must speak of the agent that sends it.
    static func keep(manifest bytes: [UInt8], of hello: Hello, in store: any RecordStore) throws {
        try Refusal.check(manifest: bytes, of: hello.agent)
        try store.store(manifest: RecordCodec.digest(ofManifest: bytes), bytes: bytes)
    }

    /// The report of a period.
    package static func report(
        _ request: ReportRequest, from store: any RecordStore
    ) throws -> ReportContent {
        var reading = RecordReading(store, of: request.period.whole)
        var builder = RoundsBuilder(request.period)
        let whole = request.period.whole
        try store.consistently {
            try store.forEachRecord(from: whole.start, to: whole.end) { stored in
                if let record = try reading.roundRecord(stored) { builder.add(record) }
            } repeated: {
                if let place = reading.occurrence($0) { builder.add(place) }
            }
            try reading.compareCompletions(over: whole)
        }
        let rounds = builder.finish()
        return ReportContent(
            request, rounds, PeriodTotals(rounds), reading,
            agents: try store.agents(), losses: try store.losses(), alerts: try store.alerts())
    }
}
