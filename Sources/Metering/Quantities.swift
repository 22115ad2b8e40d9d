/// Energy in microjoules, the unit of powercap's `energy_uj`.
///
/// Source: Linux Documentation/power/powercap/powercap.rst, "energy_uj".
package struct Microjoules: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// No energy: measured as none, never for unknown.
    package static let zero = Microjoules(0)

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The sum, or the largest value where it would not fit (18 TJ: no host reaches it).
    package static func + (a: Self, b: Self) -> Self { Self(a.rawValue.addingClamped(b.rawValue)) }

    package static func += (a: inout Self, b: Self) { a = a + b }

    /// The difference, or `nil` where `b` is larger.
    package func subtracting(_ b: Self) -> Self? {
        let (value, borrowed) = rawValue.subtractingReportingOverflow(b.rawValue)
        return borrowed ? nil : Self(value)
    }

    /// The value in joules, for display and for the computations that begin at weights and SCI.
    package var joules: Double { Double(rawValue) / 1_000_000 }
}

/// A length of time in nanoseconds, read from CLOCK_BOOTTIME or a CPU-time counter.
package struct Nanoseconds: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// No time.
    package static let zero = Nanoseconds(0)

    /// `seconds` whole seconds, clamped to the range.
    package static func seconds(_ seconds: UInt64) -> Self {
        let (value, over) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return Self(over ? .max : value)
    }

    /// `milliseconds` whole milliseconds, clamped to the range.
    package static func milliseconds(_ milliseconds: UInt64) -> Self {
        let (value, over) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return Self(over ? .max : value)
    }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    package static func + (a: Self, b: Self) -> Self { Self(a.rawValue.addingClamped(b.rawValue)) }

    package static func += (a: inout Self, b: Self) { a = a + b }

    /// The difference, or zero where `b` is larger.
    package func subtractingClamped(_ b: Self) -> Self {
        b.rawValue > rawValue ? .zero : Self(rawValue - b.rawValue)
    }

    /// The same in seconds, rounded to a Double: for people and for ratios.
    package var seconds: Double { Double(rawValue) / 1_000_000_000 }
}

/// A point of wall-clock time: nanoseconds since 1970-01-01T00:00:00Z without leap seconds
/// (CLOCK_REALTIME, and the time stamps of packets).
package struct Timestamp: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    @inlinable @inline(__always) package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    @inlinable package static func + (a: Self, b: Nanoseconds) -> Self {
        Self(a.rawValue.addingClamped(b.rawValue))
    }

    /// The time since `earlier`, or zero where `earlier` is later.
    package func since(_ earlier: Self) -> Nanoseconds {
        earlier.rawValue > rawValue ? .zero : Nanoseconds(rawValue - earlier.rawValue)
    }
}

extension UInt64 {
    /// The sum, or `max` where it would overflow: for counters whose operands are foreign.
    @inlinable package func addingClamped(_ other: UInt64) -> UInt64 {
        let (value, over) = addingReportingOverflow(other)
        return over ? .max : value
    }
}

/// A value that may be unknown, and then says why. Never a zero in place of an unknown.
package enum Known<Value, Reason> {
    case known(Value)
    case unknown(Reason)

    /// The value, or `nil` where it is unknown.
    package var value: Value? {
        if case .known(let value) = self { value } else { nil }
    }

    /// The reason why the value is unknown, or `nil` where it is known.
    package var reason: Reason? {
        if case .unknown(let reason) = self { reason } else { nil }
    }
}

extension Known: Equatable where Value: Equatable, Reason: Equatable {}
extension Known: Hashable where Value: Hashable, Reason: Hashable {}
extension Known: Sendable where Value: Sendable, Reason: Sendable {}
