package import Metering

/// What a period used and counted by roll-ups, ready to be shown.
package struct UsageContent: Sendable {
    /// One stretch of time, of one host or of all.
    package struct Line: Sendable {
        package let from: Timestamp
        package let to: Timestamp
        /// `nil` for all hosts together.
        package let host: String?
        /// Hosts with a record.
        package var hosts = 0
        /// The stretch, once for each of these hosts.
        package var expected: Nanoseconds = .zero
        package var records: UInt64 = 0
        /// `nil` where no window's energy is known.
        package var energy: Microjoules?
        package var measured: Microjoules = .zero
        package var bridged: Microjoules = .zero
        package var estimated: Microjoules = .zero
        /// The energy that no scenario used.
        package var uses: [Use] = []
        /// Time for which energy and counts are known; what two records claim is in it twice.
        package var energyCovered: Nanoseconds = .zero
        package var countsCovered: Nanoseconds = .zero
        package var simulated = false
        package var sources: [String] = []
        package var scopes: [String] = []
        package var clockErrorMicroseconds: UInt64?
        /// Kinds of records that are to be taken with care, those that there are.
        package var notes: [Note] = []
        package var losses: UInt64 = 0
        package var scenarios: [Scenario] = []

        package init(from: Timestamp, to: Timestamp, host: String?) {
            self.from = from
            self.to = to
            self.host = host
        }
    }

    /// Energy by use.
    package struct Use: Sendable {
        package let name: String
        package let energy: Microjoules

        package init(name: String, energy: Microjoules) {
            self.name = name
            self.energy = energy
        }
    }

    /// How many records are of a kind.
    package struct Note: Sendable {
        package let name: String
        package let records: UInt64

        package init(name: String, records: UInt64) {
            self.name = name
            self.records = records
        }
    }

    /// The counts of a scenario, as hosts counted them, each for itself.
    package struct Scenario: Sendable {
        package let name: String
        /// Whether any window's counts are known; the others are a lower bound then.
        package var isCounted = false
        package var flows: UInt64 = 0
        package var requests: UInt64 = 0
        package var completed: UInt64 = 0
        package var refused: UInt64 = 0
        package var failed: UInt64 = 0
        package var incomplete: UInt64 = 0
        package var duplicates: UInt64 = 0
        package var energy: Microjoules = .zero

        package init(name: String) { self.name = name }
    }

    /// Hours that days and months are ahead of UTC.
    package let offsetHours: Int64
    /// Stored entries that are not in these figures yet, at most.
    package let waiting: UInt64
    package let total: Line
    /// By start and host.
    package let lines: [Line]
    /// Agents of the store without a record in the period.
    package let silent: [String]

    package init(
        offsetHours: Int64, waiting: UInt64, total: Line, lines: [Line], silent: [String]
    ) {
        self.offsetHours = offsetHours
        self.waiting = waiting
        self.total = total
        self.lines = lines
        self.silent = silent
    }

    /// The standard's scenarios in its order, others after them by name.
    package static func precedes(_ one: String, _ other: String) -> Bool {
        let standard = StandardWeights.scenarios.map(\.name)
        let places = [one, other].map { standard.firstIndex(of: $0) ?? standard.count }
        return places[0] == places[1] ? one < other : places[0] < places[1]
    }
}

extension Microjoules {
    /// In kilowatt-hours; exact where few digits are asked for.
    var kilowattHours: Double { Double(rawValue) / 3_600_000_000_000 }
}
