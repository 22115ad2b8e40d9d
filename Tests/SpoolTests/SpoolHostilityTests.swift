import Chain
import Glibc
import Metering
import Testing

@testable import Spool

private let limits = SpoolLimits(segmentBytes: 800, synchronizes: false)
private let manifest = Array("manifest".utf8)

@Suite("The spool opens whatever lies in its directory")
struct SpoolHostilityTests {
    @Test("a segment with a damaged header is moved aside, its records are lost, and no others")
    func damagedHeader() throws {
        let bench = try Workbench()
        let run = try bench.fill(30, limits)
        let whole = try bench.snapshot()
        let names = try bench.segments
        for (index, name) in names.enumerated() {
            try bench.restore(whole)
            var bytes = try bench.read(name)
            bytes[20] ^= 1
            try bench.write(name, bytes)
            let first = try #require(Segment.first(ofName: name))
            let end =
                index + 1 < names.count ? try #require(Segment.first(ofName: names[index + 1])) : 31
            for hasIdentity in [true, false] {
                if !hasIdentity { unlink(bench.identity) }
                let spool = try bench.open(limits)
                #expect(spool.run.rawValue == run)
                #expect(spool.nextSequence == 31 || (!hasIdentity && index == names.count - 1))
                #expect(spool.dropped == end - first || !hasIdentity)
                let kept = (1...30 as ClosedRange<UInt64>).filter { $0 < first || $0 >= end }
                #expect(try spool.contents().keys.sorted() == kept)
                #expect(try bench.damaged == ["damaged-000001-" + name])
            }
        }
    }

    @Test("a spool of another run is moved aside, and the agent's own is named as predecessor")
    func foreignSpool() throws {
        let (bench, other) = (try Workbench(), try Workbench())
        let run = try bench.fill(7, limits)
        try other.fill(30, limits)
        try bench.restore(
            try other.snapshot().merging(try bench.snapshot().filter { $0.key == "../identity" }) {
                $1
            })
        let spool = try bench.open(limits)
        #expect(spool.predecessor?.run == run)
        #expect(spool.predecessor?.last == 7)
        #expect(spool.recovery.isRunLost)
        #expect(try bench.segments.isEmpty)
        #expect(try spool.contents().isEmpty)
    }

    @Test("a segment of another run among the own is moved aside")
    func foreignSegment() throws {
        let bench = try Workbench()
        let run = try bench.fill(10, limits)
        for first in [5, 11, 5_000] as [UInt64] {
            let header = SegmentHeader(
                run: run ^ 1, first: first, counts: RunCounts(), predecessor: .none,
                previous: ChainHead(startOf: 1, after: nil), manifest: manifest)
            let entry = Entry.encode([1], sequence: first, previous: header.previous)
            try bench.write(Segment.name(first: first), header.bytes + entry)
        }
        let spool = try bench.open(limits)
        #expect(spool.recovery.damagedFiles == 3)
        #expect(spool.nextSequence == 11)
        #expect(spool.dropped == 0)
        #expect(try spool.contents().count == 10)
    }

    @Test("what is no plain file, empty, too long or of format 1 is moved aside")
    func strangeFiles() throws {
        let bench = try Workbench()
        try bench.fill(10, limits)
        let path = { bench.spool + "/" + Segment.name(first: $0) }
        mkdir(path(100), 0o700)
        mkfifo(path(101), 0o600)
        #expect(symlink("/etc/passwd", path(102)) == 0)
        try bench.write(Segment.name(first: 103), [])
        try bench.write(Segment.name(first: 104), [UInt8](repeating: 0, count: 17 << 20))
        try bench.write(
            Segment.name(first: 105), Array("JFSPOOL\n".utf8) + [1, 0, 0, 0, 1, 0, 0, 0])
        let spool = try bench.open(limits)
        #expect(spool.nextSequence == 11)
        #expect(spool.dropped == 0)
        #expect(spool.recovery.damagedFiles == 6)
        // Of what can be removed, the newest four stay, and none that is too long.
        #expect(try bench.damaged.count <= DamagedFiles.limit + 1)
        var status = stat()
        for name in try bench.damaged {
            #expect(lstat(bench.spool + "/" + name, &status) == 0)
            #expect(status.st_size <= DamagedFiles.byteLimit)
            rmdir(bench.spool + "/" + name)
        }
    }

    @Test(
        "a FIFO in the place of a file keeps nobody waiting",
        arguments: ["lock", "new", "identity", "identity.new", "position", "segment"])
    func fifos(name: String) throws {
        let bench = try Workbench()
        try bench.fill(3, limits)
        let path =
            switch name {
            case "lock", "new": bench.spool + "/" + name
            case "position": bench.spool + "/" + Position.name(of: "a")
            case "segment": try bench.spool + "/" + #require(bench.segments.last)
            default: bench.identity + name.dropFirst("identity".count)
            }
        func putFIFO() throws {
            unlink(path)
            try #require(mkfifo(path, 0o600) == 0)
        }
        do {
            let spool = try bench.open(limits)
            try spool.use(manifest: [1])
            try putFIFO()
            #expect(try spool.append(record(4)) == 4)
            try spool.acknowledge(through: 4)
        }
        try putFIFO()
        let spool = try bench.open(limits)
        try spool.use(manifest: [1])
        let next = spool.nextSequence
        #expect(try spool.append(record(next)) == next)
        #expect(spool.dropped <= 4)
    }

    @Test("the largest and strangest numbers in every field open, and go on")
    func numbers() throws {
        let bench = try Workbench()
        try bench.fill(10, SpoolLimits(synchronizes: false))
        let whole = try bench.snapshot()
        let name = try #require(try bench.segments.last)
        let position = Position(run: 1, acknowledged: 5, destination: "a")
        let numbers: [UInt64] = [
            0, 1, 1 << 31, 1 << 32, (1 << 61) - 1, 1 << 61, (1 << 62) - 1, 1 << 62, 1 << 63, .max,
        ]
        for (file, offsets) in [
            (name, [12, 16, 24, 32, 40, 48, 56, 64, 72]),
            ("../identity", [16, 24, 32, 40, 48, 56, 64, 72, 80]),
            (Position.name(of: "a"), [4, 12]),
        ] {
            for (offset, number) in offsets.flatMap({ offset in numbers.map { (offset, $0) } }) {
                var changed = whole
                var bytes = changed[file] ?? position.bytes
                bytes.replaceSubrange(
                    offset..<offset + 8,
                    with: (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
                if file == Position.name(of: "a") {
                    let checksum = bytes.checksum(from: 4, to: bytes.count)
                    for index in 0..<4 {
                        bytes[index] = UInt8(truncatingIfNeeded: checksum >> (8 * index))
                    }
                } else if offset != 12 {
                    bytes.sign(isIdentity: file != name)
                }
                changed[file] = bytes
                try bench.restore(changed)
                try goOn(bench)
            }
        }
    }

    @Test("an entry with the strangest length or number is passed over or believed, without harm")
    func entries() throws {
        let bench = try Workbench()
        try bench.fill(3, SpoolLimits(synchronizes: false))
        let whole = try bench.snapshot()
        let name = try #require(try bench.segments.last)
        let bytes = try #require(whole[name])
        let head = ChainHead(startOf: 1, after: nil)
        for sequence in [0, 3, 4, 5, 1 << 32, 1 << 33, 1 << 62, .max] as [UInt64] {
            for length in [0, 1, 65_544, 65_545, .max] as [UInt32] {
                var entry = Entry.encode([1, 2, 3], sequence: sequence, previous: head)
                entry.replaceSubrange(
                    0..<4, with: (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
                var changed = whole
                changed[name] = bytes + entry
                try bench.restore(changed)
                try goOn(bench)
            }
        }
    }

    @Test("1,500 spools with garbled files open, deliver only what was appended, and go on")
    func garbled() throws {
        let bench = try Workbench()
        try bench.fill(16, limits, acknowledge: 2)
        let whole = try bench.snapshot()
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<1_500 {
            var changed = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                guard let name = changed.keys.sorted().randomElement(using: &generator) else {
                    continue
                }
                changed[name] = garble(changed[name] ?? [], &generator)
            }
            try bench.restore(changed)
            let spool = try? bench.open(limits)
            let contents = try spool?.contents(from: spool?.firstSequence ?? 1) ?? [:]
            #expect(contents.allSatisfy { $0.value == record($0.key) })
            withExtendedLifetime(spool) {}
        }
    }

    private func garble(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8]? {
        var bytes = bytes
        let offset = Int.random(in: 0...bytes.count, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: return nil
        case 1: return Array(bytes[..<offset])
        case 2: return Array(bytes[offset...])
        case 3:
            return bytes[..<offset]
                + (0..<64).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
                + bytes[offset...]
        default:
            for _ in 0..<3 where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[index] = UInt8.random(in: 0 ... .max, using: &generator)
            }
            return bytes
        }
    }

    /// Opens, reads, appends and acknowledges.
    private func goOn(_ bench: Workbench) throws {
        let spool = try bench.open()
        var next: UInt64 = 1
        while let batch = try spool.batch(from: next, maximumRecords: 9, maximumBytes: 900) {
            next = batch.first + UInt64(batch.records.count)
        }
        _ = (spool.dropped, spool.firstSequence, spool.bytes)
        try spool.use(manifest: [9])
        let number = try spool.append([9])
        try spool.acknowledge(through: number)
        _ = try spool.append([9])
        #expect(spool.firstSequence == number + 1)
        #expect(try bench.segments.isEmpty == false)
    }
}

@Suite("The spool goes on once the cause of a failure is gone")
struct SpoolRecoveryTests {
    @Test("a directory that became a file, or lost its place, is made anew when it can be")
    func directoryGone() throws {
        let bench = try Workbench()
        let spool = try bench.open(limits)
        try spool.use(manifest: manifest)
        _ = try spool.append(record(1))
        bench.removeSpool()
        close(open(bench.spool, O_CREAT | O_WRONLY, 0o600))
        for _ in 0..<3 { #expect(throws: SpoolError.self) { try spool.append(record(2)) } }
        try spool.acknowledge(through: 1)
        unlink(bench.spool)
        #expect(try spool.append(record(2)) == 2)
        #expect(spool.dropped == 0)
        #expect(try spool.contents(from: 2) == [2: record(2)])
    }

    @Test("an empty folder in the lock's place is replaced, one with something in it is named")
    func lockIsFolder() throws {
        let bench = try Workbench()
        try bench.fill(3, limits)
        let lock = SpoolSurvey.lockPath(in: bench.spool)
        unlink(lock)
        mkdir(lock, 0o700)
        mkdir(lock + "/a", 0o700)
        #expect(throws: SpoolError.notAFile(path: lock)) { try bench.open(limits) }
        rmdir(lock + "/a")
        #expect(try bench.open(limits).nextSequence == 4)
    }

    @Test("a file in the spool's place is named, to who opens it and to who looks at it")
    func spoolIsFile() throws {
        let bench = try Workbench()
        bench.removeSpool()
        close(open(bench.spool, O_CREAT | O_WRONLY, 0o600))
        let error = SpoolError.notAFolder(path: bench.spool)
        #expect(error.description.contains("`mv -nT \(bench.spool) \(bench.spool).aside`"))
        #expect(throws: error) { try bench.open(limits) }
        #expect(throws: error) {
            try SpoolSurvey(directory: bench.spool, identity: bench.identity, destinations: [])
        }
        unlink(bench.spool)
        #expect(try bench.open(limits).nextSequence == 1)
    }

    @Test("an identity that cannot be written keeps no record from being kept")
    func identityGone() throws {
        let bench = try Workbench()
        try bench.fill(3, limits)
        let spool = try bench.open(limits)
        try spool.use(manifest: manifest)
        unlink(bench.identity)
        mkdir(bench.identity, 0o700)
        for number in 4...6 as ClosedRange<UInt64> {
            #expect(try spool.append(record(number)) == number)
            if number == 5 { rmdir(bench.identity) }
        }
        #expect(try Identity(bench.identity)?.last == 6)
    }
}
