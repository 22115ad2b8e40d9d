// Hot path: `note` runs every second for every sensor and does not allocate.
internal import Metering

/// What a reading of a power says.
enum PowerKind: Sendable, Hashable {
    /// The mean of the time up to the reading; zero where the sensor does not say how much of it.
    case mean(over: Nanoseconds)
    case instantaneous
}

/// Turns readings of one power into an accumulator of energy that never falls. Pure.
///
/// - A mean counts for the time since the reading before: E = P · Δt.
/// - An instantaneous power counts half for the time before it and half for the time after: the
///   trapezoid, always estimated. A mean over less than half of the time between readings leaves
///   most of it unseen, and is estimated too.
/// - Failed readings are bridged where the next good one comes within `longestGap`. After more, and
///   after a suspension, the energy in between is lost: a power tells nothing of time that it does
///   not cover.
///
/// A mean lags: over an interval longer than a window it moves energy into later windows, by up to
/// one interval, while the sum of many windows is right to one interval's energy. What a BMC
/// measures may be behind by up to a minute besides (Kepler issue 644).
///
/// No fraction of a microjoule is dropped: what is left of one is carried to the next reading.
struct PowerIntegrator: Sendable, Hashable {
    /// The time between two readings.
    static let readingInterval = Nanoseconds.seconds(1)
    /// A sensor that names a longer interval is taken to name none: firmware says 2³² − 1 ms where
    /// it does not know.
    static let longestInterval = Nanoseconds.seconds(3600)

    private struct Reading: Sendable, Hashable {
        let microwatts: UInt64
        let clock: ClockReading
    }

    /// May change: the administrator or the firmware sets another interval.
    var kind: PowerKind { didSet { sample.estimated = estimated } }
    private(set) var sample = ZoneSample()
    private var last: Reading?
    /// What is left of a microjoule, in half microwatt nanoseconds.
    private var remainder: UInt128 = 0

    init(_ kind: PowerKind) {
        self.kind = kind
        sample.estimated = estimated
    }

    /// The most time between two good readings that they tell the energy of: two periods of the
    /// sensor, and half a reading's for ticks that are late.
    var longestGap: Nanoseconds {
        let period = max(interval, Self.readingInterval)
        return period + period + Nanoseconds(Self.readingInterval.rawValue / 2)
    }

    /// Takes a reading, in microwatts. The first one only sets the baseline.
    mutating func note(_ microwatts: UInt64, at now: ClockReading) {
        let reading = Reading(microwatts: microwatts, clock: now)
        guard let last else { return accept(reading) }
        let elapsed = now.boottime.subtractingClamped(last.clock.boottime)
        if now.suspension(since: last.clock) > EnergyCounter.suspensionThreshold {
            return lose(reading, .suspended)
        }
        if elapsed > longestGap { return lose(reading, .gapTooLong) }
        if let failure = sample.failure {
            sample.bridges &+= 1
            sample.bridged = failure
        }
        let before = kind == .instantaneous ? last.microwatts : microwatts
        remainder += (UInt128(before) + UInt128(microwatts)) * UInt128(elapsed.rawValue)
        let (energy, rest) = remainder.quotientAndRemainder(dividingBy: 2_000_000_000)
        sample.accumulated += Microjoules(UInt64(clamping: energy))
        remainder = rest
        accept(reading)
    }

    /// Takes a failed reading.
    mutating func fail(_ reason: EnergyReason) { sample.failure = reason }

    private mutating func accept(_ reading: Reading) {
        last = reading
        sample.readAt = reading.clock.boottime
        sample.failure = nil
    }

    private mutating func lose(_ reading: Reading, _ reason: EnergyReason) {
        sample.losses &+= 1
        sample.lost = reason
        accept(reading)
    }

    /// The averaging interval; zero where there is none or it is not known.
    private var interval: Nanoseconds {
        switch kind {
        case .mean(let interval): interval <= Self.longestInterval ? interval : .zero
        case .instantaneous: .zero
        }
    }

    private var estimated: EnergyReason? {
        interval + interval < Self.readingInterval ? .sampled : nil
    }
}

extension ClockReading {
    /// For how long the host was suspended since `earlier`, give or take the time between the
    /// readings of the two clocks.
    fileprivate func suspension(since earlier: ClockReading) -> Nanoseconds {
        boottime.subtractingClamped(earlier.boottime)
            .subtractingClamped(monotonic.subtractingClamped(earlier.monotonic))
    }
}
