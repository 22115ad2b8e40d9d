/// How an interface of a pcapng file counts time: units since 1970, plus whole seconds.
///
/// Times before 1970 become 1970, times beyond `latest` become `latest`.
///
/// Source: draft-ietf-opsawg-pcapng, 4.2, if_tsresol and if_tsoffset.
struct InterfaceClock {
    /// The latest time there is, in nanoseconds since 1970: 2262-04-11.
    static let latest = UInt64(Int64.max)
    /// The resolution of an interface that names none: microseconds.
    static let defaultResolution: UInt8 = 6

    private enum Unit {
        /// Nanoseconds in a unit.
        case nanoseconds(UInt64)
        /// Units in a nanosecond.
        case perNanosecond(UInt64)
        /// A second is 2 to the power of so many units, at most 127.
        case binary(UInt8)
        /// So fine that 64 bits of it are less than a nanosecond.
        case negligible
    }

    private let unit: Unit
    private let offset: Int64

    /// - Parameter resolution: with the top bit clear, the negative power of 10 of a second that is
    ///   a unit; with it set, the negative power of 2.
    /// - Parameter offset: seconds.
    init(resolution: UInt8 = Self.defaultResolution, offset: Int64 = 0) {
        self.offset = offset
        let power = resolution & 0x7f
        if resolution & 0x80 != 0 {
            unit = .binary(power)
        } else if power <= 9 {
            unit = .nanoseconds(Self.tenToThe(9 - power))
        } else {
            unit = power <= 28 ? .perNanosecond(Self.tenToThe(power - 9)) : .negligible
        }
    }

    private static func tenToThe(_ power: UInt8) -> UInt64 {
        (0..<power).reduce(1) { product, _ in product &* 10 }
    }

    /// Nanoseconds since 1970 after `count` units, and whether they had to be moved into the range.
    func nanoseconds(_ count: UInt64) -> (value: UInt64, isClamped: Bool) {
        // Each term is below 2 to the power of 94.
        let sinceOffset: Int128 =
            switch unit {
            case .nanoseconds(let scale): Int128(count) * Int128(scale)
            case .perNanosecond(let scale): Int128(count / scale)
            case .binary(let power): (Int128(count) * 1_000_000_000) >> Int128(power)
            case .negligible: 0
            }
        let exact = sinceOffset + Int128(offset) * 1_000_000_000
        let value = min(max(exact, 0), Int128(Self.latest))
        return (UInt64(value), value != exact)
    }
}
