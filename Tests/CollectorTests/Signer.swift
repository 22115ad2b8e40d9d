import Chain
import Metering
import Records
import Store
import Synchronization
import Wire

@testable import Collector

/// Signs what an agent of the tests makes, and knows the chain of what it signed first.
final class Signer: Sendable {
    let agent: String
    let run: RunID
    let key: SigningKey
    let predecessor: RunEnd?
    private let heads = Mutex<[UInt64: ChainHead]>([:])

    init(_ agent: String, run: RunID, key: SigningKey = SigningKey(), after: RunEnd? = nil) {
        self.agent = agent
        self.run = run
        self.key = key
        predecessor = after
    }

    /// The head before record `first`; any head where it was never made.
    private func previous(_ first: UInt64) -> ChainHead {
        heads.withLock { $0[first &- 1] }
            ?? ChainHead(
                startOf: first <= 1 ? run.rawValue : first,
                after: first <= 1 ? predecessor.map { ($0.run, $0.last) } : nil)
    }

    func batch(_ records: [[UInt8]], from first: UInt64) throws -> Batch {
        let previous = previous(first)
        let chain = previous.heads(after: records)
        heads.withLock { heads in
            for (index, head) in ([previous] + chain).enumerated() {
                let number = first &+ UInt64(index) &- 1
                heads[number] = heads[number] ?? head
            }
        }
        let statement = BatchStatement(
            agent: agent, run: run.rawValue, first: first, records: records, previous: previous)
        return Batch(
            first: first, records: records, previous: previous.bytes,
            signature: key.signature(of: statement) ?? [])
    }

    func hello(first: UInt64 = 1, next: UInt64 = 1_000, instance: UInt64 = 1) throws -> Hello {
        try Hello(
            agent: agent, run: run.rawValue, first: first, next: next, softwareVersion: "test",
            publicKey: key.verifying.bytes, instance: instance, predecessor: predecessor)
    }

    func greeting(first: UInt64 = 1) -> Greeting {
        Greeting(
            agent: agent, run: run, firstAvailable: first, key: key.verifying,
            predecessor: predecessor.map { Predecessor(run: RunID($0.run), last: $0.last) },
            at: Timestamp(1))
    }

    /// Keeps records as if they had arrived in one batch.
    func keep(
        _ records: [[UInt8]], from first: UInt64, under manifest: [UInt8],
        in store: any RecordStore, at time: Timestamp = Timestamp(1)
    ) throws {
        try store.store(manifest: RecordCodec.digest(ofManifest: manifest), bytes: manifest)
        _ = try store.open(greeting())
        let batch = try IncomingBatch.verified(
            batch(records, from: first), of: hello(), at: time
        ) { _ in try RecordCodec.decodeManifest(manifest) }
        for outcome in try store.store([batch]) { _ = try outcome.get() }
    }
}
