import SwiftProtobuf

/// What both sides hold batches and acknowledgements to.
enum BatchRules {
    /// The sequence number of a batch's last record.
    static func last(of batch: Batch, sentThrough: UInt64) throws(WireError) -> UInt64 {
        let lengths = batch.records.map(\.count)
        let first = batch.first
        guard batch.previous.count == Batch.headSize else {
            throw .outOfRange(field: "head of length", number: UInt64(batch.previous.count))
        }
        guard batch.signature.count == Batch.signatureSize else {
            throw .outOfRange(field: "signature of length", number: UInt64(batch.signature.count))
        }
        guard 1...WireLimits.records ~= lengths.count else {
            throw .outOfRange(field: "batch of records", number: UInt64(lengths.count))
        }
        for length in lengths where !(1...WireLimits.record ~= length) {
            throw .outOfRange(field: "record of length", number: UInt64(length))
        }
        let total = lengths.reduce(0, +)
        guard total <= WireLimits.batch else {
            throw .outOfRange(field: "batch of bytes", number: UInt64(total))
        }
        guard first > sentThrough else { throw .sequence(first: first, sentThrough: sentThrough) }
        let (last, over) = first.addingReportingOverflow(UInt64(lengths.count) - 1)
        // The sequence number after the last must exist too.
        guard !over, last < .max else { throw .outOfRange(field: "batch from", number: first) }
        return last
    }

    /// `through`, where it neither goes back nor beyond what was sent.
    static func acknowledgement(
        _ through: UInt64, acknowledged: UInt64, sentThrough: UInt64
    ) throws(WireError) -> UInt64 {
        guard acknowledged <= through, through <= sentThrough else {
            throw .acknowledgement(
                through: through, acknowledged: acknowledged, sentThrough: sentThrough)
        }
        return through
    }
}

extension WireError {
    /// Before the handshake is done, bytes that are no frame come from a stranger.
    var duringHandshake: WireError {
        switch self {
        case .frameTooLong, .frameTooShort, .unknownType: .stranger
        default: self
        }
    }
}
