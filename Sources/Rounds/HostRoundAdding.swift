import Assessment
import Metering

/// Energy that a machine used over a span of time.
struct KnownEnergy {
    let energy: RoundRecord.Energy
    let span: Interval
    /// It has no extent: it covers nothing.
    let isInstant: Bool
    /// Whether it is that of CPUs and memory alone.
    let ofProcessors: Bool

    init(
        energy: RoundRecord.Energy, span: Interval, isInstant: Bool = false,
        ofProcessors: Bool = false
    ) {
        self.energy = energy
        self.span = span
        self.isInstant = isInstant
        self.ofProcessors = ofProcessors
    }

    /// That of a record, where it is known.
    init?(_ record: RoundRecord) {
        guard let energy = record.energy.value else { return nil }
        self.init(
            energy: energy, span: record.energySpan, isInstant: record.isInstant,
            ofProcessors: record.scope == .processorAndMemory)
    }

    /// Divided by time among stretches that it touches, and the time outside them: `nil` where a
    /// stretch gets none of its time.
    func shares(among stretches: [Interval]) -> [RoundRecord.Energy?] {
        let total = energy.byState.total.rawValue
        let inside = stretches.map { span.clamped(to: $0)?.length.rawValue ?? 0 }
        let outside = span.length.rawValue - inside.reduce(0, +)
        let parts = divide(total, by: inside + [outside])
        return parts.dropLast().map { part in
            part == total
                ? energy
                : RoundRecord.Energy(
                    byState: energy.byState.scaled(to: part), byUse: energy.byUse.scaled(to: part))
        }
    }
}

extension RoundRecord {
    /// Whether the counts of every scenario with a rule are known, of those that matter where they
    /// are named. What was counted while the agent was stopped counts, but the time is not covered,
    /// as if there were no record.
    func areCountsKnown(of counting: Set<ScenarioID>?) -> Bool {
        guard !flags.contains(.agentStopped) else { return false }
        var ruled = false
        for (id, tally) in zip(scenarios, tally.scenarios)
        where tally.observation != .noRule && counting?.contains(id) != false {
            guard tally.observation.isKnown else { return false }
            ruled = true
        }
        return ruled
    }
}

extension HostRound {
    /// Adds a slice's share of an energy.
    mutating func add(_ share: RoundRecord.Energy, of known: KnownEnergy, in slice: Slice) {
        segments[slice.part].add(share, ofProcessors: known.ofProcessors)
        guard !known.isInstant, let range = known.span.clamped(to: slice.interval)?.range else {
            return
        }
        energyOverlap += Nanoseconds(
            range.upperBound - range.lowerBound - energyTime.insert(range))
    }

    /// Notes that a meter's reading of the whole machine touches the round.
    mutating func noteReading() {
        records += 1
        scopes.insert(.host)
    }

    /// Notes time that a record covers.
    mutating func cover(_ range: Range<UInt64>, by ruled: RuledScenarios, counts areKnown: Bool) {
        let new = recordTime.insert(range)
        windowOverlap += Nanoseconds(range.upperBound - range.lowerBound - new)
        if areKnown { spells[ruled, default: RuleSpell()].countTime.insert(range) }
    }

    /// Adds a record that touches the round, once.
    mutating func add(_ record: RoundRecord, by ruled: RuledScenarios, counts: Bool) {
        let window = record.span
        records += 1
        if !record.flags.contains(.agentStopped) {
            spells[ruled, default: RuleSpell()].windows += 1
        }
        if window.start < round.start || window.end > round.end { straddling += 1 }
        if let reason = record.energy.reason { energyUnknown[reason, default: 0] += 1 }
        sources.insert(record.source)
        scopes.insert(record.scope)
        if record.energy.value != nil, let rule = record.origin.attribution {
            attributions.insert(rule)
        }
        note(record)
        if counts { compare(record) }
        observe(record, counts: counts)
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
        droppedOfRun[record.run] = max(droppedOfRun[record.run] ?? 0, record.spoolDropped)
        if let error = record.clockError {
            clockError = max(clockError ?? 0, error)
        } else {
            unsynchronised += 1
        }
    }

    private mutating func observe(_ record: RoundRecord, counts: Bool) {
        let ran = !record.flags.contains(.agentStopped)
        for (index, tally) in record.tally.scenarios.enumerated() {
            guard index < record.scenarios.count else { break }
            let id = record.scenarios[index]
            let observation = tally.observation
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
        guard counts else { return }
        losses.add(record.tally.losses)
        countLoss = max(countLoss, CountLoss(of: record.tally, over: record.window.duration))
        packets = packets.addingClamped(record.tally.packets)
        exchanges = exchanges.addingClamped(record.tally.exchanges)
    }
}
