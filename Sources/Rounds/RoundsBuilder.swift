import Assessment
import Metering

/// Gathers records, in any order and any number of times, into rounds, and the flows that were counted
/// at several places.
///
/// A window that reaches over an end of a round gives each side its share of the energy by time
/// (UTC labels), in whole microjoules by largest remainder: the shares sum to the window's energy
/// exactly, the part outside the period included. Its counts are one number that cannot be divided:
/// they belong to the round that holds its last nanosecond, `end − 1`. Both are flagged as
/// `straddling`. Energy that was carried from windows before is divided over their time as well; where
/// it belongs to time whose energy is known already, that is overlap. A window whose end is not after
/// its start (the clock was set back) is an instant at its start.
package struct RoundsBuilder: Sendable {
    package let period: Period
    let calendars: Calendars
    private var seen = SeenRecords()
    private var hosts: [String: [HostRound]] = [:]
    private var repeatedFlows = RepeatedFlows()
    /// What occurrences of flows that were counted before had added, by round.
    private var repeated: [RepeatedKey: UInt64] = [:]
    /// Records that came more than once.
    package private(set) var duplicates: UInt64 = 0

    private struct RepeatedKey: Hashable {
        let round: Int
        let host: String
        let scenario: ScenarioID
    }

    /// What became of a record.
    enum Taken {
        /// It touches no round, or came before.
        case not
        /// It is new, and its host is not expected.
        case unexpected
        case placed(ServiceCalendar)
    }

    package init(_ period: Period) {
        self.init(period, .same(ServiceCalendar(period)))
    }

    init(_ period: Period, _ calendars: Calendars) {
        self.period = period
        self.calendars = calendars
    }

    /// Adds a record. One outside the period changes nothing.
    package mutating func add(_ record: RoundRecord) { _ = take(record, counting: nil) }

    /// Adds a record of a host that counts these scenarios; all of them where it is `nil`.
    mutating func take(_ record: RoundRecord, counting: Set<ScenarioID>?) -> Taken {
        let span = record.span
        let energySpan = record.energySpan
        guard energySpan.start < period.whole.end, span.end > period.whole.start else {
            return .not
        }
        guard seen.insert(record) else {
            duplicates += 1
            return .not
        }
        guard let calendar = calendars.calendar(of: record.host) else { return .unexpected }
        if let known = KnownEnergy(record) { place(known, of: record.host, calendar) }
        if span.start < period.whole.end { place(record, span, calendar, counting) }
        return .placed(calendar)
    }

    /// Adds a place at which a flow was counted that was counted at others too, within the period or
    /// not. Those of one flow come in a row, each once, in any order: all but the earliest are taken
    /// from TA, in the round that holds the counts of their window.
    package mutating func add(_ occurrence: FlowOccurrence) { _ = takeOut(occurrence) }

    /// The occurrence that was taken out, now that this one is known.
    mutating func takeOut(_ occurrence: FlowOccurrence) -> FlowOccurrence? {
        guard let later = repeatedFlows.add(occurrence),
            let calendar = calendars.calendar(of: later.host),
            let round = calendar.round(at: later.lastNanosecond)
        else { return nil }
        let key = RepeatedKey(round: round, host: later.host, scenario: later.flow.scenario)
        repeated[key] = repeated[key, default: 0].addingClamped(later.flows)
        return later
    }

    /// Adds energy that a machine used over a span.
    private mutating func place(
        _ known: KnownEnergy, of machine: String, _ calendar: ServiceCalendar
    ) {
        let touched = calendar.touched(by: known.span)
        guard !touched.isEmpty else { return }
        let slices = calendar.slices[touched]
        for (slice, share) in zip(slices, known.shares(among: slices.map(\.interval))) {
            guard let share else { continue }
            hosts[machine, default: Self.blank(machine, period, calendar)][slice.round]
                .add(share, of: known, in: slice)
        }
    }

    /// Adds a meter's reading of a whole machine.
    mutating func placeReading(
        _ known: KnownEnergy, of machine: String, _ calendar: ServiceCalendar
    ) {
        place(known, of: machine, calendar)
        for round in Set(calendar.slices[calendar.touched(by: known.span)].map(\.round)) {
            hosts[machine]?[round].noteReading()
        }
    }

    private mutating func place(
        _ record: RoundRecord, _ window: Interval, _ calendar: ServiceCalendar,
        _ counting: Set<ScenarioID>?
    ) {
        let countsIn = calendar.round(at: record.lastNanosecond)
        let areCountsKnown = record.areCountsKnown(of: counting)
        // A plan's digests of rules say which rules its hosts are to have all the time.
        let ruled = counting == nil ? record.ruled : nil
        var noted: Int?
        for slice in calendar.slices[calendar.touched(by: window)] {
            let range = (window.clamped(to: slice.interval) ?? slice.interval).range
            let start = range.lowerBound
            let covered = record.isInstant ? start..<start : range
            hosts[record.host, default: Self.blank(record.host, period, calendar)][slice.round]
                .cover(covered, by: ruled, counts: areCountsKnown)
            guard noted != slice.round else { continue }
            noted = slice.round
            hosts[record.host]?[slice.round].add(
                record, by: ruled, counts: slice.round == countsIn)
        }
    }

    /// Made once a host: `default` is evaluated where the host is new.
    private static func blank(
        _ host: String, _ period: Period, _ calendar: ServiceCalendar
    ) -> [HostRound] {
        period.rounds.enumerated().map {
            HostRound(host: host, round: $1, slices: calendar.slices(of: $0))
        }
    }

    /// The rounds of a machine of which nothing was added.
    func blankRounds(of machine: String) -> [HostRound] {
        calendars.calendar(of: machine).map { Self.blank(machine, period, $0) } ?? []
    }

    /// The rounds of a machine as far as energy was added, before flows are taken out.
    func rounds(of machine: String) -> [HostRound]? { hosts[machine] }

    /// The rounds as far as records were added. Hosts are those with a record in the period.
    package func finish() -> [FleetRound] {
        let scenarios = Self.ordered(
            hosts.values.reduce(into: []) { all, rounds in
                for round in rounds { all.formUnion(round.scenarios.keys) }
            })
        let names = hosts.keys.sorted()
        let hosts = withoutRepeated()
        return period.rounds.indices.map { index in
            FleetRound(
                interval: period.rounds[index], scenarios: scenarios,
                hosts: names.compactMap { hosts[$0]?[index] })
        }
    }

    /// The rounds of all machines of which something was added, without flows that were counted before
    /// at other places.
    func withoutRepeated() -> [String: [HostRound]] {
        var hosts = hosts
        for (key, flows) in repeated {
            hosts[key.host]?[key.round].scenarios[key.scenario]?.counts.takeOut(flows)
        }
        return hosts
    }

    /// The four of the standard in its order, all of them unless another scenario is among those
    /// found; others follow by name.
    private static func ordered(_ found: Set<ScenarioID>) -> [ScenarioID] {
        let standard = StandardWeights.scenarios
        let others = found.subtracting(standard)
        if others.isEmpty { return standard }
        return standard.filter(found.contains) + others.sorted { $0.name < $1.name }
    }
}
