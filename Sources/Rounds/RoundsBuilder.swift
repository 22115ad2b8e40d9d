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
package struct RoundsBuilder {
    package let period: Period
    /// Sequences seen, by run: a record counts once.
    private var seen: [RunKey: IntervalSet] = [:]
    private var hosts: [String: [HostRound]] = [:]
    private var repeatedFlows = RepeatedFlows()
    /// What occurrences of flows that were counted before had added, by round.
    private var repeated: [RepeatedKey: UInt64] = [:]
    /// Records that came more than once.
    package private(set) var duplicates: UInt64 = 0

    private struct RunKey: Hashable {
        let host: String
        let run: RunID
    }

    private struct RepeatedKey: Hashable {
        let round: Int
        let host: String
        let scenario: ScenarioID
    }

    package init(_ period: Period) { self.period = period }

    /// Adds a record. One outside the period changes nothing.
    package mutating func add(_ record: RoundRecord) {
        let start = record.window.start
        let end = max(record.window.end, Timestamp(start.rawValue.addingClamped(1)))
        let energyStart = Timestamp(
            start.rawValue - min(start.rawValue, record.carriedTime.rawValue))
        guard energyStart < period.whole.end, end > period.whole.start else { return }
        let sequence = record.sequence..<record.sequence.addingClamped(1)
        let key = RunKey(host: record.host, run: record.run)
        guard seen[key, default: IntervalSet()].insert(sequence) > 0 else {
            duplicates += 1
            return
        }
        if record.energy.value != nil {
            placeEnergy(record, Interval(start: energyStart, end: end))
        }
        if start < period.whole.end { place(record, Interval(start: start, end: end)) }
    }

    /// Adds a place at which a flow was counted that was counted at others too, within the period or
    /// not. Those of one flow come in a row, each once, in any order: all but the earliest are taken
    /// from TA, in the round that holds the counts of their window.
    package mutating func add(_ occurrence: FlowOccurrence) {
        guard let later = repeatedFlows.add(occurrence) else { return }
        let end = max(later.end, Timestamp(later.start.rawValue.addingClamped(1)))
        guard let round = period.round(at: Timestamp(end.rawValue - 1)) else { return }
        let key = RepeatedKey(round: round, host: later.host, scenario: later.flow.scenario)
        repeated[key] = repeated[key, default: 0].addingClamped(later.flows)
    }

    private mutating func placeEnergy(_ record: RoundRecord, _ span: Interval) {
        guard let touched = rounds(of: span) else { return }
        let shares = Shares(record.energy.value, of: span, rounds: period.rounds[touched])
        for index in touched {
            hosts[record.host, default: Self.blank(record.host, period)][index].add(
                shares[index - touched.lowerBound], over: span,
                // An instant has no extent and covers nothing.
                isInstant: record.window.end <= record.window.start)
        }
    }

    private mutating func place(_ record: RoundRecord, _ window: Interval) {
        guard let touched = rounds(of: window) else { return }
        let counting = period.round(at: Timestamp(window.end.rawValue - 1))
        for index in touched {
            hosts[record.host, default: Self.blank(record.host, period)][index].add(
                record, window, counts: index == counting)
        }
    }

    /// The rounds that a span touches.
    private func rounds(of span: Interval) -> ClosedRange<Int>? {
        let first = max(span.start, period.whole.start)
        let last = min(span.end, period.whole.end)
        guard first < last, let low = period.round(at: first),
            let high = period.round(at: Timestamp(last.rawValue - 1))
        else { return nil }
        return low...high
    }

    /// Made once a host: `default` is evaluated where the host is new.
    private static func blank(_ host: String, _ period: Period) -> [HostRound] {
        period.rounds.map { HostRound(host: host, round: $0) }
    }

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

    private func withoutRepeated() -> [String: [HostRound]] {
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

/// A window's energy, divided among the rounds it touches.
private struct Shares {
    private var shares: [RoundRecord.Energy?]

    init(_ energy: RoundRecord.Energy?, of window: Interval, rounds: ArraySlice<Interval>) {
        guard let energy else {
            shares = Array(repeating: nil, count: rounds.count)
            return
        }
        let inside = rounds.map { round in
            min(window.end, round.end).since(max(window.start, round.start)).rawValue
        }
        let outside = window.length.rawValue - inside.reduce(0, +)
        let parts = divide(energy.byState.total.rawValue, by: inside + [outside])
        shares = parts.dropLast().map { part in
            part == energy.byState.total.rawValue
                ? energy
                : RoundRecord.Energy(
                    byState: energy.byState.scaled(to: part), byUse: energy.byUse.scaled(to: part))
        }
    }

    subscript(index: Int) -> RoundRecord.Energy? { shares[index] }
}

extension HostRound {
    fileprivate mutating func add(
        _ record: RoundRecord, _ window: Interval, counts: Bool
    ) {
        let start = max(window.start, round.start).rawValue
        let range = start..<min(window.end, round.end).rawValue
        // An instant has no extent and covers nothing.
        let covered = record.window.end > record.window.start ? range : start..<start
        records += 1
        if window.start < round.start || window.end > round.end { straddling += 1 }
        let new = recordTime.insert(covered)
        windowOverlap += Nanoseconds(UInt64(covered.count) - new)
        if let reason = record.energy.reason { energyUnknown[reason, default: 0] += 1 }
        sources.insert(record.source)
        scopes.insert(record.scope)
        note(record)
        if counts { compare(record) }
        observe(record, over: covered, counts: counts)
    }

    fileprivate mutating func add(
        _ share: RoundRecord.Energy?, over span: Interval, isInstant: Bool
    ) {
        guard let share else { return }
        var sum = energy ?? EnergyByState()
        sum.add(share.byState)
        energy = sum
        use.add(share.byUse)
        guard !isInstant else { return }
        let range = max(span.start, round.start).rawValue..<min(span.end, round.end).rawValue
        energyOverlap += Nanoseconds(UInt64(range.count) - energyTime.insert(range))
    }

    private mutating func compare(_ record: RoundRecord) {
        guard let primary = record.energy.value?.byState.total else { return }
        for (source, other) in record.others {
            comparisons[source, default: EnergyComparison()].primary += primary
            comparisons[source, default: EnergyComparison()].other += other
        }
    }

    private mutating func note(_ record: RoundRecord) {
        let flags = record.flags
        simulated = simulated || flags.contains(.simulated)
        if flags.contains(.partial) { partial += 1 }
        if flags.contains(.clockStepped) { clockStepped += 1 }
        if flags.contains(.suspended) { suspended += 1 }
        if flags.contains(.agentStopped) { agentStopped += 1 }
        if flags.contains(.countsDoubtful) { doubtful += 1 }
        if flags.contains(.degraded) { degraded += 1 }
        spoolDropped = max(spoolDropped, record.spoolDropped)
        if let error = record.clockError {
            clockError = max(clockError ?? 0, error)
        } else {
            unsynchronised += 1
        }
    }

    private mutating func observe(
        _ record: RoundRecord, over covered: Range<UInt64>, counts: Bool
    ) {
        // What was counted counts, but the time is not covered, as if there were no record.
        let ran = !record.flags.contains(.agentStopped)
        var ruled = false
        var known = true
        for (index, tally) in record.tally.scenarios.enumerated() {
            guard index < record.scenarios.count else { break }
            let id = record.scenarios[index]
            let observation = tally.observation
            if observation != .noRule {
                ruled = true
                known = known && observation.isKnown
            }
            var scenario = scenarios[id] ?? HostScenario()
            if counts {
                let flows = record.flows ?? []
                scenario.add(tally, index < flows.count ? flows[index] : nil)
            }
            if observation.isKnown ? counts : ran {
                scenario.windows[observation, default: 0] += 1
            }
            scenarios[id] = scenario
        }
        if ran, ruled, known { countTime.insert(covered) }
        guard counts else { return }
        losses.add(record.tally.losses)
        countLoss = max(countLoss, CountLoss(of: record.tally, over: record.window.duration))
        packets = packets.addingClamped(record.tally.packets)
        exchanges = exchanges.addingClamped(record.tally.exchanges)
    }
}
