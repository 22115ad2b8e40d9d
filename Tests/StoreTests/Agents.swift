import Chain
import Metering

@testable import Store

/// The run of the tests where they name none.
let commonRun = RunID(0xF000_0000_0000_0001)

/// The key of an agent of the tests: the same each time.
func key(of agent: String) -> SigningKey {
    let seed = agent.utf8.reduce(into: [UInt8](repeating: 7, count: SigningKey.size)) {
        $0[0] = $0[0] &* 31 &+ $1
    }
    return SigningKey(seed) ?? SigningKey()
}

/// The head before record `first`, of what `bytes` gives for each record before it.
func head(of run: RunID, before first: UInt64, bytes: (UInt64) -> [UInt8]) -> ChainHead {
    // Beyond these no test tells what came before.
    guard first <= 1_000 else { return ChainHead(startOf: first, after: nil) }
    return (1..<max(1, first)).reduce(ChainHead(startOf: run.rawValue, after: nil)) {
        $0.appending(bytes($1))
    }
}

/// A batch, signed.
func batch(
    _ records: [IncomingRecord], of agent: String = "a", run: RunID = commonRun,
    after previous: ChainHead, endsGap: Bool = false
) throws -> IncomingBatch {
    let heads = previous.heads(after: records.map(\.bytes))
    let first = records.first?.sequence ?? 0
    let statement = BatchStatement(
        agent: agent, run: run.rawValue, first: first, last: records.last?.sequence ?? 0,
        previous: previous, head: heads.last ?? previous)
    let key = key(of: agent)
    let batch = IncomingBatch(
        agent: agent, run: run, records: records, previous: previous, heads: heads,
        signature: key.signature(of: statement) ?? [], key: key.verifying,
        receivedAt: Timestamp(5), endsGap: endsGap)
    guard let batch else { throw StoreError.outOfRange(what: "batch", value: first) }
    return batch
}

extension SQLiteRecordStore {
    @discardableResult
    func open(
        of agent: String = "a", run: RunID = commonRun, firstAvailable: UInt64 = 1,
        key: VerifyingKey? = nil, after: Predecessor? = nil
    ) throws(StoreError) -> UInt64 {
        try open(
            Greeting(
                agent: agent, run: run, firstAvailable: firstAvailable,
                key: key ?? StoreTests.key(of: agent).verifying, predecessor: after,
                at: Timestamp(5)))
    }

    /// Keeps records of any numbers, those that follow one another in one batch, all in one
    /// transaction; throws the first refusal.
    func keep(
        _ records: [IncomingRecord], of agent: String, run: RunID,
        bytes: (UInt64) -> [UInt8]
    ) throws -> StoreOutcome {
        try open(of: agent, run: run)
        var pieces: [[IncomingRecord]] = []
        for record in records {
            if let last = pieces.last?.last, last.sequence &+ 1 == record.sequence {
                pieces[pieces.count - 1].append(record)
            } else {
                pieces.append([record])
            }
        }
        let batches = try pieces.map { piece in
            try batch(
                piece, of: agent, run: run,
                after: head(of: run, before: piece[0].sequence, bytes: bytes))
        }
        var sum = StoreOutcome()
        for outcome in try store(batches) {
            let one = try outcome.get()
            sum.durable = one.durable
            sum.stored += one.stored
            sum.duplicates += one.duplicates
        }
        return sum
    }
}
