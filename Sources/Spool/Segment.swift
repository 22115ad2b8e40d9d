import Chain
import Glibc

/// A segment's file, as far as memory holds it.
struct Segment {
    private static let prefix = "segment-"
    private static let suffix = ".spool"
    private static let digits = 20

    let path: String
    let header: SegmentHeader
    /// The sequence number after the last entry.
    var next: UInt64
    /// Bytes up to the end of the last entry.
    var size: Int
    /// Records held back by none that should be here or just before and cannot be read, ascending.
    var missing: [ClosedRange<UInt64>] = []

    var first: UInt64 { header.first }

    /// The first record that the segment answers for, readable or not.
    var oldest: UInt64 { min(first, missing.first?.lowerBound ?? .max) }

    init(new header: SegmentHeader, in directory: String) {
        self.header = header
        next = header.first
        size = header.size
        path = directory + "/" + Self.name(first: header.first)
    }

    init(_ file: SegmentFile, _ header: SegmentHeader) {
        self.header = header
        path = file.path
        next = file.next
        size = file.size
        missing = file.missing
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
        guard number.count == digits, let first = UInt64(number),
            1...SpoolLimits.sequence ~= first
        else { return nil }
        return first
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

    /// Puts a range before all others of `missing`.
    mutating func miss(before range: ClosedRange<UInt64>) { missing.insert(range, at: 0) }
}

/// What a file with a segment's name holds.
struct SegmentFile {
    /// A longer file is no segment and is not read.
    private static let largest = 16 << 20

    let path: String
    /// As the name says.
    let first: UInt64
    /// `nil` where it was altered, or says another first number than the name.
    private(set) var header: SegmentHeader?
    /// The sequence number after the last whole entry.
    private(set) var next: UInt64
    /// Bytes up to the end of the last whole entry.
    private(set) var size = 0
    /// Numbers between whole entries.
    private(set) var missing: [ClosedRange<UInt64>] = []
    /// Bytes after the last whole entry.
    private(set) var rest = 0
    /// After the last whole entry; `nil` where there is none and no header.
    private(set) var head: ChainHead?

    /// Reads the file and finds every whole entry. What is no readable file holds nothing. Throws
    /// where the fault is not the file's.
    init(_ path: String, first: UInt64) throws(SpoolError) {
        self.path = path
        self.first = first
        next = first
        do throws(SpoolError) {
            let file = try Descriptor(path, O_RDONLY | O_NOFOLLOW)
            let length = try file.size()
            guard length <= Self.largest else { return }
            try read(try file.read(from: 0, count: length))
        } catch {
            guard error.isOfFile else { throw error }
        }
    }

    private mutating func read(_ bytes: [UInt8]) throws(SpoolError) {
        let found = try SegmentHeader(bytes, path: path)
        header = found?.first == first ? found : nil
        size = header?.size ?? 0
        head = header?.previous
        var last: Entry?
        while let entry = Entry.next(in: bytes, from: size, expected: next) {
            if entry.sequence > next { missing.append(next...entry.sequence - 1) }
            next = entry.sequence + 1
            size = entry.record.upperBound
            last = entry
        }
        if let last { head = last.previous.appending(Array(bytes[last.record])) }
        rest = bytes.count - size
    }
}
