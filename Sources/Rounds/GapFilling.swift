import Assessment
import Metering

/// The time of one machine in one round for which no energy is known, and what is known around it.
///
/// Each gap is cut at full hours (UTC) and where the electricity changes. A piece's power is the
/// larger of the hour's 95th percentile and the power of the last window before it; where the round has
/// neither, the round's 95th percentile. So what is missing never helps.
struct GapFilling: Sendable {
    struct Piece: Sendable {
        let interval: Interval
        /// The segment that it lies in.
        let part: Int
        /// The window that ended last before the piece and not before an earlier piece; of several,
        /// the one with the largest power.
        var last: (end: Timestamp, power: WindowPower)?
    }

    /// In the order of time.
    private var pieces: [Piece]
    private var hours: [UInt64: HighPowers] = [:]
    private var whole: HighPowers?
    /// How many windows of known power the round has, less those that were added.
    private(set) var awaited: Int

    /// `nil` where there is no gap.
    init?(_ host: HostRound, hours counts: [UInt64: Int]) {
        pieces = host.segments.enumerated().flatMap { part, segment in
            host.energyTime.gaps(in: segment.interval.range).flatMap { gap in
                Self.hourly(Interval(gap)).map { Piece(interval: $0, part: part) }
            }
        }
        guard !pieces.isEmpty else { return nil }
        awaited = counts.values.reduce(0, +)
        for piece in pieces {
            let hour = piece.interval.start.hour
            if let count = counts[hour] {
                hours[hour] = HighPowers(of: count)
            } else if whole == nil, awaited > 0 {
                whole = HighPowers(of: awaited)
            }
        }
    }

    private static func hourly(_ gap: Interval) -> [Interval] {
        var parts: [Interval] = []
        var start = gap.start
        while start < gap.end {
            let next = (start.hour + 1).multipliedReportingOverflow(
                by: Timestamp.nanosecondsOfHour)
            let end = min(gap.end, Timestamp(next.overflow ? .max : next.partialValue))
            parts.append(Interval(start: start, end: end))
            start = end
        }
        return parts
    }

    mutating func add(_ window: PowerWindow) {
        awaited -= 1
        hours[window.hour]?.add(window.power)
        whole?.add(window.power)
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].interval.start >= window.end {
                high = middle
            } else {
                low = middle + 1
            }
        }
        guard low < pieces.count else { return }
        pieces[low].last = Self.later(pieces[low].last, (window.end, window.power))
    }

    private static func later(
        _ one: (end: Timestamp, power: WindowPower)?, _ other: (end: Timestamp, power: WindowPower)?
    ) -> (end: Timestamp, power: WindowPower)? {
        guard let one, let other else { return one ?? other }
        return (one.end, one.power) < (other.end, other.power) ? other : one
    }

    /// The energy imputed to each of so many segments; nothing where the round has no window.
    func energies(parts: Int) -> [Microjoules] {
        var energies = Array(repeating: Microjoules.zero, count: parts)
        var last: (end: Timestamp, power: WindowPower)?
        for piece in pieces {
            last = Self.later(last, piece.last)
            let hour = hours[piece.interval.start.hour]?.percentile
            let known = [hour, last?.power].compactMap { $0 }.max()
            guard let power = known ?? whole?.percentile else { continue }
            energies[piece.part] += power.energy(over: piece.interval.length)
        }
        return energies
    }
}
