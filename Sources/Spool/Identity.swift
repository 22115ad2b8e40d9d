import CRC32C
import Chain
import Glibc

/// Which run the agent is in and how far it came, in a file outside the spool's directory: a lost
/// directory does not make numbers come twice, and what it held is known to be lost.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic `JFIDENT\n` |
/// | 8 | 4 | CRC-32C of all that follows |
/// | 12 | 4 | format version, 1 |
/// | 16 | 8 | run |
/// | 24 | 8 | number of the last record made, 0 for none |
/// | 32 | 24 | dropped, released, age, as in a segment's header |
/// | 56 | 16 | run before and its last record, as in a segment's header |
/// | 72 | 8 | how many of `dropped` never had a number and are not told by a record yet |
/// | 80 | 32 | head of the chain after the last record |
struct Identity: Equatable {
    private static let magic = Array("JFIDENT\n".utf8)
    private static let version: UInt32 = 1
    private static let size = 112
    /// A longer file is no identity.
    private static let largest = 4096

    var run: UInt64
    /// 0 for none.
    var last: UInt64
    var counts: RunCounts
    var predecessor: Predecessor
    var untold: UInt64
    /// After the last record.
    var head: ChainHead

    /// A run's beginning.
    init(run: UInt64, predecessor: Predecessor, untold: UInt64) {
        self.run = run
        last = 0
        counts = RunCounts()
        counts.drop(untold)
        self.predecessor = predecessor
        self.untold = untold
        head = ChainHead(startOf: run, after: predecessor.named)
    }

    init(
        run: UInt64, last: UInt64, counts: RunCounts, predecessor: Predecessor, untold: UInt64,
        head: ChainHead
    ) {
        self.run = run
        self.last = last
        self.counts = counts
        self.predecessor = predecessor
        self.untold = untold
        self.head = head
    }

    /// The identity in the file at `path`, or `nil` where there is none that is whole. Throws where a
    /// newer version wrote it.
    init?(_ path: String) throws(SpoolError) {
        guard let bytes = try smallFile(path, largest: Self.largest), bytes.count >= 16,
            bytes.starts(with: Self.magic),
            bytes.littleEndian(at: 8) == bytes.checksum(from: 12, to: bytes.count)
        else { return nil }
        let version: UInt32 = bytes.littleEndian(at: 12)
        guard version <= Self.version else { throw .unknownFormat(path: path, version: version) }
        guard version == Self.version, bytes.count == Self.size,
            let counts = RunCounts(bytes, at: 32), let predecessor = Predecessor(bytes, at: 56),
            let head = ChainHead(bytes[80..<Self.size])
        else { return nil }
        run = bytes.littleEndian(at: 16)
        last = bytes.littleEndian(at: 24)
        untold = bytes.littleEndian(at: 72)
        guard run != 0, last <= SpoolLimits.sequence, untold <= counts.dropped else { return nil }
        self.counts = counts
        self.predecessor = predecessor
        self.head = head
    }

    var bytes: [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(Self.size)
        body.append(littleEndian: Self.version)
        body.append(littleEndian: run)
        body.append(littleEndian: last)
        for number in counts.numbers { body.append(littleEndian: number) }
        for number in [predecessor.run, predecessor.last, untold] {
            body.append(littleEndian: number)
        }
        body += head.bytes
        var bytes = Self.magic
        bytes.append(littleEndian: CRC32C.checksum(body))
        return bytes + body
    }

    /// Overwrites the file in place.
    ///
    /// - Parameter isSynchronized: whether it is durable where this returns.
    func overwrite(_ path: String, on disk: any Disk, isSynchronized: Bool) throws(SpoolError) {
        let file = try Descriptor(path, O_WRONLY | O_NOFOLLOW)
        try disk.write(bytes, to: file, at: 0)
        if isSynchronized { try disk.synchronize(file) }
    }

    /// Puts a new file in the old one's place: whatever happens, one of them is there.
    func replace(_ path: String, on disk: any Disk, isSynchronized: Bool) throws(SpoolError) {
        let temporary = path + ".new"
        let file = try disk.create(temporary)
        try disk.write(bytes, to: file, at: 0)
        if isSynchronized { try disk.synchronize(file) }
        try disk.rename(temporary, to: path)
        if isSynchronized { try disk.synchronizeDirectory(directory(of: path)) }
    }
}

/// The directory that a path lies in.
private func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The bytes of a file; `nil` where there is none, it is too long, or is no file that can be read.
func smallFile(_ path: String, largest: Int) throws(SpoolError) -> [UInt8]? {
    do throws(SpoolError) {
        let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW)
        let size = try file.size()
        return size <= largest ? try file.read(from: 0, count: size) : nil
    } catch {
        guard error.isOfFile else { throw error }
        return nil
    }
}
