import Glibc
import Metering
package import Weights

/// Windows of a system whose weights are known: what an estimate is compared with.
///
/// Joules of a window = (120 W + drift) · T + Σ over scenarios of the cost of each flow. The drift is an
/// autoregression with a standard deviation of 5 W and 0.8 from one minute to the next; a query costs
/// 0.5 J and the others as much more as their weights say; the costs of single flows vary by half of
/// themselves.
package struct SyntheticLoad: Sendable {
    /// How flows come.
    package enum Kind: String, Sendable, CaseIterable {
        /// A day of minutes: load that rises and falls by 70 %, and a mix that varies by 20 %.
        case day
        /// Seven days of minutes, and a mix that varies by 10 %.
        case week
        /// A factorial test of 48 blocks of 5 minutes: scenarios on and off.
        case designed
    }

    package let kind: Kind
    /// By scenario: credit, drawdown, repayment, query.
    package let weights: [Double]
    private var random: SeededRandom
    private var spare: Double?

    package static let idleWatts = 120.0
    package static let joulesPerQuery = 0.5
    private static let driftWatts = 5.0
    /// Of the drift, from one minute to the next.
    private static let persistence = 0.8
    /// Of a flow's cost, relative to its mean.
    private static let variation = 0.5
    /// Flows a second in production, and in a block in which a scenario is on.
    private static let usual = [1.0, 3, 10, 100]
    private static let loads = [4.0, 10, 25, 200]

    package init(_ kind: Kind, weights: [Double] = [24, 7, 3, 1], seed: UInt64) {
        self.kind = kind
        self.weights = weights
        random = SeededRandom(seed)
    }

    /// What an evaluation of this kind uses.
    package var settings: RegressionSettings {
        RegressionSettings(
            reference: 3, weights: weights.map(Optional.some), block: kind == .designed ? 1 : 30,
            gates: kind == .designed ? .designed : .production)
    }

    /// The windows, other ones each time.
    package mutating func windows() -> [RegressionWindow] {
        switch kind {
        case .day: production(minutes: 1_440, variation: 0.2)
        case .week: production(minutes: 10_080, variation: 0.1)
        case .designed: designed(repeats: 3)
        }
    }

    private mutating func production(minutes: Int, variation: Double) -> [RegressionWindow] {
        var drift = normal() * Self.driftWatts
        return (0..<minutes).map { minute in
            let day = Double(minute) / 1_440
            let level = 1 + 0.7 * sin(2 * Double.pi * (day - 0.3))
            let rates = Self.usual.map { $0 * level * exp(variation * normal()) }
            drift = next(drift)
            return window(minute, seconds: 60, rates, drift)
        }
    }

    private mutating func designed(repeats: Int) -> [RegressionWindow] {
        let design = FactorialDesign(scenarios: 4, repeats: repeats, seed: random.next())
        var drift = normal() * Self.driftWatts
        return (design?.blocks ?? []).enumerated().map { block, isOn in
            var mean = 0.0
            for _ in 0..<5 {
                drift = next(drift)
                mean += drift / 5
            }
            let rates = zip(isOn, Self.loads).map { $0 ? $1 : 0 }
            return window(block, seconds: 300, rates, mean)
        }
    }

    private mutating func next(_ drift: Double) -> Double {
        let fresh = (1 - Self.persistence * Self.persistence).squareRoot()
        return Self.persistence * drift + fresh * Self.driftWatts * normal()
    }

    private mutating func window(
        _ index: Int, seconds: UInt64, _ rates: [Double], _ drift: Double
    ) -> RegressionWindow {
        let counts = rates.map { poisson($0 * Double(seconds)) }
        var joules = (Self.idleWatts + drift) * Double(seconds)
        for (count, weight) in zip(counts, weights) {
            let mean = weight * Self.joulesPerQuery
            joules += mean * (count + Self.variation * count.squareRoot() * normal())
        }
        return RegressionWindow(
            start: Timestamp(UInt64(index) * seconds * 1_000_000_000), seconds: Double(seconds),
            used: max(0, joules), counts: counts)
    }

    /// Of the standard normal distribution. Source: Box and Muller, 1958.
    private mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let radius = (-2 * log(Double.random(in: 0.0.nextUp...1, using: &random))).squareRoot()
        let angle = 2 * Double.pi * Double.random(in: 0..<1, using: &random)
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// Of Poisson's distribution; above 50 the normal one of the same mean and spread, in whole numbers.
    private mutating func poisson(_ mean: Double) -> Double {
        guard mean > 0 else { return 0 }
        if mean > 50 { return max(0, (mean + mean.squareRoot() * normal()).rounded()) }
        let limit = exp(-mean)
        var (count, product) = (0.0, Double.random(in: 0..<1, using: &random))
        while product > limit {
            count += 1
            product *= Double.random(in: 0..<1, using: &random)
        }
        return count
    }
}
