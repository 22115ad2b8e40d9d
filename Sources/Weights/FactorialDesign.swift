/// A factorial load test: every scenario on or off in every combination, each as often, in random order.
package struct FactorialDesign: Sendable, Hashable {
    /// More scenarios are refused: blocks double with each.
    package static let maximumScenarios = 6
    /// More repeats are refused: with all scenarios they are 6,400 blocks.
    package static let maximumRepeats = 100

    /// In each block, by scenario, whether it is on.
    package let blocks: [[Bool]]

    /// All combinations once in random order, and again in another for each repeat: what drifts slowly
    /// so meets all combinations alike. `nil` for no scenario or more than ``maximumScenarios``, and for
    /// no repeat or more than ``maximumRepeats``.
    package init?(scenarios: Int, repeats: Int, seed: UInt64) {
        guard (1...Self.maximumScenarios).contains(scenarios),
            (1...Self.maximumRepeats).contains(repeats)
        else { return nil }
        var random = SeededRandom(seed)
        let combinations = Array(0..<1 << scenarios)
        blocks = (0..<repeats).flatMap { _ in
            combinations.shuffled(using: &random).map { combination in
                (0..<scenarios).map { combination >> $0 & 1 == 1 }
            }
        }
    }
}
