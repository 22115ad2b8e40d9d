// Hot path: matching allocates nothing.
import Glibc
package import Traffic

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
}

/// The rules in the form that exchanges are matched against; the first rule that matches wins.
package struct RuleTable: Sendable {
    /// The fields that the rules ask for: what an engine must extract, in this order.
    package let selectors: [FieldSelector]
    /// The template's text of each rule, in the order of `Match.rule`.
    package let paths: [String]
    private let rules: [CompiledRule]

    package init(_ rules: [ScenarioRule]) {
        var selectors: [FieldSelector] = []
        paths = rules.map(\.path.text)
        self.rules = rules.map { rule in
            CompiledRule(
                scenario: rule.scenario, method: rule.method.map { Array($0.utf8) },
                path: rule.path,
                outcomes: rule.outcomes.map { condition in
                    let slot = condition.field.map { path in
                        let selector = FieldSelector.responseJSON(path)
                        if let known = selectors.firstIndex(of: selector) { return known }
                        selectors.append(selector)
                        return selectors.count - 1
                    }
                    return CompiledOutcome(condition: condition, slot: slot)
                })
        }
        self.selectors = selectors
    }

    /// The first rule that matches, and the outcome it tells; `nil` where none matches.
    package func match(_ exchange: Exchange) -> Match? {
        let path = path(ofTarget: exchange.target)
        for index in rules.indices where rules[index].matches(exchange.method, path) {
            return Match(
                rule: index, scenario: rules[index].scenario,
                outcome: exchange.isComplete ? rules[index].outcome(of: exchange) : .incomplete)
        }
        return nil
    }
}

private struct CompiledOutcome: Sendable {
    let condition: OutcomeCondition
    let slot: Int?

    func holds(for exchange: Exchange) -> Bool {
        guard
            condition.statuses.isEmpty
                || condition.statuses.contains(where: { $0.contains(exchange.status) })
        else { return false }
        guard let slot else { return true }
        guard slot < exchange.fields.count, case .value(let bytes) = exchange.fields[slot] else {
            return false
        }
        return condition.values.contains { equal(bytes, $0) }
    }
}

private struct CompiledRule: Sendable {
    let scenario: Int
    let method: [UInt8]?
    let path: PathTemplate
    let outcomes: [CompiledOutcome]

    func matches(_ method: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer) -> Bool {
        if let wanted = self.method, !equal(method, wanted) { return false }
        return self.path.matches(path)
    }

    func outcome(of exchange: Exchange) -> Outcome {
        for candidate in outcomes where candidate.holds(for: exchange) {
            return candidate.condition.outcome
        }
        return .incomplete
    }
}

private func equal(_ bytes: UnsafeRawBufferPointer, _ wanted: [UInt8]) -> Bool {
    guard bytes.count == wanted.count else { return false }
    guard let start = bytes.baseAddress else { return true }
    return wanted.withUnsafeBytes {
        $0.baseAddress.map { memcmp(start, $0, bytes.count) == 0 } ?? true
    }
}
