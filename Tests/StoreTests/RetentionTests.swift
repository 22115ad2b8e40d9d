import Assessment
import Chain
import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(0x1234)
private let second: UInt64 = 1_000_000_000

private func record(_ sequence: UInt64, salt: UInt8 = 0) -> IncomingRecord {
    let start = Timestamp(1_795_219_200 * second + sequence * 600 * second)
    return IncomingRecord(
        sequence: sequence,
        window: Window(start: start, end: start + .seconds(600), duration: .seconds(600)),
        manifest: manifest,
        kind: sequence % 10 == 4 ? .completions : .window,
        completions: sequence % 10 == 4
            ? [IncomingCompletion(secret: 1, scenario: "credit", digest: sequence, flows: 1)] : [],
        bytes: [UInt8(truncatingIfNeeded: sequence), salt])
}

private func told(_ record: StoredRecord) -> [IncomingCompletion] {
    [IncomingCompletion(secret: 1, scenario: "credit", digest: record.sequence, flows: 1)]
}

private func time(_ sequence: UInt64) -> Timestamp { record(sequence).window.start }

extension SQLiteRecordStore {
    fileprivate func take(_ range: ClosedRange<UInt64>, of agent: String = "a") throws {
        _ = try keep(range.map { record($0) }, of: agent, run: commonRun) { record($0).bytes }
    }

    @discardableResult
    fileprivate func delete(before cutoff: Timestamp, keeping: [Interval] = []) throws -> Int {
        var deleted = 0
        while true {
            let outcome = try deleteRecords(
                before: cutoff, keeping: keeping, at: Timestamp(7), told: told)
            deleted += outcome.deleted
            guard outcome.hasMore else { return deleted }
        }
    }

    fileprivate func sequences() throws -> [UInt64] {
        var found: [UInt64] = []
        try forEachRecord(from: Timestamp(0), to: Timestamp(.max)) { found.append($0.sequence) }
        return found
    }

    fileprivate func checked() throws -> Verification {
        try verify(
            record: { record($0.sequence) }, manifest: { _, _ in nil }, document: { _ in nil })
    }
}

private func open(_ directory: TemporaryDirectory) throws -> SQLiteRecordStore {
    let store = try SQLiteRecordStore(path: directory.store)
    try store.store(manifest: manifest, bytes: [1])
    return store
}

@Suite("Retention deletes what is old, and the chain stays whole")
struct RetentionTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try open(directory)
        for first in stride(from: UInt64(1), to: 900, by: 50) { try store.take(first...first + 49) }
    }

    @Test("whole batches before the cutoff go; verify succeeds and says so; new records go on")
    func deleted() throws {
        // The batch of 401 to 450 reaches beyond.
        #expect(try store.delete(before: time(420)) == 400)
        #expect(try store.sequences() == Array(401...900))
        var found = try store.checked()
        #expect(found.findings == [])
        #expect(found.deleted == 400)
        #expect(found.deletions.count == 1)
        #expect(try store.delete(before: time(420)) == 0)
        #expect(try store.delete(before: time(600)) == 150)
        try store.take(901...950)
        found = try store.checked()
        #expect(found.findings == [] && found.deleted == 550 && found.deletions.count == 1)
        #expect(try store.integrityProblems() == [])
        #expect(
            try store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM completions") } == 40)
    }

    @Test("all may go, and the run goes on after")
    func all() throws {
        #expect(try store.delete(before: Timestamp(.max)) == 900)
        #expect(try store.checked().findings == [])
        try store.take(901...910)
        #expect(try store.checked().findings == [])
        #expect(try store.open() == 910)
    }

    @Test("what lies within a day of an interval that is kept stays")
    func kept() throws {
        let interval = Interval(start: time(500), end: time(510))
        #expect(try store.delete(before: Timestamp(.max), keeping: [interval]) == 550)
        let left = try store.sequences()
        // A day has 144 of these windows.
        #expect(left == Array(351...700))
        #expect(Set(500 - 144...510 + 143).isSubset(of: Set(left)))
        let found = try store.checked()
        #expect(found.findings == [] && found.deletions.count == 2 && found.deleted == 550)
    }

    @Test(
        "what comes again is not taken again, and breaks nothing",
        arguments: [1...50, 380...420, 390...920, 200...300] as [ClosedRange<UInt64>])
    func again(range: ClosedRange<UInt64>) throws {
        try store.delete(before: time(420))
        let before = try store.sequences()
        try store.take(range)
        #expect(Set(try store.sequences()) == Set(before).union(range.filter { $0 > 900 }))
        #expect(try store.checked().findings == [])
    }

    @Test("a record that was altered stays as evidence")
    func altered() throws {
        try store.write {
            try $0.execute(sql: "UPDATE records SET bytes = x'00' WHERE sequence = 120")
        }
        try store.delete(before: time(420))
        #expect(try store.sequences() == Array(101...150) + Array(401...900))
        #expect(try store.checked().findings.contains { $0.contains("101 to 150") })
    }

    @Test(
        "what was kept of deleted records cannot be altered unnoticed",
        arguments: [
            "UPDATE deletions SET head = randomblob(32)", "UPDATE deletions SET last = last - 1",
            "UPDATE deletions SET signature = randomblob(64)", "DELETE FROM deletions",
            "UPDATE deletions SET previous = randomblob(32)",
            "UPDATE deletions SET signed_first = 1, signed_previous = previous",
        ])
    func forged(statement: String) throws {
        // Something stays before, so that the first head is checked too.
        try store.delete(
            before: time(700), keeping: [Interval(start: time(1), end: time(2))])
        #expect(try store.checked().findings == [])
        try store.write { try $0.execute(sql: statement) }
        let found = try store.checked()
        #expect(found.findings.count + (try store.integrityProblems().count) > 0)
    }

    @Test("nothing is deleted while records wait for their roll-ups")
    func waiting() throws {
        try store.beginRebuild(.standard)
        #expect(throws: StoreError.rollupsIncomplete(waiting: 900)) {
            try store.delete(before: Timestamp(.max))
        }
        #expect(try store.sequences().count == 900)
    }

    @Test("an export holds what is left, and says what is not in it")
    func exported() throws {
        try store.delete(before: time(420))
        let summary = try store.export { _ in }
        #expect(summary.records == 500 && summary.deleted == 400)
    }

    @Test("a rebuild leaves what deleted records said")
    func rebuilt() throws {
        func parts(_ record: StoredRecord) -> [HourPart] {
            var sums = Rollup()
            sums[.records] = 1
            return [HourPart(hour: Int64(record.start.rawValue / HourPart.length), sums: sums)]
        }
        func rebuild() throws {
            try store.beginRebuild(.standard)
            while try store.continueRebuild(entries: 100, parts: parts) {}
        }
        try rebuild()
        let before = try RollupLevel.allCases.map { try store.rollups($0) }
        #expect(before[0].reduce(0) { $0 + $1.sums[.records] } == 810)
        try store.delete(before: time(422))
        try rebuild()
        #expect(try RollupLevel.allCases.map { try store.rollups($0) } == before)
    }

    @Test("pages are given back to the file system")
    func vacuum() throws {
        let wide = try SQLiteRecordStore(path: directory.path + "/wide.db")
        let mode = try wide.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") }
        #expect(mode == 2)
        try store.delete(before: Timestamp(.max))
        #expect(try store.read { try Int.fetchOne($0, sql: "PRAGMA freelist_count") } == 0)
    }
}

@Suite("A backup is the store as it was")
struct BackupTests {
    @Test("whole, alone, readable by its owner, and never over another file")
    func backup() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        try store.take(1...100)
        let path = directory.path + "/copy.db"
        try store.backup(to: path) { copy in
            // What comes meanwhile is not in it.
            try store.take(101...120)
            #expect(try copy.sequences() == Array(1...100))
            #expect(try copy.checked().findings == [])
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(files.filter { $0.hasPrefix("copy") } == ["copy.db"])
        #expect(throws: StoreError.self) { try store.backup(to: path) { _ in } }
        // It is a store to go on with.
        let restored = try SQLiteRecordStore(path: path)
        try restored.take(101...110)
        #expect(try restored.sequences() == Array(1...110))
        #expect(try restored.checked().findings == [])
    }

    @Test("a copy that is not sound leaves no file")
    func unsound() throws {
        struct Unsound: Error {}
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        #expect(throws: Unsound.self) {
            try store.backup(to: directory.path + "/copy.db") { _ in throw Unsound() }
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(!files.contains { $0.hasPrefix("copy") })
    }
}

@Suite("Imports are kept as they came")
struct ImportRowTests {
    private func new(_ bytes: [UInt8], _ kind: ImportKind = .meter, by: String? = nil) -> NewImport
    {
        NewImport(
            kind: kind, bytes: bytes, file: "m.csv", at: Timestamp(9), signedBy: by,
            signature: by.map { Array($0.utf8) })
    }

    @Test("each in its turn; the latest again changes nothing; none can be changed")
    func kept() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        let first = try #require(try store.keep(new([1], by: "Li")))
        #expect(first.isIntact && first.signedBy == "Li" && first.signature == Array("Li".utf8))
        #expect(try store.keep(new([1], by: "Li")) == nil)
        #expect(try store.keep(new([1])) != nil)
        #expect(try store.keep(new([2])) != nil)
        #expect(try store.keep(new([1], by: "Li")) != nil)
        #expect(try store.keep(new([1], .assets)) != nil)
        #expect(try store.imports(.meter).map(\.bytes) == [[1], [1], [2], [1]])
        #expect(try store.imports(nil).count == 5)
        for statement in ["DELETE FROM imports", "UPDATE imports SET bytes = x'07'"] {
            #expect(throws: StoreError.self) { try store.write { try $0.execute(sql: statement) } }
        }
        #expect(try store.imports(nil).allSatisfy(\.isIntact))
    }
}
