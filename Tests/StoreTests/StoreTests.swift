import Foundation
import GRDB
import Metering
import Testing

@testable import Store

/// A directory that is gone when the test ends.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var store: String { path + "/data/records.db" }
}

private let manifest = ManifestDigest(0xFFFF_0000_1234_5678)

private func record(_ sequence: UInt64, salt: UInt8 = 0, seconds: UInt64 = 10) -> IncomingRecord {
    let start = Timestamp(1_000_000_000_000 &+ sequence &* 10_000_000_000)
    return IncomingRecord(
        sequence: sequence,
        window: Window(
            start: start, end: start + .seconds(seconds), duration: .seconds(seconds)),
        manifest: manifest, bytes: [UInt8(truncatingIfNeeded: sequence), salt, 7])
}

private func open(_ directory: TemporaryDirectory) throws -> SQLiteRecordStore {
    let store = try SQLiteRecordStore(path: directory.store)
    try store.store(manifest: manifest, bytes: [1, 2, 3])
    return store
}

private func batch(_ records: [IncomingRecord], of agent: String = "a") throws -> IncomingBatch {
    let before = head(of: commonRun, before: records[0].sequence) { record($0).bytes }
    return try batch(records, of: agent, after: before)
}

extension SQLiteRecordStore {
    fileprivate func keep(
        _ records: [IncomingRecord], of agent: String = "a", run: RunID = commonRun
    ) throws -> StoreOutcome {
        try keep(records, of: agent, run: run) { record($0).bytes }
    }

    fileprivate func all(from: UInt64 = 0, to: UInt64 = .max) throws -> [StoredRecord] {
        var records: [StoredRecord] = []
        try forEachRecord(from: Timestamp(from), to: Timestamp(to)) { records.append($0) }
        return records
    }
}

@Suite("The store keeps each record exactly once")
struct ExactlyOnce {
    @Test("a batch delivered twice is stored once")
    func twice() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let batch = (1...50).map { record($0) }
        #expect(try store.keep(batch) == StoreOutcome(durable: 50, stored: 50))
        #expect(try store.keep(batch) == StoreOutcome(durable: 50, duplicates: 50))
        #expect(try store.all().map(\.bytes) == batch.map(\.bytes))
    }

    @Test("any pieces, repeated and out of order, give the same store", arguments: 1...20)
    func pieces(seed: UInt64) throws {
        var random = Seeded(seed)
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let whole = (1...60).map { record($0) }
        var pieces: [[IncomingRecord]] = []
        var at = 0
        while at < whole.count {
            let size = Int.random(in: 1...9, using: &random)
            pieces.append(Array(whole[at..<min(whole.count, at + size)]))
            at += size
        }
        pieces += pieces.filter { _ in Bool.random(using: &random) }
        for piece in pieces.shuffled(using: &random) { _ = try store.keep(piece) }
        #expect(try store.open(firstAvailable: 1) == 60)
        #expect(try store.all().map(\.bytes) == whole.map(\.bytes))
        #expect(try store.integrityProblems() == [])
    }

    @Test(
        "other bytes under a stored identity refuse their batch, and others of the transaction stay"
    )
    func conflict() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1), record(2)])
        _ = try store.open(of: "b", firstAvailable: 1)
        let outcomes = try store.store([
            try batch([record(1)], of: "b"), try batch([record(2, salt: 9), record(3)]),
            try batch([record(2)], of: "b"),
        ])
        #expect(try outcomes[0].get().durable == 1 && outcomes[2].get().durable == 2)
        #expect(throws: StoreError.conflict(sequences: [2])) { try outcomes[1].get() }
        #expect(try store.all().map { $0.bytes[0] } == [1, 2, 1, 2])
        #expect(try store.all().allSatisfy { $0.bytes[1] == 0 })
        #expect(try store.open(firstAvailable: 1) == 2)
    }

    @Test("agents and runs have sequences of their own")
    func identities() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        for agent in ["b", "a"] {
            for run in [RunID(2), RunID(1)] {
                #expect(try store.keep([record(1)], of: agent, run: run).stored == 1)
            }
        }
        #expect(try store.agents() == ["a", "b"])
        #expect(
            try store.all().map { "\($0.agent)\($0.run.rawValue)" } == ["a1", "a2", "b1", "b2"])
    }

    @Test("what was acknowledged is there after the store is opened again")
    func reopened() throws {
        let directory = try TemporaryDirectory()
        try { _ = try open(directory).keep((1...10).map { record($0) }) }()
        let store = try open(directory)
        #expect(try store.open(firstAvailable: 1) == 10)
        #expect(try store.manifest(manifest) == [1, 2, 3])
        #expect(try store.manifest(ManifestDigest(1)) == nil)
    }

    @Test("a batch that fails leaves nothing of itself behind")
    func atomic() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let bad = IncomingRecord(
            sequence: 2, window: record(2).window, manifest: ManifestDigest(99),
            bytes: [1])
        #expect(throws: StoreError.manifestMissing(ManifestDigest(99))) {
            try store.keep([record(1), bad])
        }
        #expect(throws: StoreError.outOfRange(what: "sequence", value: .max)) {
            try store.keep([record(.max)])
        }
        #expect(try store.all().isEmpty)
    }

    @Test("a manifest's digest never names other bytes")
    func manifests() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        #expect(throws: StoreError.manifestConflict(manifest)) {
            try store.store(manifest: manifest, bytes: [9])
        }
        #expect(try store.manifest(manifest) == [1, 2, 3])
    }
}

@Suite("What an agent no longer has is kept as a loss")
struct Losses {
    @Test("the durable sequence jumps over it, and the hole stays on file")
    func jump() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1), record(2), record(5)])
        #expect(try store.open(firstAvailable: 1) == 2)
        #expect(try store.open(firstAvailable: 9) == 8)
        #expect(try store.losses().map { [$0.first, $0.last] } == [[3, 4], [6, 8]])
        #expect(try store.keep([record(9)]).durable == 9)
        #expect(try store.integrityProblems() == [])
    }

    @Test("numbers up to the last one there is do no harm, now and when the store is opened again")
    func extremeNumbers() throws {
        let directory = try TemporaryDirectory()
        let last = UInt64(Int64.max)
        let store = try open(directory)
        #expect(try store.open(firstAvailable: last) == last - 1)
        #expect(try store.keep([record(last)]).durable == last)
        #expect(try store.open(firstAvailable: 1) == last)
        #expect(try open(directory).open(firstAvailable: last) == last)
    }

    @Test("a closed store is one file that holds everything")
    func closed() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1), record(2)])
        try store.close()
        #expect(!FileManager.default.fileExists(atPath: directory.store + "-wal"))
        let copy = directory.path + "/copy.db"
        try FileManager.default.copyItem(atPath: directory.store, toPath: copy)
        #expect(try SQLiteRecordStore(reading: copy).all().count == 2)
    }

    @Test("a lost record that comes after all is a loss no more")
    func regained() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        #expect(try store.open(firstAvailable: 6) == 5)
        _ = try store.keep([record(3)])
        #expect(try store.losses().map { [$0.first, $0.last] } == [[1, 2], [4, 5]])
        _ = try store.keep([record(1), record(2), record(4), record(5)])
        #expect(try store.losses() == [])
        #expect(try store.integrityProblems() == [])
    }

    @Test("a hole that is not declared holds the durable sequence back")
    func held() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        #expect(try store.keep([record(1), record(3)]).durable == 1)
        #expect(try store.keep([record(2)]).durable == 3)
    }
}

@Suite("The store answers for a period")
struct Periods {
    @Test("with the records that overlap it, ends excluded, in order of time")
    func overlap() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        // Sequence 1 is a window of 25 s that reaches over the next two.
        _ = try store.keep([record(4), record(3), record(2), record(1, seconds: 25)])
        let third = record(3).window
        let found = try store.all(from: third.start.rawValue, to: third.end.rawValue)
        #expect(found.map(\.sequence) == [1, 3])
        let later = try store.all(
            from: third.start.rawValue + 5_000_000_000, to: third.end.rawValue + 1)
        #expect(later.map(\.sequence) == [3, 4])
    }

    @Test("a window without length is an instant at its start")
    func instant() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1, seconds: 0)])
        let at = record(1).window.start.rawValue
        #expect(try store.all(from: at, to: at + 1).count == 1)
        #expect(try store.all(from: at + 1, to: at + 2).isEmpty)
    }

    @Test("what the body throws ends the walk")
    func thrown() throws {
        struct Stop: Error {}
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1), record(2)])
        var seen = 0
        #expect(throws: Stop.self) {
            try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) { _ in
                seen += 1
                throw Stop()
            }
        }
        #expect(seen == 1)
    }

    @Test("also to a reader beside the writer, who cannot write")
    func reader() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let reader = try SQLiteRecordStore(reading: directory.store)
        _ = try store.keep([record(1)])
        #expect(try reader.all().count == 1)
        for store in [store, reader] {
            var manifests: [[UInt8]?] = []
            try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) {
                manifests.append(try store.manifest($0.manifest))
            }
            #expect(manifests == [[1, 2, 3]])
        }
        #expect(throws: StoreError.self) { try reader.keep([record(2)]) }
    }
}

@Suite("The store's file is guarded")
struct File {
    @Test("it and its side files belong to their owner alone, and each commit is synchronised")
    func modes() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1)])
        for suffix in ["", "-wal", "-shm"] {
            #expect(try mode(directory.store + suffix) == 0o600)
        }
        #expect(try mode(directory.path + "/data") == 0o700)
        let settings = try store.settings()
        #expect(settings == ["wal", "2", "1"])
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? NSNumber).intValue
    }

    @Test("another program's file is refused and left as it was")
    func foreign() throws {
        let directory = try TemporaryDirectory()
        let text = directory.path + "/notes.txt"
        let content = Data(repeating: 0x41, count: 4096)
        try content.write(to: URL(fileURLWithPath: text))
        #expect(throws: StoreError.notAStore(path: text)) { try SQLiteRecordStore(path: text) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: text)) == content)

        let other = directory.path + "/other.db"
        let queue = try DatabaseQueue(path: other)
        try queue.write { try $0.execute(sql: "CREATE TABLE theirs (x)") }
        #expect(throws: StoreError.notAStore(path: other)) { try SQLiteRecordStore(path: other) }
        #expect(throws: StoreError.notAStore(path: other)) { try SQLiteRecordStore(reading: other) }
    }

    @Test("a later version's file is refused")
    func newer() throws {
        let directory = try TemporaryDirectory()
        try { _ = try open(directory) }()
        let queue = try DatabaseQueue(path: directory.store)
        try queue.write {
            try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('records-9999')")
        }
        try queue.close()
        #expect(throws: StoreError.newerSchema(path: directory.store)) {
            try SQLiteRecordStore(path: directory.store)
        }
    }

    @Test("a missing file is not made by reading it")
    func missing() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: StoreError.self) { try SQLiteRecordStore(reading: directory.store) }
        #expect(!FileManager.default.fileExists(atPath: directory.store))
    }

    @Test("a record taken out behind its back is found")
    func tampered() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        _ = try store.keep([record(1), record(2), record(3)])
        let queue = try DatabaseQueue(path: directory.store)
        try queue.write { try $0.execute(sql: "DELETE FROM records WHERE sequence = 2") }
        #expect(try store.integrityProblems().count == 1)
    }

    @Test("names and sizes beyond the limits are refused")
    func limits() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        for name in ["", String(repeating: "x", count: 256)] {
            #expect(throws: StoreError.invalidAgentName(length: name.utf8.count)) {
                try store.open(of: name, firstAvailable: 1)
            }
        }
        let window = record(1).window
        let big = IncomingRecord(
            sequence: 1, window: window, manifest: manifest,
            bytes: Array(repeating: 0, count: StoreLimits.recordBytes + 1))
        #expect(try store.agents() == [])
        #expect(throws: StoreError.self) { try store.keep([big]) }
        #expect(try store.all().isEmpty)
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
