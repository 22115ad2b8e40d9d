import Glibc

/// A segment's file, as far as memory holds it.
struct Segment {
    private static let prefix = "segment-"
    private static let suffix = ".spool"
    private static let digits = 20
    /// A first sequence number beyond this is no file of ours.
    private static let largestFirst: UInt64 = 1 << 62
    /// A segment's file beyond this is no file of ours and is not read.
    private static let largestFile = 1 << 28

    let first: UInt64
    let path: String
    /// `nil` where the header was altered: the entries cannot be told from each other's manifests.
    let header: SegmentHeader?
    /// The sequence number after the last entry.
    var next: UInt64
    /// Bytes up to the end of the last entry.
    var size: Int
    /// Unacknowledged records that should be here and cannot be read, ascending.
    var missing: [ClosedRange<UInt64>] = []

    init(new header: SegmentHeader, in directory: String) {
        self.header = header
        first = header.first
        next = header.first
        size = header.size
        path = directory + "/" + Self.name(first: header.first)
    }

    static func name(first: UInt64) -> String {
        let number = String(first)
        let zeros = String(repeating: "0", count: max(0, digits - number.count))
        return prefix + zeros + number + suffix
    }

    /// The first sequence number in a segment's name, or `nil` for other files.
    static func first(ofName name: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        let number = name.dropFirst(prefix.count).dropLast(suffix.count)
        guard number.count == digits, let first = UInt64(number), 1...largestFirst ~= first else {
            return nil
        }
        return first
    }

    /// Reads the file and finds every whole entry. Returns the bytes after the last of them too.
    static func load(_ path: String, first: UInt64) throws(SpoolError) -> (Segment, rest: Int) {
        let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        let size = try file.size()
        guard size <= largestFile else {
            throw .corrupt(path: path, reason: "is \(size) bytes long, which no segment is")
        }
        let bytes = try file.read(from: 0, count: size)
        let header = try SegmentHeader(bytes, path: path)
        if let header, header.first != first {
            throw .corrupt(path: path, reason: "begins with record \(header.first)")
        }
        var segment = Segment(path: path, first: first, header: header)
        while let entry = Entry.next(in: bytes, from: segment.size, expected: segment.next) {
            if entry.sequence > segment.next {
                segment.missing.append(segment.next...entry.sequence - 1)
            }
            segment.next = entry.sequence + 1
            segment.size = entry.record.upperBound
        }
        return (segment, bytes.count - segment.size)
    }

    private init(path: String, first: UInt64, header: SegmentHeader?) {
        self.path = path
        self.first = first
        self.header = header
        next = first
        size = header?.size ?? 0
    }

    /// How many records of `missing` there are.
    var missingCount: UInt64 { missing.reduce(0) { $0 + $1.upperBound - $1.lowerBound + 1 } }

    /// Removes from `missing` what lies at or before `through`, and returns how many that were.
    mutating func forgetMissing(through: UInt64) -> UInt64 {
        let before = missingCount
        missing = missing.compactMap {
            $0.upperBound <= through ? nil : max($0.lowerBound, through + 1)...$0.upperBound
        }
        return before - missingCount
    }
}
