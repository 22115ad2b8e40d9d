import Chain
import Glibc
import Metering
import Testing

@testable import Spool

private let limits = SpoolLimits(segmentBytes: 800, synchronizes: false)
private let manifest = Array("manifest".utf8)

@Suite("No number comes twice, and what is lost is known")
struct IdentityTests {
    @Test("a lost directory begins a run that names the one before and its last record")
    func lostDirectory() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits)
        bench.removeSpool()
        let spool = try bench.open(limits)
        #expect(spool.run.rawValue != run)
        #expect(spool.predecessor?.run == run)
        #expect(spool.predecessor?.last == 30)
        #expect(spool.nextSequence == 1)
        #expect(spool.recovery.isRunLost)
        try spool.use(manifest: manifest)
        #expect(try spool.append(record(1)) == 1)
        let batch = try spool.batch(from: 1, maximumRecords: 1, maximumBytes: 1)
        #expect(
            batch?.previous == ChainHead(startOf: spool.run.rawValue, after: (run: run, last: 30)))
    }

    @Test(
        "the run before is named again where the new one made no record, and for as long as it lasts"
    )
    func predecessorStays() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits)
        for _ in 0..<3 {
            bench.removeSpool()
            let spool = try bench.open(limits)
            #expect(spool.predecessor?.run == run)
            #expect(spool.predecessor?.last == 30)
        }
        let next = try bench.fill(3, limits)
        #expect(try bench.open(limits).predecessor?.run == run)
        unlink(bench.identity)
        #expect(try bench.open(limits).predecessor?.run == run)
        #expect(try bench.fill(1, limits) == next)
        bench.removeSpool()
        let spool = try bench.open(limits)
        #expect(spool.predecessor?.run == next)
        #expect(spool.predecessor?.last == 4)
    }

    @Test("a lost or damaged identity is made anew from the segments", arguments: 0..<3)
    func lostIdentity(way: Int) throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits, acknowledge: 12)
        switch way {
        case 0: unlink(bench.identity)
        case 1: try bench.write("../identity", [UInt8](repeating: 7, count: 3_000))
        default:
            var bytes = try bench.read("../identity")
            bytes[30] ^= 1
            try bench.write("../identity", bytes)
        }
        for number in 31...33 as ClosedRange<UInt64> {
            let spool = try bench.open(limits)
            #expect(spool.run.rawValue == run)
            #expect(spool.dropped == 0)
            #expect(spool.firstSequence == 13)
            try spool.use(manifest: manifest)
            #expect(try spool.append(record(number)) == number)
            #expect(try spool.contents(from: 13).count == Int(number) - 12)
        }
        #expect(try Identity(bench.identity)?.last == 33)
    }

    @Test("where both are lost, a run without predecessor begins")
    func bothLost() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits)
        bench.removeSpool()
        unlink(bench.identity)
        let spool = try bench.open(limits)
        #expect(spool.run.rawValue != run)
        #expect(spool.predecessor == nil)
        #expect(!spool.recovery.isRunLost)
    }

    @Test("a lost end is counted, its numbers are not used again, and the chain goes on")
    func lostEnd() throws {
        for lost in 1...400 {
            let bench = try Workbench()
            let run = try bench.fill(10, SpoolLimits(synchronizes: false), acknowledge: 3)
            let name = try #require(try bench.segments.last)
            try bench.write(name, Array(try bench.read(name).dropLast(lost)))
            var spool: Spool? = try bench.open()
            let dropped = try #require(spool?.dropped)
            #expect((1...7).contains(dropped))
            #expect(spool?.run.rawValue == run)
            #expect(spool?.nextSequence == 11)
            #expect(spool?.recovery.corruptEntries == dropped)
            try spool?.use(manifest: manifest)
            #expect(try spool?.append(record(11)) == 11)
            #expect(spool?.dropped == dropped)
            let contents = try #require(try spool?.contents(from: 4))
            #expect(contents.count == 8 - Int(dropped))
            let head = try #require(
                try spool?.batch(from: 11, maximumRecords: 1, maximumBytes: 1)?.previous)
            #expect(
                head
                    == ChainHead(startOf: run, after: nil)
                    .appending((1...10 as ClosedRange<UInt64>).map(record)))
            spool = nil
            #expect(try bench.open().dropped == dropped)
            #expect(try bench.open().contents(from: 4) == contents)
        }
    }

    @Test("a run is not gone on with where a destination has more of it than is known here")
    func acknowledgedBeyond() throws {
        let bench = try Workbench()
        let run = try bench.fill(10, limits, acknowledge: 10)
        unlink(bench.identity)
        let name = try #require(try bench.segments.last)
        try bench.write(name, Array(try bench.read(name).dropLast(40)))
        let spool = try bench.open(limits)
        #expect(spool.run.rawValue != run)
        #expect(spool.predecessor?.run == run)
        #expect(spool.predecessor?.last == 10)
        #expect(spool.nextSequence == 1)
        #expect(spool.dropped == 0)
    }

    @Test("what is lost before it is numbered is counted, also over a restart and a lost directory")
    func unnumbered() throws {
        let bench = try Workbench()
        _ = try bench.fill(5, limits)
        try bench.open(limits).noteLost(3)
        bench.removeSpool()
        #expect(try bench.open(limits).dropped == 3)
        var spool: Spool? = try bench.open(limits)
        #expect(spool?.dropped == 3)
        try spool?.use(manifest: manifest)
        _ = try spool?.append(record(1))
        spool = nil
        #expect(try bench.open(limits).dropped == 3)
        bench.removeSpool()
        #expect(try bench.open(limits).dropped == 0)
        let last = try bench.open(limits)
        last.noteLost(.max)
        last.noteLost(.max)
        #expect(last.dropped == SpoolLimits.sequence)
    }

    @Test("files deleted while open are noticed at the next append, counted, and the run goes on")
    func deletedWhileOpen() throws {
        let everything = 4
        for gone in 0...everything {
            let bench = try Workbench()
            _ = try bench.fill(30, limits, acknowledge: 2)
            var spool: Spool? = try bench.open(limits)
            let run = spool?.run
            let segments = try bench.segments
            try #require(segments.count == everything)
            let before = try #require(try spool?.contents(from: 3))
            if gone == everything {
                bench.removeSpool()
            } else {
                unlink(bench.spool + "/" + segments[gone])
            }
            try spool?.use(manifest: manifest)
            #expect(try spool?.append(record(31)) == 31)
            #expect(spool?.run == run)
            let after = try #require(try spool?.contents(from: 3))
            #expect(after[31] == record(31))
            #expect(after.count <= before.count)
            #expect(spool?.dropped == UInt64(29 - after.count))
            #expect(throws: SpoolError.locked(path: bench.spool)) { try bench.open(limits) }
            spool = nil
            let again = try bench.open(limits)
            #expect(again.run == run)
            #expect(again.dropped == UInt64(29 - after.count))
            #expect(try again.contents(from: 3) == after)
        }
    }

    @Test("a segment deleted while open is passed over by readers")
    func deletedWhileRead() throws {
        let bench = try Workbench()
        _ = try bench.fill(30, limits)
        let spool = try bench.open(limits)
        unlink(bench.spool + "/" + (try bench.segments[1]))
        for _ in 0..<2 {
            let found = try spool.contents()
            #expect(found[30] == record(30))
            #expect(spool.dropped == UInt64(30 - found.count))
            #expect(spool.dropped > 0)
        }
    }

    @Test("a file put in the newest segment's place while open is moved aside, and so is its loss")
    func replacedWhileOpen() throws {
        let bench = try Workbench()
        _ = try bench.fill(30, limits)
        let spool = try bench.open(limits)
        try spool.use(manifest: manifest)
        _ = try spool.append(record(31))
        let name = try #require(try bench.segments.last)
        unlink(bench.spool + "/" + name)
        try bench.write(name, Array("another".utf8))
        #expect(try spool.append(record(32)) == 32)
        #expect(try bench.damaged.count == 1)
        let found = try spool.contents()
        #expect(spool.dropped == UInt64(32 - found.count))
        #expect(found[32] == record(32))
    }

    @Test("a lock deleted while open is taken again, or found to be another's")
    func deletedLock() throws {
        let bench = try Workbench()
        let spool = try bench.open(limits)
        try spool.use(manifest: manifest)
        _ = try spool.append(record(1))
        unlink(bench.spool + "/lock")
        _ = try spool.append(record(2))
        #expect(throws: SpoolError.locked(path: bench.spool)) { try bench.open(limits) }
        unlink(bench.spool + "/lock")
        let other = try SpoolOpening.lock(bench.spool)
        #expect(throws: SpoolError.locked(path: bench.spool)) { try spool.append(record(3)) }
        withExtendedLifetime(other) {}
    }

    @Test("a newer format keeps the spool from opening, in a segment and in the identity")
    func newerFormat() throws {
        let bench = try Workbench()
        _ = try bench.fill(3, limits)
        let whole = try bench.snapshot()
        let name = try #require(try bench.segments.last)
        for file in [name, "../identity"] {
            var changed = whole
            var bytes = try #require(whole[file])
            bytes[file == name ? 8 : 12] = 9
            bytes.sign(isIdentity: file != name)
            changed[file] = bytes
            try bench.restore(changed)
            let error = #expect(throws: SpoolError.self) { try bench.open(limits) }
            guard case .unknownFormat(_, version: 9) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(try bench.damaged.isEmpty)
        }
    }
}
