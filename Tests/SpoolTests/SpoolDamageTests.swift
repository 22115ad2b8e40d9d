import Glibc
import Testing

@testable import Spool

private let segmented = SpoolLimits(segmentBytes: 800, synchronizes: false)
private let manifest = Array("manifest".utf8)

@Suite("The spool survives what happens to its files")
struct SpoolDamageTests {
    @Test("every truncation of the newest segment keeps its whole entries and the sequence")
    func truncation() throws {
        let bench = try Workbench()
        try bench.fill(12, SpoolLimits(synchronizes: false))
        let whole = try bench.snapshot()
        let name = try #require(try bench.segments.last)
        let bytes = try #require(whole[name])
        let header = SegmentHeader.size(manifest: manifest.count)
        for length in header...bytes.count {
            try bench.restore([name: Array(bytes[..<length])])
            let spool = try bench.open()
            var (kept, end) = (UInt64(0), header)
            while kept < 12, end + Entry.overhead + record(kept + 1).count <= length {
                kept += 1
                end += Entry.overhead + record(kept).count
            }
            #expect(spool.nextSequence == kept + 1)
            #expect(spool.recovery.tornBytes == length - end)
            #expect(spool.recovery.corruptEntries == 0)
            #expect(try bench.read(name).count == end)
            try spool.use(manifest: manifest)
            #expect(try spool.append([9]) == kept + 1)
            #expect(try spool.contents().count == Int(kept) + 1)
        }
    }

    @Test("every changed bit of a middle segment loses what it touched, counts it, and no more")
    func bitFlips() throws {
        let bench = try Workbench()
        try bench.fill(30, segmented)
        let whole = try bench.snapshot()
        let name = try bench.segments[1]
        let bytes = try #require(whole[name])
        let header = SegmentHeader.size(manifest: manifest.count)
        for bit in stride(from: 0, to: bytes.count * 8, by: 3) {
            var (damaged, changed) = (whole, bytes)
            changed[bit / 8] ^= 1 << (bit % 8)
            damaged[name] = changed
            try bench.restore(damaged)
            let spool = try bench.open(segmented)
            let contents = try spool.contents()
            #expect(contents.allSatisfy { $0.value == record($0.key) })
            #expect(UInt64(30 - contents.count) == spool.recovery.corruptEntries)
            #expect(spool.dropped == spool.recovery.corruptEntries)
            #expect(spool.nextSequence == 31)
            if bit / 8 >= header { #expect(spool.dropped == 1) }
        }
    }

    @Test("damage is counted once, however often the spool is opened and acknowledged")
    func countedOnce() throws {
        let bench = try Workbench()
        try bench.fill(30, segmented)
        let name = try bench.segments[1]
        var bytes = try bench.read(name)
        bytes[bytes.count - 5] ^= 1
        try bench.write(name, bytes)
        for acknowledged in [0, 5, 20, 25, 30] as [UInt64] {
            let spool = try bench.open(segmented)
            #expect(spool.dropped == 1)
            try spool.acknowledge(through: acknowledged)
            #expect(spool.dropped == 1)
        }
    }

    @Test("damage that appears while the spool is open is skipped and counted")
    func damageWhileOpen() throws {
        let bench = try Workbench()
        try bench.fill(30, segmented)
        let spool = try bench.open(segmented)
        let name = try bench.segments[1]
        var bytes = try bench.read(name)
        bytes[bytes.count - 5] ^= 1
        try bench.write(name, bytes)
        for _ in 0..<2 {
            #expect(try spool.contents().count == 29)
            #expect(spool.dropped == 1)
        }
    }
}

@Suite("The spool survives a kill and a full disk at every operation")
struct SpoolInterruptionTests {
    private static let limits = SpoolLimits(segmentBytes: 500, totalBytes: 2_000)

    /// What a run of the spool did before it ended.
    private struct Course {
        var returned: [UInt64] = []
        var acknowledged: UInt64 = 0
    }

    /// Appends, changes of manifest, drops and acknowledgements; stops at the first error.
    private func work(_ spool: Spool, _ course: inout Course, retries: Int = 0) throws {
        for step in 1...60 as ClosedRange<UInt64> {
            try spool.use(manifest: [UInt8(step / 17 + 1)])
            course.returned.append(
                try attempt(retries) { try spool.append(record(spool.nextSequence)) })
            if step == 20 {
                course.acknowledged = 14
                try attempt(retries) { try spool.acknowledge(through: 14) }
            }
        }
    }

    private func attempt<Value>(_ retries: Int, _ body: () throws -> Value) throws -> Value {
        for _ in 0..<retries {
            if let value = try? body() { return value }
        }
        return try body()
    }

    @Test(
        "killed anywhere: what append returned is there, nothing comes twice, losses are counted",
        arguments: [0, 0.3, 0.99, 1])
    func kills(kept: Double) throws {
        for budget in 0..<400 {
            let bench = try Workbench()
            var course = Course()
            let disk = FailingDisk(budget: budget, kept: kept, failure: .death)
            if let spool = try? bench.open(Self.limits, disk: disk) { try? work(spool, &course) }
            let spool = try bench.open(Self.limits)
            let contents = try spool.contents()
            #expect(contents.allSatisfy { $0.value == record($0.key) })
            let made = course.returned.last ?? 0
            #expect(spool.nextSequence == made + 1 || spool.nextSequence == made + 2)
            let first = spool.firstSequence
            #expect(Set(first..<spool.nextSequence).isSubset(of: contents.keys))
            let gone = first - 1
            #expect(spool.dropped <= gone)
            #expect(spool.dropped + max(course.acknowledged, spool.acknowledged(by: "a")) >= gone)
            #expect(spool.recovery.corruptEntries == 0)
            try spool.use(manifest: [1])
            #expect(try spool.append([1]) == spool.nextSequence - 1)
            if !disk.hasFailed { return }
        }
        Issue.record("the course never ended")
    }

    @Test(
        "a full disk anywhere: the same append is tried again and no record is missing or doubled",
        arguments: [0, 0.5, 1])
    func fullDisk(kept: Double) throws {
        for budget in 0..<400 {
            let bench = try Workbench()
            var course = Course()
            let disk = FailingDisk(budget: budget, kept: kept, failure: .noSpace)
            guard let spool = try? bench.open(Self.limits, disk: disk) else { continue }
            try work(spool, &course, retries: 1)
            #expect(course.returned == Array(1...60))
            let contents = try spool.contents(from: spool.firstSequence)
            #expect(contents.keys.sorted() == Array(spool.firstSequence...60))
            #expect(contents.allSatisfy { $0.value == record($0.key) })
            #expect(spool.dropped == spool.firstSequence - 1 - 14)
            if !disk.hasFailed { return }
        }
        Issue.record("the course never ended")
    }
}
