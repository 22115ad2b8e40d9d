package import Metering

/// What a flow of each scenario was measured to use, ready to be shown.
package struct WeightsContent: Sendable {
    /// A figure and its 95 % interval.
    package struct Figure: Sendable, Hashable {
        package let value: Double
        package let low: Double?
        package let high: Double?

        package init(value: Double, low: Double?, high: Double?) {
            self.value = value
            self.low = low
            self.high = high
        }
    }

    /// A scenario, and how often it took place in the windows that are whole.
    package struct Scenario: Sendable {
        package let name: String
        /// Of Table 2; `nil` of a scenario that is not in it.
        package let weight: UInt64?
        package let exchanges: UInt64
        package let flows: UInt64

        package init(name: String, weight: UInt64?, exchanges: UInt64, flows: UInt64) {
            self.name = name
            self.weight = weight
            self.exchanges = exchanges
            self.flows = flows
        }
    }

    /// One scenario of a part.
    package struct Line: Sendable {
        /// Used per flow, and its ratio to a query's: `nil` where they are not to be told.
        package var perFlow: Figure?
        package var ratio: Figure?
        /// `consistent`, `differs` or `undetermined`; `nil` of the reference, and of a scenario that is
        /// not in Table 2.
        package var verdict: String?

        package init() {}
    }

    /// Of CPU seconds, of joules, or of CPU seconds in joules.
    package struct Part: Sendable {
        /// `cpu_seconds`, `joules` or `joules_by_cpu_time`.
        package let quantity: String
        package var windows = 0
        /// Windows drawn together, and how many such blocks there are.
        package var blocks = 0
        package var used = 0.0
        /// By host, joules of a CPU second of its services; empty but of `joules_by_cpu_time`.
        package var prices: [(host: String, joules: Double)] = []
        /// Used per second with nothing in flight.
        package var background: Figure?
        package var condition: Double?
        package var autocorrelation: Double?
        package var holdOut: Double?
        /// The probability of ratios as far from Table 2's as these, were those true.
        package var probability: Double?
        /// Why nothing, or no verdict, is told; empty where all is.
        package var obstacles: [String] = []
        /// One element for each of the scenarios.
        package var lines: [Line]
        /// R with Table 2's weights and with the measured ones in their place; `nil` where not all are
        /// known.
        package var units: Double?
        package var measuredUnits: Double?
        /// The 95 % interval of the measured ones; `nil` where windows do not bound them.
        package var measuredInterval: (low: Double, high: Double)?

        package init(quantity: String, scenarios: Int) {
            self.quantity = quantity
            lines = Array(repeating: Line(), count: scenarios)
        }
    }

    /// Joules per flow by Shapley's value.
    package struct Shapley: Sendable {
        /// By scenario; `nil` of one without a flow.
        package var perFlow: [Double?] = []
        /// The hosts' curves: watts = idle + a √u + b u + c u², u in CPU seconds a second.
        package var curves: [Curve] = []
        /// Why there is none.
        package var obstacle: String?

        package init() {}
    }

    /// A host's power curve.
    package struct Curve: Sendable {
        package let host: String
        package let idle: Double
        package let factors: [Double]

        package init(host: String, idle: Double, factors: [Double]) {
            self.host = host
            self.idle = idle
            self.factors = factors
        }
    }

    /// The emission of the windows with known energy, per unit of business.
    package struct Emission: Sendable {
        package let factor: String
        package let gas: String
        package let grams: Double

        package init(factor: String, gas: String, grams: Double) {
            self.factor = factor
            self.gas = gas
            self.grams = grams
        }
    }

    package let from: Timestamp
    package let to: Timestamp
    /// Whether the windows are the blocks of a designed test.
    package let isDesigned: Bool
    package var windowSeconds: Double?
    package var hosts: [String] = []
    /// Hosts of the boundary without a record.
    package var silent: [String] = []
    /// Whether all hosts of the boundary take part, and in what words that is known.
    package var isWhole = false
    package var boundary = ""
    package var simulated = false
    package var sources: [String] = []
    /// `exchanges` or `flows`: what the windows were compared with.
    package var counted = "exchanges"
    /// Windows asked for, and those whose counts are known on every host.
    package var windows = 0
    package var wholeWindows = 0
    /// The same of each host alone.
    package var wholeByHost: [(host: String, count: Int)] = []
    /// Of each host that has no rule for a scenario in some of them, in how many.
    package var lackingRules: [String] = []
    /// Records that lie across the ends of windows, and those that cannot be read.
    package var misaligned: UInt64 = 0
    package var unreadable: UInt64 = 0
    /// Records that tell what no host can have done, and where the first few are and why.
    package var implausible: UInt64 = 0
    package var implausiblePlaces: [String] = []
    /// Exchanges in whole windows that match no scenario.
    package var otherExchanges: UInt64 = 0
    package var scenarios: [Scenario] = []
    /// CPU seconds, then joules, then joules by CPU time.
    package var parts: [Part] = []
    package var shapley = Shapley()
    package var emission: Emission?
    /// Why there is none though a factor was given.
    package var emissionObstacles: [String] = []
    /// Half of the band around a weight, as a part of it.
    package var band = 0.25

    package init(from: Timestamp, to: Timestamp, isDesigned: Bool) {
        self.from = from
        self.to = to
        self.isDesigned = isDesigned
    }
}
