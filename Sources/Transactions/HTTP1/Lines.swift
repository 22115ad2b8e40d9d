// Hot path: allocates nothing.
import Glibc

/// A line's bytes without its end.
typealias Line = UnsafeRawBufferPointer

/// The parts of a request line, borrowed from it.
struct RequestLine {
    let method: UnsafeRawBufferPointer
    let target: UnsafeRawBufferPointer
    /// The end of the target was not kept.
    let isCut: Bool
    /// The version is 1.0; of a line that was cut it is not known.
    let isOld: Bool

    /// Method, one space, target, one space and the version, which a line that was cut may lack.
    ///
    /// Source: RFC 9112, 3.
    init?(_ line: Line, isCut: Bool) {
        guard let method = line.method else { return nil }
        self.method = method
        let rest = UnsafeRawBufferPointer(rebasing: line[(method.count + 1)...])
        if isCut {
            guard rest.first != 0x20 else { return nil }
            target = rest.word
            self.isCut = target.count == rest.count
            isOld = false
            return
        }
        guard rest.count > 9, rest.version(at: rest.count - 8), rest[rest.count - 9] == 0x20 else {
            return nil
        }
        target = UnsafeRawBufferPointer(rebasing: rest[..<(rest.count - 9)])
        guard let first = target.baseAddress, memchr(first, 0x20, target.count) == nil else {
            return nil
        }
        self.isCut = false
        isOld = rest[rest.count - 1] == 0x30
    }

    /// The same with any space between the words and behind them, and with a minor version of up to
    /// three digits: a line that nginx serves, and where its place is known a request.
    ///
    /// Source: RFC 9112, 3: a recipient may parse on white space.
    init?(loosely line: Line, isCut: Bool) {
        guard let method = line.method else { return nil }
        self.method = method
        let rest = UnsafeRawBufferPointer(rebasing: line[method.count...]).trimmed
        target = rest.word
        guard !target.isEmpty else { return nil }
        self.isCut = isCut && target.count == rest.count
        if isCut {
            isOld = false
            return
        }
        let version = UnsafeRawBufferPointer(rebasing: rest[target.count...]).trimmed
        guard version.count <= 10, version.version(at: 0) else { return nil }
        var isZero = true
        for digit in version[7...] {
            guard digit.isDigit else { return nil }
            isZero = isZero && digit == 0x30
        }
        isOld = isZero
    }

    var kind: RequestKind {
        if method.equals("HEAD") { return .head }
        return method.equals("CONNECT") ? .connect : .plain
    }
}

/// The status code of a status line, or `nil` where the line is none.
///
/// Source: RFC 9112, 4.
func statusCode(_ line: Line) -> UInt16? {
    guard line.count >= 12, line.version(at: 0), line[8] == 0x20 else { return nil }
    guard line.count == 12 || line[12] == 0x20 else { return nil }
    let (hundreds, tens, ones) = (line[9] &- 0x30, line[10] &- 0x30, line[11] &- 0x30)
    guard hundreds &- 1 < 9, tens < 10, ones < 10 else { return nil }
    return UInt16(hundreds) &* 100 &+ UInt16(tens) &* 10 &+ UInt16(ones)
}

/// A Content-Length value as a number, and whether it is written more than once.
struct LengthValue: Equatable {
    /// The largest number stands for all larger ones too.
    let length: UInt64
    let isRepeated: Bool
}

/// A Content-Length value: digits, or the same number repeated in a list.
///
/// Source: RFC 9112, 6.3, 5.
func contentLength(_ value: UnsafeRawBufferPointer) -> LengthValue? {
    // Up to 18 digits cannot overflow.
    if value.count <= 18, !value.isEmpty {
        var length: UInt64 = 0
        var digits = 0
        while digits < value.count, value[digits].isDigit {
            length = length &* 10 &+ UInt64(value[digits] & 0x0f)
            digits += 1
        }
        if digits == value.count { return LengthValue(length: length, isRepeated: false) }
    }
    return listedLength(value)
}

private func listedLength(_ value: UnsafeRawBufferPointer) -> LengthValue? {
    var result: UInt64?
    var current: UInt64?
    var isEnded = false
    var isRepeated = false
    for byte in value {
        if byte.isDigit {
            guard !isEnded else { return nil }
            let (tens, over) = (current ?? 0).multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(byte - 0x30))
            current = over || carry ? .max : sum
        } else if byte == 0x2c {
            guard let length = current, result ?? length == length else { return nil }
            result = length
            current = nil
            isEnded = false
            isRepeated = true
        } else {
            guard byte == 0x20 || byte == 0x09 else { return nil }
            isEnded = current != nil
        }
    }
    guard let length = current, result ?? length == length else { return nil }
    return LengthValue(length: length, isRepeated: isRepeated)
}

/// A chunk's size, the largest number for all that are larger; extensions behind it are passed
/// over.
///
/// Source: RFC 9112, 7.1.
func chunkSize(_ line: Line) -> UInt64? {
    var size: UInt64 = 0
    var digits = 0
    for byte in line {
        guard let digit = byte.hexDigit else {
            guard byte == 0x3b || byte == 0x20 || byte == 0x09 else { return nil }
            break
        }
        size = size >> 60 == 0 ? size << 4 | UInt64(digit) : .max
        digits += 1
    }
    return digits > 0 ? size : nil
}

/// Whether the last coding of a Transfer-Encoding value is chunked.
///
/// Source: RFC 9112, 6.3, 4.
func endsInChunked(_ value: UnsafeRawBufferPointer) -> Bool {
    let last = UnsafeRawBufferPointer(rebasing: value[max(0, value.count - 7)...])
    guard last.count == 7, last.hasPrefixIgnoringCase("chunked") else { return false }
    guard value.count > 7 else { return true }
    let before = value[value.count - 8]
    return before == 0x2c || before == 0x20 || before == 0x09
}

extension UnsafeRawBufferPointer {
    /// Whether `HTTP/1.` and a digit stand at `offset`.
    @inline(__always)
    func version(at offset: Int) -> Bool {
        guard count - offset >= 8 else { return false }
        return loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x00ff_ffff_ffff_ffff
            == 0x002e_312f_5054_5448 && self[offset + 7].isDigit
    }

    /// The method that begins a request line, without the space that ends it.
    @inline(__always)
    fileprivate var method: UnsafeRawBufferPointer? {
        guard let start = baseAddress, count >= 4,
            let space = memchr(start, 0x20, Swift.min(count, 32))
        else { return nil }
        let length = UnsafeRawPointer(space) - start
        guard length > 0 else { return nil }
        for index in 0..<length where !self[index].isToken { return nil }
        return UnsafeRawBufferPointer(rebasing: self[..<length])
    }

    /// The bytes before the first space.
    fileprivate var word: UnsafeRawBufferPointer {
        guard let start = baseAddress, let space = memchr(start, 0x20, count) else { return self }
        return UnsafeRawBufferPointer(start: start, count: UnsafeRawPointer(space) - start)
    }

    /// Whether the bytes are those of `text`.
    @inline(__always) func equals(_ text: StaticString) -> Bool {
        guard let start = baseAddress, count == text.utf8CodeUnitCount else { return false }
        return memcmp(start, text.utf8Start, count) == 0
    }

    /// Whether the bytes begin with `text` in any case; `text` is in lower case.
    func hasPrefixIgnoringCase(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount {
            let byte = self[index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            guard lower == text.utf8Start[index] else { return false }
        }
        return true
    }

    /// The value of the header field whose name ends at `length`; whether space stands before the
    /// colon. `nil` where no colon follows.
    @inline(__always)
    func value(behind length: Int) -> (bytes: UnsafeRawBufferPointer, isSpaced: Bool)? {
        // As it is nearly always written: a colon, a space, and no more of it.
        if count >= length + 3, self[length] == 0x3a, self[length + 1] == 0x20,
            self[length + 2] > 0x20, self[count - 1] > 0x20
        {
            return (UnsafeRawBufferPointer(rebasing: self[(length + 2)...]), false)
        }
        return spacedValue(behind: length)
    }

    private func spacedValue(
        behind length: Int
    ) -> (bytes: UnsafeRawBufferPointer, isSpaced: Bool)? {
        var colon = length
        while colon < count, self[colon] == 0x20 || self[colon] == 0x09 { colon += 1 }
        guard colon < count, self[colon] == 0x3a else { return nil }
        return (
            UnsafeRawBufferPointer(rebasing: self[(colon + 1)...]).trimmed, colon > length
        )
    }

    /// The bytes without space and tab at either end.
    var trimmed: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    /// A list without what is empty at its end.
    ///
    /// Source: RFC 9110, 5.6.1.2: a recipient must ignore empty elements.
    var withoutEmptyElements: UnsafeRawBufferPointer {
        var end = count
        while end > 0, self[end - 1] == 0x2c || self[end - 1] == 0x20 || self[end - 1] == 0x09 {
            end -= 1
        }
        return UnsafeRawBufferPointer(rebasing: self[..<end])
    }

    /// Whether a segment begins a request: a method of capital letters, a space and a target; and a
    /// version, where the line ends in the segment.
    var beginsRequest: Bool {
        var length = 0
        while length < count, length < 20, self[length] &- 0x41 < 26 { length += 1 }
        guard length >= 3, count > length + 1, self[length] == 0x20, self[length + 1] > 0x20,
            let start = baseAddress
        else { return false }
        guard let end = memchr(start, 0x0a, count) else { return true }
        var last = UnsafeRawPointer(end) - start
        if self[last - 1] == 0x0d { last -= 1 }
        return RequestLine(UnsafeRawBufferPointer(rebasing: self[..<last]), isCut: false) != nil
    }

    /// Whether these bytes, which may be few, may be the first of a request line.
    var mayBecomeRequest: Bool {
        var length = 0
        while length < count, length < 20, self[length] &- 0x41 < 26 { length += 1 }
        guard length > 0, length < 20 else { return false }
        return length == count || length >= 3 && length + 1 == count && self[length] == 0x20
    }

    /// Whether a segment begins a response: a version, a space and a status, as far as it goes.
    var beginsResponse: Bool {
        guard version(at: 0) else { return false }
        for index in 8..<Swift.min(count, 13) {
            let byte = self[index]
            let fits =
                switch index {
                case 8: byte == 0x20
                case 9: byte &- 0x31 < 9
                case 10, 11: byte.isDigit
                default: byte == 0x20 || byte == 0x0d || byte == 0x0a
                }
            guard fits else { return false }
        }
        return true
    }

    /// Whether these bytes are the first of a status line, and its status has not come.
    var mayBecomeResponse: Bool {
        guard count < 12, mayBeginResponse else { return false }
        return count < 8 ? true : beginsResponse
    }

    /// Whether these bytes, which may be few, may be the first of a response.
    var mayBeginResponse: Bool {
        guard let start = baseAddress else { return false }
        let version: StaticString = "HTTP/1."
        return memcmp(start, version.utf8Start, Swift.min(count, version.utf8CodeUnitCount)) == 0
    }

    /// How many of the first three bytes of a TLS record of version 3 have come with these, where
    /// `before` of them came already. `nil` where these go on otherwise.
    ///
    /// Source: RFC 8446, 5.1.
    func bytesOfTLS(behind before: Int) -> Int? {
        let reached = Swift.min(3, before + count)
        for index in before..<reached {
            let byte = self[index - before]
            let fits =
                switch index {
                case 0: (0x14...0x17).contains(byte)
                case 1: byte == 3
                default: byte <= 4
                }
            guard fits else { return nil }
        }
        return reached
    }

    /// Whether a segment begins HTTP/2 with prior knowledge.
    ///
    /// Source: RFC 9113, 3.4.
    var beginsHTTP2: Bool {
        count >= 14 && UnsafeRawBufferPointer(rebasing: self[..<14]).equals("PRI * HTTP/2.0")
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }

    /// A character of a method or header name (RFC 9110, 5.6.2).
    var isToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5a, 0x5e...0x7a, 0x7c, 0x7e, 0x21, 0x23...0x27, 0x2a, 0x2b,
            0x2d, 0x2e:
            true
        default: false
        }
    }

    var hexDigit: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
