/// The ends of an interval, both part of it.
package struct Bounds: Sendable, Hashable {
    package let low: Double
    package let high: Double

    package init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }

    /// Whether a value lies in it.
    package func contains(_ value: Double) -> Bool { low <= value && value <= high }
}

/// A figure and the interval that holds the true one with a probability of about 95 %.
package struct Estimate: Sendable, Hashable {
    package let value: Double
    /// `nil` where windows do not bound it.
    package let interval: Bounds?

    package init(value: Double, interval: Bounds?) {
        self.value = value
        self.interval = interval
    }
}

/// How the windows are evaluated.
package struct RegressionSettings: Sendable, Hashable {
    /// The scenario that the others are compared with.
    package var reference: Int
    /// What the others' ratios to it are held to be, by scenario; `nil` of those without.
    package var weights: [Double?]
    /// How much of each scenario is in a sum whose ratio to the reference is asked for; empty where none is.
    package var mix: [Double] = []
    /// Windows that are drawn together, in the order of time; 1 where they are independent.
    package var block: Int
    /// How often blocks are drawn anew.
    package var replicates = 999
    /// Where the draws begin: the same numbers give the same result.
    package var seed: UInt64 = 0x6A6F_756C_6566_6C6F
    package var gates: RegressionGates

    package init(reference: Int, weights: [Double?], block: Int, gates: RegressionGates) {
        self.reference = reference
        self.weights = weights
        self.block = block
        self.gates = gates
    }
}

/// What a regression of windows on what took place in them tells.
///
/// The figures are non-negative least squares. The intervals are those of the least squares without
/// bounds, by a studentised block bootstrap, cut at 0: they hold the truth as often, and no figure at its
/// bound makes them look narrow.
package struct Regression: Sendable, Hashable {
    /// More windows than a year of minutes are refused.
    package static let maximumWindows = 600_000
    /// More scenarios are refused.
    package static let maximumScenarios = 16

    package let windows: Int
    /// Blocks of windows in a draw.
    package let blocks: Int
    /// Used per second with nothing in flight.
    package let background: Estimate
    /// Used per exchange or flow; `nil` of a scenario that did not take place.
    package let scenarios: [Estimate?]
    /// The ratio to the reference, `nil` where either is not known or the reference is 0.
    package let ratios: [Estimate?]
    /// What ``RegressionSettings/mix`` uses together by what one of the reference does; `nil` where that is not
    /// asked for, the reference is 0, or a scenario of it did not take place.
    package let mix: Estimate?
    /// The largest singular value of the scaled columns by the smallest.
    package let condition: Double
    /// Of neighbouring windows' residuals.
    package let autocorrelation: Double
    /// How far stretches that took no part lie from what the others say, as a part of what scenarios
    /// used in them; `nil` where scenarios used nothing.
    package let holdOut: Double?
    /// The probability of ratios as far from the weights as these, were the weights true; `nil` where
    /// not all of them can be told.
    package let weightsProbability: Double?
    /// Why the ratios are not to be used; empty where they are.
    package private(set) var obstacles: [RegressionObstacle]

    /// Evaluates windows, in whatever order they are given.
    ///
    /// Throws where they are not numbers, too few, or cannot tell the scenarios apart.
    package init(
        _ windows: [RegressionWindow], scenarios: Int, settings: RegressionSettings
    ) throws(RegressionError) {
        self = try Self(windows, scenarios: scenarios, alone: settings)
        obstacles += Self.decided(windows, by: self.scenarios, settings: settings)
    }

    /// Without what the windows say where a few are left out.
    init(
        _ windows: [RegressionWindow], scenarios: Int, alone settings: RegressionSettings
    ) throws(RegressionError) {
        let rows = try RegressionRows(windows, scenarios: scenarios)
        var whole = NormalEquations(order: rows.order)
        for (row, used) in zip(rows.rows, rows.used) { whole.add(row, used) }
        let eigen = whole.products.eigen
        condition = try Self.condition(eigen, rows)
        let fitted = whole.nonNegativeSolution
        guard let bootstrap = BlockBootstrap(rows, length: settings.block) else {
            throw .tooFewWindows(windows.count, needed: settings.block * (rows.order + 1))
        }
        self.windows = windows.count
        blocks = bootstrap.blocks
        let intervals = Intervals(rows, fitted, bootstrap, settings)
        background = intervals.background
        var found = [Estimate?](repeating: nil, count: scenarios)
        var ratios = found
        for (column, scenario) in rows.present.enumerated() {
            found[scenario] = intervals.scenarios[column]
            ratios[scenario] = intervals.ratios[column]
        }
        self.scenarios = found
        self.ratios = ratios
        mix = intervals.mix
        weightsProbability = intervals.probability
        let residuals = Residuals(rows, whole, fitted)
        autocorrelation = residuals.autocorrelation
        holdOut = residuals.holdOut
        let reference =
            settings.reference < scenarios ? found[max(0, settings.reference)] : nil
        obstacles =
            settings.gates.obstacles(
                windows: windows.count, blocks: blocks, condition: condition,
                holdOut: holdOut, heaviest: Leverage(rows, whole), reference: reference)
            + intervals.negative.map { .negative($0 == 0 ? nil : rows.present[$0 - 1]) }
    }

    /// Refuses columns that are one combination of each other as far as numbers can tell.
    private static func condition(
        _ eigen: [(value: Double, vector: [Double])], _ rows: RegressionRows
    ) throws(RegressionError) -> Double {
        guard let smallest = eigen.first, let largest = eigen.last else { return 1 }
        guard smallest.value > largest.value * 1e-11 else {
            let names: [Int?] = [nil] + rows.present.map { $0 }
            let part = zip(names, smallest.vector).filter { $1.magnitude > 1e-3 }
            throw .inseparable(part.map(\.0))
        }
        return (largest.value / smallest.value).squareRoot()
    }
}

/// Figures and intervals in the units that were given.
private struct Intervals {
    let background: Estimate
    let scenarios: [Estimate]
    let ratios: [Estimate?]
    let mix: Estimate?
    let probability: Double?
    /// The columns that use less than nothing.
    let negative: [Int]

    /// What a column takes away at the least, as a part of what was used, for it to be told from rounding:
    /// both are root mean squares.
    private static let leastTaken = 1e-3

    init(
        _ rows: RegressionRows, _ fitted: [Double], _ bootstrap: BlockBootstrap,
        _ settings: RegressionSettings
    ) {
        let order = rows.order
        let free = bootstrap.center
        let reference = rows.present.firstIndex(of: settings.reference).map { $0 + 1 }
        var combinations = (0..<order).map { Self.unit($0, order) }
        if let reference { combinations += Self.ratios(free, reference, order) }
        let mixed = reference.flatMap { Self.mix(rows, $0, settings) }
        if let reference, let mixed {
            combinations.append(Self.less(mixed, reference, Self.product(mixed, free), free))
        }
        let hypothesis = Self.hypothesis(rows, reference, settings)
        let answer = bootstrap.answer(
            combinations: combinations, hypothesis: hypothesis ?? [],
            replicates: settings.replicates, seed: settings.seed)
        probability = hypothesis == nil ? nil : answer.probability
        let covariance = bootstrap.covariance
        let halves = answer.reach.map { reach in
            (0..<order).map { reach[$0] * max(0, covariance[$0, $0]).squareRoot() }
        }
        let squares = rows.used.reduce(0) { $0 + $1 * $1 }
        let least = Self.leastTaken * (squares / Double(rows.used.count)).squareRoot()
        negative =
            halves.map { halves in
                (0..<order).filter { free[$0] + halves[$0] < -least }
            } ?? []
        let estimates = (0..<order).map { index in
            let bounds = halves.map { halves in
                Self.bounds(free[index] - halves[index], free[index] + halves[index], fitted[index])
            }
            return Estimate(value: fitted[index], interval: bounds).times(rows.units[index])
        }
        background = estimates[0]
        scenarios = Array(estimates.dropFirst())
        ratios = (1..<order).map { index in
            guard let reference, fitted[reference] > 0 else { return nil }
            if index == reference {
                return Estimate(value: 1, interval: Bounds(low: 1, high: 1))
            }
            let value = fitted[index] / fitted[reference]
            let bounds = answer.reach.flatMap { reach in
                Self.fieller(
                    free[index], free[reference], reach[order + index - 1],
                    (
                        covariance[index, index], covariance[index, reference],
                        covariance[reference, reference]
                    ))
            }
            let interval = bounds.map { Self.bounds($0.low, $0.high, value) }
            return Estimate(value: value, interval: interval)
                .times(rows.units[index] / rows.units[reference])
        }
        mix = mixed.flatMap { mixed in
            guard let reference, fitted[reference] > 0 else { return nil }
            let value = Self.product(mixed, fitted) / fitted[reference]
            let bounds = answer.reach.flatMap { reach in
                Self.fieller(
                    Self.product(mixed, free), free[reference], reach[2 * order - 1],
                    (
                        covariance.form(mixed), covariance.times(mixed)[reference],
                        covariance[reference, reference]
                    ))
            }
            return Estimate(
                value: value, interval: bounds.map { Self.bounds($0.low, $0.high, value) })
        }
    }

    private static func product(_ one: [Double], _ other: [Double]) -> Double {
        zip(one, other).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// A combination less as many times the reference as makes 0 of it.
    private static func less(
        _ combination: [Double], _ reference: Int, _ value: Double, _ free: [Double]
    ) -> [Double] {
        var combination = combination
        if free[reference] != 0 { combination[reference] -= value / free[reference] }
        return combination
    }

    /// The mix by column, in the reference's unit; `nil` where a scenario of it did not take place.
    private static func mix(
        _ rows: RegressionRows, _ reference: Int, _ settings: RegressionSettings
    ) -> [Double]? {
        var combination = [Double](repeating: 0, count: rows.order)
        for (scenario, part) in settings.mix.enumerated() where part > 0 {
            guard let column = rows.present.firstIndex(of: scenario).map({ $0 + 1 }) else {
                return nil
            }
            combination[column] = part * rows.units[column] / rows.units[reference]
        }
        return settings.mix.isEmpty ? nil : combination
    }

    private static func unit(_ index: Int, _ order: Int) -> [Double] {
        (0..<order).map { $0 == index ? 1 : 0 }
    }

    /// Each coefficient less as many times the reference's as makes 0 of it.
    private static func ratios(_ free: [Double], _ reference: Int, _ order: Int) -> [[Double]] {
        (1..<order).map { index in
            let combination = unit(index, order)
            return index == reference
                ? combination : less(combination, reference, free[index], free)
        }
    }

    /// What is 0 where the weights are true; `nil` where a scenario with a weight did not take place.
    private static func hypothesis(
        _ rows: RegressionRows, _ reference: Int?, _ settings: RegressionSettings
    ) -> [[Double]]? {
        guard let reference else { return nil }
        var combinations: [[Double]] = []
        for (scenario, weight) in settings.weights.enumerated() {
            guard let weight, scenario != settings.reference else { continue }
            guard let column = rows.present.firstIndex(of: scenario).map({ $0 + 1 }) else {
                return nil
            }
            var combination = unit(column, rows.order)
            combination[reference] = -weight * rows.units[reference] / rows.units[column]
            combinations.append(combination)
        }
        return combinations.isEmpty ? nil : combinations
    }

    /// An interval above 0 that holds the figure.
    private static func bounds(_ low: Double, _ high: Double, _ value: Double) -> Bounds {
        Bounds(low: min(value, max(0, low)), high: max(value, high))
    }

    /// The ratios r for which a − r b lies within its reach of 0; `nil` where b may be 0.
    ///
    /// Source: Fieller, Some problems in interval estimation, JRSS B 16, 1954.
    private static func fieller(
        _ a: Double, _ b: Double, _ reach: Double, _ spread: (aa: Double, ab: Double, bb: Double)
    ) -> Bounds? {
        let square = reach * reach
        let lead = b * b - square * spread.bb
        guard b > 0, lead > 0 else { return nil }
        let middle = a * b - square * spread.ab
        // middle² − lead · (a² − reach² aa), without what cancels: never below 0 where lead is above it.
        let span = b * b * spread.aa - 2 * a * b * spread.ab + a * a * spread.bb
        let common = spread.aa * spread.bb - spread.ab * spread.ab
        let root = max(0, square * (span - square * common))
        let half = root.squareRoot()
        return Bounds(low: (middle - half) / lead, high: (middle + half) / lead)
    }
}

extension Estimate {
    /// The same in another unit.
    package func times(_ factor: Double) -> Self {
        Estimate(
            value: value * factor,
            interval: interval.map { Bounds(low: $0.low * factor, high: $0.high * factor) })
    }
}
