/// The two services of the multi-step loan application.
package enum FlowService: String, Sendable, CaseIterable {
    /// The edge, where customers' requests come in.
    case gateway
    /// Where the assessment engine, the funding bank and the batch job report.
    case core
}

/// What the multi-step loan application serves. In the order in which the rules are tried.
///
/// Source: the marks of a completed flow in practice: the acknowledged final notice or the first
/// final status, the payout's callback or status, the settled order, the customer's answer.
package enum FlowEndpoint: String, Sendable, CaseIterable {
    case apply
    case decision
    case creditStatus = "status"
    case submit
    case callback
    case payoutStatus = "payout_status"
    case repay
    case batch
    case query
    /// A query by staff: the path of `query`, of no scenario.
    case staffQuery = "staff_query"
    case health

    /// The scenario whose step it is, or `nil`.
    package var scenario: LoanScenario? {
        switch self {
        case .apply, .decision, .creditStatus: .credit
        case .submit, .callback, .payoutStatus: .drawdown
        case .repay, .batch: .repayment
        case .query: .query
        case .staffQuery, .health: nil
        }
    }

    /// The endpoints that are steps of a scenario, in the order of its rules.
    package static func steps(of scenario: LoanScenario) -> [FlowEndpoint] {
        allCases.filter { $0.scenario == scenario }
    }

    /// The service that has it.
    package var service: FlowService {
        switch self {
        case .decision, .callback, .batch: .core
        case .apply, .creditStatus, .submit, .payoutStatus, .repay, .query, .staffQuery, .health:
            .gateway
        }
    }

    /// The request's method.
    package var method: String {
        switch self {
        case .creditStatus, .payoutStatus, .query, .staffQuery, .health: "GET"
        case .apply, .decision, .submit, .callback, .repay, .batch: "POST"
        }
    }

    /// The path, its variable part in braces.
    package var template: String {
        switch self {
        case .apply: "/api/credit/apply"
        case .decision: "/core/credit/{applyNo}/decision"
        case .creditStatus: "/api/credit/{applyNo}/status"
        case .submit: "/api/loan/drawdown"
        case .callback: "/core/payout/callback"
        case .payoutStatus: "/api/loan/drawdown/status"
        case .repay: "/api/repay"
        case .batch: "/core/repay/batch"
        case .query, .staffQuery: "/api/loan/query"
        case .health: "/health"
        }
    }

    /// Whether the step ends its flow.
    package var completes: Bool { scenario != nil && self != .apply && self != .submit }

    /// The step that must have been seen of the flow before this one completes it.
    package var requires: FlowEndpoint? {
        self == .callback || self == .payoutStatus ? .submit : nil
    }

    /// The field of the flow's key in a body or a query, or `nil` where flows have none.
    var keyName: String? {
        switch scenario {
        case .credit: "applyNo"
        case .drawdown: "drawdownNo"
        case .repayment: self == .batch ? "batchNo" : "repayNo"
        case .query, nil: nil
        }
    }

    /// The letter before the number in keys of this kind: no two kinds in one scenario share it.
    var keyLetter: String {
        switch scenario {
        case .credit: "A"
        case .drawdown: "D"
        case .repayment: self == .batch ? "B" : "R"
        case .query, nil: "Q"
        }
    }
}

/// How a request of the multi-step loan application is answered; its header `x-expect` asks for it.
package enum FlowReply: String, Sendable, CaseIterable {
    /// HTTP 200 and code 0000, nothing decided yet.
    case accepted
    /// HTTP 200 and code E2001: rejected at the door, before any assessment; an application then
    /// has no number.
    case rejected
    /// Code 0000 and a state: still being assessed.
    case processing
    /// Code 0000 and the good final state.
    case approved
    /// The bad final state; in scenarios of one step code E1001.
    case refused
    /// A state, or in scenarios of one step a code, that no rule names.
    case unnamed
    /// A batch whose number of postings is null.
    case uncounted
    /// HTTP 500 and code E9999.
    case failed
    /// Half a response, and the connection is closed.
    case cut

    /// The response's status.
    package var status: Int { self == .failed ? 500 : 200 }

    /// Whether the answer repeats the flow's key.
    func tellsKey(_ endpoint: FlowEndpoint) -> Bool { self != .rejected || endpoint != .apply }

    /// The value of `code` in the response's body.
    func code(_ endpoint: FlowEndpoint) -> String {
        let isOneStep = endpoint == .repay || endpoint == .query
        switch self {
        case .rejected: return "E2001"
        case .failed: return "E9999"
        case .refused where isOneStep: return "E1001"
        case .unnamed where isOneStep || endpoint == .batch: return "E3001"
        default: return "0000"
        }
    }

    /// The value of `state` in the response's data.
    func state(_ endpoint: FlowEndpoint) -> String {
        switch self {
        case .accepted, .rejected, .uncounted, .failed, .cut: return "NONE"
        case .processing: return "PROCESSING"
        case .refused: return "REFUSED"
        case .unnamed: return "SUSPENDED"
        case .approved:
            switch endpoint.scenario {
            case .credit: return "APPROVED"
            case .drawdown: return "PAID"
            default: return "SETTLED"
            }
        }
    }
}
