import Metering
import Records
import Store
import Wire

extension RefusedBatch {
    /// What is kept of a batch that is refused for `error`; `nil` where the collector is at fault and
    /// the batch comes again.
    init?(
        _ batch: Batch, of hello: Hello, from source: String, _ error: any Error, at now: Timestamp
    ) {
        guard let kind = AlertKind(refusing: error) else { return nil }
        var conflicts: [UInt64] = []
        if case StoreError.conflict(let sequences) = error { conflicts = sequences }
        self.init(
            agent: hello.agent, run: RunID(hello.run), first: batch.first, records: batch.records,
            previous: batch.previous, signature: batch.signature, kind: kind,
            reason: "run \(String(hello.run, radix: 16)), from \(source): \(error)",
            conflicts: conflicts, at: now)
    }
}

extension AlertKind {
    /// What an assessor is told where a batch is refused for this; `nil` where the collector is at fault.
    init?(refusing error: any Error) {
        switch error {
        case StoreError.conflict: self = .conflict
        case StoreError.brokenChain: self = .chain
        case StoreError.keyChanged: self = .key
        case Refusal.signature: self = .signature
        case is Refusal, is RecordError, StoreError.manifestMissing, StoreError.outOfRange:
            self = .records
        default: return nil
        }
    }
}
