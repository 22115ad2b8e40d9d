/// The four scenarios of consumer finance, as the loan application serves them.
///
/// Source: T/CQJR 032.2-2025 Table 2 for the weights 24 : 7 : 3 : 1.
package enum LoanScenario: String, Sendable, CaseIterable, Codable {
    case credit
    case drawdown
    case repayment
    case query

    /// The units of CPU time one request burns.
    package var units: UInt64 {
        switch self {
        case .credit: 24
        case .drawdown: 7
        case .repayment: 3
        case .query: 1
        }
    }

    /// The step that completes the flow.
    package var step: String { route.action }

    /// The request's method.
    package var method: String { self == .query ? "GET" : "POST" }

    /// The path template, with its variable part in braces.
    package var template: String {
        let (resource, variable, action) = route
        return "/api/\(resource)/{\(variable)}/\(action)"
    }

    /// The path of the flow `number`.
    package func path(_ number: String) -> String {
        "/api/\(route.resource)/\(number)/\(route.action)"
    }

    /// The scenario and the flow's number in a path without its query, or `nil`.
    package static func match(path: Substring) -> (scenario: LoanScenario, number: Substring)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "api", !parts[3].isEmpty else {
            return nil
        }
        for scenario in allCases {
            let route = scenario.route
            if parts[2] == route.resource, parts[4] == route.action { return (scenario, parts[3]) }
        }
        return nil
    }

    private var route: (resource: String, variable: String, action: String) {
        switch self {
        case .credit: ("credit", "applyNo", "decision")
        case .drawdown: ("loan", "drawdownNo", "payout")
        case .repayment: ("repay", "repayNo", "settle")
        case .query: ("account", "userId", "summary")
        }
    }
}

/// How a flow ends.
package enum LoanOutcome: String, Sendable, CaseIterable, Codable {
    /// HTTP 200 and code 0000.
    case completed
    /// HTTP 200 and code E1001: a business refusal.
    case refused
    /// HTTP 500 and code E9999: a technical error.
    case failed

    /// The value of `code` in the response's body.
    package var code: String {
        switch self {
        case .completed: "0000"
        case .refused: "E1001"
        case .failed: "E9999"
        }
    }

    /// The response's status.
    package var status: Int { self == .failed ? 500 : 200 }

    /// The outcome that is answered so, or `nil` where none is.
    package init?(status: Int, code: String) {
        let found = Self.allCases.first { $0.status == status && $0.code == code }
        guard let found else { return nil }
        self = found
    }
}

/// Flows of one scenario by how they ended.
package struct OutcomeCounts: Sendable, Codable, Equatable {
    package var completed: UInt64 = 0
    package var refused: UInt64 = 0
    package var failed: UInt64 = 0

    package init(completed: UInt64 = 0, refused: UInt64 = 0, failed: UInt64 = 0) {
        self.completed = completed
        self.refused = refused
        self.failed = failed
    }

    /// Flows of any outcome.
    package var total: UInt64 { completed + refused + failed }

    /// Counts one flow more.
    package mutating func add(_ outcome: LoanOutcome) {
        switch outcome {
        case .completed: completed += 1
        case .refused: refused += 1
        case .failed: failed += 1
        }
    }
}

/// Requests that belong to no scenario.
package struct OtherRequests: Sendable, Codable, Equatable {
    package var requests: UInt64

    package init(requests: UInt64 = 0) { self.requests = requests }
}
