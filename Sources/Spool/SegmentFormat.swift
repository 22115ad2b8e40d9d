import CRC32C
import Chain
import Metering

/// What a segment's file begins with. The layout is told in Spool.swift.
struct SegmentHeader: Equatable {
    static let magic = Array("JFSPOOL\n".utf8)
    static let version: UInt32 = 2
    private static let fixedSize = 104
    private static let checksumSize = 4

    let run: UInt64
    /// The sequence number of the segment's first entry.
    let first: UInt64
    let counts: RunCounts
    let predecessor: Predecessor
    /// Before the first entry.
    let previous: ChainHead
    let manifest: [UInt8]

    static func size(manifest: Int) -> Int { fixedSize + manifest + checksumSize }

    var size: Int { Self.size(manifest: manifest.count) }

    var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: Self.version)
        bytes.append(littleEndian: UInt32(size))
        bytes.append(littleEndian: run)
        bytes.append(littleEndian: first)
        for number in counts.numbers { bytes.append(littleEndian: number) }
        bytes.append(littleEndian: predecessor.run)
        bytes.append(littleEndian: predecessor.last)
        bytes += previous.bytes
        bytes += manifest
        bytes.append(littleEndian: CRC32C.checksum(bytes))
        return bytes
    }

    init(
        run: UInt64, first: UInt64, counts: RunCounts, predecessor: Predecessor,
        previous: ChainHead, manifest: [UInt8]
    ) {
        self.run = run
        self.first = first
        self.counts = counts
        self.predecessor = predecessor
        self.previous = previous
        self.manifest = manifest
    }

    /// The header at the start of `file`, or `nil` where it was altered or cut. Throws where a newer
    /// version wrote it.
    init?(_ file: [UInt8], path: String) throws(SpoolError) {
        guard file.count >= 16, file.starts(with: Self.magic) else { return nil }
        let length: UInt32 = file.littleEndian(at: 12)
        let limit = Self.size(manifest: SpoolLimits.manifest) * 2
        guard 20...limit ~= Int(length), Int(length) <= file.count else { return nil }
        let end = Int(length) - Self.checksumSize
        guard file.littleEndian(at: end) == CRC32C.checksum(Array(file[..<end])) else { return nil }
        let version: UInt32 = file.littleEndian(at: 8)
        guard version <= Self.version else {
            throw .unknownFormat(path: path, version: version)
        }
        guard version == Self.version, end > Self.fixedSize,
            end - Self.fixedSize <= SpoolLimits.manifest,
            let counts = RunCounts(file, at: 32),
            let predecessor = Predecessor(file, at: 56),
            let previous = ChainHead(file[72..<Self.fixedSize])
        else { return nil }
        run = file.littleEndian(at: 16)
        first = file.littleEndian(at: 24)
        guard run != 0, 1...SpoolLimits.sequence ~= first else { return nil }
        self.counts = counts
        self.predecessor = predecessor
        self.previous = previous
        manifest = Array(file[Self.fixedSize..<end])
    }
}

/// What a run has come to, kept in each segment's header and in the identity: 24 bytes.
struct RunCounts: Equatable {
    /// Records lost for good, without those that a segment counts as missing.
    var dropped: UInt64 = 0
    /// Every record up to here is acknowledged by all, or counted in `dropped`.
    var released: UInt64 = 0
    /// How long an agent had the spool open, in nanoseconds.
    var age: UInt64 = 0

    var numbers: [UInt64] { [dropped, released, age] }

    init() {}

    /// `nil` where a number is larger than any that is written.
    init?(_ bytes: [UInt8], at offset: Int) {
        dropped = bytes.littleEndian(at: offset)
        released = bytes.littleEndian(at: offset + 8)
        age = bytes.littleEndian(at: offset + 16)
        guard numbers.allSatisfy({ $0 <= SpoolLimits.sequence }) else { return nil }
    }

    /// Of two tellings of one run, what is true of both.
    mutating func merge(_ other: RunCounts) {
        dropped = max(dropped, other.dropped)
        released = max(released, other.released)
        age = max(age, other.age)
    }

    /// Adds to `dropped`, which stops at the largest number that is written.
    mutating func drop(_ count: UInt64) {
        dropped = min(dropped.addingClamped(count), SpoolLimits.sequence)
    }
}

/// The run before this one: 16 bytes, zero where there was none.
struct Predecessor: Equatable {
    static let none = Predecessor(run: 0, last: 0)

    let run: UInt64
    /// The number of its last record.
    let last: UInt64

    init(run: UInt64, last: UInt64) {
        self.run = run
        self.last = last
    }

    /// `nil` where the number is larger than any that is made.
    init?(_ bytes: [UInt8], at offset: Int) {
        run = bytes.littleEndian(at: offset)
        last = bytes.littleEndian(at: offset + 8)
        guard last <= SpoolLimits.sequence else { return nil }
    }

    /// As a chain's start names it.
    var named: (run: UInt64, last: UInt64)? { run == 0 ? nil : (run, last) }
}

/// One record in a segment's file.
struct Entry {
    /// Length, checksum, sequence number and the chain's head before the record.
    static let overhead = 16 + ChainHead.size
    /// How far a sequence number may lie beyond the expected one to be believed.
    private static let farthest: UInt64 = 1 << 32

    let sequence: UInt64
    let previous: ChainHead
    /// Where the record lies in the bytes searched.
    let record: Range<Int>

    static func encode(_ record: [UInt8], sequence: UInt64, previous: ChainHead) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(overhead + record.count)
        bytes.append(littleEndian: UInt32(record.count))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: sequence)
        bytes += previous.bytes
        bytes += record
        let checksum = bytes.checksum(from: 8, to: bytes.count)
        bytes.replaceSubrange(
            4..<8, with: (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) })
        return bytes
    }

    /// The first whole entry at or after `offset` whose number is `expected` or a later one. What
    /// lies before it was altered.
    static func next(in file: [UInt8], from offset: Int, expected: UInt64) -> Entry? {
        var offset = offset
        while offset + overhead < file.count {
            if let entry = Entry(file, at: offset, expected: expected) { return entry }
            offset += 1
        }
        return nil
    }

    private init?(_ file: [UInt8], at offset: Int, expected: UInt64) {
        let length: UInt32 = file.littleEndian(at: offset)
        let sequence: UInt64 = file.littleEndian(at: offset + 8)
        let start = offset + Self.overhead
        guard 1...SpoolLimits.record ~= Int(length), start + Int(length) <= file.count,
            sequence >= expected, sequence - expected < Self.farthest,
            sequence <= SpoolLimits.sequence,
            file.checksum(from: offset + 8, to: start + Int(length))
                == file.littleEndian(at: offset + 4),
            let previous = ChainHead(file[offset + 16..<start])
        else { return nil }
        self.sequence = sequence
        self.previous = previous
        record = start..<start + Int(length)
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(littleEndian value: Number) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    func littleEndian<Number: FixedWidthInteger>(at offset: Int) -> Number {
        withUnsafeBytes {
            Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }

    func checksum(from start: Int, to end: Int) -> UInt32 {
        withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }
}
