import NIOPosix
import Store

/// Gathers the batches of all connections into one transaction, so that one synchronisation of the
/// disk serves all that came while the one before was under way.
///
/// A connection has one batch here at a time, and all are taken in the order of their coming: none
/// waits for more than one batch of each other connection.
actor CommitQueue {
    private struct Waiting {
        let batch: IncomingBatch
        let outcome: CheckedContinuation<StoreOutcome, any Error>
    }

    private let store: any RecordStore
    private var line = CommitLine<Waiting>()
    private var isWriting = false

    init(_ store: any RecordStore) { self.store = store }

    /// Returns after the commit of the transaction that holds the batch. Throws where the batch is refused,
    /// or the transaction fails.
    func keep(_ batch: IncomingBatch) async throws -> StoreOutcome {
        let bytes = batch.records.reduce(0) { $0 + $1.bytes.count }
        return try await withCheckedThrowingContinuation { continuation in
            line.append(Waiting(batch: batch, outcome: continuation), bytes: bytes)
            guard !isWriting else { return }
            isWriting = true
            Task { await write() }
        }
    }

    private func write() async {
        while !line.isEmpty {
            let group = line.next()
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
}

/// Those that wait for a transaction, in the order of their coming, whatever they bring: whoever has one
/// here at a time waits for one of each other at most, and for those that are being written.
struct CommitLine<Element> {
    /// Batches of a transaction: it holds up others' short writes.
    static var most: Int { 128 }
    /// Bytes of a transaction's records; one batch may be more.
    static var mostBytes: Int { 16 << 20 }

    private var waiting: [(element: Element, bytes: Int)] = []

    var isEmpty: Bool { waiting.isEmpty }

    mutating func append(_ element: Element, bytes: Int) { waiting.append((element, bytes)) }

    /// What the next transaction takes: at least one where any wait.
    mutating func next() -> [Element] {
        var (count, bytes) = (0, 0)
        for one in waiting.prefix(Self.most) {
            bytes += one.bytes
            if count > 0, bytes > Self.mostBytes { break }
            count += 1
        }
        let group = waiting.prefix(count).map(\.element)
        waiting.removeFirst(count)
        return group
    }
}
