import Chain
import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(0x1234)
private let hour = HourPart.length

/// A record of the tests: what it adds follows from its number alone.
private func record(_ sequence: UInt64) -> IncomingRecord {
    let start = Timestamp(1_795_219_200_000_000_000 + sequence * 600_000_000_000)
    return IncomingRecord(
        sequence: sequence,
        window: Window(start: start, end: start + .seconds(600), duration: .seconds(600)),
        manifest: manifest, bytes: [UInt8(truncatingIfNeeded: sequence), 9])
}

private func parts(_ record: IncomingRecord) -> [HourPart] {
    parts(record.sequence, record.window.start)
}

private func parts(_ sequence: UInt64, _ start: Timestamp) -> [HourPart] {
    var sums = Rollup()
    sums[.records] = 1
    sums[.measured] = sequence * 1_000_003
    sums.flags = sequence % 5 == 0 ? [.simulated, .partial] : .simulated
    sums.clockError = sequence % 3 == 0 ? nil : sequence
    for name in ["credit", "drawdown", "query"].prefix(Int(sequence % 3) + 1).reversed() {
        sums[sums.place(of: ScenarioID(name)), .flows] = sequence
    }
    sums.note(sequence % 2 == 0 ? .rapl : .wall, .host)
    return [HourPart(hour: Int64(start.rawValue / hour), sums: sums)]
}

private func stored(_ record: StoredRecord) -> [HourPart] {
    parts(record.sequence, record.start)
}

extension SQLiteRecordStore {
    fileprivate func take(_ records: [IncomingRecord], of agent: String = "a") throws {
        try open(of: agent)
        let previous = head(of: commonRun, before: records[0].sequence) { StoreTests.bytes($0) }
        let heads = previous.heads(after: records.map(\.bytes))
        let statement = BatchStatement(
            agent: agent, run: commonRun.rawValue, first: records[0].sequence,
            last: records[records.count - 1].sequence, previous: previous,
            head: heads.last ?? previous)
        var sums = HourParts()
        for record in records { for part in parts(record) { sums.add(part) } }
        let batch = IncomingBatch(
            agent: agent, run: commonRun, records: records, previous: previous, heads: heads,
            signature: key(of: agent).signature(of: statement) ?? [],
            key: key(of: agent).verifying, receivedAt: Timestamp(5), endsGap: false,
            parts: BatchParts(all: sums.finish()) { parts($0) })
        for outcome in try store([try #require(batch)]) { _ = try outcome.get() }
    }

    func rollups(_ level: RollupLevel) throws -> [StoredRollup] {
        var found: [StoredRollup] = []
        try forEachRollup([RollupSpan(level: level, from: .min, to: .max)], of: nil) {
            found.append($0)
        }
        return found
    }

    fileprivate func rebuild(_ calendar: RollupCalendar = .standard) throws {
        try beginRebuild(calendar)
        while try continueRebuild(entries: 7, parts: stored) {}
    }
}

private func bytes(_ sequence: UInt64) -> [UInt8] { record(sequence).bytes }

private func open(_ directory: TemporaryDirectory) throws -> SQLiteRecordStore {
    let store = try SQLiteRecordStore(path: directory.store)
    try store.store(manifest: manifest, bytes: [1])
    return store
}

/// What records say by level, with no code of the store but addition.
private func expected(
    _ sequences: some Sequence<UInt64>, _ level: RollupLevel, _ calendar: RollupCalendar = .standard
) -> [Int64: Rollup] {
    var sums: [Int64: Rollup] = [:]
    for sequence in sequences {
        for part in parts(record(sequence)) {
            sums[calendar.start(level, of: part.hour), default: Rollup()].add(part.sums)
        }
    }
    return sums
}

extension [StoredRollup] {
    fileprivate var byStart: [Int64: Rollup] {
        Dictionary(map { ($0.start, $0.sums) }, uniquingKeysWith: { first, _ in first })
    }
}

@Suite("Roll-ups say what the records say")
struct RollupTests {
    @Test(
        "in any order, with duplicates, hours, days and months, and the same when rebuilt",
        arguments: 1...12)
    func law(seed: UInt64) throws {
        var random = Seeded(seed)
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        var pieces: [[IncomingRecord]] = []
        var at: UInt64 = 1
        while at <= 300 {
            let end = min(301, at + UInt64.random(in: 1...40, using: &random))
            pieces.append((at..<end).map { record($0) })
            at = end
        }
        for piece in (pieces + pieces.prefix(4)).shuffled(using: &random) { try store.take(piece) }
        // Of these some are there already.
        try store.take((290...310).map { record($0) })
        for level in RollupLevel.allCases {
            #expect(try store.rollups(level).byStart == expected(1...310, level))
        }
        #expect(try store.rollups(.day).count > 2)
        try store.rebuild(RollupCalendar(offset: -3))
        for level in RollupLevel.allCases {
            let calendar = RollupCalendar(offset: -3)
            #expect(try store.rollups(level).byStart == expected(1...310, level, calendar))
        }
    }

    @Test("a batch that is refused adds nothing")
    func refused() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        try store.take((1...5).map { record($0) })
        let other = IncomingRecord(
            sequence: 5, window: record(5).window, manifest: manifest, bytes: [0])
        #expect(throws: StoreError.self) { try store.take([record(4), other, record(6)]) }
        #expect(try store.rollups(.hour).byStart == expected(1...5, .hour))
    }

    @Test("records of a store without roll-ups are added in steps, while others come")
    func backfill() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        try store.take((1...50).map { record($0) })
        try store.beginRebuild(.standard)
        #expect(try store.rollups(.hour).isEmpty)
        #expect(try store.continueRebuild(entries: 20, parts: stored))
        #expect(try store.rollupState().waiting == 30)
        try store.take((51...60).map { record($0) })
        while try store.continueRebuild(entries: 20, parts: stored) {}
        #expect(try store.rollupState().waiting == 0)
        for level in RollupLevel.allCases {
            #expect(try store.rollups(level).byStart == expected(1...60, level))
        }
    }

    @Test("a damaged one is told, stops no record, and a rebuild mends it")
    func damaged() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        try store.take((1...5).map { record($0) })
        try store.write { try $0.execute(sql: "UPDATE rollup_hours SET bytes = x'0102'") }
        try store.take((6...9).map { record($0) })
        #expect(throws: StoreError.damagedRollup(agent: "a")) { try store.rollups(.hour) }
        try store.rebuild()
        #expect(try store.rollups(.hour).byStart == expected(1...9, .hour))
    }

    @Test("sums without records must say that they are simulated")
    func simulated() throws {
        let directory = try TemporaryDirectory()
        let store = try open(directory)
        #expect(throws: StoreError.notSimulated(agent: "a")) {
            try store.add(simulated: [("a", [HourPart(hour: 5, sums: Rollup())])])
        }
        #expect(try store.rollups(.hour).isEmpty)
    }

    @Test("every roll-up reads back from its bytes, and cut ones do not", arguments: 1...40)
    func coding(seed: UInt64) throws {
        var random = Seeded(seed)
        var rollup = Rollup()
        for figure in Rollup.Figure.allCases {
            rollup[figure] =
                UInt64.random(in: 0...UInt64.max, using: &random)
                >> UInt64.random(in: 0...63, using: &random)
        }
        rollup.clockError = Bool.random(using: &random) ? 17 : nil
        rollup.flags = RecordFlags(rawValue: UInt64.random(in: 0...UInt64.max, using: &random))
        rollup.note(.wall, .host)
        for number in 0..<UInt64.random(in: 0...5, using: &random) {
            let place = rollup.place(of: ScenarioID("s\(number)"))
            for figure in Rollup.ScenarioFigure.allCases {
                rollup[place, figure] = UInt64.random(in: 0...UInt64.max, using: &random)
            }
        }
        let bytes = RollupCoding.encode(rollup) { UInt64($0.name.dropFirst()) ?? 0 }
        let name = { (id: UInt64) -> ScenarioID? in ScenarioID("s\(id)") }
        #expect(RollupCoding.decode(bytes, name: name) == rollup)
        for count in bytes.indices {
            #expect(RollupCoding.decode(Array(bytes.prefix(count)), name: name) == nil)
        }
        #expect(RollupCoding.decode(bytes + [0], name: name) == nil)
        var hostile = bytes
        for _ in 0..<3 { hostile[Int.random(in: 0..<hostile.count, using: &random)] = 0xFF }
        _ = RollupCoding.decode(hostile, name: name)
    }

    @Test(
        "figures that a later version added are passed over, those that an earlier one lacked are 0"
    )
    func versions() {
        var rollup = Rollup()
        rollup[.records] = 7
        let bytes = RollupCoding.encode(rollup) { _ in 0 }
        let count = UInt8(Rollup.Figure.allCases.count)
        #expect(bytes[5] == count)
        var later = bytes
        later[5] = count + 1
        later.insert(99, at: 6 + Int(count))
        #expect(RollupCoding.decode(later) { _ in nil } == rollup)
        var earlier = bytes
        earlier[5] = count - 1
        earlier.remove(at: 5 + Int(count))
        #expect(RollupCoding.decode(earlier) { _ in nil } == rollup)
    }
}

@Suite("Days and months of roll-ups are those of a zone")
struct RollupCalendarTests {
    @Test(
        "as Foundation's calendar has them, from 1970 to 2170",
        arguments: [-12, 0, 8, 14] as [Int64])
    func calendar(offset: Int64) throws {
        let ours = RollupCalendar(offset: offset)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: Int(offset) * 3_600))
        for step in 0..<3_000 as Range<Int64> {
            let hour = 20 + step * 587
            let date = Date(timeIntervalSince1970: Double(hour) * 3_600)
            for (level, unit) in [(RollupLevel.day, Calendar.Component.day), (.month, .month)] {
                let interval = try #require(calendar.dateInterval(of: unit, for: date))
                #expect(
                    Double(ours.start(level, of: hour)) * 3_600
                        == interval.start.timeIntervalSince1970)
                #expect(
                    Double(ours.next(level, after: hour)) * 3_600
                        == interval.end.timeIntervalSince1970)
            }
        }
    }
}
