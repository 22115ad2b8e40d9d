// Hot path: `note` runs every second for every zone and does not allocate.
internal import Metering

/// Turns readings of one wrapping counter into an accumulator that never falls. Pure.
///
/// The difference between two readings is corrected for one wrap. What the difference cannot
/// tell for certain is lost and counted, never guessed:
///
/// - a gap longer than half the wrap time at `maximumPower`, which may hide another wrap;
/// - a difference above what `maximumPower` allows, in two successive readings: the counter
///   restarted. One such reading alone is taken for torn, and the next one bridges it.
struct EnergyCounter: Sendable, Hashable {
    /// The most a zone is believed to draw, where its constraints name no more: 1,000 W. Packages
    /// sold draw up to 500 W. A zone that draws more shows as discontinuities.
    static let saneMicrowatts: UInt64 = 1_000_000_000
    /// The same for a platform zone, and the most that is taken from a zone's constraints: 10 kW.
    static let sanePlatformMicrowatts: UInt64 = 10_000_000_000
    /// Counters are updated about every millisecond, with jitter: a short difference may hold the
    /// energy of this much more time.
    static let updateSlack = Nanoseconds.milliseconds(100)
    /// The range that bounds gaps of a zone without `max_energy_range_uj`: the smallest of the
    /// field (AMD, 15.258 µJ). Source: energy units of `rapl_defaults` in intel_rapl_common.c.
    static let smallestRange: UInt64 = 65_532_610_987

    private struct Reading: Sendable, Hashable {
        var value: UInt64
        var time: Nanoseconds
    }

    /// The largest value before the counter wraps to 0 (`max_energy_range_uj`), where known.
    var range: UInt64?
    var maximumPower: UInt64
    private(set) var sample = ZoneSample()
    private var baseline: Reading?
    /// A reading that the baseline cannot explain.
    private var suspect: Reading?

    init(range: UInt64?, maximumPower: UInt64 = Self.saneMicrowatts) {
        self.range = range
        self.maximumPower = max(1, maximumPower)
    }

    /// Takes a reading of the counter. The first one only sets the baseline.
    mutating func note(_ value: UInt64, at now: Nanoseconds) {
        if let range, value > range { return fail(.malformed) }
        let reading = Reading(value: value, time: now)
        guard let baseline else { return accept(reading, adding: 0) }
        if now.subtractingClamped(baseline.time) > gapLimit { return lose(reading, adding: 0) }
        if let difference = difference(from: baseline, to: reading) {
            if sample.failure != nil { sample.bridges &+= 1 }
            return accept(reading, adding: difference)
        }
        if let suspect, let difference = difference(from: suspect, to: reading) {
            return lose(reading, adding: difference)
        }
        suspect = reading
        sample.failure = .discontinuity
    }

    /// Takes a failed reading: the baseline stays and the next good reading bridges.
    mutating func fail(_ reason: EnergyUnknown) { sample.failure = reason }

    private mutating func accept(_ reading: Reading, adding energy: UInt64) {
        sample.accumulated += Microjoules(energy)
        sample.readAt = reading.time
        sample.failure = nil
        baseline = reading
        suspect = nil
    }

    private mutating func lose(_ reading: Reading, adding energy: UInt64) {
        sample.losses &+= 1
        accept(reading, adding: energy)
    }

    /// The energy between two readings, one wrap corrected, or `nil` where that is implausible.
    private func difference(from earlier: Reading, to later: Reading) -> UInt64? {
        let energy: UInt64
        if later.value >= earlier.value {
            energy = later.value - earlier.value
        } else if let range {
            let wrapped = UInt128(later.value) + period(of: range) - UInt128(earlier.value)
            guard let fitting = UInt64(exactly: wrapped) else { return nil }
            energy = fitting
        } else {
            return nil
        }
        let time = later.time.subtractingClamped(earlier.time) + Self.updateSlack
        let most = UInt128(maximumPower) * UInt128(time.rawValue) / 1_000_000_000
        return UInt128(energy) <= most ? energy : nil
    }

    /// Half the wrap time at the maximum power: within it there is at most one wrap.
    var gapLimit: Nanoseconds {
        let period = period(of: range ?? Self.smallestRange)
        let time = period * 1_000_000_000 / UInt128(maximumPower) / 2
        return Nanoseconds(UInt64(exactly: time) ?? .max)
    }
}

/// The energy between two wraps, in microjoules: the largest value plus one unit of the counter.
///
/// The raw counter has 32 bits and passes 2³² − 1 before it is 0 again, so the period is
/// `max_energy_range_uj` + 1 unit. The unit follows from the range: ⌈range · 1000 / (2³² − 1)⌉ nJ.
func period(of range: UInt64) -> UInt128 {
    let steps: UInt128 = 0xFFFF_FFFF
    let unitNanojoules = (UInt128(range) * 1000 + steps - 1) / steps
    return UInt128(range) + unitNanojoules / 1000
}
