// Hot path: matching allocates nothing.
import Glibc

/// A path with placeholders, e.g. `/api/credit/{applyNo}/decision`: each `{name}` stands for one
/// segment that is not empty; everything else must equal the path's bytes.
package struct PathTemplate: Sendable, Hashable {
    /// The template as written.
    package let text: String
    /// Literal bytes; between two of them stands a placeholder.
    let literals: [[UInt8]]

    /// A template from its text, which begins with `/`.
    package init(_ text: String) {
        self.text = text
        var literals: [[UInt8]] = [[]]
        var isInName = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "{"):
                literals.append([])
                isInName = true
            case UInt8(ascii: "}"): isInName = false
            default: if !isInName { literals[literals.count - 1].append(byte) }
            }
        }
        self.literals = literals
    }

    /// Bytes of the paths that can match.
    var lengths: ClosedRange<Int> {
        let least = literals.reduce(literals.count - 1) { $0 + $1.count }
        return least...(literals.count > 1 ? .max : least)
    }
}

/// The path of a request target: without scheme and authority (RFC 9112, 3.2.2) and without query.
package func path(ofTarget target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    if let first = target.first, first != UInt8(ascii: "/") {
        guard let authority = authorityStart(target) else { return target }
        start = authority
        while start < target.count, target[start] != UInt8(ascii: "/") { start += 1 }
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
