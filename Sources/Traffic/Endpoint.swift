/// One end of a TCP connection: an address and a port.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// The first eight bytes of the address in network order. IPv4 stands in the last four bytes,
    /// as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
    package let high: UInt64
    /// The last eight bytes.
    package let low: UInt64
    package let port: UInt16

    @inlinable @inline(__always)
    package init(high: UInt64, low: UInt64, port: UInt16) {
        self.high = high
        self.low = low
        self.port = port
    }

    /// `192.0.2.1:80`, or `[2001:db8::1]:80`.
    ///
    /// Source: RFC 5952, 4 and 6.
    package var description: String {
        if high == 0 && low >> 32 == 0xffff {
            return
                "\(low >> 24 & 0xff).\(low >> 16 & 0xff).\(low >> 8 & 0xff).\(low & 0xff):\(port)"
        }
        return "[\(groups)]:\(port)"
    }

    /// Groups of four digits; the longest run of zeros, the first of several, is `::`.
    private var groups: String {
        let groups = [high, low].flatMap { half in
            [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> $0) }
        }
        var longest = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(1, longest.count) { longest = start..<index }
            start = index + 1
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
