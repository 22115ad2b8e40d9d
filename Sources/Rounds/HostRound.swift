package import Assessment
package import Metering

/// What one host used and counted in one round, and what is not known of it.
package struct HostRound: Sendable, Hashable {
    package let host: String
    package let round: Interval
    package internal(set) var records: UInt64 = 0
    /// Its time in service, cut where its electricity changes; without a plan, the round.
    package internal(set) var segments: [HostSegment]
    package internal(set) var sources: Set<EnergySourceKind> = []
    /// The energy that other sources told, beside the primary's over the same windows. A window
    /// counts in the round that holds its counts.
    package internal(set) var comparisons: [EnergySourceKind: EnergyComparison] = [:]
    package internal(set) var scopes: Set<EnergyScope> = []
    /// How windows' energy was divided.
    package internal(set) var attributions: Set<AttributionRule> = []
    /// Windows whose energy is unknown, by reason.
    package internal(set) var energyUnknown: [EnergyReason: UInt64] = [:]
    package internal(set) var scenarios: [ScenarioID: HostScenario] = [:]
    package internal(set) var losses = TrafficLosses()
    package internal(set) var packets: UInt64 = 0
    package internal(set) var exchanges: UInt64 = 0
    package internal(set) var simulated = false
    /// Windows that reach over an end of the round: their energy is divided by time.
    package internal(set) var straddling: UInt64 = 0
    /// Windows whose counts are doubtful: more than one in a thousand may be missing.
    package internal(set) var doubtful: UInt64 = 0
    /// Windows in which the kernel dropped packets, or may have.
    package internal(set) var degraded: UInt64 = 0
    /// The largest bound of any window for the share of exchanges that it may lack.
    package internal(set) var countLoss = CountLoss(partsPerMillion: 0)
    package internal(set) var partial: UInt64 = 0
    package internal(set) var clockStepped: UInt64 = 0
    package internal(set) var suspended: UInt64 = 0
    /// Windows in which the agent did not run.
    package internal(set) var agentStopped: UInt64 = 0
    /// Records the agent's spool had dropped, as far as this round's records say, by run.
    var droppedOfRun: [RunID: UInt64] = [:]
    /// The same of all runs.
    package var spoolDropped: UInt64 {
        droppedOfRun.values.reduce(0) { $0.addingClamped($1) }
    }
    /// The largest bound of the wall clock's error in microseconds, over synchronised windows.
    package internal(set) var clockError: UInt64?
    /// Windows in which the wall clock was not synchronised.
    package internal(set) var unsynchronised: UInt64 = 0
    /// Time that more than one record claims, for example after the clock was set back.
    package var overlap: Nanoseconds { max(windowOverlap, energyOverlap) }
    var windowOverlap: Nanoseconds = .zero
    /// The same of the time that energies belong to, carried ones included.
    var energyOverlap: Nanoseconds = .zero

    var recordTime = IntervalSet()
    var energyTime = IntervalSet()
    /// By the scenarios that had a rule.
    var spells: [RuledScenarios: RuleSpell] = [:]

    init(host: String, round: Interval, slices: ArraySlice<Slice>) {
        self.host = host
        self.round = round
        segments = slices.map(HostSegment.init)
    }

    /// `nil` where no window's energy is known.
    package var energy: EnergyByState? {
        segments.reduce(into: nil) { sum, segment in
            guard let energy = segment.energy else { return }
            sum = (sum ?? EnergyByState()).adding(energy)
        }
    }

    /// The same by what it was used for.
    package var use: EnergyByUse {
        guard segments.count != 1 else { return segments[0].use }
        return segments.reduce(into: EnergyByUse()) { $0.add($1.use) }
    }

    /// Its time in service.
    package var expected: Nanoseconds {
        segments.reduce(.zero) { $0 + $1.interval.length }
    }

    /// Time in service for which the energy is known.
    package var energyCovered: Nanoseconds { Nanoseconds(energyTime.count) }

    /// Time for which the counts of every scenario with a rule in the round are known; `nil` where the
    /// host has no rule at all.
    package var countsCovered: Nanoseconds? {
        scenarios.values.contains { $0.hasRule } ? Nanoseconds(countTime.count) : nil
    }

    /// The bound for the share of all its exchanges in the round that its counts may lack or have twice.
    package var lossOfRound: CountLoss {
        var sum = Tally(scenarios: [], services: [])
        sum.losses = losses
        sum.exchanges = exchanges
        return CountLoss(of: sum, over: expected)
    }

    /// Where there is no record: the agent did not run, or its records are lost or on their way.
    package var withoutRecord: [Interval] { intervals(recordTime) }

    /// Where the energy is not known.
    package var withoutEnergy: [Interval] { intervals(energyTime) }

    /// Where the counts of a scenario with a rule are not known; nowhere where the host has no rule.
    package var withoutCounts: [Interval] { countsCovered == nil ? [] : intervals(countTime) }

    private func intervals(_ set: IntervalSet) -> [Interval] {
        segments.flatMap { set.gaps(in: $0.interval.range) }.map(Interval.init)
    }
}

/// A stretch of a host's time in a round in which its electricity stayed the same.
package struct HostSegment: Sendable, Hashable {
    package let interval: Interval
    let electricity: Electricity?
    /// `nil` where no window's energy is known.
    package internal(set) var energy: EnergyByState?
    package internal(set) var use = EnergyByUse()
    /// Of `energy`, what was recorded of CPUs and memory alone.
    var ofProcessors = EnergyByState()

    init(_ slice: Slice) {
        interval = slice.interval
        electricity = slice.electricity
    }

    mutating func add(_ share: RoundRecord.Energy, ofProcessors isPart: Bool) {
        energy = (energy ?? EnergyByState()).adding(share.byState)
        use.add(share.byUse)
        if isPart { ofProcessors.add(share.byState) }
    }
}

extension Interval {
    init(_ range: Range<UInt64>) {
        self.init(start: Timestamp(range.lowerBound), end: Timestamp(range.upperBound))
    }

    var range: Range<UInt64> { start.rawValue..<max(start.rawValue, end.rawValue) }
}
