/// Bytes of ASN.1 in DER: tag, length, content.
///
/// Source: ITU-T X.690, 8 and 10.
enum DER {
    static let boolean: UInt8 = 0x01
    static let integer: UInt8 = 0x02
    static let octets: UInt8 = 0x04
    static let null: UInt8 = 0x05
    static let identifier: UInt8 = 0x06
    static let text: UInt8 = 0x0C
    static let generalizedTime: UInt8 = 0x18
    static let sequence: UInt8 = 0x30
    static let set: UInt8 = 0x31
    /// [0], constructed.
    static let context0: UInt8 = 0xA0

    static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        var rest = content.count
        repeat {
            length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        } while rest > 0
        let isShort = content.count < 0x80
        return [tag] + (isShort ? [] : [0x80 | UInt8(length.count)]) + length + content
    }

    /// A number that is not negative, in as few bytes as it needs.
    static func element(integer value: UInt64) -> [UInt8] {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
        let digits = Array(bytes.drop { $0 == 0 })
        let needsZero = digits.first.map { $0 & 0x80 != 0 } ?? true
        return element(integer, (needsZero ? [0] : []) + digits)
    }
}

/// Reads elements one after the other.
struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    /// Whether an element with this tag is next.
    func has(_ tag: UInt8) -> Bool { rest.first == tag }

    /// The content of the next element, which must have this tag.
    mutating func next(_ tag: UInt8) throws(TimeStampError) -> ArraySlice<UInt8> {
        guard let found = rest.first else { throw .endsEarly }
        guard found == tag else { throw .unexpected(tag: found, at: rest.startIndex) }
        return try any()
    }

    /// The content of the next element, whatever it is.
    mutating func any() throws(TimeStampError) -> ArraySlice<UInt8> {
        let start = rest.startIndex
        guard rest.count >= 2 else { throw .endsEarly }
        let first = rest[start + 1]
        rest = rest.dropFirst(2)
        var length = Int(first)
        if first >= 0x80 {
            let count = Int(first & 0x7F)
            guard (1...4).contains(count) else { throw .notDER(at: start) }
            guard rest.count >= count else { throw .endsEarly }
            length = rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            guard length >= 0x80, rest.first != 0 else { throw .notDER(at: start) }
            rest = rest.dropFirst(count)
        }
        guard rest.count >= length else { throw .endsEarly }
        defer { rest = rest.dropFirst(length) }
        return rest.prefix(length)
    }
}
