import Assessment
import Metering

/// A mean power as two whole numbers, compared and applied exactly.
struct WindowPower: Sendable, Hashable, Comparable {
    let energy: Microjoules
    /// Above zero.
    let time: Nanoseconds

    static func < (one: Self, other: Self) -> Bool {
        UInt128(one.energy.rawValue) * UInt128(other.time.rawValue)
            < UInt128(other.energy.rawValue) * UInt128(one.time.rawValue)
    }

    static func == (one: Self, other: Self) -> Bool { !(one < other) && !(other < one) }

    func hash(into hasher: inout Hasher) {
        var (a, b) = (energy.rawValue, time.rawValue)
        while b > 0 { (a, b) = (b, a % b) }
        hasher.combine(energy.rawValue / max(1, a))
        hasher.combine(time.rawValue / max(1, a))
    }

    /// What it uses in such a time, rounded up, or the largest value where it would not fit.
    func energy(over length: Nanoseconds) -> Microjoules {
        let product = UInt128(energy.rawValue) * UInt128(length.rawValue)
        let (quotient, remainder) = product.quotientAndRemainder(
            dividingBy: UInt128(max(1, time.rawValue)))
        return Microjoules(UInt64(clamping: quotient + (remainder > 0 ? 1 : 0)))
    }
}

/// A window whose power is known.
///
/// It lies in the round and the hour of its last nanosecond; its mean power is over the time that its
/// energy belongs to, that of energy carried into it included.
struct PowerWindow: Sendable {
    let power: WindowPower
    let end: Timestamp
    /// Hours since 1970 in UTC.
    let hour: UInt64
    let round: Int

    /// `nil` for an instant, and for a window that ends out of service.
    init?(_ known: KnownEnergy, _ calendar: ServiceCalendar) {
        let last = Timestamp(max(1, known.span.end.rawValue) - 1)
        guard !known.isInstant, let round = calendar.round(at: last) else { return nil }
        power = WindowPower(energy: known.energy.byState.total, time: known.span.length)
        end = known.span.end
        hour = last.hour
        self.round = round
    }
}

extension Timestamp {
    static let nanosecondsOfHour: UInt64 = 3_600_000_000_000

    /// Hours since 1970 in UTC.
    var hour: UInt64 { rawValue / Self.nanosecondsOfHour }
}

/// How many windows of known power lie in each hour of a machine's rounds: all that must be known
/// beforehand to find a quantile in little memory.
struct PowerCounts: Sendable {
    private var counts: [String: [[UInt64: Int]]] = [:]

    mutating func add(_ window: PowerWindow, of machine: String, rounds: Int) {
        counts[machine, default: Array(repeating: [:], count: rounds)][window.round][
            window.hour, default: 0] += 1
    }

    func hours(of machine: String, in round: Int) -> [UInt64: Int] {
        counts[machine]?[round] ?? [:]
    }
}

/// The 95th percentile of a known number of powers by nearest rank, in the room of a twentieth of
/// them, in whatever order they come.
struct HighPowers: Sendable {
    private let rank: Int
    private var highest: [WindowPower] = []

    /// Of `count` powers, one at least, the one with the rank ⌈0.95 · count⌉ from below is the one with
    /// this rank from above.
    init(of count: Int) { rank = count / 20 + 1 }

    mutating func add(_ power: WindowPower) {
        if highest.count >= 2 * rank { cut() }
        highest.append(power)
    }

    private mutating func cut() {
        highest.sort(by: >)
        highest.removeLast(highest.count - min(rank, highest.count))
    }

    /// `nil` before all of them were added.
    var percentile: WindowPower? {
        var all = self
        all.cut()
        return all.highest.count == rank ? all.highest.last : nil
    }
}
