import NIOPosix
import Store

/// Gathers the batches of all connections into one transaction, so that one synchronisation of the
/// disk serves all that came while the one before was under way.
///
/// A connection has one batch here at a time, and all are taken in the order of their coming: none
/// waits for more than one batch of each other connection.
actor CommitQueue {
    /// Batches of a transaction: it holds up others' short writes.
    static let batches = 128
    /// Bytes of a transaction's records; one batch may be more.
    static let bytes = 16 << 20

    private struct Waiting {
        let batch: IncomingBatch
        let bytes: Int
        let outcome: CheckedContinuation<StoreOutcome, any Error>
    }

    private let store: any RecordStore
    private var waiting: [Waiting] = []
    private var isWriting = false

    init(_ store: any RecordStore) { self.store = store }

    /// Returns after the commit of the transaction that holds the batch. Throws where the batch is refused,
    /// or the transaction fails.
    func keep(_ batch: IncomingBatch) async throws -> StoreOutcome {
        let bytes = batch.records.reduce(0) { $0 + $1.bytes.count }
        return try await withCheckedThrowingContinuation { continuation in
            waiting.append(Waiting(batch: batch, bytes: bytes, outcome: continuation))
            guard !isWriting else { return }
            isWriting = true
            Task { await write() }
        }
    }

    private func write() async {
        while !waiting.isEmpty {
            let group = next()
            let batches = group.map(\.batch)
            do {
                let outcomes = try await NIOThreadPool.singleton.runIfActive { [store] in
                    try store.store(batches)
                }
                for (one, outcome) in zip(group, outcomes) {
                    one.outcome.resume(with: outcome.mapError { $0 })
                }
            } catch {
                for one in group { one.outcome.resume(throwing: error) }
            }
        }
        isWriting = false
    }

    private func next() -> [Waiting] {
        var (count, bytes) = (0, 0)
        for one in waiting.prefix(Self.batches) {
            bytes += one.bytes
            if count > 0, bytes > Self.bytes { break }
            count += 1
        }
        let group = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        return group
    }
}
