/// What the load generator saw: every flow it sent, by the end its response told.
package struct LoadResult: Sendable, Codable {
    /// By scenario id. For credit a refusal is a completed flow in the standard's sense; here
    /// outcomes are raw.
    package var scenarios: [String: OutcomeCounts]
    /// Health checks.
    package var other: OtherRequests
    package var seconds: Double
    /// Connections that failed, replies that were not as asked for, requests without a reply.
    package var errors: UInt64
    /// What went wrong first, or `nil`.
    package var firstError: String?

    enum CodingKeys: String, CodingKey {
        case scenarios, other, seconds, errors
        case firstError = "first_error"
    }

    package init() {
        scenarios = [:]
        for scenario in LoanScenario.allCases { scenarios[scenario.rawValue] = OutcomeCounts() }
        other = OtherRequests()
        seconds = 0
        errors = 0
    }

    /// The counts of one scenario.
    package subscript(_ scenario: LoanScenario) -> OutcomeCounts {
        scenarios[scenario.rawValue] ?? OutcomeCounts()
    }

    /// Flows of all scenarios and outcomes.
    package var flows: UInt64 { scenarios.values.reduce(0) { $0 + $1.total } }

    /// Adds what another run sent, and how long it took.
    package mutating func add(_ other: Self) {
        for (scenario, counts) in other.scenarios {
            scenarios[scenario, default: OutcomeCounts()].completed += counts.completed
            scenarios[scenario, default: OutcomeCounts()].refused += counts.refused
            scenarios[scenario, default: OutcomeCounts()].failed += counts.failed
        }
        self.other.requests += other.other.requests
        seconds += other.seconds
        if other.errors > 0 { addError(other.firstError ?? "", count: other.errors) }
    }

    mutating func add(_ scenario: LoanScenario, _ outcome: LoanOutcome) {
        scenarios[scenario.rawValue, default: OutcomeCounts()].add(outcome)
    }

    mutating func addError(_ sentence: String, count: UInt64 = 1) {
        errors += count
        if firstError == nil { firstError = sentence }
    }

    /// The result as lines for people.
    package var table: String {
        var lines = ["scenario    completed   refused    failed"]
        for scenario in LoanScenario.allCases {
            let counts = self[scenario]
            lines.append(
                scenario.rawValue.padded(9) + " " + "\(counts.completed)".padded(-11)
                    + "\(counts.refused)".padded(-10) + "\(counts.failed)".padded(-10))
        }
        lines.append("other requests \(other.requests), errors \(errors)")
        if let firstError { lines.append("first error: \(firstError)") }
        return lines.joined(separator: "\n")
    }
}

extension String {
    /// Filled with spaces to a width: on the right, or with a negative width on the left.
    func padded(_ width: Int) -> String {
        let fill = String(repeating: " ", count: max(0, abs(width) - count))
        return width < 0 ? fill + self : self + fill
    }
}
