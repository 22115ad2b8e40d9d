package import Assessment
package import Metering

/// Why a period cannot be divided into rounds.
package enum PeriodError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The end is not after the start.
    case empty
    case roundLengthZero
    /// The rounds would not be of one length.
    case indivisible(period: Nanoseconds, round: Nanoseconds)
    case tooManyRounds(UInt64)

    package var description: String {
        switch self {
        case .empty: "the period ends before it begins"
        case .roundLengthZero: "a round has a length above zero"
        case .indivisible(let period, let round):
            "a period of \(period.seconds) s is no whole number of rounds of \(round.seconds) s: "
                + "rounds are of one length, so change the period or the round"
        case .tooManyRounds(let count):
            "\(count) rounds exceed the limit of \(Period.maximumRounds): take longer rounds"
        }
    }
}

/// A period and its rounds: half-open, end to end, of one length.
///
/// Source: T/CQJR 032.2-2025 Annex A a), {t₁ … t_m}; equal lengths keep the unweighted mean of
/// Annex A d) from being carried by a short round.
package struct Period: Sendable, Hashable {
    /// More rounds than this are refused: hourly rounds of a year fit.
    package static let maximumRounds: UInt64 = 10_000

    package let whole: Interval
    package let roundLength: Nanoseconds
    package let rounds: [Interval]

    /// Cuts `[from, to)` into rounds. Throws where it is empty, the rounds do not fill it exactly,
    /// or they are more than `maximumRounds`.
    package init(
        from: Timestamp, to: Timestamp, roundLength: Nanoseconds
    ) throws(PeriodError) {
        guard from < to else { throw .empty }
        guard roundLength > .zero else { throw .roundLengthZero }
        let period = to.since(from)
        let (count, rest) = period.rawValue.quotientAndRemainder(dividingBy: roundLength.rawValue)
        guard rest == 0 else { throw .indivisible(period: period, round: roundLength) }
        guard count <= Self.maximumRounds else { throw .tooManyRounds(count) }
        whole = Interval(start: from, end: to)
        self.roundLength = roundLength
        rounds = (0..<count).map { index in
            let start = Timestamp(from.rawValue + index * roundLength.rawValue)
            return Interval(start: start, end: start + roundLength)
        }
    }

    /// The round that holds a point of time, or `nil` outside the period.
    func round(at time: Timestamp) -> Int? {
        guard time >= whole.start, time < whole.end else { return nil }
        return Int(time.since(whole.start).rawValue / roundLength.rawValue)
    }
}
