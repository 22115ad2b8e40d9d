// Hot path: `note` runs every second for every zone and does not allocate.
internal import Metering

/// Turns readings of one wrapping counter into an accumulator that never falls. Pure.
///
/// The difference between two readings is corrected for one wrap. What the difference cannot
/// tell for certain is lost and counted, with the reason, never guessed:
///
/// - a gap in which more than one wrap is possible at `maximumPower`: half a wrap's energy or more;
/// - a suspension, unless the counter cannot have restarted in it: it is above what a restarted
///   one could have reached since, and not below what it was;
/// - a wrap of a counter whose range is unknown;
/// - a difference above what `maximumPower` allows, in two successive readings: the counter
///   restarted. One such reading alone is taken for torn, and the next one bridges it.
struct EnergyCounter: Sendable, Hashable {
    /// The most a zone is believed to draw, where its constraints name no more: 1,000 W. Packages
    /// sold draw up to 500 W. A zone that draws more shows as discontinuities.
    static let saneMicrowatts: UInt64 = 1_000_000_000
    /// The same for a platform zone, and the most that is taken from a zone's constraints: 10 kW.
    static let sanePlatformMicrowatts: UInt64 = 10_000_000_000
    /// The most a zone is believed to draw while the host is suspended: 20 W, several times what
    /// a package draws in its deepest idle state.
    static let suspendedMicrowatts: UInt64 = 20_000_000
    /// A larger difference between CLOCK_BOOTTIME and CLOCK_MONOTONIC is a suspension; a smaller
    /// one lies between the two readings of the clocks.
    static let suspensionThreshold = Nanoseconds.milliseconds(50)
    /// Counters are updated about every millisecond, with jitter: a short difference may hold the
    /// energy of this much more time.
    static let updateSlack = Nanoseconds.milliseconds(100)
    /// The range that bounds gaps of a zone without `max_energy_range_uj`: the smallest of the
    /// field (AMD, 15.258 µJ). Source: energy units of `rapl_defaults` in intel_rapl_common.c.
    static let smallestRange: UInt64 = 65_532_610_987

    /// A successful reading.
    struct Reading: Sendable, Hashable {
        var value: UInt64
        /// CLOCK_BOOTTIME.
        var time: Nanoseconds
        /// CLOCK_MONOTONIC.
        var awake: Nanoseconds
    }

    /// The largest value before the counter wraps to 0 (`max_energy_range_uj`), where known.
    var range: UInt64?
    var maximumPower: UInt64
    private(set) var sample = ZoneSample()
    private(set) var baseline: Reading?
    /// A reading that the baseline cannot explain.
    private var suspect: Reading?

    init(range: UInt64?, maximumPower: UInt64 = Self.saneMicrowatts) {
        self.range = range
        self.maximumPower = max(1, maximumPower)
    }

    /// Goes on from a baseline that another run of the agent left; `beyond` is what that run had
    /// accumulated and given to no window.
    mutating func resume(from baseline: Reading, beyond: UInt64) {
        self.baseline = baseline
        sample = ZoneSample(
            accumulated: Microjoules(beyond), readAt: baseline.time, failure: .agentStopped)
    }

    /// Takes a reading of the counter. The first one only sets the baseline.
    mutating func note(_ value: UInt64, at now: ClockReading) {
        if let range, value > range { return fail(.malformed) }
        let reading = Reading(value: value, time: now.boottime, awake: now.monotonic)
        guard let baseline else { return accept(reading, adding: 0) }
        let slept = suspension(from: baseline, to: reading)
        let most = mostEnergy(from: baseline, to: reading, suspended: slept)
        if most > period / 2 {
            return lose(reading, slept == .zero ? .gapTooLong : .suspended, adding: 0)
        }
        if slept > .zero { return note(reading, after: baseline, most: most) }
        if let difference = difference(from: baseline, to: reading) {
            if let failure = sample.failure { bridge(failure) }
            return accept(reading, adding: difference)
        }
        if let suspect, let difference = difference(from: suspect, to: reading) {
            let wrapped = range == nil && reading.value < baseline.value
            return lose(reading, wrapped ? .rangeUnknown : .discontinuity, adding: difference)
        }
        suspect = reading
        sample.failure = .discontinuity
    }

    /// Takes a failed reading: the baseline stays and the next good reading bridges.
    mutating func fail(_ reason: EnergyReason) { sample.failure = reason }

    /// The first reading after a suspension. A counter that restarted in it shows at most `most`.
    private mutating func note(_ reading: Reading, after baseline: Reading, most: UInt128) {
        guard reading.value >= baseline.value, UInt128(reading.value) > most,
            UInt128(reading.value - baseline.value) <= most
        else { return lose(reading, .suspended, adding: 0) }
        bridge(.suspended)
        accept(reading, adding: reading.value - baseline.value)
    }

    private mutating func bridge(_ reason: EnergyReason) {
        sample.bridges &+= 1
        sample.bridged = reason
    }

    private mutating func accept(_ reading: Reading, adding energy: UInt64) {
        sample.accumulated += Microjoules(energy)
        sample.readAt = reading.time
        sample.failure = nil
        baseline = reading
        suspect = nil
    }

    private mutating func lose(_ reading: Reading, _ reason: EnergyReason, adding energy: UInt64) {
        sample.losses &+= 1
        sample.lost = reason
        accept(reading, adding: energy)
    }

    private func suspension(from earlier: Reading, to later: Reading) -> Nanoseconds {
        let slept = later.time.subtractingClamped(earlier.time)
            .subtractingClamped(later.awake.subtractingClamped(earlier.awake))
        return slept > Self.suspensionThreshold ? slept : .zero
    }

    /// The most energy, in microjoules, that can have been used between two readings.
    private func mostEnergy(
        from earlier: Reading, to later: Reading, suspended: Nanoseconds
    ) -> UInt128 {
        let awake = later.time.subtractingClamped(earlier.time).subtractingClamped(suspended)
        return
            (UInt128(maximumPower) * UInt128(awake.rawValue)
            + UInt128(Self.suspendedMicrowatts) * UInt128(suspended.rawValue)) / 1_000_000_000
    }

    /// The energy between two readings, one wrap corrected, or `nil` where that is implausible.
    private func difference(from earlier: Reading, to later: Reading) -> UInt64? {
        let energy: UInt64
        if later.value >= earlier.value {
            energy = later.value - earlier.value
        } else if range != nil, UInt128(earlier.value) <= period {
            let wrapped = UInt128(later.value) + period - UInt128(earlier.value)
            guard let fitting = UInt64(exactly: wrapped) else { return nil }
            energy = fitting
        } else {
            return nil
        }
        let slack = UInt128(maximumPower) * UInt128(Self.updateSlack.rawValue) / 1_000_000_000
        let most = mostEnergy(from: earlier, to: later, suspended: .zero) + slack
        return UInt128(energy) <= most ? energy : nil
    }

    /// The energy between two wraps; of the smallest counter in the field where it is not known.
    private var period: UInt128 { EnergySources.period(of: range ?? Self.smallestRange) }
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
