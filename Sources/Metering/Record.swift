/// What a reader of a record must know about its window.
package struct RecordFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The counters came from a root other than the system's own.
    package static let simulated = RecordFlags(rawValue: 1 << 0)
    /// The window is shorter than the configured length: start, stop or step of the clock.
    package static let partial = RecordFlags(rawValue: 1 << 1)
    /// The wall clock was stepped inside the window.
    package static let clockStepped = RecordFlags(rawValue: 1 << 2)
    /// The host was suspended inside the window.
    package static let suspended = RecordFlags(rawValue: 1 << 3)
    /// The counters were read late at the window's end.
    package static let lateTick = RecordFlags(rawValue: 1 << 4)
    /// Services used more CPU time than the host was busy: the larger was taken.
    package static let busyTimeRaised = RecordFlags(rawValue: 1 << 5)
    /// The counts are doubtful: more than one in a thousand may be missing (see ``CountLoss``).
    package static let countsDoubtful = RecordFlags(rawValue: 1 << 6)
    /// The agent did not run in the window: nothing was counted, and the energy is bridged or lost.
    package static let agentStopped = RecordFlags(rawValue: 1 << 7)
    /// Capture was overloaded: the kernel dropped packets. `TrafficLosses` says how many.
    package static let degraded = RecordFlags(rawValue: 1 << 8)
}

/// A digest that names a manifest: the first 8 bytes of the SHA-256 of its bytes.
package struct ManifestDigest: Sendable, Hashable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The identity of an agent's sequence of records: random, made with the spool.
package struct RunID: Sendable, Hashable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// One window of one host: what the agent ships and an assessor recomputes from.
package struct Record: Sendable, Hashable {
    package var run: RunID
    /// Counts from 1 in each run, without holes.
    package var sequence: UInt64
    package var manifest: ManifestDigest
    package var window: Window
    package var flags: RecordFlags
    /// One element per zone, in the order of the manifest.
    package var zones: [ZoneEnergy]
    /// The host's energy from the primary source: the sum of its counted zones and of `carried`.
    package var energy: Known<Microjoules, EnergyReason>
    /// The part of `energy` that belongs to windows before this one; `nil` where there is none.
    package var carried: CarriedEnergy?
    /// `nil` where the energy is unknown.
    package var partition: EnergyPartition?
    package var processor: ProcessorTime
    package var tally: Tally
    /// Records of this run that the spool dropped before they were acknowledged.
    package var spoolDropped: UInt64
    /// The kernel's estimate of the wall clock's error, in microseconds; `nil` where the clock is
    /// not synchronised.
    ///
    /// Source: adjtimex(2), `maxerror`.
    package var clockError: UInt64?

    package init(
        run: RunID, sequence: UInt64, manifest: ManifestDigest, window: Window,
        flags: RecordFlags = [], zones: [ZoneEnergy],
        energy: Known<Microjoules, EnergyReason>, carried: CarriedEnergy? = nil,
        partition: EnergyPartition?,
        processor: ProcessorTime, tally: Tally, spoolDropped: UInt64 = 0, clockError: UInt64? = nil
    ) {
        self.run = run
        self.sequence = sequence
        self.manifest = manifest
        self.window = window
        self.flags = flags
        self.zones = zones
        self.energy = energy
        self.carried = carried
        self.partition = partition
        self.processor = processor
        self.tally = tally
        self.spoolDropped = spoolDropped
        self.clockError = clockError
    }
}

/// A service as the manifest names it.
package struct ServiceDescription: Sendable, Hashable {
    package let name: String
    package let ports: [UInt16]
    package let countsFlows: Bool
    /// Exchanges that it works on at once without letting one wait, as the settings say; 0 where
    /// they do not.
    package let workers: UInt32
    /// The share of the host that is reserved for it, in percent: 0 to 100.
    package let reservedPercent: UInt32

    package init(
        name: String, ports: [UInt16], countsFlows: Bool, workers: UInt32 = 0,
        reservedPercent: UInt32 = 0
    ) {
        self.name = name
        self.ports = ports
        self.countsFlows = countsFlows
        self.workers = workers
        self.reservedPercent = reservedPercent
    }
}

/// A step of a scenario as the manifest names it.
package struct RuleDescription: Sendable, Hashable {
    /// Index in the scenario set.
    package let scenario: Int
    /// Empty where the manifest would be too long with its rules' names.
    package let name: String

    package init(scenario: Int, name: String) {
        self.scenario = scenario
        self.name = name
    }
}

/// How the flows of a scenario are counted.
package struct ScenarioFlows: Sendable, Hashable {
    /// Whether a refusal is a complete flow, and counts in TA.
    package let refusalCounts: Bool
    package let deduplication: Deduplication

    package init(refusalCounts: Bool, deduplication: Deduplication) {
        self.refusalCounts = refusalCounts
        self.deduplication = deduplication
    }
}

/// What stays the same over many records. A record names it by digest.
package struct Manifest: Sendable, Hashable {
    package var agent: String
    package var hostName: String
    /// The kernel's boot id, 16 bytes as text.
    package var bootID: String
    package var softwareVersion: String
    /// Whether the counters' root is not the system's own.
    package var simulated: Bool
    package var windowLength: Nanoseconds
    package var source: EnergySourceKind
    package var scope: EnergyScope
    package var zones: [ZoneDescription]
    package var services: [ServiceDescription]
    package var scenarios: [ScenarioID]
    /// SHA-256 of the canonical text of the rules, in lower-case hex.
    package var rulesDigest: String
    package var model: AttributionModel
    package var idleRule: IdleRule
    /// Idle power P₀; `nil` where it is not known.
    package var idle: IdlePower?
    /// All steps of all scenarios, in the order of `Tally.ruleHits`. Empty: not told.
    package var rules: [RuleDescription]
    /// One element per scenario, in the order of `scenarios`. Empty: not told.
    package var scenarioFlows: [ScenarioFlows]
    /// Names the secret of the flows' digests without telling it: the first 8 bytes, big-endian, of
    /// HMAC-SHA256(secret, "jouleflow flow secret"). 0 where no scenario has `fleet`.
    package var flowSecretID: UInt64

    package init(
        agent: String, hostName: String, bootID: String, softwareVersion: String, simulated: Bool,
        windowLength: Nanoseconds, source: EnergySourceKind, scope: EnergyScope,
        zones: [ZoneDescription], services: [ServiceDescription], scenarios: [ScenarioID],
        rulesDigest: String, model: AttributionModel, idle: IdlePower?,
        rules: [RuleDescription] = [], scenarioFlows: [ScenarioFlows] = [],
        flowSecretID: UInt64 = 0, idleRule: IdleRule = .unallocated
    ) {
        self.agent = agent
        self.hostName = hostName
        self.bootID = bootID
        self.softwareVersion = softwareVersion
        self.simulated = simulated
        self.windowLength = windowLength
        self.source = source
        self.scope = scope
        self.zones = zones
        self.services = services
        self.scenarios = scenarios
        self.rulesDigest = rulesDigest
        self.model = model
        self.idleRule = idleRule
        self.idle = idle
        self.rules = rules
        self.scenarioFlows = scenarioFlows
        self.flowSecretID = flowSecretID
    }
}
