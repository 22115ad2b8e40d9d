import Glibc
import Metering
import Testing

@testable import Spool

private let small = SpoolLimits(segmentBytes: 800, totalBytes: 4_000, synchronizes: false)
private let segmented = SpoolLimits(segmentBytes: 800, synchronizes: false)
private let manifest = Array("manifest".utf8)

@Suite("The spool keeps records until they are acknowledged")
struct SpoolTests {
    @Test("records come back in order, in batches of one manifest, within the limits asked for")
    func reading() throws {
        let bench = try Workbench()
        let spool = try bench.open(segmented)
        for number in 1...60 as ClosedRange<UInt64> {
            try spool.use(manifest: number <= 30 ? [1] : [2])
            #expect(try spool.append(record(number)) == number)
        }
        #expect(try bench.segments.count > 4)
        var next: UInt64 = 1
        while let batch = try spool.batch(from: next, maximumRecords: 5, maximumBytes: 90) {
            #expect(batch.first == next)
            #expect(batch.manifest == (next <= 30 ? [1] : [2]))
            #expect(batch.records.count <= 5)
            #expect(batch.records.count == 1 || batch.records.map(\.count).reduce(0, +) <= 90)
            for found in batch.records {
                #expect(found == record(next))
                next += 1
            }
        }
        #expect(next == 61)
        for start in (1...60 as ClosedRange<UInt64>).reversed() {
            let batch = try spool.batch(from: start, maximumRecords: 1, maximumBytes: 0)
            #expect(batch?.first == start)
            #expect(batch?.records == [record(start)])
        }
        #expect(try spool.batch(from: 61, maximumRecords: 1, maximumBytes: 1) == nil)
    }

    @Test("run and sequence survive closing, also where everything was acknowledged")
    func identity() throws {
        let bench = try Workbench()
        var spool: Spool? = try bench.open(segmented)
        let run = spool?.run
        #expect(run != RunID(0))
        try spool?.use(manifest: manifest)
        for number in 1...40 as ClosedRange<UInt64> { _ = try spool?.append(record(number)) }
        try spool?.acknowledge(through: 40)
        #expect(try bench.segments.count == 1)
        spool = nil
        let again = try bench.open(segmented)
        #expect(again.run == run)
        #expect(again.nextSequence == 41)
        #expect(again.firstSequence == 41)
        #expect(again.acknowledged(by: "a") == 40)
        #expect(again.dropped == 0)
        try again.use(manifest: manifest)
        #expect(try again.append(record(41)) == 41)
        #expect(try again.contents(from: 41) == [41: record(41)])
    }

    @Test("an acknowledgement frees whole segments, never goes back, and covers only what was made")
    func acknowledging() throws {
        let bench = try Workbench()
        let spool = try bench.open(segmented)
        try spool.use(manifest: manifest)
        for number in 1...60 as ClosedRange<UInt64> { _ = try spool.append(record(number)) }
        let before = try bench.segments.count
        try spool.acknowledge(through: 30)
        #expect(try bench.segments.count < before)
        #expect(spool.firstSequence == 31)
        try spool.acknowledge(through: 10)
        #expect(spool.firstSequence == 31)
        #expect(throws: SpoolError.acknowledgedUnmade(through: 61, next: 61)) {
            try spool.acknowledge(through: 61)
        }
        #expect(try spool.contents(from: 31).keys.sorted() == Array(31...60))
        #expect(spool.dropped == 0)
    }

    @Test("the bound holds, the oldest go first, and the count of the lost survives")
    func bound() throws {
        let bench = try Workbench()
        var kept: [UInt64: [UInt8]] = [:]
        for round in 0..<20 as Range<UInt64> {
            let spool = try bench.open(small)
            try spool.use(manifest: manifest)
            for number in round * 20 + 1...round * 20 + 20 {
                _ = try spool.append(record(number))
                #expect(spool.bytes <= small.totalBytes)
            }
            if round == 3 { try spool.acknowledge(through: 75) }
            #expect(spool.dropped + UInt64(round >= 3 ? 75 : 0) >= spool.firstSequence - 1)
            kept = try spool.contents(from: spool.firstSequence)
            let first = spool.firstSequence
            #expect(kept.keys.sorted() == Array(first..<spool.nextSequence))
            if round > 5 {
                let droppedEarly = spool.dropped &- (first - 1 - 75)
                #expect(
                    droppedEarly < 75, "records 1 to 75: \(droppedEarly) dropped before the ack")
            }
            let onDisk = try bench.segments.map { try bench.read($0).count }.reduce(0, +)
            #expect(onDisk == spool.bytes)
        }
        let spool = try bench.open(small)
        #expect(spool.dropped > 250)
        #expect(try spool.contents(from: spool.firstSequence) == kept)
    }

    @Test("dropped is exactly what was never acknowledged and is gone")
    func exactCount() throws {
        let bench = try Workbench()
        let spool = try bench.open(small)
        try spool.use(manifest: manifest)
        for number in 1...30 as ClosedRange<UInt64> { _ = try spool.append(record(number)) }
        try spool.acknowledge(through: 30)
        for number in 31...200 as ClosedRange<UInt64> { _ = try spool.append(record(number)) }
        #expect(spool.firstSequence > 31)
        #expect(spool.dropped == spool.firstSequence - 31)
    }

    @Test("a manifest that comes back unchanged goes on in the same segment")
    func sameManifest() throws {
        let bench = try Workbench()
        for number in 1...5 as ClosedRange<UInt64> {
            let spool = try bench.open()
            try spool.use(manifest: manifest)
            #expect(try spool.append(record(number)) == number)
        }
        #expect(try bench.segments.count == 1)
    }

    @Test("what cannot be kept is refused")
    func refusals() throws {
        let bench = try Workbench()
        let spool = try bench.open()
        #expect(throws: SpoolError.noManifest) { try spool.append([1]) }
        #expect(throws: SpoolError.self) { try spool.use(manifest: []) }
        try spool.use(manifest: manifest)
        #expect(throws: SpoolError.recordLength(0, limit: 65_544)) { try spool.append([]) }
        let largest = [UInt8](repeating: 1, count: SpoolLimits.record)
        #expect(throws: SpoolError.self) { try spool.append(largest + [1]) }
        #expect(try spool.append(largest) == 1)
        let batch = try spool.batch(from: 1, maximumRecords: 1, maximumBytes: 1)
        #expect(batch?.records == [largest])
    }

    @Test("two agents cannot share a directory; files are for their owner alone")
    func lock() throws {
        let bench = try Workbench()
        var spool: Spool? = try bench.open()
        try spool?.use(manifest: manifest)
        _ = try spool?.append([1])
        #expect(throws: SpoolError.locked(path: bench.spool)) { try bench.open() }
        var status = stat()
        for name in try bench.files {
            #expect(stat(bench.spool + "/" + name, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
        #expect(stat(bench.spool, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        spool = nil
        _ = try bench.open()
    }

    @Test("a directory that cannot be made or written is named")
    func unusable() throws {
        #expect(throws: SpoolError.io(path: "/nowhere/spool", call: "create", errno: ENOENT)) {
            try Spool(directory: "/nowhere/spool", identity: "/nowhere/identity", destinations: [])
        }
        #expect(throws: SpoolError.self) {
            try Spool(directory: "/proc/self/spool", identity: "/proc/self/id", destinations: [])
        }
        let error = SpoolError(EACCES, "open", "/state/lock")
        #expect(error == .permission(path: "/state/lock", call: "open"))
        #expect(SpoolError(EROFS, "write", "/x") == .readOnly(path: "/x"))
        #expect(SpoolError(EDQUOT, "write", "/x") == .noSpace(path: "/x"))
    }

    /// Access rights do not bind root, who therefore tries as another user.
    @Test("a directory without permission is named")
    func permission() throws {
        let bench = try Workbench()
        _ = try bench.open()
        chmod(bench.root, 0o755)
        chmod(bench.spool, 0)
        #expect(try outcomeAsNobody(bench.spool) == 1)
    }

    /// 1 where opening says `.permission`, 2 where it says anything else, 0 where it succeeds.
    private func outcomeAsNobody(_ directory: String) throws -> Int {
        // setfsuid(2) changes the identity for files of this thread only; Glibc does not import it.
        typealias SetIdentity = @convention(c) (UInt32) -> Int32
        let symbol = try #require(dlsym(nil, "setfsuid"))
        let setIdentity = unsafeBitCast(symbol, to: SetIdentity.self)
        let (isRoot, nobody) = (geteuid() == 0, UInt32(65_534))
        if isRoot { _ = setIdentity(nobody) }
        defer { if isRoot { _ = setIdentity(0) } }
        do {
            _ = try Spool(directory: directory, identity: directory + "/../id", destinations: [])
            return 0
        } catch {
            if case .permission = error { return 1 }
            return 2
        }
    }
}
