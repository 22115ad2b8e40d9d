import Settings
import Traffic

/// One rule and how often it matched.
package struct ReplayedRule: Sendable, Hashable {
    package let scenario: String
    package let step: String
    /// The requests that it takes, in the words of the settings: `POST /gw body.txnCode=CR01`.
    package let matches: String
    /// Exchanges that it was the first to match.
    package let hits: UInt64
}

/// The rules of a replay in the order in which they are tried; each is put into words when it is
/// asked for, as there may be thousands.
package struct ReplayedRules: Sendable {
    private let scenarios: [FlowScenario]
    private let hits: [UInt64]

    init(_ scenarios: [FlowScenario], hits: [UInt64]) {
        self.scenarios = scenarios
        self.hits = hits
    }

    /// Hands over each rule.
    package func forEach<Failure>(_ body: (ReplayedRule) throws(Failure) -> Void) throws(Failure) {
        var number = 0
        for scenario in scenarios {
            for step in scenario.steps {
                try body(
                    ReplayedRule(
                        scenario: scenario.id.name, step: step.name, matches: step.request.written,
                        hits: hits[number]))
                number += 1
            }
        }
    }

    /// The rules that `isWanted` says are.
    package func filter(_ isWanted: (ReplayedRule) -> Bool) -> [ReplayedRule] {
        var wanted: [ReplayedRule] = []
        forEach { if isWanted($0) { wanted.append($0) } }
        return wanted
    }

    /// All of them.
    package var all: [ReplayedRule] { filter { _ in true } }
}
