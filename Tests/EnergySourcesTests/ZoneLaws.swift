import Metering

@testable import EnergySources

/// What must be true of one zone's readings and windows, whatever happens to its counter.
///
/// Every law is stated in the truth: the energy that the simulated zone used.
struct ZoneLaws {
    /// A reading that the counter took.
    struct Reading {
        let time: Nanoseconds
        let awake: Nanoseconds
        let value: UInt64
        /// What the zone had used by then.
        let truth: UInt64
        let wraps: UInt64
        /// Two readings with the same one are of the same run of the register.
        let epoch: Int
        /// How far accumulator and truth may be apart by now, more than at the beginning: what was
        /// taken for energy because nothing could tell it from energy.
        var doubt: UInt128 = 0
    }

    /// The readings around a boundary; the same one twice where none followed it by then.
    struct Mark {
        let before: Reading
        let after: Reading
    }

    /// What one history showed.
    struct Count {
        var suspects = 0, losses = 0, swallowed = 0, refused = 0
        var windows = 0, deferred = 0, lostWindows = 0
    }

    private var readings: [Reading] = []
    private(set) var losses: [(from: Nanoseconds, to: Nanoseconds, reason: EnergyReason)] = []
    private(set) var mark: Mark?
    private var stretch: (mark: Mark, energy: UInt64)?
    private var chunk: Mark?
    private(set) var isDeferred = false
    /// Readings had failed by the latest boundary: what was used before it arrives later, if ever.
    private(set) var isBehind = false
    private var tornCount = 0
    private var brokenSeenAt: Nanoseconds?
    private(set) var last = ZoneSample()
    var count = Count()

    var latest: Reading? { readings.last }

    /// Whether what a boundary's value rests on was certain at the latest one: readings on both
    /// sides without a loss between them.
    func isCertain(at boundary: Nanoseconds) -> Bool {
        mark != nil && !losses.contains { $0.from <= boundary && $0.to > boundary }
    }

    /// Goes on in another run of the agent, from what the one before kept.
    mutating func resume(with sample: ZoneSample, isKept: Bool) {
        last = sample
        brokenSeenAt = nil
        losses = []
        if isKept { return }
        readings = []
        mark = nil
        stretch = nil
        chunk = nil
        isDeferred = false
        isBehind = false
    }

    // MARK: Readings

    /// - Returns: what is wrong, or `nil`.
    mutating func read(
        _ sample: ZoneSample, of zone: SimulatedZone, _ presented: Presented,
        touched: Nanoseconds?, at now: ClockReading
    ) -> String? {
        defer { last = sample }
        guard let gain = sample.accumulated.subtracting(last.accumulated) else {
            return "the accumulator fell"
        }
        let isLost = sample.losses != last.losses
        let isTaken = sample.failure == nil
        if isLost && !isTaken { return "a loss in a failed reading" }
        if !isTaken && gain > .zero { return "a failed reading yields energy" }
        let value = presented.value.flatMap { zone.hasRange && $0 > zone.range ? nil : $0 }
        guard let value, isReachable(sample, touched, now) else {
            if isTaken { return "a reading of what is not there" }
            count.refused += 1
            if sample.failure == .discontinuity { return "no number is no discontinuity" }
            return sample.failure == .firstReading ? "a failure without reason" : nil
        }
        brokenSeenAt = nil
        if presented.isTorn { tornCount += 1 }
        var reading = Reading(
            time: now.boottime, awake: now.monotonic, value: value, truth: zone.truth,
            wraps: zone.wraps, epoch: presented.isTorn ? -tornCount : zone.epoch)
        guard let before = readings.last else {
            if gain > .zero || isLost || !isTaken {
                return "the first reading only sets a baseline"
            }
            readings.append(reading)
            return nil
        }
        let step = Step(zone, from: before, to: reading)
        reading.doubt = before.doubt
        if isTaken && !isLost && before.epoch != reading.epoch {
            reading.doubt += step.allowed
            if before.epoch >= 0 && reading.epoch >= 0 { count.swallowed += 1 }
        }
        if isLost {
            losses.append((before.time, reading.time, sample.lost ?? .firstReading))
            count.losses += 1
        }
        if isTaken { readings.append(reading) } else { count.suspects += 1 }
        return step.fault(gain.rawValue, isTaken: isTaken, isLost: isLost, sample)
    }

    /// Whether the reader can have found the counter's file: after it was made anew this takes at
    /// most the time between two looks at the tree.
    private mutating func isReachable(
        _ sample: ZoneSample, _ touched: Nanoseconds?, _ now: ClockReading
    ) -> Bool {
        switch sample.failure {
        case .missing, .readFailed, .permissionDenied, .malformed: break
        default: return true
        }
        guard let touched else { return true }
        if brokenSeenAt == nil { brokenSeenAt = now.boottime }
        let since = max(touched, brokenSeenAt ?? touched)
        return now.boottime.subtractingClamped(since) > PowercapSource.failingScanInterval
    }

    // MARK: Windows

    /// - Returns: what is wrong, or `nil`.
    mutating func close(
        from start: Nanoseconds, to end: Nanoseconds, _ energy: ZoneEnergy
    ) -> String? {
        count.windows += 1
        let earlier = mark ?? readings.first.flatMap { $0.time <= start ? Mark($0, $0) : nil }
        mark = markAt(end)
        defer { forget(end) }
        isBehind = end > start && isUnread(from: start, to: end)
        let loss = losses.first { $0.from < end && $0.to > start }
        guard let earlier, loss == nil else {
            chunk = nil
            stretch = nil
            isDeferred = false
            count.lostWindows += 1
            guard case .lost(let reason) = energy else { return "\(energy) where it is lost" }
            guard earlier != nil, let loss else { return nil }
            return loss.reason == reason ? nil : "lost for another reason"
        }
        if isBehind {
            guard case .deferred = energy else { return "\(energy) where the end is not read" }
            chunk = chunk ?? earlier
            isDeferred = true
            count.deferred += 1
            return nil
        }
        guard let known = energy.energy.value, let mark else {
            return "\(energy) where readings tell it"
        }
        if isDeferred && energy.state != .bridged { return "\(energy) after a deferred window" }
        isDeferred = false
        let sum = (stretch?.energy ?? 0) + known.rawValue
        let beginning = stretch?.mark ?? chunk ?? earlier
        defer {
            stretch = (beginning, sum)
            chunk = nil
        }
        if let fault = difference(known.rawValue, from: chunk ?? earlier, to: mark) { return fault }
        return difference(sum, from: beginning, to: mark)
    }

    /// Whether nothing was read in a window, or what was tried after the latest reading failed.
    private func isUnread(from start: Nanoseconds, to end: Nanoseconds) -> Bool {
        guard let latest = readings.last else { return true }
        return latest.time <= start || latest.time < end && last.failure != nil
    }

    private func markAt(_ end: Nanoseconds) -> Mark? {
        guard let before = readings.last(where: { $0.time <= end }) else { return nil }
        if before.time == end { return Mark(before, before) }
        return Mark(before, readings.first { $0.time > end } ?? before)
    }

    private mutating func forget(_ end: Nanoseconds) {
        losses.removeAll { $0.to <= end }
        if let index = readings.lastIndex(where: { $0.time <= end }) {
            readings.removeFirst(index)
        }
    }

    /// The truth between two marks is that of the readings around them.
    private func difference(_ energy: UInt64, from start: Mark, to end: Mark) -> String? {
        let slack = tolerance(from: start.before, to: end.after)
        let least = UInt128(end.before.truth - min(end.before.truth, start.after.truth))
        let most = UInt128(end.after.truth - start.before.truth)
        if UInt128(energy) + slack < least {
            return "\(energy) µJ, but at least \(least) were used"
        }
        if UInt128(energy) > most + slack { return "\(energy) µJ, but at most \(most) were used" }
        return nil
    }
}

extension ZoneLaws.Mark {
    init(_ before: ZoneLaws.Reading, _ after: ZoneLaws.Reading) {
        self.init(before: before, after: after)
    }
}

/// Microjoules that the sum of differences may be off: what is cut off at both ends and at each
/// wrap, and the energy that nothing could tell from energy.
func tolerance(from start: ZoneLaws.Reading, to end: ZoneLaws.Reading) -> UInt128 {
    2 + 2 * UInt128(end.wraps - start.wraps) + end.doubt - start.doubt
}

/// From one reading that was taken to the next one.
private struct Step {
    let zone: SimulatedZone
    let before: ZoneLaws.Reading
    let after: ZoneLaws.Reading
    /// What the clocks say of a suspension.
    let slept: UInt64
    /// The most energy that the limits allow, in microjoules.
    let most: UInt128

    init(_ zone: SimulatedZone, from before: ZoneLaws.Reading, to after: ZoneLaws.Reading) {
        self.zone = zone
        self.before = before
        self.after = after
        let elapsed = after.time.subtractingClamped(before.time).rawValue
        let awake = after.awake.subtractingClamped(before.awake).rawValue
        let gap = elapsed - min(elapsed, awake)
        slept = gap > 50_000_000 ? gap : 0
        most =
            (UInt128(zone.limit) * UInt128(elapsed - slept) + 20_000_000 * UInt128(slept))
            / 1_000_000_000
    }

    /// With a tenth of a second more, for counters are not updated at every instant.
    var allowed: UInt128 { most + UInt128(zone.limit) / 10 }

    private var period: UInt128 {
        zone.hasRange ? UInt128(zone.unit) << 32 / 1000 : 65_532_610_987
    }

    /// Whether more than one wrap may lie in between.
    private var isTooLong: Bool { most > period / 2 }

    /// Whether no counter that restarted while the host slept can show this.
    private var isProvable: Bool {
        after.value >= before.value && UInt128(after.value) > most
            && UInt128(after.value - before.value) <= most
    }

    private var isWrapUnknown: Bool { !zone.hasRange && after.value < before.value }

    /// What is wrong, or `nil`.
    func fault(_ gain: UInt64, isTaken: Bool, isLost: Bool, _ sample: ZoneSample) -> String? {
        if UInt128(gain) > allowed { return "\(gain) µJ are more than the power limit allows" }
        if isTooLong || (slept > 0 && !isProvable) {
            guard isTaken, isLost, gain == 0 else { return "a gap that proves nothing is guessed" }
            let reason: EnergyReason = slept > 0 ? .suspended : .gapTooLong
            return sample.lost == reason ? nil : "lost for another reason than the gap"
        }
        guard before.epoch == after.epoch else { return nil }
        let used = after.truth - before.truth
        let slack = 2 + 2 * (after.wraps - before.wraps)
        if gain > used + slack { return "\(gain) µJ, but \(used) were used" }
        if isWrapUnknown { return isTaken && !isLost ? "a wrap of unknown size is guessed" : nil }
        guard isTaken, !isLost else { return "lost or refused without a cause" }
        return gain + slack < used ? "\(gain) µJ, but \(used) were used" : nil
    }
}
