package import Metering

/// An ACPI power meter: the mean power over one averaging interval after the other.
///
/// It shows the mean of the interval that ended last, in steps of a milliwatt. What it shows lags
/// by up to an interval.
package struct WallMeter: Sendable {
    /// The averaging interval.
    package let interval: Nanoseconds
    /// The text of `power1_average`, in microwatts.
    package private(set) var microwatts: UInt64
    /// All energy since the start.
    package private(set) var total = Microjoules.zero
    private var carry: UInt64 = 0
    private var period: (picojoules: UInt64, elapsed: Nanoseconds) = (0, .zero)

    /// The shortest and the longest averaging interval.
    package static let intervals = Nanoseconds.milliseconds(100)...Nanoseconds.seconds(300)

    /// - Parameter picojoules: the energy of a millisecond before the start.
    package init(interval: Nanoseconds, picojoulesPerMillisecond picojoules: UInt64) {
        precondition(Self.intervals.contains(interval), "an interval is 100 ms to 300 s")
        self.interval = interval
        microwatts = picojoules / 1_000_000 * 1000
    }

    /// Adds the energy of `elapsed`.
    package mutating func advance(picojoules: UInt64, elapsed: Nanoseconds) {
        let sum = carry + picojoules
        carry = sum % 1_000_000
        total += Microjoules(sum / 1_000_000)
        period.picojoules += picojoules
        period.elapsed += elapsed
        guard period.elapsed >= interval else { return }
        // Picojoules in a nanosecond are milliwatts.
        let time = period.elapsed.rawValue
        microwatts = (period.picojoules + time / 2) / time * 1000
        period = (0, .zero)
    }
}
