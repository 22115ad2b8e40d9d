import Chain
import Metering
import Testing

@testable import Spool

private let limits = SpoolLimits(segmentBytes: 800, synchronizes: false)
private let own = Array("own".utf8)
private let others = Array("others".utf8)

@Suite("Records that can be sent no more hold up none that can")
struct RelinquishingTests {
    private func isOthers(_ manifest: [UInt8]) -> Bool { manifest == others }

    @Test(
        "where all are another's, a run begins that names none before it and tells how many are lost"
    )
    func wholeRun() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits, acknowledge: 12, manifest: others)
        var spool: Spool? = try bench.open(limits)
        #expect(spool?.relinquish(where: isOthers) == 18)
        #expect(spool?.run.rawValue != run)
        #expect(spool?.predecessor == nil)
        #expect(spool?.nextSequence == 1)
        #expect(spool?.dropped == 18)
        try spool?.use(manifest: own)
        #expect(try spool?.append(record(1)) == 1)
        try spool?.acknowledge(through: 1)
        #expect(try spool?.contents() == [1: record(1)])
        let next = spool?.run
        spool = nil
        let again = try bench.open(limits)
        #expect(again.recovery.isNone)
        #expect(again.relinquish(where: isOthers) == 0)
        #expect(again.run == next)
        #expect(again.dropped == 18)
        #expect(again.firstSequence == 2)
        #expect(try (1...DamagedFiles.limit).contains(bench.damaged.count))
    }

    @Test("what no record that somebody has told of is told by the next run too")
    func twice() throws {
        let bench = try Workbench()
        try bench.fill(7, limits, manifest: others)
        for (made, lost) in [(6, 7), (5, 13), (0, 18)] as [(UInt64, UInt64)] {
            let spool = try bench.open(limits)
            _ = spool.relinquish { _ in true }
            #expect(spool.dropped == lost)
            try spool.use(manifest: own)
            for number in 0..<made { #expect(try spool.append(record(number + 1)) == number + 1) }
        }
        // A record that one destination has has told it.
        let spool = try bench.open(limits)
        try spool.use(manifest: own)
        _ = try spool.append(record(1))
        try spool.acknowledge(through: spool.nextSequence - 1)
        _ = try spool.append(record(2))
        #expect(spool.relinquish { _ in true } == 1)
        #expect(spool.dropped == 1)
    }

    @Test("where all were acknowledged, none is lost")
    func acknowledged() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits, acknowledge: 30, manifest: others)
        let spool = try bench.open(limits)
        #expect(spool.relinquish(where: isOthers) == 0)
        #expect(spool.run.rawValue != run)
        #expect(spool.dropped == 0)
    }

    @Test("where others follow, the run goes on with them, behind a hole that is counted")
    func beginning() throws {
        let bench = try Workbench()
        let run = try bench.fill(20, limits, acknowledge: 3, manifest: others)
        try bench.fill(5, limits, manifest: own)
        var spool: Spool? = try bench.open(limits)
        #expect(spool?.relinquish(where: isOthers) == 17)
        for _ in 0..<2 {
            #expect(spool?.run.rawValue == run)
            #expect(spool?.dropped == 17)
            #expect(spool?.firstSequence == 21)
            let held = try spool?.contents(from: 4)
            #expect(held?.keys.min() == 21)
            try spool?.use(manifest: own)
            let next = try #require(spool?.nextSequence)
            #expect(try spool?.append(record(next)) == next)
            spool = nil
            spool = try bench.open(limits)
            #expect(spool?.recovery.isNone == true)
            #expect(spool?.relinquish(where: isOthers) == 0)
        }
        #expect(try spool?.contents(from: 21).count == 7)
    }

    @Test("its own records stay as they are")
    func none() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits, acknowledge: 12, manifest: own)
        let before = try bench.snapshot()
        let spool = try bench.open(limits)
        #expect(spool.relinquish(where: isOthers) == 0)
        #expect(spool.run.rawValue == run)
        #expect(try spool.contents(from: 13).count == 18)
        #expect(try bench.snapshot() == before)
    }

    @Test(
        "a kill at any write leaves the old run or the new one, and the same count",
        arguments: [false, true])
    func kill(followed: Bool) throws {
        var kills = 0
        for budget in 0... {
            let bench = try Workbench()
            let run = try bench.fill(20, limits, acknowledge: 3, manifest: others)
            if followed { try bench.fill(5, limits, manifest: own) }
            let disk = FailingDisk(budget: budget, failure: .death)
            if let spool = try? bench.open(limits, disk: disk) {
                _ = spool.relinquish(where: isOthers)
                try spool.use(manifest: own)
                _ = try? spool.append(record(spool.nextSequence))
            }
            let after = try bench.open(limits)
            let lost = after.relinquish(where: isOthers)
            #expect(after.dropped == 17, "after \(budget) operations, \(lost)")
            #expect(followed == (after.run.rawValue == run))
            try after.use(manifest: own)
            let number = try after.append(record(after.nextSequence))
            #expect(try after.contents(from: after.firstSequence)[number] == record(number))
            guard disk.hasFailed else { break }
            kills += 1
        }
        #expect(kills > 4)
    }

    @Test("a full disk keeps nothing but for the moment")
    func fullDisk() throws {
        for budget in 1...12 {
            let bench = try Workbench()
            try bench.fill(20, limits, acknowledge: 3, manifest: others)
            let disk = FailingDisk(budget: budget, failure: .noSpace)
            let spool = try bench.open(limits, disk: disk)
            #expect(spool.relinquish(where: isOthers) == 17)
            try spool.use(manifest: own)
            let number = try (try? spool.append(record(1))) ?? spool.append(record(1))
            #expect(number == 1)
            #expect(spool.dropped == 17)
            #expect(try spool.contents() == [1: record(1)])
        }
    }
}
