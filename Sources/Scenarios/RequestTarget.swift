// Hot path: reading a target allocates, copies and retains nothing.
import Glibc

/// The path of a request target: without scheme and authority (RFC 9112, 3.2.2) and without query.
/// That of a URI which has none is `/`.
///
/// Source: RFC 9110, 4.2.3 "http(s) Normalization and Comparison": an empty path component is
/// equivalent to an absolute path of "/".
package func path(ofTarget target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    if let first = target.first, first != UInt8(ascii: "/") {
        guard let authority = authorityStart(target) else { return target }
        start = authority
        while start < target.count, !isAuthorityEnd(target[start]) { start += 1 }
        if start == target.count || target[start] != UInt8(ascii: "/") {
            // The last slash of `://`.
            return UnsafeRawBufferPointer(rebasing: target[(authority - 1)..<authority])
        }
    }
    guard start < target.count, let first = target.baseAddress else {
        return UnsafeRawBufferPointer(rebasing: target[start..<target.count])
    }
    var length = target.count - start
    if let query = memchr(first + start, 0x3f, length) {
        length = UnsafeRawPointer(query) - (first + start)
    }
    if let fragment = memchr(first + start, 0x23, length) {
        length = UnsafeRawPointer(fragment) - (first + start)
    }
    return UnsafeRawBufferPointer(start: first + start, count: length)
}

/// Whether a target that was cut holds the whole of its path.
func isPathWhole(_ target: UnsafeRawBufferPointer) -> Bool {
    target.contains { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
}

/// The host that an absolute target names, without user and port; `nil` where it names none.
func host(ofTarget target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let first = target.first, first != UInt8(ascii: "/"),
        let start = authorityStart(target)
    else { return nil }
    var end = start
    while end < target.count, !isAuthorityEnd(target[end]) { end += 1 }
    return host(ofAuthority: UnsafeRawBufferPointer(rebasing: target[start..<end]))
}

/// An authority without user, port and the root's dot behind the name, as in the header field Host.
func host(ofAuthority authority: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    if let user = authority.lastIndex(of: UInt8(ascii: "@")) { start = user + 1 }
    var end = authority.count
    if let colon = authority[start...].lastIndex(of: UInt8(ascii: ":")),
        authority[(colon + 1)...].allSatisfy({ (0x30...0x39).contains($0) })
    {
        end = colon
    }
    if end > start + 1, authority[end - 1] == UInt8(ascii: ".") { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: authority[start..<end])
}

private func isAuthorityEnd(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
}

/// Where the authority begins behind `scheme://`, or `nil` where there is no scheme.
private func authorityStart(_ target: UnsafeRawBufferPointer) -> Int? {
    var index = 0
    while index + 2 < target.count, index < 16 {
        if target[index] == UInt8(ascii: ":") {
            let isAuthority =
                target[index + 1] == UInt8(ascii: "/") && target[index + 2] == UInt8(ascii: "/")
            return isAuthority ? index + 3 : nil
        }
        index += 1
    }
    return nil
}

/// The segment of a path with this number, from 0; `nil` where there are fewer.
func segment(_ number: Int, of path: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard path.first == UInt8(ascii: "/") else { return nil }
    var start = 1
    for _ in 0..<number {
        guard let slash = path[start...].firstIndex(of: UInt8(ascii: "/")) else { return nil }
        start = slash + 1
    }
    let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.count
    return UnsafeRawBufferPointer(rebasing: path[start..<end])
}

/// The parameters of a target's query, one after another.
struct QueryParts {
    /// Where a parameter's name and value stand in the target; without `=` the value is empty.
    typealias Part = (name: Range<Int>, value: Range<Int>)

    private let target: UnsafeRawBufferPointer
    private var start: Int
    private let end: Int

    init(_ target: UnsafeRawBufferPointer) {
        self.target = target
        var (end, start) = (target.count, Int.max)
        if let first = target.baseAddress {
            if let mark = memchr(first, 0x23, end) { end = UnsafeRawPointer(mark) - first }
            if let mark = memchr(first, 0x3f, end) { start = UnsafeRawPointer(mark) - first + 1 }
        }
        (self.end, self.start) = (end, start)
    }

    mutating func next() -> Part? {
        guard start <= end else { return nil }
        let first = start
        var equals: Int?
        var index = start
        while index < end, target[index] != UInt8(ascii: "&") {
            if target[index] == UInt8(ascii: "="), equals == nil { equals = index }
            index += 1
        }
        start = index + 1
        guard let equals else { return (first..<index, index..<index) }
        return (first..<equals, (equals + 1)..<index)
    }
}

/// A value of a query, percent-decoded, in place of an allocation.
struct DecodedValue {
    /// The longest value that is told apart from others.
    static let maximum = 64

    /// One more than `maximum` tells a longer one.
    private var bytes: InlineArray<65, UInt8> = .init(repeating: 0)
    private(set) var count = 0
    /// Whether the value goes on to the target's end.
    private(set) var isLast = false

    /// Whether it is one of the values that are longer than any that is told apart.
    var isLong: Bool { count > Self.maximum }

    /// The first parameter of this name in the target's query; `nil` where there is none.
    init?(_ name: UnsafeRawBufferPointer, inTarget target: UnsafeRawBufferPointer) {
        var parts = QueryParts(target)
        while let part = parts.next() {
            if Self.isDecoded(target, part.name, name) {
                self.init(part.value, inTarget: target)
                return
            }
        }
        return nil
    }

    /// The value that stands at a place of the target.
    init(_ value: Range<Int>, inTarget target: UnsafeRawBufferPointer) {
        var index = value.lowerBound
        while index < value.upperBound, count <= Self.maximum {
            bytes[count] = Self.next(target, &index, value.upperBound)
            count += 1
        }
        isLast = value.upperBound == target.count
    }

    /// Decodes a range of the target as far as `buffer` has room, and returns the bytes' number; `nil`
    /// where there are more.
    static func decode(
        _ target: UnsafeRawBufferPointer, _ range: Range<Int>,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var index = range.lowerBound
        var count = 0
        while index < range.upperBound {
            guard count < buffer.count else { return nil }
            buffer[count] = next(target, &index, range.upperBound)
            count += 1
        }
        return count
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.span.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    private static func isDecoded(
        _ target: UnsafeRawBufferPointer, _ range: Range<Int>, _ name: UnsafeRawBufferPointer
    ) -> Bool {
        var index = range.lowerBound
        for offset in 0..<name.count {
            guard index < range.upperBound,
                next(target, &index, range.upperBound) == name[offset]
            else { return false }
        }
        return index == range.upperBound
    }

    /// The byte that stands next: `+` is a space, `%` without two digits behind it itself.
    private static func next(
        _ encoded: UnsafeRawBufferPointer, _ index: inout Int, _ end: Int
    ) -> UInt8 {
        let byte = encoded[index]
        index += 1
        if byte == UInt8(ascii: "+") { return UInt8(ascii: " ") }
        guard byte == UInt8(ascii: "%"), index + 1 < end,
            let high = digit(encoded[index]), let low = digit(encoded[index + 1])
        else { return byte }
        index += 2
        return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
