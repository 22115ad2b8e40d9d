// Hot path: counting allocates nothing.
package import Metering
package import Traffic

/// Exchanges → flows counted by scenario. Made once and never changed; by reference, so that no
/// exchange costs a copy.
package final class FlowCounter: Sendable {
    package let scenarios: [ScenarioID]
    package let rules: RuleTable
    /// By service: whether it counts flows, or only requests (one counting layer per scenario).
    private let countsFlows: [Bool]
    private let hasRule: [Bool]
    private let refusalCounts: [Bool]

    package init(scenarios: [ScenarioID], rules: [ScenarioRule], countsFlows: [Bool]) {
        self.scenarios = scenarios
        self.rules = RuleTable(rules)
        self.countsFlows = countsFlows
        let isCounted = countsFlows.contains(true)
        hasRule = scenarios.indices.map { index in
            isCounted && rules.contains { $0.scenario == index }
        }
        refusalCounts = scenarios.map(\.refusalIsCompleteFlow)
    }

    /// A tally of nothing, in which each scenario is quiet, or has no rule that could count it.
    package func emptyTally() -> Tally {
        Tally(
            scenarios: hasRule.map { ScenarioTally(observation: $0 ? .quiet : .noRule) },
            services: countsFlows.map { _ in ServiceTally(scenarios: scenarios.count) })
    }

    /// Counts one exchange. Every exchange is counted once: under a scenario or as other.
    @discardableResult
    package func count(_ exchange: Exchange, into tally: inout Tally) -> Match? {
        tally.exchanges &+= 1
        guard let match = rules.match(exchange) else {
            tally.services[exchange.service].otherRequests &+= 1
            return nil
        }
        let scenario = match.scenario
        if match.isUnread { tally.losses.unread &+= 1 }
        guard countsFlows[exchange.service] else {
            tally.scenarios[scenario].requests &+= 1
            return match
        }
        let isFlow =
            match.outcome == .completed || match.outcome == .refused && refusalCounts[scenario]
        tally.scenarios[scenario].note(match.outcome, isFlow: isFlow)
        if isFlow { tally.services[exchange.service].flows[scenario] &+= 1 }
        return match
    }

    /// Sets what could be observed of each scenario, from what its counting services saw.
    ///
    /// - Parameters:
    ///   - readable: by service, whether packets of readable connections were seen.
    ///   - encrypted: by service, whether packets of encrypted connections were seen.
    ///   - isCaptured: whether capture ran for the whole window on every interface asked for.
    package func observe(
        _ tally: inout Tally, readable: [Bool], encrypted: [Bool], isCaptured: Bool
    ) {
        let counting = countsFlows.indices.filter { countsFlows[$0] }
        let isReadable = counting.contains { readable[$0] }
        let isEncrypted = counting.contains { encrypted[$0] && !readable[$0] }
        for index in scenarios.indices where hasRule[index] {
            tally.scenarios[index].observation =
                if !isCaptured { .notCaptured } else if isEncrypted { .encrypted } else {
                    isReadable ? .seen : .quiet
                }
        }
    }
}

extension ScenarioTally {
    fileprivate mutating func note(_ outcome: Outcome, isFlow: Bool) {
        requests &+= 1
        if isFlow { flows &+= 1 }
        switch outcome {
        case .completed: completed &+= 1
        case .refused: refused &+= 1
        case .failed: failed &+= 1
        case .incomplete: incomplete &+= 1
        }
    }
}
