package import Metering

/// What is assessed and how, fixed before the first round: the evaluation plan.
///
/// Nothing in it is a default that somebody could change later: what its file left out stands here
/// with the value that applied.
///
/// Source: T/CQJR 032.2-2025 Annex A a).
package struct Plan: Sendable, Hashable {
    package var title: String
    package var organization: String
    package var contact: String
    /// What belongs to the assessed system, in words.
    package var boundary: String
    /// What does not, and why.
    package var exclusions: [String]
    package var schedule: RoundSchedule
    package var scenarios: [PlannedScenario]
    package var sites: [Site]
    package var hosts: [PlannedHost]
    /// Devices without an agent, whose energy is imported from meter readings.
    package var devices: [PlannedDevice]
    /// Every factor that a site names, each once, by id.
    package var factors: [EmissionFactor]
    package var embodied: EmbodiedPolicy
    package var scope: ElectricityScope
    package var validity: ValidityRules
    /// Digests of the rule sets that hosts may count by, as their manifests name them; empty where
    /// the plan leaves them open, which reports say.
    package var ruleDigests: [String]
    /// SHA-256 of the asset list that the boundary was compared with, in hexadecimal digits.
    package var assetListDigest: String?
    /// Ed25519 public keys in hexadecimal digits: who may sign the ledger's totals.
    package var ledgerKeys: [String]

    package init(
        title: String, organization: String, contact: String, boundary: String,
        exclusions: [String] = [], schedule: RoundSchedule, scenarios: [PlannedScenario],
        sites: [Site], hosts: [PlannedHost], devices: [PlannedDevice] = [],
        factors: [EmissionFactor], embodied: EmbodiedPolicy, scope: ElectricityScope = .equipment,
        validity: ValidityRules = ValidityRules(), ruleDigests: [String] = [],
        assetListDigest: String? = nil, ledgerKeys: [String] = []
    ) {
        self.title = title
        self.organization = organization
        self.contact = contact
        self.boundary = boundary
        self.exclusions = exclusions
        self.schedule = schedule
        self.scenarios = scenarios
        self.sites = sites
        self.hosts = hosts
        self.devices = devices
        self.factors = factors
        self.embodied = embodied
        self.scope = scope
        self.validity = validity
        self.ruleDigests = ruleDigests
        self.assetListDigest = assetListDigest
        self.ledgerKeys = ledgerKeys
    }
}

/// When the rounds are: end to end, of one length, the reserve rounds after the others.
///
/// Source: T/CQJR 032.2-2025 Annex A a), {t₁ … t_m}.
package struct RoundSchedule: Sendable, Hashable {
    /// More rounds than this, with those in reserve, are refused: hourly rounds of a year fit.
    package static let maximumRounds = 10_000

    package var start: Timestamp
    package var length: Nanoseconds
    /// m: how many rounds the result is the mean of.
    package var rounds: Int
    /// How many further ones may replace rounds that are invalid, the earliest first.
    package var reserve: Int
    /// How long after its end a round waits for late records before it closes.
    package var grace: Nanoseconds
    /// Why the period stands for the business, where it is not whole weeks or a billing month.
    package var justification: String?

    package init(
        start: Timestamp, length: Nanoseconds, rounds: Int, reserve: Int, grace: Nanoseconds,
        justification: String? = nil
    ) {
        self.start = start
        self.length = length
        self.rounds = rounds
        self.reserve = reserve
        self.grace = grace
        self.justification = justification
    }

    /// From the first round to the end of the last one that is not in reserve.
    package var period: Interval {
        Interval(start: start, end: end(afterRounds: rounds))
    }

    /// When so many rounds after the start are over.
    package func end(afterRounds count: Int) -> Timestamp {
        let (span, over) = length.rawValue.multipliedReportingOverflow(by: UInt64(max(0, count)))
        return start + Nanoseconds(over ? .max : span)
    }
}

/// Where a scenario's flows are counted.
package struct PlannedScenario: Sendable, Hashable {
    /// Where TA comes from.
    package enum Volume: Sendable, Hashable {
        /// Counted from traffic.
        case traffic
        /// From the imported ledger, because completion cannot be read from traffic.
        case ledger(reason: String)
    }

    package var id: ScenarioID
    package var volume: Volume
    /// The hosts that count it: its one counting layer. Empty where any host of the plan may.
    package var countingHosts: [String]
    /// Whether the imported ledger's totals must equal TA, day by day.
    package var isReconciled: Bool

    package init(
        id: ScenarioID, volume: Volume = .traffic, countingHosts: [String] = [],
        isReconciled: Bool = false
    ) {
        self.id = id
        self.volume = volume
        self.countingHosts = countingHosts
        self.isReconciled = isReconciled
    }
}

/// Which electricity O speaks of.
package enum ElectricityScope: String, Sendable, Hashable {
    /// That of the hosts and devices alone.
    case equipment = "it"
    /// That of the building with cooling and distribution: times the site's PUE.
    case facility
}

/// What makes a round invalid. Counts are never imputed.
package struct ValidityRules: Sendable, Hashable {
    /// From this share of a round on, missing energy is neither imputed nor spoken of as a lack.
    package var fullCoverage: PartsPerMillion
    /// Below this share, the round is invalid; between the two the lack is imputed upward.
    package var minimumCoverage: PartsPerMillion
    /// Above this bound of the wall clock's error a host's boundary energy is doubtful.
    package var maximumClockError: Nanoseconds

    package init(
        fullCoverage: PartsPerMillion = PartsPerMillion(rawValue: 990_000),
        minimumCoverage: PartsPerMillion = PartsPerMillion(rawValue: 950_000),
        maximumClockError: Nanoseconds = Nanoseconds(1_000_000_000)
    ) {
        self.fullCoverage = fullCoverage
        self.minimumCoverage = minimumCoverage
        self.maximumClockError = maximumClockError
    }
}
