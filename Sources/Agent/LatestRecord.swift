import Metering
import Records
import Spool

/// What the newest record in a spool says of the agent before this one.
struct LatestRecord {
    /// Where its window ends.
    let end: Timestamp
    /// What it was made under; `nil` where that cannot be read.
    let manifest: Manifest?
}

extension Spool {
    /// The latest record; `nil` where there is none that can be read.
    var latestRecord: LatestRecord? {
        get throws(SpoolError) {
            var sequence = nextSequence
            while sequence > 1 {
                sequence -= 1
                let batch = try batch(
                    from: sequence, maximumRecords: 1, maximumBytes: SpoolLimits.record)
                let header = batch?.records.last.flatMap { try? RecordCodec.header(of: $0) }
                // Completions come before their record, which a kill may have kept from coming.
                if let header, header.kind == .completions { continue }
                guard let batch, let header else { return nil }
                let manifest = try? RecordCodec.decodeManifest(batch.manifest)
                return LatestRecord(end: header.window.end, manifest: manifest)
            }
            return nil
        }
    }
}
