/// How an exchange ended, as the application's rules read its answer.
package enum FlowOutcome: String, Sendable {
    case completed
    case refused
    case failed
    case pending
    /// No outcome that the rules name, or a response that is not whole.
    case none

    /// The outcome of an answer by status, code and state.
    init(_ endpoint: FlowEndpoint, status: Int, code: String, state: String?) {
        let known: FlowOutcome? =
            switch (endpoint, code, state) {
            // Before any assessment: the flow did not run.
            case (.apply, "E2001", _), (.submit, "E2001", _): .failed
            case (.repay, "E1001", _), (.query, "E1001", _): .refused
            case (.apply, "0000", _), (.submit, "0000", _), (.repay, "0000", _),
                (.batch, "0000", _), (.query, "0000", _):
                .completed
            case (.decision, "0000", "APPROVED"), (.creditStatus, "0000", "APPROVED"),
                (.callback, "0000", "PAID"), (.payoutStatus, "0000", "PAID"):
                .completed
            case (.decision, _, "REFUSED"), (.creditStatus, _, "REFUSED"),
                (.callback, _, "REFUSED"), (.payoutStatus, _, "REFUSED"):
                .refused
            case (.creditStatus, _, "PROCESSING"), (.payoutStatus, _, "PROCESSING"): .pending
            default: nil
            }
        switch status {
        case 500...599: self = .failed
        case 200...299: self = known ?? .none
        default: self = .none
        }
    }
}

/// An exchange as a model counts it.
package struct FlowExchange: Sendable, Equatable {
    package let endpoint: FlowEndpoint
    /// The flow's number in the load, or `nil` where the exchange tells no key.
    package let key: UInt64?
    package let outcome: FlowOutcome
    /// Flows of a batch; `nil` where the response tells no number.
    package let postings: UInt64?

    package init(
        _ endpoint: FlowEndpoint, key: UInt64?, _ outcome: FlowOutcome, postings: UInt64? = nil
    ) {
        self.endpoint = endpoint
        self.key = key
        self.outcome = outcome
        self.postings = postings
    }
}

/// Counts of one scenario as one agent sees them.
package struct FlowCounts: Sendable, Codable, Equatable {
    /// Exchanges that match one of the scenario's steps.
    package var requests: UInt64 = 0
    /// Flows that were completed, each of a batch counted.
    package var completed: UInt64 = 0
    /// Exchanges that completed; fewer than `completed` by what batches hold.
    package var completing: UInt64 = 0
    package var refused: UInt64 = 0
    package var failed: UInt64 = 0
    /// Before any flow has expired.
    package var incomplete: UInt64 = 0
    package var duplicates: UInt64 = 0
    /// Exchanges of earlier steps, and those after which the flow goes on.
    package var passed: UInt64 = 0
    /// Exchanges without the key their step needs that did not fail; part of `incomplete`.
    package var keyless: UInt64 = 0
    /// TA.
    package var flows: UInt64 = 0
    /// Flows of which a step succeeded or is pending, neither completed nor refused, and no exchange
    /// of which was counted as incomplete: each is one `incomplete` more when it expires.
    package var open: UInt64 = 0
    /// Keys that only had failed exchanges: those are counted, and nothing of them is open.
    package var failedOnly: UInt64 = 0
    /// Exchanges by step: the hits of its rule.
    package var hits: [String: UInt64] = [:]

    enum CodingKeys: String, CodingKey {
        case requests, completed, completing, refused, failed, incomplete, duplicates, passed
        case keyless, flows, open, hits
        case failedOnly = "failed_only"
    }

    package init() {}

    /// Exchanges that are in none of the counts, or in several: 0, or the model is wrong.
    package var imbalance: Int64 {
        let sum = completing + refused + failed + incomplete + duplicates + passed
        return Int64(requests) - Int64(sum)
    }
}

/// What one agent must count that sees a sequence of exchanges; made apart from the agent's own
/// rules, from the meaning of the counts alone.
package struct FlowModel: Sendable {
    private struct Key: Hashable {
        let scenario: LoanScenario
        let number: UInt64
    }

    private struct Flow {
        /// Whether its scenario's one earlier step succeeded.
        var hasPassed = false
        var wasPending = false
        var wasIncomplete = false
        var end: End?
    }

    private enum End: Equatable {
        case completed(flows: UInt64)
        /// As a complete flow only where the scenario takes it so.
        case refused(flows: UInt64)

        var flows: UInt64 {
            switch self {
            case .completed(let flows), .refused(let flows): flows
            }
        }
    }

    private var counts: [LoanScenario: FlowCounts] = [:]
    private var flows: [Key: Flow] = [:]

    package init() {}

    /// Exchanges of no scenario.
    package private(set) var other: UInt64 = 0

    /// Counts one exchange. Those of one key come in the order in which they happened.
    package mutating func add(_ exchange: FlowExchange) {
        guard let scenario = exchange.endpoint.scenario else {
            other += 1
            return
        }
        var sum = counts[scenario, default: FlowCounts()]
        sum.requests += 1
        sum.hits[exchange.endpoint.rawValue, default: 0] += 1
        defer { counts[scenario] = sum }
        guard exchange.endpoint.keyName != nil else { return Self.addAlone(exchange, &sum) }
        // A batch of nothing completes nothing, and nothing is known of it.
        if exchange.key != nil, exchange.outcome == .completed, exchange.postings == 0 {
            sum.passed += 1
            return
        }
        guard let number = exchange.key else {
            // What failed ends no flow, so that it needs no key.
            if exchange.outcome == .failed {
                sum.failed += 1
            } else {
                sum.incomplete += 1
                sum.keyless += 1
            }
            return
        }
        var flow = flows[Key(scenario: scenario, number: number), default: Flow()]
        Self.add(exchange, &flow, &sum)
        flows[Key(scenario: scenario, number: number)] = flow
    }

    /// The counts of a scenario, with the flows that are open now.
    package subscript(_ scenario: LoanScenario) -> FlowCounts { all[scenario] ?? FlowCounts() }

    /// The counts of every scenario, with the flows that are open now.
    package var all: [LoanScenario: FlowCounts] {
        var all = counts
        for scenario in LoanScenario.allCases { all[scenario, default: FlowCounts()].open = 0 }
        for (key, flow) in flows where flow.end == nil && !flow.wasIncomplete {
            if flow.hasPassed || flow.wasPending {
                all[key.scenario]?.open += 1
            } else {
                all[key.scenario]?.failedOnly += 1
            }
        }
        return all
    }

    /// TA of hosts together: a key that several hosts counted is the flows of one of them.
    package static func fleet(_ hosts: [FlowModel]) -> [LoanScenario: UInt64] {
        var seen: [Key: UInt64] = [:]
        var sums: [LoanScenario: UInt64] = [:]
        for host in hosts {
            sums[.query, default: 0] += host.counts[.query]?.flows ?? 0
            for (key, flow) in host.flows {
                guard let added = flow.end?.flows, added > 0, seen[key] == nil else { continue }
                seen[key] = added
                sums[key.scenario, default: 0] += added
            }
        }
        return sums
    }

    /// A scenario without keys: each exchange is a flow.
    private static func addAlone(_ exchange: FlowExchange, _ sum: inout FlowCounts) {
        switch exchange.outcome {
        case .completed: complete(1, &sum)
        case .refused: _ = refuse(exchange.endpoint, &sum)
        case .failed: sum.failed += 1
        case .pending: sum.passed += 1
        case .none: sum.incomplete += 1
        }
    }

    private static func add(
        _ exchange: FlowExchange, _ flow: inout Flow, _ sum: inout FlowCounts
    ) {
        let endpoint = exchange.endpoint
        switch exchange.outcome {
        case .none,
            .completed where endpoint == .batch && exchange.postings == nil:
            sum.incomplete += 1
            flow.wasIncomplete = true
        case .pending:
            sum.passed += 1
            flow.wasPending = true
        // A refusal that is no complete flow keeps no later success from counting.
        case .completed where flow.end == .refused(flows: 0) && endpoint.completes:
            end(exchange, &flow, &sum)
        case .completed where flow.end != nil, .refused where flow.end != nil,
            .failed where flow.end != nil:
            sum.duplicates += 1
        case .failed: sum.failed += 1
        case .completed where !endpoint.completes:
            if flow.hasPassed { sum.duplicates += 1 } else { sum.passed += 1 }
            flow.hasPassed = true
        case .refused: flow.end = .refused(flows: refuse(endpoint, &sum))
        case .completed: end(exchange, &flow, &sum)
        }
    }

    /// Completes a flow, unless a step it requires was not seen.
    private static func end(
        _ exchange: FlowExchange, _ flow: inout Flow, _ sum: inout FlowCounts
    ) {
        let endpoint = exchange.endpoint
        guard endpoint.requires == nil || flow.hasPassed else {
            sum.incomplete += 1
            flow.wasIncomplete = true
            return
        }
        let postings = exchange.postings ?? 1
        complete(postings, &sum)
        flow.end = .completed(flows: postings)
    }

    private static func complete(_ postings: UInt64, _ sum: inout FlowCounts) {
        sum.completed += postings
        sum.completing += 1
        sum.flows += postings
    }

    /// Counts a refusal; a flow in TA for credit alone.
    private static func refuse(_ endpoint: FlowEndpoint, _ sum: inout FlowCounts) -> UInt64 {
        sum.refused += 1
        guard endpoint.scenario == .credit else { return 0 }
        sum.flows += 1
        return 1
    }
}
