import Metering
import Records
package import Report
import Rounds
package import Store
import Wire

/// The collector's order, and the only place that knows it:
///
///     bytes → Wire → Records → Store → acknowledgement
///     Store → Records → Rounds → SCI → Report
///
/// Nothing is acknowledged before `keep` has returned, and `keep` returns after the commit.
package enum Pipeline {
    /// Makes an agent's run known and returns up to which record it is durable.
    static func greet(_ hello: Hello, in store: any RecordStore) throws -> UInt64 {
        try store.open(run: RunID(hello.run), of: hello.agent, firstAvailable: hello.first)
    }

    /// Keeps a manifest, which must speak of the agent that sends it.
    static func keep(manifest bytes: [UInt8], of hello: Hello, in store: any RecordStore) throws {
        try Refusal.check(manifest: bytes, of: hello.agent)
        try store.store(manifest: RecordCodec.digest(ofManifest: bytes), bytes: bytes)
    }

    /// Keeps a batch whose records are numbered from `first`. What lies between the durable records
    /// and `first` is gone from the agent: it sends in ascending order all that it has.
    static func keep(
        _ batch: [[UInt8]], from first: UInt64, of hello: Hello, in store: any RecordStore,
        at now: Timestamp
    ) throws -> StoreOutcome {
        let run = RunID(hello.run)
        var manifests: [ManifestDigest: Manifest] = [:]
        let records = try IncomingRecord.checked(batch, run: run, first: first) { digest in
            if let manifest = manifests[digest] { return manifest }
            guard let bytes = try store.manifest(digest) else {
                throw StoreError.manifestMissing(digest)
            }
            let manifest = try Refusal.check(manifest: bytes, of: hello.agent)
            manifests[digest] = manifest
            return manifest
        }
        _ = try store.open(run: run, of: hello.agent, firstAvailable: first)
        return try store.store(records, run: run, of: hello.agent, receivedAt: now)
    }

    /// The report of a period.
    package static func report(
        _ request: ReportRequest, from store: any RecordStore
    ) throws -> ReportContent {
        var reading = RecordReading(store, of: request.period.whole)
        var builder = RoundsBuilder(request.period)
        let whole = request.period.whole
        try store.forEachRecord(from: whole.start, to: whole.end) { stored in
            if let record = try reading.roundRecord(stored) { builder.add(record) }
        } repeated: {
            builder.add(FlowOccurrence($0))
        }
        let rounds = builder.finish()
        return ReportContent(
            request, rounds, PeriodTotals(rounds), reading,
            agents: try store.agents(), losses: try store.losses())
    }
}
