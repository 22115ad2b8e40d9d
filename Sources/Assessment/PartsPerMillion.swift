/// A ratio in millionths: what plans say with up to six digits behind the point, exactly.
package struct PartsPerMillion: RawRepresentable, Sendable, Hashable, Comparable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The whole: 1.
    package static let one = Self(rawValue: 1_000_000)

    /// The ratio as a number.
    package var fraction: Double { Double(rawValue) / 1_000_000 }

    package static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}
