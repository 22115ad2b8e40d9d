/// The name of a business scenario, as written in the configuration.
package struct ScenarioID: Hashable, Sendable, CustomStringConvertible {
    package let name: String

    package init(_ name: String) { self.name = name }

    package var description: String { name }

    /// 授信: a customer applies, is assessed and is told the result.
    package static let credit = ScenarioID("credit")
    /// 支用: funds reach the customer's account.
    package static let drawdown = ScenarioID("drawdown")
    /// 还款: an instalment is posted.
    package static let repayment = ScenarioID("repayment")
    /// 查询: an authenticated customer's request for information is answered.
    package static let query = ScenarioID("query")

    /// Whether a refusal after assessment is a complete flow, which is so for 授信 alone: its
    /// flow ends with the result being told to the customer, whatever the result.
    ///
    /// Source: T/CQJR 032.2-2025, 5.2, Table 1 (将结果通知客户; 发放至客户账户).
    package var refusalIsCompleteFlow: Bool { self == .credit }
}

/// Where a flow that is completed twice is recognised. The numbers are on the wire.
package enum Deduplication: UInt8, Sendable, Hashable {
    /// Nowhere: each completing exchange is a flow.
    case none = 0
    /// On its host.
    case host = 1
    /// On its host, and among hosts by the collector.
    case fleet = 2
}

/// What one business flow of a scenario weighs, in units of one query.
///
/// Source: T/CQJR 032.2-2025, 8.2.1, Table 2 (完成一个业务流程的算力消耗量权重): 授信 24, 支用 7,
/// 还款 3, 查询 1. The standard fixes them: they are no configuration.
package enum StandardWeights {
    /// The four scenarios in the order of Table 2.
    package static let scenarios: [ScenarioID] = [.credit, .drawdown, .repayment, .query]

    /// The weight of a scenario of Table 2, or `nil` for any other.
    package static func weight(of scenario: ScenarioID) -> UInt64? {
        switch scenario {
        case .credit: 24
        case .drawdown: 7
        case .repayment: 3
        case .query: 1
        default: nil
        }
    }
}
