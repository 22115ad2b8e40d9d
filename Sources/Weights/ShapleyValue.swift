/// The Shapley value: what is won together, divided by what each adds on average over all orders in
/// which they could have come.
///
/// φᵢ = Σ over coalitions S without i of |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S))
///
/// Source: Shapley, A value for n-person games, Contributions to the Theory of Games II, 1953.
package enum ShapleyValue {
    /// More players are refused: coalitions double with each.
    package static let maximumPlayers = 12

    /// The parts of players in their order; they sum to v(all) − v(none). `value` tells what a
    /// coalition wins, player k being in it where bit k is set; each coalition is asked once.
    ///
    /// `nil` for more than ``maximumPlayers``, and where a coalition's value is no number.
    package static func parts(of players: Int, value: (Int) -> Double) -> [Double]? {
        guard (0...maximumPlayers).contains(players) else { return nil }
        let values = (0..<1 << players).map(value)
        guard values.allSatisfy(\.isFinite) else { return nil }
        let weights = weights(of: players)
        return (0..<players).map { player in
            // The same sizes in the same order for every player: equal players, equal sums.
            var gains = [[Double]](repeating: [], count: players)
            for coalition in values.indices where coalition >> player & 1 == 0 {
                let gain = values[coalition | 1 << player] - values[coalition]
                gains[coalition.nonzeroBitCount].append(gain)
            }
            return zip(weights, gains).reduce(0) { sum, one in
                sum + one.0 * one.1.sorted().reduce(0, +)
            }
        }
    }

    /// By the coalition's size: s! (n − s − 1)! / n!.
    private static func weights(of players: Int) -> [Double] {
        (0..<players).map { size in
            // 1 / (n · C(n − 1, s))
            var ways = 1.0
            for step in 0..<size { ways = ways * Double(players - 1 - step) / Double(step + 1) }
            return 1 / (Double(players) * ways)
        }
    }

    /// What scenarios used of the `joules` that a window used above idle: `loads` are their CPU seconds a
    /// second, on top of `base`, which comes first and has its own part. All parts and that of `base` sum
    /// to `joules`; they are in proportion to what the curve says of them.
    package static func joules(
        of loads: [Double], above base: Double, sharing joules: Double, curve: PowerCurve
    ) -> [Double]? {
        // Those that did nothing add nothing to any coalition.
        let active = loads.indices.filter { loads[$0] > 0 }
        let first = curve.dynamicPower(at: base)
        let whole = curve.dynamicPower(at: active.reduce(base) { $0 + loads[$1] })
        let parts = parts(of: active.count) { coalition in
            var load = base
            for (bit, player) in active.enumerated() where coalition >> bit & 1 == 1 {
                load += loads[player]
            }
            return curve.dynamicPower(at: load) - first
        }
        return parts.map { parts in
            var all = [Double](repeating: 0, count: loads.count)
            guard whole > 0 else { return all }
            for (player, part) in zip(active, parts) { all[player] = joules * part / whole }
            return all
        }
    }
}
