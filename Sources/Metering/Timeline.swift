/// What a counter did between two boundaries.
package enum Stretch<Reason: Sendable>: Sendable {
    /// Every reading succeeded.
    case measured(UInt64)
    /// Readings failed inside; the difference across them is exact in sum, uncertain in time.
    case bridged(UInt64, Reason)
    /// No reading succeeded inside, or none any more by its end: what it holds arrives with the next
    /// stretch that is known, or is lost as a whole.
    case deferred(Reason)
    /// It cannot be known, and no other stretch contains it.
    case unknown(Reason)
}

extension Stretch: Equatable where Reason: Equatable {}

/// Successive readings of one accumulator, cut at window boundaries.
///
/// A boundary's value is interpolated linearly between the readings around it; where none
/// follows it, it is the latest reading's and the rest arrives in the next stretch. Where readings
/// failed by then, how much the rest is nobody knows, nor whether it will ever: the stretch is
/// deferred as a whole. Each stretch is the difference of two boundary values, so consecutive
/// stretches add up to the accumulator's own difference exactly. `append` and `fail` do not
/// allocate.
package struct Timeline<Reason: Sendable>: Sendable {
    private struct Reading {
        var time: Nanoseconds
        var value: UInt64
        /// Why readings failed between the one before and this one.
        var bridged: Reason?
        /// Why what happened between the one before and this one cannot be known.
        var lost: Reason?
    }

    /// Readings kept since the last boundary. Beyond it the second oldest is dropped, which
    /// coarsens the interpolation and changes no sum.
    package static var capacity: Int { 128 }

    /// The first is the last one at or before the last boundary, if there is one.
    private var readings: [Reading] = []
    private var boundary: Nanoseconds
    /// The accumulator at `boundary`, or `nil` where it began later.
    private var valueAtBoundary: UInt64?
    private let unread: Reason
    private var failure: Reason?
    /// Why the latest stretch was deferred.
    private var deferral: Reason?
    /// Whether the next stretch that is known holds what was used before it begins.
    package var isDeferred: Bool { deferral != nil }
    /// Energy used before the latest boundary arrives in a later stretch: no reading gave it by
    /// then.
    package private(set) var isBehind = false

    /// A timeline whose first stretch begins at `start`; `unread` is the reason before the first
    /// reading and for the stretch in which it lies.
    package init(from start: Nanoseconds, unread: Reason) {
        boundary = start
        self.unread = unread
        readings.reserveCapacity(Self.capacity + 1)
    }

    /// A timeline that goes on where another ended: at `boundary` the accumulator had `value`, and
    /// it was read last at `time`, when it had `beyond` more. What was used between them is
    /// `bridged`: whether readings failed there is not known any more.
    package init(
        resumingFrom boundary: Nanoseconds, at value: UInt64, read time: Nanoseconds,
        beyond: UInt64, unread: Reason
    ) {
        self.init(from: boundary, unread: unread)
        valueAtBoundary = value
        if time > boundary { readings.append(Reading(time: boundary, value: value)) }
        readings.append(
            Reading(
                time: time, value: value.addingClamped(beyond),
                bridged: time > boundary ? unread : nil))
    }

    /// How much further than at the latest boundary the accumulator is; `nil` where the boundary's
    /// value is not known, or something was lost since.
    package var beyondBoundary: UInt64? {
        guard let valueAtBoundary, let last = readings.last,
            !readings.contains(where: { $0.time > boundary && $0.lost != nil })
        else { return nil }
        return last.value - min(last.value, valueAtBoundary)
    }

    /// Adds a successful reading of the accumulator, which must not fall; a lower `value` or an
    /// earlier `time` than the one before is raised to it, and the time to after the latest
    /// boundary: the stretch before it is given.
    package mutating func append(
        _ value: UInt64, at time: Nanoseconds, bridged: Reason? = nil, lost: Reason? = nil
    ) {
        failure = nil
        var reading = Reading(time: time, value: value, bridged: bridged, lost: lost)
        // Not `last`, which allocates where it is not specialised.
        if !readings.isEmpty {
            let last = readings[readings.count - 1]
            reading.value = max(value, last.value)
            reading.time = max(time, last.time)
            if reading.time == boundary { reading.time += Nanoseconds(1) }
            if reading.time == last.time {
                reading.bridged = bridged ?? last.bridged
                reading.lost = lost ?? last.lost
                readings.removeLast()
            }
        }
        readings.append(reading)
        if readings.count > Self.capacity { dropSecond() }
    }

    /// Notes that the latest reading gave nothing.
    package mutating func fail(_ reason: Reason) { failure = reason }

    /// Closes the stretch that ends at `end` and begins the next one there.
    package mutating func close(at end: Nanoseconds) -> Stretch<Reason> {
        let start = boundary
        boundary = max(start, end)
        defer { forget() }
        guard let first = readings.first, let last = readings.last,
            let value = value(at: boundary)
        else { return .unknown(failure ?? unread) }
        isBehind =
            boundary > start && (last.time <= start || last.time < boundary && failure != nil)
        let before = valueAtBoundary ?? (first.time <= start ? first.value : nil)
        let upper = max(value, before ?? 0)
        let loss = loss(from: start, to: boundary)
        if let before, loss == nil, isBehind {
            valueAtBoundary = before
            deferral = failure ?? unread
            return .deferred(failure ?? unread)
        }
        defer { deferral = nil }
        valueAtBoundary = upper
        guard let before else { return .unknown(unread) }
        return loss.map { .unknown($0) } ?? stretch(from: start, to: boundary, upper - before)
    }

    private func loss(from start: Nanoseconds, to end: Nanoseconds) -> Reason? {
        for index in readings.indices.dropFirst()
        where readings[index - 1].time < end && readings[index].time > start {
            if let reason = readings[index].lost { return reason }
        }
        return nil
    }

    private func stretch(
        from start: Nanoseconds, to end: Nanoseconds, _ difference: UInt64
    ) -> Stretch<Reason> {
        var bridged = deferral
        for index in readings.indices.dropFirst()
        where readings[index - 1].time < end && readings[index].time > start {
            bridged = bridged ?? readings[index].bridged
        }
        return bridged.map { .bridged(difference, $0) } ?? .measured(difference)
    }

    /// The accumulator at `time`, or `nil` where its first reading is later.
    private func value(at time: Nanoseconds) -> UInt64? {
        guard let last = readings.last else { return nil }
        guard let after = readings.firstIndex(where: { $0.time >= time }) else {
            return last.value
        }
        let next = readings[after]
        if next.time == time { return next.value }
        guard after > 0 else { return nil }
        let previous = readings[after - 1]
        return interpolate(
            previous.value, next.value, time.subtractingClamped(previous.time).rawValue,
            of: next.time.subtractingClamped(previous.time).rawValue)
    }

    /// Forgets the readings that no later boundary needs.
    private mutating func forget() {
        let needed = readings.lastIndex(where: { $0.time <= boundary }) ?? 0
        if needed > 0 { readings.removeFirst(needed) }
    }

    private mutating func dropSecond() {
        let dropped = readings.remove(at: 1)
        readings[1].bridged = readings[1].bridged ?? dropped.bridged
        readings[1].lost = readings[1].lost ?? dropped.lost
    }
}

/// `from + (to − from) · part / whole`, rounded down; `from` ≤ `to` and `part` ≤ `whole`.
private func interpolate(_ from: UInt64, _ to: UInt64, _ part: UInt64, of whole: UInt64) -> UInt64 {
    guard whole > 0, to > from else { return from }
    let product = (to - from).multipliedFullWidth(by: min(part, whole))
    return from + whole.dividingFullWidth(product).quotient
}
