import Glibc
import Metering
import Testing

@testable import Spool

@Suite("The spool survives a loss of power")
struct PowerLossTests {
    private static let limits = SpoolLimits(segmentBytes: 500, totalBytes: 2_000)

    /// What was promised after a step.
    private struct Promise {
        /// Operations of the disk up to here.
        var operations: Int
        var made: UInt64 = 0
        var acknowledged: UInt64 = 0
        /// The oldest record held.
        var oldest: UInt64 = 1
        var dropped: UInt64 = 0
    }

    /// Appends, acknowledgements, changes of manifest, and drops at the limit.
    private func work(_ bench: Workbench, _ disk: RecordingDisk) throws -> [Promise] {
        let spool = try bench.open(Self.limits, disk: disk)
        var promises = [Promise(operations: disk.count)]
        func promise() {
            let acknowledged = spool.acknowledged(by: "a")
            promises.append(
                Promise(
                    operations: disk.count, made: spool.nextSequence - 1,
                    acknowledged: acknowledged, oldest: spool.segments.first?.first ?? 1,
                    dropped: spool.dropped))
        }
        for step in 1...64 as ClosedRange<UInt64> {
            try spool.use(manifest: [UInt8(step / 25 + 1)])
            _ = try spool.append(record(step))
            promise()
            if step < 40, step % 6 == 0 {
                try spool.acknowledge(through: step - step % 4)
                promise()
            }
        }
        return promises
    }

    @Test(
        "before any operation, with unsynchronised writes dropped, kept, torn and out of order",
        arguments: 0..<8)
    func anywhere(course: Int) throws {
        let (bench, disk) = (try Workbench(), RecordingDisk())
        let promises = try work(bench, disk)
        #expect(try #require(promises.last).dropped > 0)
        let after = try Workbench()
        var generator = SeededGenerator(seed: UInt64(course))
        var step = 0
        for end in 0...disk.count {
            while step + 1 < promises.count, promises[step + 1].operations <= end { step += 1 }
            let remains = disk.remains(before: end) { _ in
                switch course {
                case 0: .dropped
                case 1: .kept
                default: RecordingDisk.Fate.allCases.randomElement(using: &generator) ?? .kept
                }
            } tear: {
                Int.random(in: 0..<$0, using: &generator)
            }
            try after.restore(named(remains, in: bench))
            try check(after, promises[step], promises[min(step + 1, promises.count - 1)])
        }
    }

    /// The operation that is under way is a write to a segment, the identity or a position.
    @Test(
        "at every byte of the last 4,096 that were written: its start is there, or its end",
        arguments: [RecordingDisk.Fate.started, .ended])
    func everywhere(fate: RecordingDisk.Fate) throws {
        let (bench, disk) = (try Workbench(), RecordingDisk())
        let promises = try work(bench, disk)
        let after = try Workbench()
        var (end, left) = (disk.count, 4_096)
        while left > 0, end > 0 {
            let step = promises.lastIndex { $0.operations <= end } ?? 0
            end -= 1
            guard let (offset, bytes) = disk.written(end) else { continue }
            left -= bytes.count
            let whole = disk.remains(before: end + 1) { _ in .kept }
            var files = disk.remains(before: end + 1) { $0 == end ? .dropped : .kept }
            guard let path = files.keys.first(where: { files[$0] != whole[$0] }),
                let file = files[path]
            else { continue }
            for byte in 0..<bytes.count {
                files[path] = file
                files[path]?.write(bytes, at: offset, fate) { _ in byte }
                try after.restore(named(files, in: bench))
                try check(after, promises[step], promises[min(step + 1, promises.count - 1)])
            }
        }
        #expect(left <= 0)
    }

    /// Files by their names in the spool's directory.
    private func named(_ files: [String: [UInt8]], in bench: Workbench) -> [String: [UInt8]] {
        [String: [UInt8]](
            uniqueKeysWithValues: files.map { path, bytes in
                (path.replacing(bench.spool + "/", with: ""), bytes)
            }.map { ($0.replacing(bench.root + "/", with: "../"), $1) })
    }

    /// - Parameter next: what was being done when the power failed.
    private func check(_ bench: Workbench, _ promise: Promise, _ next: Promise) throws {
        let next = try examine(try bench.open(Self.limits), promise, next)
        #expect(try bench.open(Self.limits).nextSequence == next)
    }

    /// Returns the number of the record after one that is appended.
    private func examine(_ spool: Spool, _ promise: Promise, _ next: Promise) throws -> UInt64 {
        #expect((promise.made...next.made).contains(spool.nextSequence - 1))
        #expect([promise.dropped, next.dropped].contains(spool.dropped))
        #expect(spool.recovery.corruptEntries == 0)
        #expect(spool.recovery.damagedFiles == 0)
        #expect(spool.predecessor == nil)
        let contents = try spool.contents(from: spool.firstSequence)
        #expect(contents.allSatisfy { $0.value == record($0.key) })
        let oldest = max(next.oldest, next.acknowledged + 1)
        if oldest <= promise.made {
            #expect((oldest...promise.made).allSatisfy { contents[$0] != nil })
        }
        let number = spool.nextSequence
        try spool.use(manifest: [9])
        #expect(try spool.append(record(number)) == number)
        return number + 1
    }

    @Test("a file cut at any of its last 4,096 bytes loses what was cut, counted, and no more")
    func cuts() throws {
        let bench = try Workbench()
        let limits = SpoolLimits(segmentBytes: 4_300, synchronizes: false)
        let count: UInt64 = 100
        try bench.fill(count, limits, acknowledge: 1)
        let whole = try bench.snapshot()
        #expect(try bench.segments.count == 2)
        for (name, bytes) in whole {
            // Entries by where they end.
            let ends = try entryEnds(bytes, isSegment: name.hasPrefix("segment-"))
            for length in max(0, bytes.count - 4_096)..<bytes.count {
                try bench.write(name, Array(bytes[..<length]))
                do {
                    let spool = try bench.open(limits)
                    let lost = UInt64(ends.count { $0 > length })
                    #expect(spool.nextSequence == count + 1)
                    #expect(spool.firstSequence <= 2 || lost > 0)
                    let unheard = try unacknowledged(spool)
                    #expect(UInt64(unheard) + spool.dropped == count - 1)
                    #expect(spool.dropped <= lost)
                    #expect(spool.dropped + 1 >= lost)
                }
                try restore(bench, whole)
            }
        }
    }

    private func unacknowledged(_ spool: Spool) throws -> Int {
        var (next, count): (UInt64, Int) = (2, 0)
        while let batch = try spool.batch(from: next, maximumRecords: 200, maximumBytes: 1 << 20) {
            count += batch.records.count
            next = batch.first + UInt64(batch.records.count)
        }
        return count
    }

    /// Puts back what differs, which is less than everything.
    private func restore(_ bench: Workbench, _ whole: [String: [UInt8]]) throws {
        for name in try bench.damaged { unlink(bench.spool + "/" + name) }
        for (name, bytes) in whole where try !bench.has(name, bytes) {
            try bench.write(name, bytes)
        }
    }

    private func entryEnds(_ bytes: [UInt8], isSegment: Bool) throws -> [Int] {
        guard isSegment, let header = try SegmentHeader(bytes, path: "") else { return [] }
        var (ends, offset) = ([Int](), header.size)
        while let entry = Entry.next(in: bytes, from: offset, expected: 1) {
            offset = entry.record.upperBound
            ends.append(offset)
        }
        return ends
    }
}
