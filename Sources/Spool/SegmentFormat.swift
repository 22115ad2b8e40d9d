import CRC32C

/// What a segment's file begins with. The layout is told in Spool.swift.
struct SegmentHeader: Equatable {
    static let magic = Array("JFSPOOL\n".utf8)
    static let version: UInt32 = 1
    private static let fixedSize = 48
    private static let checksumSize = 4

    let run: UInt64
    /// The sequence number of the segment's first entry.
    let first: UInt64
    /// Records of the run lost before they were acknowledged, up to the segment's creation.
    let dropped: UInt64
    /// Segments that end here or before were dropped: one still found was to be removed.
    let droppedThrough: UInt64
    let manifest: [UInt8]

    var size: Int { Self.fixedSize + manifest.count + Self.checksumSize }

    var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: Self.version)
        bytes.append(littleEndian: UInt32(manifest.count))
        for number in [run, first, dropped, droppedThrough] { bytes.append(littleEndian: number) }
        bytes += manifest
        bytes.append(littleEndian: CRC32C.checksum(bytes))
        return bytes
    }

    init(run: UInt64, first: UInt64, dropped: UInt64, droppedThrough: UInt64, manifest: [UInt8]) {
        self.run = run
        self.first = first
        self.dropped = dropped
        self.droppedThrough = droppedThrough
        self.manifest = manifest
    }

    /// The header at the start of `file`, or `nil` where it was altered or cut.
    init?(_ file: [UInt8], path: String) throws(SpoolError) {
        guard file.count >= Self.fixedSize, file.starts(with: Self.magic) else { return nil }
        let length: UInt32 = file.littleEndian(at: 12)
        let end = Self.fixedSize + Int(length)
        guard length <= UInt32(SpoolLimits.manifest), file.count >= end + Self.checksumSize,
            file.littleEndian(at: end) == CRC32C.checksum(Array(file[..<end]))
        else { return nil }
        let version: UInt32 = file.littleEndian(at: 8)
        guard version == Self.version else {
            throw .unknownFormat(path: path, version: version)
        }
        run = file.littleEndian(at: 16)
        first = file.littleEndian(at: 24)
        dropped = file.littleEndian(at: 32)
        droppedThrough = file.littleEndian(at: 40)
        manifest = Array(file[Self.fixedSize..<end])
    }
}

/// One record in a segment's file.
struct Entry {
    /// Length, checksum and sequence number.
    static let overhead = 16
    /// How far a sequence number may lie beyond the expected one to be believed.
    private static let farthest: UInt64 = 1 << 32

    let sequence: UInt64
    /// Where the record lies in the bytes searched.
    let record: Range<Int>

    static func encode(_ record: [UInt8], sequence: UInt64) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(overhead + record.count)
        body.append(littleEndian: sequence)
        body += record
        var bytes: [UInt8] = []
        bytes.reserveCapacity(overhead + record.count)
        bytes.append(littleEndian: UInt32(record.count))
        bytes.append(littleEndian: CRC32C.checksum(body))
        return bytes + body
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
        let end = offset + Self.overhead + Int(length)
        guard 1...SpoolLimits.record ~= Int(length), end <= file.count,
            sequence >= expected, sequence - expected < Self.farthest
        else { return nil }
        let computed = file.withUnsafeBytes {
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[offset + 8..<end]))
        }
        guard computed == file.littleEndian(at: offset + 4) else { return nil }
        self.sequence = sequence
        record = offset + Self.overhead..<end
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
}
