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
