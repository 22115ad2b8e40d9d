package import Assessment
package import Metering

/// The counts of one scenario.
package struct ScenarioCounts: Sendable, Hashable {
    package var requests: UInt64 = 0
    /// Complete business flows as the hosts counted them, each for itself.
    package var flows: UInt64 = 0
    package var completed: UInt64 = 0
    package var refused: UInt64 = 0
    package var failed: UInt64 = 0
    package var incomplete: UInt64 = 0
    /// Exchanges of flows that their host had counted already.
    package var duplicates: UInt64 = 0
    /// Of `flows`, those that another host had counted before, or the same one under a key that it
    /// had forgotten.
    package var duplicatesAcrossHosts: UInt64 = 0

    /// TA: flows that no other host counted before.
    package var volume: UInt64 { flows - min(flows, duplicatesAcrossHosts) }

    package init() {}

    /// At most what is there: no host takes from another's.
    mutating func takeOut(_ repeated: UInt64) { duplicatesAcrossHosts = min(repeated, flows) }

    mutating func add(_ tally: ScenarioTally) {
        requests = requests.addingClamped(tally.requests)
        flows = flows.addingClamped(tally.flows)
        completed = completed.addingClamped(tally.completed)
        refused = refused.addingClamped(tally.refused)
        failed = failed.addingClamped(tally.failed)
        incomplete = incomplete.addingClamped(tally.incomplete)
        duplicates = duplicates.addingClamped(tally.duplicates)
    }

    mutating func add(_ other: Self) {
        requests = requests.addingClamped(other.requests)
        flows = flows.addingClamped(other.flows)
        completed = completed.addingClamped(other.completed)
        refused = refused.addingClamped(other.refused)
        failed = failed.addingClamped(other.failed)
        incomplete = incomplete.addingClamped(other.incomplete)
        duplicates = duplicates.addingClamped(other.duplicates)
        duplicatesAcrossHosts = duplicatesAcrossHosts.addingClamped(other.duplicatesAcrossHosts)
    }
}

/// One scenario on one host in one round.
package struct HostScenario: Sendable, Hashable {
    /// What was counted, a lower bound where some window's counts are unknown.
    package var counts = ScenarioCounts()
    /// How many windows saw the scenario in which way. A window of unknown counts is in every
    /// round that it touches, any other in the round that holds its counts.
    package var windows: [Observation: UInt64] = [:]
    /// Where flows that are completed twice were recognised, as far as records tell.
    package internal(set) var deduplications: Set<Deduplication> = []
    /// Names of the secrets of flows that were counted with digests.
    package internal(set) var secrets: Set<UInt64> = []
    /// Flows of windows whose digests are missing or do not sum to what was counted.
    package internal(set) var untold: UInt64 = 0

    package init() {}

    mutating func add(_ tally: ScenarioTally, _ counting: FlowCounting?) {
        counts.add(tally)
        guard let counting else { return }
        deduplications.insert(counting.deduplication)
        guard case .fleet(let secret, let told) = counting else { return }
        if tally.flows > 0 || told > 0 { secrets.insert(secret) }
        if told != tally.flows { untold = untold.addingClamped(max(told, tally.flows)) }
    }

    /// Whether a service of the host counts the scenario at all.
    package var hasRule: Bool { windows.keys.contains { $0 != .noRule } }
}

/// What one host used and counted in one round, and what is not known of it.
package struct HostRound: Sendable, Hashable {
    package let host: String
    package let round: Interval
    package internal(set) var records: UInt64 = 0
    /// `nil` where no window's energy is known.
    package internal(set) var energy: EnergyByState?
    package internal(set) var use = EnergyByUse()
    package internal(set) var sources: Set<EnergySourceKind> = []
    /// The energy that other sources told, beside the primary's over the same windows. A window
    /// counts in the round that holds its counts.
    package internal(set) var comparisons: [EnergySourceKind: EnergyComparison] = [:]
    package internal(set) var scopes: Set<EnergyScope> = []
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
    /// Records the agent's spool had dropped, as far as this round's records say.
    package internal(set) var spoolDropped: UInt64 = 0
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
    var countTime = IntervalSet()

    init(host: String, round: Interval) {
        self.host = host
        self.round = round
    }

    /// Time for which the energy is known.
    package var energyCovered: Nanoseconds { Nanoseconds(energyTime.count) }

    /// Time for which the counts of every scenario with a rule are known; `nil` where the host has
    /// no rule at all.
    package var countsCovered: Nanoseconds? {
        scenarios.values.contains { $0.hasRule } ? Nanoseconds(countTime.count) : nil
    }

    /// Where there is no record: the agent did not run, or its records are lost or on their way.
    package var withoutRecord: [Interval] { intervals(recordTime) }

    /// Where the energy is not known.
    package var withoutEnergy: [Interval] { intervals(energyTime) }

    private func intervals(_ set: IntervalSet) -> [Interval] {
        set.gaps(in: round.start.rawValue..<round.end.rawValue).map {
            Interval(start: Timestamp($0.lowerBound), end: Timestamp($0.upperBound))
        }
    }
}

extension TrafficLosses {
    mutating func add(_ other: Self) {
        kernelDrops = kernelDrops.addingClamped(other.kernelDrops)
        interfaceDrops = interfaceDrops.addingClamped(other.interfaceDrops)
        gaps = gaps.addingClamped(other.gaps)
        gapBytes = gapBytes.addingClamped(other.gapBytes)
        evicted = evicted.addingClamped(other.evicted)
        unpairedRequests = unpairedRequests.addingClamped(other.unpairedRequests)
        unpairedResponses = unpairedResponses.addingClamped(other.unpairedResponses)
        malformed = malformed.addingClamped(other.malformed)
        undecoded = undecoded.addingClamped(other.undecoded)
        late = late.addingClamped(other.late)
        uncaptured = uncaptured.addingClamped(other.uncaptured)
        unread = unread.addingClamped(other.unread)
        shed = shed.addingClamped(other.shed)
        forgottenKeys = forgottenKeys.addingClamped(other.forgottenKeys)
        keyless = keyless.addingClamped(other.keyless)
    }
}
