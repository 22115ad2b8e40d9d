import Assessment
import Metering

/// The electricity of a slice, as the plan names it.
struct Electricity: Sendable, Hashable {
    let site: String
    let supply: Supply
    let market: Supply?
}

/// A stretch of a round in which a machine serves with one electricity; without a plan, the round.
struct Slice: Sendable, Hashable {
    let interval: Interval
    let round: Int
    /// The place among the slices of its round.
    let part: Int
    let electricity: Electricity?
}

/// Which time of a machine belongs to which round: disjoint slices in the order of time.
struct ServiceCalendar: Sendable {
    let slices: [Slice]
    private let ordered: OrderedIntervals
    /// The slices of each round.
    private let ranges: [Range<Int>]

    init(_ slices: [Slice], rounds: Int) {
        self.slices = slices
        ordered = OrderedIntervals(intervals: slices.map(\.interval))
        var ranges: [Range<Int>] = []
        var at = 0
        for round in 0..<rounds {
            let start = at
            while at < slices.count, slices[at].round == round { at += 1 }
            ranges.append(start..<at)
        }
        self.ranges = ranges
    }

    /// All time of the period.
    init(_ period: Period) {
        self.init(
            period.rounds.enumerated().map {
                Slice(interval: $1, round: $0, part: 0, electricity: nil)
            }, rounds: period.rounds.count)
    }

    func slices(of round: Int) -> ArraySlice<Slice> { slices[ranges[round]] }

    /// The slices that a span touches.
    func touched(by span: Interval) -> Range<Int> { ordered.touched(by: span) }

    /// The round that holds a point of time in service.
    func round(at time: Timestamp) -> Int? { ordered.index(at: time).map { slices[$0].round } }
}

/// The calendars of all machines.
enum Calendars: Sendable {
    /// Whoever reports serves all the time.
    case same(ServiceCalendar)
    /// Those that a plan expects, and no others.
    case planned([String: ServiceCalendar])

    /// `nil` for a machine that is not expected.
    func calendar(of machine: String) -> ServiceCalendar? {
        switch self {
        case .same(let calendar): calendar
        case .planned(let calendars): calendars[machine]
        }
    }
}
