import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(7)
private let run = commonRun

private func window(_ number: UInt64) -> Window {
    let start = Timestamp(1_000_000_000_000 + number * 10_000_000_000)
    return Window(start: start, end: start + .seconds(10), duration: .seconds(10))
}

private func completion(_ digest: UInt64, _ scenario: String = "credit") -> IncomingCompletion {
    IncomingCompletion(secret: .max, scenario: scenario, digest: digest, flows: 1)
}

/// Completions of window `number` and, after them, its record.
private func entries(
    _ number: UInt64, _ completions: [IncomingCompletion], salt: UInt8 = 0
) -> [IncomingRecord] {
    [
        IncomingRecord(
            sequence: number * 2 - 1, window: window(number), manifest: manifest,
            kind: .completions, completions: completions, bytes: [1, salt]),
        IncomingRecord(
            sequence: number * 2, window: window(number), manifest: manifest, bytes: [2, salt]),
    ]
}

private func open(_ directory: TemporaryDirectory) throws -> SQLiteRecordStore {
    let store = try SQLiteRecordStore(path: directory.store)
    try store.store(manifest: manifest, bytes: [1, 2, 3])
    return store
}

extension SQLiteRecordStore {
    fileprivate func keep(
        _ records: [IncomingRecord], of agent: String = "a"
    ) throws -> StoreOutcome {
        try keep(records, of: agent, run: run) { [$0 % 2 == 1 ? 1 : 2, 0] }
    }

    fileprivate func repeated() throws -> [RepeatedCompletion] {
        var found: [RepeatedCompletion] = []
        try forEachRecord(from: Timestamp(0), to: Timestamp(1)) { _ in
        } repeated: {
            found.append($0)
        }
        return found
    }

    /// What was repeated, without the order in which the store was filled.
    fileprivate func summary() throws -> Set<String> {
        Set(
            try repeated().map {
                "\($0.scenario) \($0.digest) \($0.agent) \($0.sequence) \($0.position) \($0.flows)"
            })
    }
}

@Suite("The store finds flows that were counted at several places")
struct RepeatedCompletions {
    @Test("under one secret and of one scenario, each with all of its places in a row")
    func found() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep(entries(1, [completion(5), completion(.max), completion(8)]), of: "b")
        _ = try store.keep(entries(1, [completion(.max), completion(6), completion(5)]), of: "a")
        _ = try store.keep(
            entries(2, [completion(8, "query"), completion(5), completion(6, "query")]), of: "b")
        let other = IncomingCompletion(secret: 3, scenario: "credit", digest: 8, flows: 1)
        _ = try store.keep(entries(2, [other]), of: "c")
        #expect(
            try store.summary() == [
                "credit 5 b 1 0 1", "credit 5 a 1 2 1", "credit 5 b 3 1 1",
                "credit \(UInt64.max) b 1 1 1", "credit \(UInt64.max) a 1 0 1",
            ])
        let digests = try store.repeated().map(\.digest)
        #expect(zip(digests, digests.dropFirst()).filter { $0 != $1 }.count == 1)
        let one = try #require(try store.repeated().first { $0.agent == "b" && $0.sequence == 3 })
        #expect(one.secret == .max && one.run == run)
        #expect(one.start == window(2).start && one.end == window(2).end)
    }

    @Test("whatever pieces arrive in whatever order, several times", arguments: 1...20)
    func pieces(seed: UInt64) throws {
        var random = Seeded(seed)
        let directoryOfOrdered = try TemporaryDirectory()
        let ordered = try open(directoryOfOrdered)
        let directoryOfShuffled = try TemporaryDirectory()
        let shuffled = try open(directoryOfShuffled)
        var pieces: [(String, [IncomingRecord])] = []
        for agent in ["a", "b", "c"] {
            for number: UInt64 in 1...9 {
                let completions = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    completion(UInt64.random(in: 0...30, using: &random))
                }
                let both = entries(number, completions)
                _ = try ordered.keep(both, of: agent)
                pieces += both.map { (agent, [$0]) }
            }
        }
        pieces += pieces.filter { _ in Bool.random(using: &random) }
        for (agent, records) in pieces.shuffled(using: &random) {
            _ = try shuffled.keep(records, of: agent)
        }
        #expect(try shuffled.summary() == ordered.summary())
        #expect(try shuffled.open(firstAvailable: 1) == 18)
        #expect(try shuffled.integrityProblems() == [])
    }

    @Test("once their window's record is there, and not before")
    func counted() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep(entries(1, [completion(5)]), of: "a")
        let late = entries(1, [completion(5)])
        _ = try store.keep([late[0]], of: "b")
        #expect(try store.repeated().map(\.agent) == ["a"])
        _ = try store.keep([late[1]], of: "b")
        #expect(try Set(store.repeated().map(\.agent)) == ["a", "b"])
    }

    @Test("each with the bytes of its window's record, whatever a column says of it")
    func cutOff() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep(entries(1, [completion(5)]), of: "a")
        let cut = entries(1, [completion(5)])[0]
        let stopped = IncomingRecord(
            sequence: 2, window: window(1), manifest: manifest, counts: false, bytes: [3])
        _ = try store.keep([cut, stopped], of: "b")
        let found = try store.repeated().map { [$0.agent, "\($0.counting ?? [])"] }
        #expect(Set(found) == [["a", "[2, 0]"], ["b", "[3]"]])
    }

    @Test("and knows a digest twice in one entry")
    func within() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep(entries(1, [completion(5), completion(5)]))
        #expect(try store.repeated().map(\.position) == [0, 1])
    }
}

@Suite("Completions are entries like records")
struct CompletionEntries {
    @Test("delivered twice they are stored once, and other bytes are a conflict")
    func once() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let batch = entries(1, [completion(5)])
        #expect(try store.keep(batch) == StoreOutcome(durable: 2, stored: 2))
        #expect(try store.keep(batch) == StoreOutcome(durable: 2, duplicates: 2))
        let other = entries(1, [completion(5), completion(6)], salt: 9)
        #expect(throws: StoreError.conflict(sequences: [1, 2])) { try store.keep(other) }
        let queue = try DatabaseQueue(path: directory.store)
        let rows = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM completions") }
        #expect(rows == 1)
        #expect(try store.integrityProblems() == [])
    }

    @Test("a batch that fails leaves no completion behind")
    func atomic() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let big = IncomingCompletion(secret: 1, scenario: "x", digest: 1, flows: .max)
        #expect(throws: StoreError.outOfRange(what: "number of flows", value: .max)) {
            try store.keep(entries(1, [completion(5)]) + entries(2, [big]))
        }
        let queue = try DatabaseQueue(path: directory.store)
        let counts = try queue.read { db in
            try ["records", "completions", "digest_scopes"].map {
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)")
            }
        }
        #expect(counts == [0, 0, 0])
    }

    @Test("they come out with their kind, before the record of their window")
    func kinds() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep(entries(2, [completion(1)]) + entries(1, [completion(2)]))
        var kinds: [EntryKind] = []
        try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) { kinds.append($0.kind) }
        #expect(kinds == [.completions, .window, .completions, .window])
    }

    @Test("their sequence numbers leave no hole, and are a loss where they are gone")
    func sequences() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let batch = entries(1, [completion(5)])
        #expect(try store.keep([batch[1]]).durable == 0)
        #expect(try store.open(firstAvailable: 2) == 2)
        #expect(try store.losses().map { [$0.first, $0.last] } == [[1, 1]])
        #expect(try store.keep([batch[0]]).durable == 2)
        #expect(try store.losses() == [])
    }
}

@Suite("A store of the version before")
struct OlderStore {
    /// One with a record in it, as that version made it.
    private func older(_ directory: TemporaryDirectory) throws {
        let folder = (directory.store as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let queue = try DatabaseQueue(path: directory.store)
        try queue.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
        }
        try Schema.migrator.migrate(queue, upTo: "records-1")
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO agents VALUES (1, 'a');
                    INSERT INTO runs VALUES (1, 1, \(Int64(bitPattern: run.rawValue)), 1, 1, 10);
                    INSERT INTO manifests VALUES (7, x'010203');
                    INSERT INTO records VALUES (1, 1, 1, 1, 100, 110, 7, 5, x'09');
                    """)
        }
        try queue.close()
    }

    private func all(_ store: SQLiteRecordStore) throws -> [StoredRecord] {
        var found: [StoredRecord] = []
        try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) {
            found.append($0)
        } repeated: { _ in
            Issue.record("nothing is repeated")
        }
        return found
    }

    @Test("is read as it is, and has windows alone")
    func read() throws {
        let directory = try TemporaryDirectory()
        try older(directory)
        let before = try Data(contentsOf: URL(fileURLWithPath: directory.store))
        let found = try all(SQLiteRecordStore(reading: directory.store))
        #expect(found.map(\.bytes) == [[9]] && found.map(\.kind) == [.window])
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.store)) == before)
    }

    @Test("goes on as a store of this version")
    func migrated() throws {
        let directory = try TemporaryDirectory()
        try older(directory)
        let store = try SQLiteRecordStore(path: directory.store)
        #expect(try all(store).map(\.kind) == [.window])
        #expect(try store.keep(entries(2, [completion(5)])).durable == 1)
        #expect(
            try store.keep([
                IncomingRecord(
                    sequence: 2, window: window(1), manifest: manifest, bytes: [2, 0])
            ]).durable == 4)
        #expect(try store.integrityProblems() == [])
    }
}
