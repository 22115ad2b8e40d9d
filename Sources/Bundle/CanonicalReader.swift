extension CanonicalJSON {
    /// Reads a document. Bytes that are JSON but not in the canonical form are refused, so that what
    /// was read has these bytes and no others.
    package init(reading bytes: [UInt8]) throws(CanonicalError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLong(bytes: bytes.count) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8 }
        var reader = CanonicalReader(bytes: bytes)
        self = try reader.value(depth: 0)
        guard reader.at == bytes.count else { throw .unexpected(at: reader.at) }
    }
}

/// Reads canonical JSON from bytes that are UTF-8.
private struct CanonicalReader {
    let bytes: [UInt8]
    var at = 0

    private func peek() throws(CanonicalError) -> UInt8 {
        guard at < bytes.count else { throw .endsEarly }
        return bytes[at]
    }

    /// Takes the byte where it is there.
    private mutating func take(_ byte: Unicode.Scalar) throws(CanonicalError) -> Bool {
        guard try peek() == UInt8(ascii: byte) else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ text: String) throws(CanonicalError) {
        for byte in text.utf8 {
            guard try peek() == byte else { throw .unexpected(at: at) }
            at += 1
        }
    }

    mutating func value(depth: Int) throws(CanonicalError) -> CanonicalJSON {
        switch try peek() {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try items(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return .integer(try integer())
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        default: throw .unexpected(at: at)
        }
    }

    private mutating func items(depth: Int) throws(CanonicalError) -> [CanonicalJSON] {
        guard depth < CanonicalJSON.maximumDepth else { throw .tooDeep(at: at) }
        at += 1
        var items: [CanonicalJSON] = []
        if try take("]") { return items }
        while true {
            items.append(try value(depth: depth + 1))
            if try take("]") { return items }
            try expect(",")
        }
    }

    private mutating func members(depth: Int) throws(CanonicalError) -> [CanonicalJSON.Member] {
        guard depth < CanonicalJSON.maximumDepth else { throw .tooDeep(at: at) }
        at += 1
        var members: [CanonicalJSON.Member] = []
        if try take("}") { return members }
        while true {
            let start = at
            guard try peek() == UInt8(ascii: "\"") else { throw .unexpected(at: at) }
            let key = try string()
            if let last = members.last, !CanonicalJSON.precedes(last.key, key) {
                throw .keyOrder(at: start)
            }
            try expect(":")
            members.append(CanonicalJSON.Member(key, try value(depth: depth + 1)))
            if try take("}") { return members }
            try expect(",")
        }
    }

    private mutating func integer() throws(CanonicalError) -> UInt64 {
        let start = at
        var number: UInt64 = 0
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
            guard at == start || number > 0, number <= CanonicalJSON.maximumInteger else {
                throw .number(at: start)
            }
            number = number * 10 + UInt64(bytes[at] - 0x30)
            at += 1
        }
        guard number <= CanonicalJSON.maximumInteger else { throw .number(at: start) }
        return number
    }

    private mutating func string() throws(CanonicalError) -> String {
        at += 1
        var text: [UInt8] = []
        while true {
            let byte = try peek()
            at += 1
            switch byte {
            case 0x22: return String(decoding: text, as: UTF8.self)
            case 0x5C: text.append(try escaped())
            case 0..<0x20: throw .unexpected(at: at - 1)
            default: text.append(byte)
            }
        }
    }

    /// The character of an escape, where its place is behind the backslash.
    private mutating func escaped() throws(CanonicalError) -> UInt8 {
        let start = at - 1
        let letter = try peek()
        at += 1
        if let short = CanonicalJSON.shortEscapes.first(where: { $0.value == letter }) {
            return short.key
        }
        guard letter == UInt8(ascii: "u") else { throw .escape(at: start) }
        try expect("00")
        let (high, low) = (try hexadecimal(start), try hexadecimal(start))
        let value = high << 4 | low
        guard value < 0x20, CanonicalJSON.shortEscapes[value] == nil else {
            throw .escape(at: start)
        }
        return value
    }

    private mutating func hexadecimal(_ start: Int) throws(CanonicalError) -> UInt8 {
        let byte = try peek()
        at += 1
        switch byte {
        case 0x30...0x39: return byte - 0x30
        case 0x61...0x66: return byte - 0x61 + 10
        default: throw .escape(at: start)
        }
    }
}
