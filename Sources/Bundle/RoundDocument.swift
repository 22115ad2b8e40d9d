package import Assessment
import Crypto
package import Metering

/// The figures of a closed round of a plan, as they are kept and handed on.
///
/// docs/plan-report.md tells the keys. Two documents have the same bytes where the figures, and what they
/// rest on, are the same: when and by which program they were computed is not in them.
package struct RoundDocument: Sendable, Hashable {
    /// The first thing that a reader looks at: another version has another name.
    package static let format = "jouleflow-round-1"

    package var plan: PlanHash
    /// From 1, those in reserve after the others.
    package var round: Int
    package var isReserve = false
    package var interval: Interval
    /// Nothing keeps the round from the mean.
    package var isValid = false
    /// Why something does, in English.
    package var problems: [String] = []
    /// In the order of the plan, hosts first.
    package var machines: [Machine] = []
    /// In the order of the plan.
    package var scenarios: [Scenario] = []
    /// R.
    package var units: UInt64?
    /// O in the plan's scope, in grams: the shortest digits that read back as the same Double.
    package var operational: String?
    /// M, typical, in grams.
    package var embodied: String?
    /// SCI_CF^j.
    package var intensity: String?
    /// Of the fleet, by expected energy, 0 to 1.
    package var coverage = "0.0"
    /// Root over the round's records, in hexadecimal digits.
    package var recordsRoot: String?
    /// SHA-256 of each import whose values speak of the round, in hexadecimal digits, sorted.
    package var imports: [String] = []

    package init(plan: PlanHash, round: Int, interval: Interval) {
        self.plan = plan
        self.round = round
        self.interval = interval
    }

    /// A host or device in the round.
    package struct Machine: Sendable, Hashable {
        package var id: String
        package var isDevice: Bool
        /// Its time in service, and what of it energy is known for.
        package var expected: Nanoseconds
        package var covered: Nanoseconds
        /// In the boundary; `nil` where none is known.
        package var energy: EnergyStates?
        package var runs: [Run] = []
        /// Root over its records, in hexadecimal digits.
        package var recordsRoot: String?

        package init(
            id: String, isDevice: Bool, expected: Nanoseconds, covered: Nanoseconds,
            energy: EnergyStates?
        ) {
            self.id = id
            self.isDevice = isDevice
            self.expected = expected
            self.covered = covered
            self.energy = energy
        }
    }

    /// A run's entries that lie in the round.
    package struct Run: Sendable, Hashable {
        package var run: RunID
        package var stretches: [Stretch]

        package init(_ run: RunID, _ stretches: [Stretch]) {
            self.run = run
            self.stretches = stretches
        }
    }

    /// Sequences from `first` to `last`, of which so many are there: all, but in the last of very many.
    package struct Stretch: Sendable, Hashable {
        package var first: UInt64
        package var last: UInt64
        package var received: UInt64

        package init(first: UInt64, last: UInt64, received: UInt64) {
            self.first = first
            self.last = last
            self.received = received
        }
    }

    /// A scenario in the round; counts are `nil` where they are not known.
    package struct Scenario: Sendable, Hashable {
        package var id: String
        /// TA.
        package var volume: UInt64?
        package var approved: UInt64?
        package var refused: UInt64?
        package var failed: UInt64?
        package var incomplete: UInt64?
        package var duplicates: UInt64?
        package var duplicatesAcrossHosts: UInt64?

        package init(id: String) { self.id = id }
    }

    /// SHA-256 of the document's bytes.
    package static func digest(of bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
}
