import Glibc
import Metering
import Testing

@testable import Spool

private let limits = SpoolLimits(segmentBytes: 800, synchronizes: false)
private let manifest = Array("manifest".utf8)

@Suite("Several destinations each get every record")
struct DestinationTests {
    @Test("a record is freed when all have it, and each goes on where it was")
    func slowest() throws {
        let bench = try Workbench()
        var spool: Spool? = try bench.open(limits, destinations: ["a", "b"])
        try spool?.use(manifest: manifest)
        for number in 1...60 as ClosedRange<UInt64> { _ = try spool?.append(record(number)) }
        let all = try bench.segments.count
        try spool?.acknowledge(through: 60, by: "a")
        #expect(try bench.segments.count == all)
        try spool?.acknowledge(through: 33, by: "b")
        #expect(try bench.segments.count < all)
        for _ in 0..<2 {
            #expect(spool?.acknowledged(by: "a") == 60)
            #expect(spool?.acknowledged(by: "b") == 33)
            #expect(spool?.firstSequence(for: "a") == 61)
            #expect(spool?.firstSequence(for: "b") == 34)
            #expect(try spool?.contents(from: 34).keys.sorted() == Array(34...60))
            #expect(spool?.dropped == 0)
            spool = nil
            spool = try bench.open(limits, destinations: ["b", "a"])
        }
        #expect(throws: SpoolError.unknownDestination("c")) {
            try spool?.acknowledge(through: 60, by: "c")
        }
    }

    @Test("one that is named no more holds back nothing; one that is new gets what is held")
    func changes() throws {
        let bench = try Workbench()
        var spool: Spool? = try bench.open(limits, destinations: ["a", "slow"])
        try spool?.use(manifest: manifest)
        for number in 1...60 as ClosedRange<UInt64> { _ = try spool?.append(record(number)) }
        try spool?.acknowledge(through: 50, by: "a")
        try spool?.acknowledge(through: 2, by: "slow")
        spool = nil
        spool = try bench.open(limits, destinations: ["a", "new"])
        #expect(spool?.firstSequence(for: "new") == 1)
        #expect(spool?.acknowledged(by: "slow") == 0)
        #expect(try bench.files.filter { $0.hasPrefix("position-") }.count == 1)
        spool = nil
        spool = try bench.open(limits, destinations: ["a"])
        try spool?.acknowledge(through: 50, by: "a")
        spool = nil
        spool = try bench.open(limits, destinations: ["a", "late"])
        let first = try #require(spool?.firstSequence(for: "late"))
        #expect((40...50).contains(first))
        #expect(spool?.dropped == 0)
        #expect(try spool?.contents(from: first).keys.sorted() == Array(first...60))
    }

    @Test("without destinations nothing is freed but at the limit")
    func none() throws {
        let bench = try Workbench()
        let spool = try bench.open(limits, destinations: [])
        try spool.use(manifest: manifest)
        for number in 1...60 as ClosedRange<UInt64> { _ = try spool.append(record(number)) }
        #expect(try spool.contents().count == 60)
        #expect(throws: SpoolError.self) { try spool.acknowledge(through: 60) }
    }

    @Test("what is dropped counts where one of them had not got it")
    func drops() throws {
        let bench = try Workbench()
        let small = SpoolLimits(segmentBytes: 800, totalBytes: 4_000, synchronizes: false)
        let spool = try bench.open(small, destinations: ["a", "b"])
        try spool.use(manifest: manifest)
        for number in 1...300 as ClosedRange<UInt64> {
            _ = try spool.append(record(number))
            try spool.acknowledge(through: number, by: "a")
        }
        #expect(spool.firstSequence(for: "b") > 200)
        #expect(spool.dropped == spool.firstSequence(for: "b") - 1)
    }

    @Test("a position of another run, damaged or of another destination is not believed")
    func positions() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits, acknowledge: 20)
        let name = Position.name(of: "a")
        let bytes = try bench.read(name)
        var changed = bytes
        changed[12] ^= 4
        let strangers = [
            changed, [], [UInt8](repeating: 0, count: 10_000), bytes + [0],
            Position(run: run ^ 1, acknowledged: 25, destination: "a").bytes,
            Position(run: run, acknowledged: 25, destination: "b").bytes,
            Position(run: run, acknowledged: .max, destination: "a").bytes,
        ]
        for stranger in strangers {
            try bench.write(name, stranger)
            let spool = try bench.open(limits)
            #expect((10...20).contains(spool.firstSequence))
            #expect(spool.dropped == 0)
            try spool.acknowledge(through: 20)
            #expect(try bench.read(name) == bytes)
        }
    }
}

@Suite("Records are kept for a time, whatever the clock says")
struct AgeTests {
    private let limits = SpoolLimits(maximumAge: .seconds(1_600), synchronizes: false)

    @Test("the oldest go when they are older than the bound, and are counted")
    func bound() throws {
        let bench = try Workbench()
        let spool = try bench.open(limits)
        try spool.use(manifest: manifest)
        for number in 1...1_000 as ClosedRange<UInt64> {
            bench.uptime += 10_000_000_000
            _ = try spool.append(record(number))
            let kept = number - spool.firstSequence + 1
            #expect(kept >= min(number, 160))
            #expect(kept <= 182)
            #expect(spool.dropped == spool.firstSequence - 1)
        }
    }

    @Test("time in which no agent had the spool open does not count")
    func stops() throws {
        let bench = try Workbench()
        for round in 0..<20 as Range<UInt64> {
            bench.uptime = round % 2 == 0 ? 0 : .max / 2
            let spool = try bench.open(limits)
            try spool.use(manifest: manifest)
            for step in 1...5 as ClosedRange<UInt64> {
                bench.uptime += 10_000_000_000
                _ = try spool.append(record(round * 5 + step))
            }
        }
        let spool = try bench.open(limits)
        #expect(try spool.contents().count == 100)
        #expect(spool.dropped == 0)
    }
}
