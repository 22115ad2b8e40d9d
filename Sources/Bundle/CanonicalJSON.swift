/// A value of a canonical document: JSON of which the same content always has the same bytes.
///
/// Keys are sorted by their UTF-16 code units, there is no white space, numbers are whole and exact
/// in every JSON reader, text is UTF-8 with no escape that is not needed.
/// Source: RFC 8785 (JSON Canonicalization Scheme), 3.2; whole numbers up to 2⁵³ − 1 after RFC 7493, 2.2.
package indirect enum CanonicalJSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// At most `maximumInteger`.
    case integer(UInt64)
    case string(String)
    case array([CanonicalJSON])
    case object([Member])

    /// A key and its value.
    package struct Member: Sendable, Hashable {
        package let key: String
        package let value: CanonicalJSON

        package init(_ key: String, _ value: CanonicalJSON) {
            self.key = key
            self.value = value
        }
    }

    /// 2⁵³ − 1; a larger number is refused.
    package static let maximumInteger: UInt64 = (1 << 53) - 1
    /// Bytes of a document; a longer one is refused.
    package static let maximumBytes = 16 << 20
    /// Arrays and objects inside one another; a deeper document is refused.
    package static let maximumDepth = 16

    /// The bytes of the document. Members may come in any order; a key that comes twice is refused.
    package func bytes() throws(CanonicalError) -> [UInt8] {
        var out: [UInt8] = []
        try write(to: &out, depth: 0)
        guard out.count <= Self.maximumBytes else { throw .tooLong(bytes: out.count) }
        return out
    }

    private func write(to out: inout [UInt8], depth: Int) throws(CanonicalError) {
        switch self {
        case .null: out += Array("null".utf8)
        case .bool(let value): out += Array((value ? "true" : "false").utf8)
        case .integer(let value):
            guard value <= Self.maximumInteger else { throw .integer(value) }
            out += Array(String(value).utf8)
        case .string(let text): Self.quote(text, to: &out)
        case .array(let items):
            guard depth < Self.maximumDepth else { throw .tooDeep(at: out.count) }
            out.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                try item.write(to: &out, depth: depth + 1)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            guard depth < Self.maximumDepth else { throw .tooDeep(at: out.count) }
            let sorted = members.sorted { Self.precedes($0.key, $1.key) }
            out.append(UInt8(ascii: "{"))
            for (index, member) in sorted.enumerated() {
                if index > 0 {
                    guard Self.precedes(sorted[index - 1].key, member.key) else {
                        throw .keyOrder(at: out.count)
                    }
                    out.append(UInt8(ascii: ","))
                }
                Self.quote(member.key, to: &out)
                out.append(UInt8(ascii: ":"))
                try member.value.write(to: &out, depth: depth + 1)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    /// Whether one key stands before another in a document.
    static func precedes(_ one: String, _ other: String) -> Bool {
        one.utf16.lexicographicallyPrecedes(other.utf16)
    }

    /// The letter behind the backslash of characters that have a short escape.
    ///
    /// Source: RFC 8785, 3.2.2.2.
    static let shortEscapes: [UInt8: UInt8] = [
        0x08: UInt8(ascii: "b"), 0x09: UInt8(ascii: "t"), 0x0A: UInt8(ascii: "n"),
        0x0C: UInt8(ascii: "f"), 0x0D: UInt8(ascii: "r"), 0x22: 0x22, 0x5C: 0x5C,
    ]

    private static func quote(_ text: String, to out: inout [UInt8]) {
        out.append(0x22)
        for byte in text.utf8 {
            if let letter = shortEscapes[byte] {
                out += [0x5C, letter]
            } else if byte < 0x20 {
                let digits = Array("0123456789abcdef".utf8)
                out += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                out.append(byte)
            }
        }
        out.append(0x22)
    }
}

/// Why bytes are no canonical document, and where; places count bytes from 0.
package enum CanonicalError: Error, Sendable, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case tooDeep(at: Int)
    case notUTF8
    case endsEarly
    /// Something else than JSON's grammar, or than this canonical form of it, allows.
    case unexpected(at: Int)
    /// A key twice, or not in the order of keys.
    case keyOrder(at: Int)
    /// More than 2⁵³ − 1.
    case integer(UInt64)
    case number(at: Int)
    case escape(at: Int)

    package var description: String {
        switch self {
        case .tooLong(let bytes):
            "\(bytes) bytes exceed the limit of \(CanonicalJSON.maximumBytes)"
        case .tooDeep(let place):
            "byte \(place): nested deeper than \(CanonicalJSON.maximumDepth) levels"
        case .notUTF8: "not UTF-8"
        case .endsEarly: "ends in the middle"
        case .unexpected(let place): "byte \(place): not what canonical JSON has there"
        case .keyOrder(let place): "byte \(place): keys are not in order, or one comes twice"
        case .integer(let value): "the number \(value) is above 2^53 - 1"
        case .number(let place):
            "byte \(place): not a whole number from 0 to 2^53 - 1, without zeros before it"
        case .escape(let place): "byte \(place): an escape that canonical JSON does not have"
        }
    }
}
