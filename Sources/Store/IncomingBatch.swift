package import Chain
package import Metering

/// How an agent presents a run: what the store must know before its records.
package struct Greeting: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    /// The oldest record that the agent still has.
    package let firstAvailable: UInt64
    package let key: VerifyingKey
    package let predecessor: Predecessor?
    package let at: Timestamp

    package init(
        agent: String, run: RunID, firstAvailable: UInt64 = 1, key: VerifyingKey,
        predecessor: Predecessor? = nil, at: Timestamp
    ) {
        self.agent = agent
        self.run = run
        self.firstAvailable = firstAvailable
        self.key = key
        self.predecessor = predecessor
        self.at = at
    }
}

/// The run of an agent before one, and the last record that was made in it; 0 for none.
package struct Predecessor: Sendable, Hashable {
    package let run: RunID
    package let last: UInt64

    package init(run: RunID, last: UInt64) {
        self.run = run
        self.last = last
    }
}

/// Records of consecutive numbers on their way into the store, and their agent's word for them.
package struct IncomingBatch: Sendable {
    package let agent: String
    package let run: RunID
    /// 1 to ``StoreLimits/batchRecords``, numbered without a hole.
    package let records: [IncomingRecord]
    /// Before the first record.
    package let previous: ChainHead
    /// After each record.
    package let heads: [ChainHead]
    package let signature: [UInt8]
    package let key: VerifyingKey
    package let receivedAt: Timestamp
    /// Whether what lies between the durable records and these is gone: an agent sends in ascending
    /// order all that it has.
    package let endsGap: Bool
    /// What the records add to roll-ups.
    package let parts: BatchParts

    /// `nil` unless the records are numbered without a hole, within the limit, and each has a head.
    package init?(
        agent: String, run: RunID, records: [IncomingRecord], previous: ChainHead,
        heads: [ChainHead], signature: [UInt8], key: VerifyingKey, receivedAt: Timestamp,
        endsGap: Bool, parts: BatchParts = .none
    ) {
        guard 1...StoreLimits.batchRecords ~= records.count, heads.count == records.count else {
            return nil
        }
        for (index, record) in records.enumerated()
        where record.sequence != records[0].sequence &+ UInt64(index) { return nil }
        self.agent = agent
        self.run = run
        self.records = records
        self.previous = previous
        self.heads = heads
        self.signature = signature
        self.key = key
        self.receivedAt = receivedAt
        self.endsGap = endsGap
        self.parts = parts
    }

    /// The number of the first record.
    package var first: UInt64 { records.first?.sequence ?? 0 }
    /// The number of the last record.
    package var last: UInt64 { records.last?.sequence ?? 0 }

    /// After record `sequence`, where that is one of these or the one before them.
    func head(after sequence: UInt64) -> ChainHead? {
        if sequence &+ 1 == first { return previous }
        guard sequence >= first, sequence <= last else { return nil }
        return heads[Int(sequence - first)]
    }
}

/// A batch that is not kept, as it came.
package struct RefusedBatch: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    package let first: UInt64
    package let records: [[UInt8]]
    package let previous: [UInt8]
    package let signature: [UInt8]
    package let kind: AlertKind
    /// What is wrong with it, as one sentence.
    package let reason: String
    /// Those that are stored with other bytes.
    package let conflicts: [UInt64]
    package let at: Timestamp

    package init(
        agent: String, run: RunID, first: UInt64, records: [[UInt8]], previous: [UInt8],
        signature: [UInt8], kind: AlertKind, reason: String, conflicts: [UInt64] = [],
        at: Timestamp
    ) {
        self.agent = agent
        self.run = run
        self.first = first
        self.records = records
        self.previous = previous
        self.signature = signature
        self.kind = kind
        self.reason = reason
        self.conflicts = conflicts
        self.at = at
    }
}
