// Hot path: matching allocates, copies and retains nothing.
package import Traffic

/// What an exchange is to the rules.
package struct Match: Sendable, Hashable {
    /// Index into the rules: the steps of all scenarios in their order.
    package let rule: Int
    /// Index into the scenario set.
    package let scenario: Int
    package let outcome: Outcome
    /// The outcome is incomplete, or an earlier rule was passed over, because a field could not be
    /// read.
    package let isUnread: Bool
}

/// An exchange of no rule, or of one whose fields could not be read.
enum Finding {
    case match(Match)
    case none(isUnread: Bool)
}

/// The rules in the form that exchanges are matched against; the first rule that matches wins.
///
/// Rows of plain values that name ranges of other rows, down to the bytes. The rules of a path are
/// found by it, and where they are many by the value of a field: so the cost of a match hardly
/// depends on the number of rules.
package final class RuleTable: Sendable {
    /// The fields that the rules ask for: what an engine must extract, in this order.
    package let selectors: [FieldSelector]
    let rows: RuleRows

    package init(_ scenarios: [FlowScenario]) {
        (rows, selectors) = RuleBuilder.table(scenarios)
    }

    deinit { rows.deallocate() }
}

extension RuleRows {
    /// The first rule that matches, and the outcome it tells.
    @inline(__always)
    func find(_ exchange: Exchange) -> Finding {
        places?.begin()
        // Of a path that was cut nobody knows whose it is.
        if exchange.isTargetCut, !isPathWhole(exchange.target) { return .none(isUnread: true) }
        let search = search(exchange)
        guard search.found < rules.count else { return .none(isUnread: search.unread < .max) }
        let rule = rules[search.found]
        // Another rule may be meant.
        let isPassed = search.unread < search.found
        let outcome =
            exchange.isComplete && !isPassed ? outcome(of: exchange, by: rule) : .incomplete
        let isUnread =
            outcome == .incomplete && exchange.isComplete
            && isAnyUnread(rule.outcomes, of: exchange)
        return .match(
            Match(
                rule: search.found, scenario: Int(rule.scenario), outcome: outcome,
                isUnread: isUnread || isPassed))
    }
}
