/// How an exchange that matched a rule ended, as business.
package enum Outcome: String, Sendable, Hashable {
    case completed, refused, failed
    /// None of the outcomes the rule describes, or a response that was not read to its end.
    case incomplete
}

/// A set of status codes.
package enum StatusPattern: Sendable, Hashable {
    case code(UInt16)
    /// `2xx` is `.hundred(2)`.
    case hundred(UInt16)

    func contains(_ status: UInt16) -> Bool {
        switch self {
        case .code(let code): status == code
        case .hundred(let hundred): status / 100 == hundred
        }
    }
}

/// What a response must be for an outcome: one of the codes, and one of the values in a field.
package struct OutcomeCondition: Sendable, Hashable {
    package let outcome: Outcome
    /// Empty: any status.
    package let statuses: [StatusPattern]
    /// The field of the response's body that must hold one of `values`; `nil`: any body.
    package let field: [String]?
    package let values: [[UInt8]]

    package init(
        _ outcome: Outcome, statuses: [StatusPattern], field: [String]? = nil,
        values: [String] = []
    ) {
        self.outcome = outcome
        self.statuses = statuses
        self.field = field
        self.values = values.map { Array($0.utf8) }
    }
}

/// One way to recognise a scenario's completing step, and to tell its outcome.
package struct ScenarioRule: Sendable, Hashable {
    /// Index into the scenario set.
    package let scenario: Int
    /// `nil`: any method.
    package let method: String?
    package let path: PathTemplate
    /// In the order of trial; the first condition that holds decides.
    package let outcomes: [OutcomeCondition]

    package init(
        scenario: Int, method: String?, path: PathTemplate, outcomes: [OutcomeCondition]
    ) {
        self.scenario = scenario
        self.method = method
        self.path = path
        self.outcomes = outcomes
    }
}

/// What an exchange is to the rules.
package struct Match: Sendable, Hashable {
    /// Index into the rules.
    package let rule: Int
    /// Index into the scenario set.
    package let scenario: Int
    package let outcome: Outcome
    /// The outcome is incomplete because a field that tells it could not be read.
    package let isUnread: Bool
}
