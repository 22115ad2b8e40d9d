// Hot path: plain values.

/// A reference in the text of an XML element, while it is read: what stands between `&` and `;`.
///
/// Source: XML 1.0, 4.1 and 4.6.
struct XMLReference {
    /// Bytes at most; what is longer is no reference that is replaced.
    private static let maximum = 12

    private(set) var isOpen = false
    private var length: UInt8 = 0
    private var bytes: InlineArray<12, UInt8> = .init(repeating: 0)

    var count: Int { Int(length) }

    /// `&` was read.
    mutating func open() {
        isOpen = true
        length = 0
    }

    mutating func close() { isOpen = false }

    /// False where the byte cannot be of a reference that is known.
    mutating func take(_ byte: UInt8) -> Bool {
        guard count < Self.maximum,
            byte == 0x23 || byte.isDigit || (byte | 0x20) &- 0x61 < 26 || byte == 0x5f
                || byte >= 0x80
        else { return false }
        bytes[count] = byte
        length += 1
        return true
    }

    /// The character that is meant; `nil` where it is no character's reference.
    var character: Unicode.Scalar? {
        guard count > 1 else { return nil }
        if bytes[0] == 0x23 { return numbered }
        return switch (count, bytes[0], bytes[1]) {
        case (2, 0x6c, 0x74): "<"
        case (2, 0x67, 0x74): ">"
        case (3, 0x61, 0x6d) where bytes[2] == 0x70: "&"
        case (4, 0x71, 0x75) where bytes[2] == 0x6f && bytes[3] == 0x74: "\""
        case (4, 0x61, 0x70) where bytes[2] == 0x6f && bytes[3] == 0x73: "'"
        default: nil
        }
    }

    private var numbered: Unicode.Scalar? {
        let isHex = bytes[1] == 0x78
        let first = isHex ? 2 : 1
        guard count > first else { return nil }
        var number: UInt32 = 0
        for index in first..<count {
            guard let digit = bytes[index].hexDigit, isHex || digit < 10, number <= 0x10_ffff
            else { return nil }
            number = number * (isHex ? 16 : 10) + UInt32(digit)
        }
        return number == 0 ? nil : Unicode.Scalar(number)
    }
}

extension UInt8 {
    var isXMLSpace: Bool {
        self == 0x20 || self == 0x0a || self == 0x0d || self == 0x09
    }
    /// A letter, `_` or `:`, or a byte of a character that is not of ASCII.
    var beginsXMLName: Bool {
        (self | 0x20) &- 0x61 < 26 || self == 0x5f || self == 0x3a || self >= 0x80
    }
}
