import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(7)

/// An agent's windows in seconds, by the numbers of their records; the bytes of a record say them again.
private struct Windows {
    var spans: [(start: UInt64, end: UInt64)] = []

    /// One after another, with holes, from time to time two of one time, and, where the clock is set back, anew
    /// from an earlier time.
    init(_ random: inout Seeded, count: Int, setBack: Bool) {
        var at = UInt64.random(in: 1_000...1_500, using: &random)
        for number in 0..<count {
            if setBack, number == count / 2 { at -= UInt64.random(in: 5...300, using: &random) }
            let end = at + UInt64.random(in: 1...12, using: &random)
            spans.append((at, end))
            if Int.random(in: 0..<5, using: &random) == 0 { spans.append((at, end)) }
            at = end + (Int.random(in: 0..<6, using: &random) == 0 ? 7 : 0)
        }
    }

    func bytes(_ sequence: UInt64) -> [UInt8] {
        let span = spans[Int(sequence) - 1]
        return [span.start, span.end, sequence].flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    }

    static func window(_ bytes: [UInt8]) -> Window? {
        guard bytes.count == 6 else { return nil }
        let numbers = [0, 2].map { UInt64(bytes[$0]) << 8 | UInt64(bytes[$0 + 1]) }
        return Window(
            start: Timestamp(numbers[0] * 1_000_000_000),
            end: Timestamp(numbers[1] * 1_000_000_000),
            duration: .seconds(numbers[1] - numbers[0]))
    }

    func records() throws -> [IncomingRecord] {
        try (1...UInt64(spans.count)).map { sequence in
            IncomingRecord(
                sequence: sequence, window: try #require(Self.window(bytes(sequence))),
                manifest: manifest, bytes: bytes(sequence))
        }
    }
}

@Suite("An entry whose columns say another time than its bytes is found where it is missing")
struct RecordPlacementTests {
    private static let runs =
        [("a", 3), ("a", 4), ("b", 5), ("b", 0xF000_0000_0000_0001)]
        as [(String, UInt64)]
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func change(_ sql: String) throws {
        let raw = try DatabaseQueue(path: directory.store)
        try raw.write { try $0.execute(sql: sql) }
        try raw.close()
    }

    private static func name(_ record: StoredRecord) -> String {
        "\(record.run.rawValue & 0xFF) \(record.sequence)"
    }

    /// What a reading of a period gives, what it is told to lack, and what it ought to give by the bytes.
    private func look(
        _ store: SQLiteRecordStore, _ from: UInt64, _ to: UInt64
    ) throws -> (read: Set<String>, found: Set<String>, there: Set<String>) {
        let (from, to) = (Timestamp(from * 1_000_000_000), Timestamp(to * 1_000_000_000))
        var read = ReadEntries()
        var (names, found, there): (Set<String>, Set<String>, Set<String>) = ([], [], [])
        try store.consistently {
            try store.forEachRecord(from: from, to: to) {
                read.add($0)
                names.insert(Self.name($0))
            }
            try store.forEachMisplaced(
                from: from, to: to, receivedBy: Timestamp(.max), read: read,
                window: { Windows.window($0) }
            ) {
                let isNew = found.insert(Self.name($0)).inserted
                #expect(isNew)
            }
            try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) {
                guard let window = Windows.window($0.bytes), window.start < to, window.end > from
                else { return }
                there.insert(Self.name($0))
            }
        }
        return (names, found, there)
    }

    private func fill(_ random: inout Seeded, setBack: Bool = false) throws -> SQLiteRecordStore {
        let store = try SQLiteRecordStore(path: directory.store)
        try store.store(manifest: manifest, bytes: [1, 2, 3])
        for (agent, run) in Self.runs {
            let windows = Windows(&random, count: 60, setBack: setBack)
            _ = try store.keep(windows.records(), of: agent, run: RunID(run)) { windows.bytes($0) }
        }
        return store
    }

    private static let day = 86_400_000_000_000
    private static let away = "start_ns = start_ns + \(day), end_ns = end_ns + \(day)"

    @Test(
        "a reading of any period gives or names each entry that its bytes put there",
        arguments: 1...10)
    func law(seed: UInt64) throws {
        var random = Seeded(seed)
        let store = try fill(&random)
        let first = UInt64.random(in: 1...50, using: &random)
        let last = first + UInt64.random(in: 0...20, using: &random)
        let run = "run_id = \(Int.random(in: 1...4, using: &random))"
        let changes = [
            "SET \(Self.away) WHERE \(run) AND sequence BETWEEN \(first) AND \(last)",
            "SET \(Self.away) WHERE \(run)", "SET \(Self.away)",
            "SET \(Self.away) WHERE \(run) AND sequence = 1",
            "SET agent_id = 3 - agent_id, \(Self.away) WHERE \(run) AND sequence = \(first)",
        ]
        let changed = changes[Int(seed) % changes.count]
        for period in [(900, 1_000), (1_100, 1_400), (1_390, 1_391), (1_600, 3_000), (0, 9_000)]
            as [(UInt64, UInt64)]
        {
            let sound = try look(store, period.0, period.1)
            #expect(sound.found.isEmpty && sound.read == sound.there)
        }
        try change("UPDATE records \(changed)")
        for period in [(900, 1_000), (1_100, 1_400), (1_390, 1_391), (1_600, 3_000), (0, 9_000)]
            as [(UInt64, UInt64)]
        {
            let altered = try look(store, period.0, period.1)
            #expect(altered.found == altered.there.subtracting(altered.read), "\(changed)")
            #expect(altered.read.isSubset(of: altered.there))
        }
    }

    @Test("a column of a run that says too little about its longest window hides nothing")
    func longest() throws {
        var random = Seeded(1)
        let store = try fill(&random)
        try change("UPDATE runs SET longest = 0")
        for from in stride(from: UInt64(1_000), to: 1_400, by: 7) {
            let altered = try look(store, from, from + 3)
            #expect(altered.found == altered.there.subtracting(altered.read))
        }
    }

    @Test("where a clock was set back, nothing is named that is as it came", arguments: 1...10)
    func setBack(seed: UInt64) throws {
        var random = Seeded(seed)
        let store = try fill(&random, setBack: true)
        for from in stride(from: UInt64(800), to: 2_000, by: 41) {
            let told = try look(store, from, from + 40)
            #expect(told.found.isEmpty && told.read == told.there)
        }
    }

    @Test("what lies among those of the period and cannot be read is named")
    func unreadable() throws {
        var random = Seeded(4)
        let store = try fill(&random)
        let there = try look(store, 1_000, 2_000).there
        let number = "run_id = 1 AND sequence = 20"
        #expect(there.contains("3 20"))
        try change("UPDATE records SET bytes = zeroblob(5), \(Self.away) WHERE \(number)")
        #expect(try look(store, 1_000, 2_000).found == ["3 20"])
        try change("UPDATE records SET kind = 9 WHERE \(number)")
        let error = #expect(throws: StoreError.self) { try look(store, 1_000, 2_000) }
        #expect(error?.description.contains("of the records of a is of no kind") == true)
    }
}
