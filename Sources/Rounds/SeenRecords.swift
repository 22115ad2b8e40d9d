import Metering

/// Sequences by host and run: a record counts once.
struct SeenRecords: Sendable {
    private struct Key: Hashable {
        let host: String
        let run: RunID
    }

    private var sequences: [Key: IntervalSet] = [:]

    /// Whether the record is new.
    mutating func insert(_ record: RoundRecord) -> Bool {
        let sequence = record.sequence..<record.sequence.addingClamped(1)
        let key = Key(host: record.host, run: record.run)
        return sequences[key, default: IntervalSet()].insert(sequence) > 0
    }
}
