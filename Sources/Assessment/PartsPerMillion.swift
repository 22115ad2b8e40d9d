/// A ratio in millionths: what plans say with up to six digits behind the point, exactly.
package struct PartsPerMillion: RawRepresentable, Sendable, Hashable, Comparable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The whole: 1.
    package static let one = Self(rawValue: 1_000_000)

    /// The ratio as a number.
    package var fraction: Double { Double(rawValue) / 1_000_000 }

    /// The ratio as decimal digits, exactly: `1.35`.
    package var decimal: String { rawValue.decimal(digits: 6) }

    package static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

extension UInt64 {
    /// The number over ten to the power of `digits`, exactly and without zeros at the end: 522,700
    /// over 10³ is `522.7`.
    package func decimal(digits: Int) -> String {
        let text = String(self)
        let padded =
            String(repeating: "0", count: Swift.max(0, digits + 1 - text.utf8.count)) + text
        var fraction = padded.suffix(digits)
        while fraction.last == "0" { fraction.removeLast() }
        return padded.dropLast(digits) + (fraction.isEmpty ? "" : "." + fraction)
    }
}
