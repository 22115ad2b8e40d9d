import Chain
import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(7)

private func record(_ sequence: UInt64, salt: UInt8 = 0) -> IncomingRecord {
    let start = Timestamp(1_000_000_000_000 &+ sequence &* 10_000_000_000)
    return IncomingRecord(
        sequence: sequence,
        window: Window(start: start, end: start + .seconds(10), duration: .seconds(10)),
        manifest: manifest, bytes: [UInt8(truncatingIfNeeded: sequence), salt])
}

private func open(_ directory: TemporaryDirectory) throws -> SQLiteRecordStore {
    let store = try SQLiteRecordStore(path: directory.store)
    try store.store(manifest: manifest, bytes: [1])
    return store
}

extension SQLiteRecordStore {
    fileprivate func keep(_ range: ClosedRange<UInt64>, run: RunID = commonRun) throws {
        _ = try keep(range.map { record($0) }, of: "a", run: run) { record($0).bytes }
    }

    func verified() throws -> [String] {
        try verification { record($0.sequence) }.findings
    }

    func verification(
        _ derive: (StoredRecord) throws -> IncomingRecord
    ) throws -> Verification {
        try verify(record: derive, manifest: { _, _ in nil }, document: { _ in nil })
    }
}

@Suite("The store holds agents to their chain and their key")
struct ChainOfRecords {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try StoreTests.open(directory)
    }

    @Test("a batch after another past is refused, before, among and after what is stored")
    func broken() throws {
        try store.keep(1...5)
        try store.keep(9...12)
        let other = ChainHead(startOf: 99, after: nil)
        for (first, last, broken): (UInt64, UInt64, UInt64) in [(6, 7, 6), (3, 8, 3), (7, 8, 9)] {
            let records = (first...last).map { record($0) }
            let outcomes = try store.store([try batch(records, after: other)])
            #expect(throws: StoreError.brokenChain(sequence: broken)) { try outcomes[0].get() }
        }
        #expect(try store.open() == 5)
        try store.keep(6...8)
        #expect(try store.open() == 12)
        #expect(try store.verified() == [])
    }

    @Test("a run keeps its key; a new run may have a new one, and an alert tells")
    func keys() throws {
        try store.keep(1...2)
        let other = SigningKey().verifying
        #expect(throws: StoreError.self) { try store.open(key: other) }
        #expect(try store.alerts() == [])
        #expect(try store.open(run: RunID(9), key: other) == 0)
        #expect(try store.open(run: RunID(9), key: other) == 0)
        #expect(try store.alerts().map(\.kind) == [.key])
        #expect(try store.open() == 2)
        // Nor may a batch come under a key that is another agent's.
        _ = try store.open(of: "b")
        let foreign = try batch([record(3)], of: "b", after: ChainHead(startOf: 1, after: nil))
        let stolen = IncomingBatch(
            agent: "a", run: commonRun, records: foreign.records, previous: foreign.previous,
            heads: foreign.heads, signature: foreign.signature, key: foreign.key,
            receivedAt: Timestamp(5), endsGap: true)
        let outcome = try store.store([try #require(stolen)])
        #expect(throws: StoreError.self) { try outcome[0].get() }
    }

    @Test("what a run that ended never delivered is lost, unless it comes after all")
    func predecessor() throws {
        try store.keep(1...3)
        let after = Predecessor(run: commonRun, last: 8)
        #expect(try store.open(run: RunID(2), after: after) == 0)
        #expect(try store.losses().map { [$0.first, $0.last] } == [[4, 8]])
        try store.keep(4...5)
        #expect(try store.losses().map { [$0.first, $0.last] } == [[6, 8]])
        #expect(throws: StoreError.predecessorChanged(run: RunID(2))) {
            try store.open(run: RunID(2), after: Predecessor(run: commonRun, last: 9))
        }
        // Of a run that never came, all is lost.
        _ = try store.open(run: RunID(3), after: Predecessor(run: RunID(4), last: 2))
        #expect(
            try store.losses().map { [$0.run.rawValue, $0.first, $0.last] }.contains([4, 1, 2]))
        #expect(try store.verified() == [])
        // One that says it ended before what it delivered is told of.
        _ = try store.open(run: RunID(5), after: Predecessor(run: commonRun, last: 1))
        #expect(try store.alerts().map(\.kind) == [.chain])
    }

    @Test("verification finds nothing in a run with a hole that may still be filled")
    func hole() throws {
        try store.keep(1...5)
        try store.keep(9...12)
        #expect(try store.verified() == [])
        try store.keep(7...8)
        #expect(try store.verified() == [])
    }

    @Test("verification is of one moment, whatever is stored meanwhile")
    func meanwhile() throws {
        let later = RunID(commonRun.rawValue + 1)
        try store.keep(1...6)
        try store.keep(1...6, run: later)
        let reader = try SQLiteRecordStore(reading: directory.store)
        for store in [reader, store] {
            let durable = try self.store.open(run: later)
            var isFirst = true
            let verification = try store.verification { stored in
                if isFirst { try self.store.keep(durable + 1...durable + 6, run: later) }
                isFirst = false
                return record(stored.sequence)
            }
            #expect(verification.findings == [])
            #expect(verification.records == 6 + Int(durable))
        }
    }

    @Test("evidence and alerts are kept, and bounded")
    func evidence() throws {
        try store.keep(1...2)
        for number: UInt8 in 0..<50 {
            try store.setAside(
                RefusedBatch(
                    agent: "a", run: commonRun, first: 1, records: [[1, number]],
                    previous: [1], signature: [number], kind: .conflict, reason: "reason \(number)",
                    conflicts: [1], at: Timestamp(UInt64(number) + 1)))
        }
        let counts = try store.read { db in
            try ["refused", "conflicts", "alerts"].map {
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") ?? 0
            }
        }
        #expect(counts == [StoreLimits.refusedPerRun, 1, StoreLimits.alertsPerKind])
        let alerts = try store.alerts()
        #expect(alerts.reduce(0) { $0 + $1.count } == 50)
        try store.note(NewAlert(agent: "a", kind: .conflict, text: "reason 3", at: Timestamp(99)))
        #expect(try store.alerts().first { $0.text == "reason 3" }?.count == 2)
    }

    @Test(
        "verification finds what was changed behind its back",
        arguments: [
            "UPDATE records SET bytes = x'0301' WHERE sequence = 3",
            "DELETE FROM records WHERE sequence = 3",
            "DELETE FROM records WHERE sequence >= 9",
            "UPDATE records SET sequence = sequence + 100 WHERE sequence >= 9",
            """
            UPDATE records SET sequence = 200 WHERE sequence = 3;
            UPDATE records SET sequence = 3 WHERE sequence = 4;
            UPDATE records SET sequence = 4 WHERE sequence = 200
            """,
            """
            INSERT INTO records (run_id, agent_id, sequence, start_ns, end_ns, manifest, received_ns, bytes)
            SELECT run_id, agent_id, 13, start_ns, end_ns, manifest, received_ns, bytes
            FROM records WHERE sequence = 12
            """,
            "UPDATE statements SET signature = zeroblob(64) WHERE first = 7",
            "UPDATE statements SET previous = zeroblob(32) WHERE first = 7",
            "DELETE FROM statements WHERE first = 7",
            "DELETE FROM statements WHERE first = 7; DELETE FROM records WHERE sequence >= 7",
            """
            DELETE FROM statements WHERE first = 7; DELETE FROM records WHERE sequence >= 7;
            UPDATE runs SET durable = 6, head = NULL WHERE durable = 12
            """,
            "INSERT INTO losses SELECT id, 3, 3 FROM runs WHERE durable = 12",
            "INSERT INTO losses SELECT id, -1 - 0x7FFFFFFFFFFFFFFF, -1 FROM runs WHERE durable = 12",
            "INSERT INTO losses SELECT id, 0x7FFFFFFFFFFFFFFF, 0x7FFFFFFFFFFFFFFF FROM runs",
            "UPDATE records SET sequence = -1 - 0x7FFFFFFFFFFFFFFF WHERE sequence = 3",
            "UPDATE records SET sequence = 0x7FFFFFFFFFFFFFFF WHERE sequence = 12",
            "UPDATE statements SET first = 0x7FFFFFFFFFFFFFFF, last = 0x7FFFFFFFFFFFFFFF WHERE first = 7",
            "UPDATE statements SET first = -1 - 0x7FFFFFFFFFFFFFFF WHERE first = 7",
            "UPDATE runs SET durable = 0x7FFFFFFFFFFFFFFF WHERE durable = 12",
            "UPDATE runs SET durable = -1 - 0x7FFFFFFFFFFFFFFF WHERE durable = 12",
            "UPDATE keys SET public_key = zeroblob(32)",
            "UPDATE runs SET head = NULL WHERE durable = 12",
            "UPDATE runs SET longest = 1 WHERE durable = 12",
        ])
    func tampered(sql: String) throws {
        try store.keep(1...6)
        try store.keep(7...12)
        _ = try store.open(run: RunID(2), after: Predecessor(run: commonRun, last: 12))
        #expect(try store.verified() == [])
        let queue = try DatabaseQueue(path: directory.store)
        try queue.write { try $0.execute(sql: sql) }
        #expect(try store.verified() != [])
    }
}
