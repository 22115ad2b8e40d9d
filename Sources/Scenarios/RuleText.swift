// Hot path: comparing allocates, copies and retains nothing.
import Glibc

/// A text of a rule, as a range of the table's bytes, with its first eight bytes at hand.
struct RuleText: BitwiseCopyable, Sendable {
    let start: Int32
    let count: Int32
    /// The bytes as a number where there are eight at most, else the first eight.
    let word: UInt64

    var range: Range<Int> { Int(start)..<(Int(start) + Int(count)) }

    /// Whether `value` is this text, of a table with these bytes.
    @inline(__always)
    func isEqual(
        to value: UnsafeRawBufferPointer, _ word: UInt64, in bytes: PlainRows<UInt8>
    ) -> Bool {
        guard Int(count) == value.count, self.word == word else { return false }
        guard count > 8, let left = value.baseAddress,
            let right = bytes.bytes(from: Int(start), count: Int(count)).baseAddress
        else { return true }
        return memcmp(left + 8, right + 8, Int(count) - 8) == 0
    }
}

/// The bytes as a number where there are eight at most, else the first eight.
@inline(__always)
func word(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let count = bytes.count
    guard count > 0, let start = bytes.baseAddress else { return 0 }
    if count >= 8 { return start.loadUnaligned(as: UInt64.self) }
    if count >= 4 {
        let first = UInt64(start.loadUnaligned(as: UInt32.self))
        let last = UInt64(start.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        return first | last << UInt64(8 * (count - 4))
    }
    if count >= 2 {
        let first = UInt64(start.loadUnaligned(as: UInt16.self))
        let last = UInt64(start.loadUnaligned(fromByteOffset: count - 2, as: UInt16.self))
        return first | last << UInt64(8 * (count - 2))
    }
    return UInt64(start.load(as: UInt8.self))
}

/// Whose a text is: the same text may be a path, a segment below a node, a finder's value and
/// a parameter's name.
enum TextOwner {
    case path
    case node(Int)
    case finder(Int)
    case query

    @inline(__always)
    var number: Int32 {
        switch self {
        case .path: 0
        case .node(let node): Int32(truncatingIfNeeded: node + 1)
        case .finder(let finder): Int32(truncatingIfNeeded: -1 - finder)
        case .query: .max
        }
    }
}

/// Numbers by text and its owner: an open table. What is looked up may be hostile, what is in it is
/// the operator's own: a lookup costs the same whatever it asks for.
struct TextIndex: BitwiseCopyable, Sendable {
    struct Entry: BitwiseCopyable {
        let text: RuleText
        let owner: Int32
        /// -1 where the place is free.
        let value: Int32
    }

    /// A power of two of places, at least one of them free.
    let entries: PlainRows<Entry>
    let bytes: PlainRows<UInt8>

    /// The number of `text`, or `nil`.
    @inline(__always)
    func find(_ text: UnsafeRawBufferPointer, of owner: TextOwner) -> Int? {
        let mask = entries.count - 1
        let first = word(text)
        var place = Self.spread(text, owner.number) & mask
        while true {
            let entry = entries[place]
            if entry.value < 0 { return nil }
            if entry.owner == owner.number, entry.text.isEqual(to: text, first, in: bytes) {
                return Int(entry.value)
            }
            place = (place + 1) & mask
        }
    }

    @inline(__always)
    static func spread(_ bytes: UnsafeRawBufferPointer, _ owner: Int32) -> Int {
        let factor: UInt64 = 0x9e37_79b9_7f4a_7c15
        var hash =
            UInt64(truncatingIfNeeded: owner) &* factor ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        if let start = bytes.baseAddress {
            while offset + 8 <= bytes.count {
                hash =
                    (hash ^ start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* factor
                hash ^= hash >> 29
                offset += 8
            }
        }
        hash = (hash ^ word(UnsafeRawBufferPointer(rebasing: bytes[offset...]))) &* factor
        return Int(truncatingIfNeeded: hash >> 32)
    }
}

/// Collects the texts of rules, those with an owner in the table that they will be found by.
struct TextBuilder: ~Copyable {
    private static let free = TextIndex.Entry(
        text: RuleText(start: 0, count: 0, word: 0), owner: 0, value: -1)

    private var bytes: [UInt8] = []
    /// A power of two of places, at most half of them taken.
    private var entries: GrowingRows<TextIndex.Entry>
    private var taken = 0

    /// - Parameter count: About how many with an owner there will be.
    init(_ count: Int) {
        var places = 2
        while places < count * 2 { places *= 2 }
        entries = GrowingRows(repeating: Self.free, count: places)
    }

    mutating func add(_ text: [UInt8]) -> RuleText { text.withUnsafeBytes { add($0) } }

    mutating func add(_ text: UnsafeRawBufferPointer) -> RuleText {
        let start = bytes.count
        bytes.append(contentsOf: text)
        return RuleText(start: Int32(start), count: Int32(text.count), word: word(text))
    }

    /// The number of a text: the one it has, or else `number`.
    mutating func number(_ text: [UInt8], of owner: TextOwner, else number: Int) -> Int {
        text.withUnsafeBytes { self.number($0, of: owner, else: number) }
    }

    mutating func number(
        _ text: UnsafeRawBufferPointer, of owner: TextOwner, else number: Int
    ) -> Int {
        let mask = entries.count - 1
        let first = word(text)
        var place = TextIndex.spread(text, owner.number) & mask
        while entries[place].value >= 0 {
            let known = entries[place]
            if known.owner == owner.number, known.text.count == text.count,
                known.text.word == first, bytes[known.text.range].elementsEqual(text)
            {
                return Int(known.value)
            }
            place = (place + 1) & mask
        }
        entries[place] = TextIndex.Entry(
            text: add(text), owner: owner.number, value: Int32(number))
        taken += 1
        if taken * 2 > entries.count { grow() }
        return number
    }

    private mutating func grow() {
        let mask = entries.count * 2 - 1
        var grown = GrowingRows(repeating: Self.free, count: mask + 1)
        for index in 0..<entries.count where entries[index].value >= 0 {
            let entry = entries[index]
            var place =
                bytes[entry.text.range].withUnsafeBytes { TextIndex.spread($0, entry.owner) } & mask
            while grown[place].value >= 0 { place = (place + 1) & mask }
            grown[place] = entry
        }
        entries = grown
    }

    consuming func frozen() -> TextIndex {
        TextIndex(entries: entries.frozen(), bytes: PlainRows(bytes))
    }
}
