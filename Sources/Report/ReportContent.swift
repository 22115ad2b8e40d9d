package import Metering

/// Everything a report shows, computed elsewhere: this target only writes it down.
///
/// `nil` is "not known" and is shown as `—` or `null`, never as a zero. Grams are of the factor's
/// gas; times are UTC.
package struct ReportContent: Sendable, Hashable {
    /// A half-open interval.
    package struct Span: Sendable, Hashable {
        package let from: Timestamp
        package let to: Timestamp

        package init(from: Timestamp, to: Timestamp) {
            self.from = from
            self.to = to
        }
    }

    /// The emission factor that O is computed with.
    package struct Factor: Sendable, Hashable {
        package var id = ""
        package var area = ""
        package var year = 0
        package var basis = ""
        package var gramsPerKilowattHour = 0.0
        /// `gCO2` or `gCO2e`.
        package var gas = ""
        package var grade = ""
        package var source = ""

        package init() {}
    }

    /// The flows and the energy of one scenario.
    package struct Scenario: Sendable, Hashable {
        package var id = ""
        /// TA: complete business flows.
        package var volume: UInt64?
        /// Why TA is not known.
        package var unknown: String?
        /// Flows that were counted: a lower bound where TA is not known.
        package var counted: UInt64 = 0
        /// What the exchanges were; `nil` where TA is not known.
        package var requests: UInt64?
        package var completed: UInt64?
        package var refused: UInt64?
        package var failed: UInt64?
        package var incomplete: UInt64?
        /// Exchanges of flows that their host had counted already.
        package var duplicates: UInt64?
        /// Flows that were counted before on another host, and are not in TA.
        package var duplicatesAcrossHosts: UInt64?
        /// Where such flows were recognised: `none`, `host`, `fleet`. More than one where hosts
        /// differ, empty where no record tells.
        package var deduplications: [String] = []
        /// The energy attributed to the scenario: in windows whose counts are not known it is
        /// undivided instead. `nil` where no energy is known.
        package var energy: Microjoules?
        package var joulesPerFlow: Double?

        package init() {}
    }

    /// Energy by state and by use; the sums are the same.
    package struct Energy: Sendable, Hashable {
        package var total = Microjoules.zero
        package var measured = Microjoules.zero
        package var bridged = Microjoules.zero
        package var estimated = Microjoules.zero
        package var other = Microjoules.zero
        package var background = Microjoules.zero
        package var unmonitored = Microjoules.zero
        package var idle = Microjoules.zero
        package var undivided = Microjoules.zero

        package init() {}
    }

    /// O, M, R and their quotient, beside the energy they come from.
    package struct Figures: Sendable, Hashable {
        package var energy: Energy?
        package var kilowattHours: Double?
        package var operationalGrams: Double?
        /// `nil`: not counted.
        package var embodiedGrams: Double?
        package var units: UInt64?
        package var unitsUnknown: String?
        package var gramsPerUnit: Double?
        package var intensityUnknown: String?
        package var scenarios: [Scenario] = []

        package init() {}
    }

    /// What one host delivered for a round, and what it did not.
    package struct Host: Sendable, Hashable {
        package var name = ""
        package var records: UInt64 = 0
        package var simulated = false
        /// `rapl`, `wall`, `model`, `none`.
        package var sources: [String] = []
        /// `host`, `cpu+dram`, `none`.
        package var scopes: [String] = []
        package var energy: Microjoules?
        package var comparisons: [Comparison] = []
        /// Why energy is not known, with the number of windows.
        package var energyUnknown: [String: UInt64] = [:]
        package var energyCovered = 0.0
        /// Seconds for which energy is known.
        package var energyCoveredSeconds = 0.0
        /// `nil` where the host counts nothing.
        package var countsCovered: Double?
        package var countsCoveredSeconds: Double?
        package var withoutRecord: [Span] = []
        package var withoutEnergy: [Span] = []
        package var withoutCounts: [Span] = []
        package var losses = TrafficLosses()
        package var packets: UInt64 = 0
        package var exchanges: UInt64 = 0
        package var straddling: UInt64 = 0
        package var doubtful: UInt64 = 0
        package var degraded: UInt64 = 0
        /// The largest bound of any window for the share of exchanges that it may lack.
        package var countLossPartsPerMillion: UInt64 = 0
        package var partial: UInt64 = 0
        package var clockStepped: UInt64 = 0
        package var suspended: UInt64 = 0
        package var agentStopped: UInt64 = 0
        package var overlapSeconds = 0.0
        package var spoolDropped: UInt64 = 0
        package var clockErrorMicroseconds: UInt64?
        package var unsynchronised: UInt64 = 0

        package init() {}
    }

    /// What another source tells of a host's energy, and the primary over the same windows.
    package struct Comparison: Sendable, Hashable {
        /// `rapl`, `wall`, `model`.
        package let source: String
        package let primary: Microjoules
        package let other: Microjoules
        /// Primary over other; `nil` where the other told of no energy.
        package let ratio: Double?

        package init(source: String, primary: Microjoules, other: Microjoules, ratio: Double?) {
            self.source = source
            self.primary = primary
            self.other = other
            self.ratio = ratio
        }
    }

    /// One round with its figures and the hosts behind them.
    package struct Round: Sendable, Hashable {
        package var span: Span
        package var figures = Figures()
        package var isValid = false
        package var problems: [String] = []
        package var disclosures: [String] = []
        package var missingHosts: [String] = []
        package var hosts: [Host] = []

        package init(_ span: Span) { self.span = span }
    }

    /// The means over the rounds, and how far they agree.
    package struct Summary: Sendable, Hashable {
        package var rounds = 0
        package var validRounds = 0
        package var mean: Double?
        package var partialMean: Double?
        package var ratioOfSums: Double?
        package var ratioRounds = 0
        package var populationDeviation: Double?
        package var sampleDeviation: Double?
        package var relativeDifference: Double?
        package var meansDiffer = false

        package init() {}
    }

    /// A rule of the period's manifests.
    package struct Rule: Sendable, Hashable {
        package let scenario: String
        package let name: String
        /// Exchanges over the period; `nil` where no record tells.
        package let hits: UInt64?
        /// Hosts that have the rule.
        package let hosts: [String]

        package init(scenario: String, name: String, hits: UInt64?, hosts: [String]) {
            self.scenario = scenario
            self.name = name
            self.hits = hits
            self.hosts = hosts
        }
    }

    /// Sequences an agent no longer had when it delivered.
    package struct Loss: Sendable, Hashable {
        package let agent: String
        package let run: UInt64
        package let first: UInt64
        package let last: UInt64

        package init(agent: String, run: UInt64, first: UInt64, last: UInt64) {
            self.agent = agent
            self.run = run
            self.first = first
            self.last = last
        }
    }

    /// Something that an assessor must hear of: keys, clones, refused batches.
    package struct Alert: Sendable, Hashable {
        package let agent: String
        /// One word, such as `clone`.
        package let kind: String
        package let text: String
        package let first: Timestamp
        package let last: Timestamp
        package let count: UInt64

        package init(
            agent: String, kind: String, text: String, first: Timestamp, last: Timestamp,
            count: UInt64
        ) {
            self.agent = agent
            self.kind = kind
            self.text = text
            self.first = first
            self.last = last
            self.count = count
        }
    }

    package var period: Span
    package var roundSeconds = 0.0
    package var factor = Factor()
    package var simulated = false
    /// `host`, `cpu+dram`, `none`; more than one where hosts differ.
    package var scopes: [String] = []
    /// How energy was divided among scenarios; more than one where hosts or times differ.
    package var attributions: [AttributionRule] = []
    package var rounds: [Round] = []
    package var totals = Figures()
    package var summary = Summary()
    /// Agents known to the store without a record in the period.
    package var silentAgents: [String] = []
    package var losses: [Loss] = []
    /// Of the whole store, by agent, kind and time.
    package var alerts: [Alert] = []
    /// By scenario and name.
    package var rules: [Rule] = []
    package var records: UInt64 = 0
    /// Records that could not be read or whose energy contradicts itself; not counted.
    package var unreadable: UInt64 = 0
    package var inconsistent: UInt64 = 0
    /// Whether flows that several hosts completed are looked for in rows that are not what the records say.
    package var hasAlteredCompletions = false

    package init(period: Span) { self.period = period }
}
