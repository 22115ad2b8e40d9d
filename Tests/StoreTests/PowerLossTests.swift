import Chain
import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(7)

/// Long enough that a few batches make the file grow.
private func record(_ sequence: UInt64) -> IncomingRecord {
    let start = Timestamp(1_000_000_000_000 &+ sequence &* 10_000_000_000)
    return IncomingRecord(
        sequence: sequence,
        window: Window(start: start, end: start + .seconds(10), duration: .seconds(10)),
        manifest: manifest,
        bytes: Array(repeating: UInt8(truncatingIfNeeded: sequence), count: 300))
}

/// The files of a store at one moment.
private struct Files {
    var database: Data
    var log: Data
}

/// A store at work, whose files are looked at between transactions.
private final class Bench {
    private let directory: TemporaryDirectory
    private let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.store)
        try store.store(manifest: manifest, bytes: [1])
    }

    /// Keeps records in batches of ten.
    func keep(_ range: ClosedRange<UInt64>) throws {
        for first in stride(from: range.lowerBound, through: range.upperBound, by: 10) {
            let records = (first...min(first + 9, range.upperBound)).map(record)
            _ = try store.keep(records, of: "a", run: commonRun) { record($0).bytes }
        }
    }

    /// Copies what stands in the log into the file, as SQLite does by itself where the log is long.
    func checkpoint() throws {
        let queue = try DatabaseQueue(path: directory.store)
        let copied = try queue.writeWithoutTransaction { try $0.checkpoint(.passive) }
        #expect(copied.walFrameCount == copied.checkpointedFrameCount)
        try queue.close()
    }

    func files() throws -> Files {
        Files(
            database: try Data(contentsOf: URL(fileURLWithPath: directory.store)),
            log: try Data(contentsOf: URL(fileURLWithPath: directory.store + "-wal")))
    }
}

extension Files {
    static let pageSize = 4_096
    static let logHeader = 32
    static let frameSize = 24 + pageSize
    /// What a disk writes at once.
    static let sector = 512

    /// Bytes of the log up to the last frame that was written since it began anew: frames have the
    /// salt of its header.
    ///
    /// Source: SQLite, "WAL-mode File Format".
    var extent: Int {
        var end = Self.logHeader
        while end + Self.frameSize <= log.count, log[end + 8..<end + 16] == log[16..<24] {
            end += Self.frameSize
        }
        return end
    }
}

/// What can be left of writes that were not synchronised: each unit of them is there, not there or
/// torn, in whatever order they were made, and the file's new length is or is not.
private func remains(
    of new: Data, over old: Data, from start: Int, unit: Int, using random: inout Seeded
) -> Data {
    var left = old
    for offset in stride(from: start, to: new.count, by: unit) {
        let length = min(unit, new.count - offset)
        let kept =
            [0, length, Int.random(in: 0..<length, using: &random)]
            .randomElement(using: &random) ?? 0
        guard kept > 0 else { continue }
        left.append(Data(count: max(0, offset + kept - left.count)))
        left.replaceSubrange(offset..<offset + kept, with: new[offset..<offset + kept])
    }
    if Bool.random(using: &random) { left.append(Data(count: max(0, new.count - left.count))) }
    return left
}

/// Files that a loss of power left, and what is found in them.
private final class Remains {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/copy.db" }
    private let heads: [UInt64: ChainHead]

    init() throws {
        directory = try TemporaryDirectory()
        var heads: [UInt64: ChainHead] = [:]
        var head = ChainHead(startOf: commonRun.rawValue, after: nil)
        for sequence in 1...200 as ClosedRange<UInt64> {
            head = head.appending(record(sequence).bytes)
            heads[sequence] = head
        }
        self.heads = heads
    }

    func put(_ files: Files) throws {
        try files.database.write(to: URL(fileURLWithPath: path))
        try files.log.write(to: URL(fileURLWithPath: path + "-wal"))
    }

    func cut(_ suffix: String, to length: Int) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path + suffix))
        try file.truncate(atOffset: UInt64(length))
        try file.close()
    }

    func set(_ suffix: String, at offset: Int, _ byte: UInt8) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path + suffix))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([byte]))
        try file.close()
    }

    /// Reads the files and leaves them as they are. The last durable record must be one of those
    /// promised, with its head, and all before it there.
    func glance(_ promised: Set<UInt64>, _ what: @autoclosure () -> String) throws {
        try? FileManager.default.removeItem(atPath: path + "-shm")
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let row = try queue.read {
            try Row.fetchOne(
                $0, sql: "SELECT durable, head, (SELECT count(*) FROM records) FROM runs")
        }
        let durable = UInt64(row?[0] as Int64? ?? 0)
        let count = UInt64(row?[2] as Int64? ?? 0)
        if !promised.contains(durable) || count != durable
            || row?.bytes(1) != heads[durable]?.bytes
        {
            Issue.record("\(what()): \(row?.description ?? "no run")")
        }
    }

    /// Opens the files as a collector does, beside an index of the log that is of another time, and
    /// verifies everything.
    func examine(_ promised: Set<UInt64>, _ what: @autoclosure () -> String) throws {
        try Data(repeating: 0xA5, count: 32_768).write(to: URL(fileURLWithPath: path + "-shm"))
        let store = try SQLiteRecordStore(path: path)
        let durable = try store.open()
        #expect(promised.contains(durable), "\(what())")
        var count: UInt64 = 0
        try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) { _ in count += 1 }
        #expect(count == durable, "\(what())")
        #expect(try store.verified() == [], "\(what())")
        try store.close()
    }
}

/// What is not synchronised when power fails may be there, gone, torn or out of order. In WAL mode
/// with `synchronous=FULL` SQLite
///
/// - appends a transaction's frames to the log and synchronises the log before the commit returns:
///   at any time the unsynchronised bytes are those of one transaction, at the log's end;
/// - copies pages from the log into the file, synchronises the file, and only then lets the log
///   begin anew: while pages are copied the whole log is there and synchronised;
/// - writes the log's new header over the old one and synchronises it, then frames over old frames.
///
/// Nothing else is taken away here: bytes that were synchronised and are gone are a broken disk.
///
/// Source: SQLite, "Write-Ahead Logging" and "WAL-mode File Format".
@Suite("Power loss takes nothing back that was acknowledged")
struct PowerLoss {
    private let bench: Bench
    private let remains: Remains
    private var random = Seeded(11)

    init() throws {
        bench = try Bench()
        remains = try Remains()
    }

    @Test("in a transaction, at every byte of the log's last 4 KiB, and with its writes reordered")
    mutating func transaction() throws {
        try bench.keep(1...40)
        let before = try bench.files()
        try bench.keep(41...50)
        let after = try bench.files()
        try #require(after.log.count >= before.log.count + Files.pageSize)
        #expect(after.log.prefix(before.log.count) == before.log)
        try remains.put(after)
        try remains.glance([50], "whole")
        let all = before.log.count..<after.log.count
        for length in all.reversed() where after.log.count - length <= 4_096 || length % 61 == 0 {
            try remains.cut("-wal", to: length)
            try remains.glance([40], "log cut at \(length)")
        }
        try examine(
            [40, 50], after.database,
            stride(from: all.lowerBound, through: all.upperBound, by: 4_099).map {
                after.log.prefix($0)
            })
        try examine([40, 50], after.database, over: before.log, after.log, from: all.lowerBound)
    }

    @Test("while the log is copied into the file, at every byte of the file's last 4 KiB")
    mutating func checkpoint() throws {
        try bench.keep(1...20)
        try bench.checkpoint()
        try bench.keep(21...120)
        let before = try bench.files()
        try bench.checkpoint()
        let after = try bench.files()
        #expect(after.log == before.log)
        try #require(after.database.count >= before.database.count + Files.pageSize)
        try remains.put(after)
        for length in (after.database.count - 4_096..<after.database.count).reversed() {
            try remains.cut("", to: length)
            try remains.glance([120], "file cut at \(length)")
        }
        for number in 0..<200 {
            let unit = number % 2 == 0 ? Files.pageSize : Files.sector
            let database = StoreTests.remains(
                of: after.database, over: before.database, from: 0, unit: unit, using: &random)
            try remains.put(Files(database: database, log: before.log))
            if number < 160 {
                try remains.glance([120], "copied in part, \(number)")
            } else {
                try remains.examine([120], "copied in part, \(number)")
            }
        }
    }

    @Test("when the log begins anew, at every byte of its last 4 KiB, and with writes reordered")
    mutating func anew() throws {
        try bench.keep(1...120)
        try bench.checkpoint()
        let before = try bench.files()
        try bench.keep(121...130)
        let first = try bench.files()
        try bench.keep(131...140)
        let second = try bench.files()
        #expect(first.database == before.database && second.database == before.database)
        #expect(first.log.prefix(Files.logHeader) != before.log.prefix(Files.logHeader))
        try #require(second.extent < before.log.count && first.extent < second.extent)
        for length in 0..<Files.logHeader {
            let log = first.log.prefix(length) + before.log.suffix(from: length)
            try remains.put(Files(database: before.database, log: log))
            try remains.glance([120], "header written up to \(length)")
        }
        try unwrite(first, over: before, promised: 120, step: 1)
        try unwrite(second, over: first, promised: 130, step: 61)
        for (promised, new, old, start): (UInt64, Files, Files, Int) in [
            (120, first, before, Files.logHeader), (130, second, first, first.extent),
        ] {
            let log = new.log.prefix(Files.logHeader) + old.log.suffix(from: Files.logHeader)
            try examine([promised, promised + 10], new.database, over: log, new.log, from: start)
        }
    }

    /// Takes back what the last transaction wrote, from its end, and looks after every `step` bytes.
    private func unwrite(_ new: Files, over old: Files, promised: UInt64, step: Int) throws {
        try remains.put(new)
        try remains.glance([promised + 10], "whole")
        // The last bytes of both may be the same.
        for offset in (new.extent - 4_096..<new.extent).reversed() {
            try remains.set("-wal", at: offset, old.log[offset])
            guard offset % step == 0 else { continue }
            try remains.glance(
                new.log[offset..<new.extent] == old.log[offset..<new.extent]
                    ? [promised + 10] : [promised], "log written up to \(offset)")
        }
    }

    private mutating func examine(
        _ promised: Set<UInt64>, _ database: Data, over old: Data, _ new: Data, from start: Int
    ) throws {
        for unit in [Files.frameSize, Files.sector] {
            let logs = (0..<100).map { _ in
                StoreTests.remains(of: new, over: old, from: start, unit: unit, using: &random)
            }
            for (number, log) in logs.dropLast(15).enumerated() {
                try remains.put(Files(database: database, log: log))
                try remains.glance(promised, "writes of \(unit) bytes reordered, \(number)")
            }
            try examine(promised, database, logs.suffix(15))
        }
    }

    private func examine(_ promised: Set<UInt64>, _ database: Data, _ logs: [Data]) throws {
        for (number, log) in logs.enumerated() {
            try remains.put(Files(database: database, log: log))
            try remains.examine(promised, "log \(number)")
        }
    }
}
