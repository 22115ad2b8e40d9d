internal import Assessment
package import Metering

/// What windows must be before ratios are told.
package struct RegressionGates: Sendable, Hashable {
    /// Largest condition number.
    package var condition: Double
    package var windows: Int
    package var blocks: Int
    /// Largest error of what was held out.
    package var holdOut: Double
    /// Largest weight of one window in what is fitted to it: its leverage, 1 where the fit goes through it
    /// whatever the others say.
    ///
    /// Source: Huber and Ronchetti, Robust Statistics, 2nd edition, 7.2: above 0.5 is to be avoided.
    package var leverage: Double

    /// For whatever took place in production.
    package static let production = RegressionGates(
        condition: 30, windows: 1_000, blocks: 30, holdOut: 0.1, leverage: 0.5)
    /// For blocks of a designed test, each of which is a window.
    package static let designed = RegressionGates(
        condition: 30, windows: 32, blocks: 32, holdOut: 0.1, leverage: 0.5)

    package init(
        condition: Double, windows: Int, blocks: Int, holdOut: Double, leverage: Double
    ) {
        self.condition = condition
        self.windows = windows
        self.blocks = blocks
        self.holdOut = holdOut
        self.leverage = leverage
    }

    func obstacles(
        windows: Int, blocks: Int, condition: Double, holdOut: Double?,
        heaviest: Leverage?, reference: Estimate?
    ) -> [RegressionObstacle] {
        var obstacles: [RegressionObstacle] = []
        if windows < self.windows { obstacles.append(.windows(windows, needed: self.windows)) }
        if blocks < self.blocks { obstacles.append(.blocks(blocks, needed: self.blocks)) }
        if !(condition <= self.condition) {
            obstacles.append(.condition(condition, limit: self.condition))
        }
        if !((holdOut ?? .infinity) <= self.holdOut) {
            obstacles.append(.holdOut(holdOut, limit: self.holdOut))
        }
        if let heaviest, !(heaviest.part <= leverage) {
            obstacles.append(.leverage(heaviest.start, heaviest.part, limit: leverage))
        }
        if !((reference?.interval?.low ?? 0) > 0) { obstacles.append(.reference) }
        return obstacles
    }
}

/// Why ratios are not to be used.
package enum RegressionObstacle: Sendable, Hashable, CustomStringConvertible {
    case windows(Int, needed: Int)
    case blocks(Int, needed: Int)
    case condition(Double, limit: Double)
    /// `nil` where scenarios used nothing that an error could be compared with.
    case holdOut(Double?, limit: Double)
    /// A window, by its start, that decides what is fitted to it.
    case leverage(Timestamp, Double, limit: Double)
    /// The reference's interval holds 0, or the reference did not take place.
    case reference
    /// A scenario, or the background, that windows say to use less than nothing.
    case negative(Int?)
    /// A few windows, by their starts, that decide what a scenario uses: the others tell something else.
    case few(scenario: Int, [Timestamp], Estimate, others: Estimate)

    package var description: String {
        sentence { $0.map { "scenario \($0 + 1)" } ?? "the background" }
    }

    /// What it says, with the names of scenarios; `nil` stands for the background.
    package func sentence(_ name: (Int?) -> String) -> String {
        switch self {
        case .windows(let count, let needed):
            "\(count) windows, and \(needed) are needed: evaluate a longer period"
        case .blocks(let count, let needed):
            "\(count) independent stretches, and \(needed) are needed: evaluate a longer period"
        case .condition(let number, let limit):
            "the mix of scenarios varies too little to tell them apart: condition number "
                + "\(number.tenths), at most \(limit.tenths); plan a factorial test"
        case .holdOut(let error?, let limit):
            "what was held out lies \((error * 100).tenths) % off, at most "
                + "\((limit * 100).tenths) %: something else than these scenarios uses much"
        case .holdOut(nil, _): "the scenarios used nothing that could be told from the background"
        case .leverage(let start, let part, let limit):
            "the window at \(start.rfc3339) decides alone: what is fitted to it is \((part * 100).tenths) % its "
                + "own, at most \((limit * 100).tenths) %: a record of it is wrong, or a scenario took place "
                + "in hardly any other; evaluate a period without it, or a longer one"
        case .reference: "the use of a query cannot be told from 0, and ratios to it say nothing"
        case .few(let scenario, let starts, let found, let others):
            Self.few(name(scenario), starts, found, others)
        case .negative(let scenario):
            "by these windows \(name(scenario)) uses less than nothing, beyond its error: something else uses more "
                + "where there is less of it, or use does not grow in a straight line"
        }
    }

    private static func few(
        _ name: String, _ starts: [Timestamp], _ found: Estimate, _ others: Estimate
    ) -> String {
        let shown = starts.prefix(4).map(\.rfc3339).joined(separator: ", ")
        let few = starts.count == 1 ? "1 window decides" : "\(starts.count) windows decide"
        return
            "\(few) what \(name) uses, and the others tell something else: with them it is "
            + "\(range(found)) of an exchange or flow, without them \(range(others)): their records are wrong, or what "
            + "took place in them was of another kind (\(shown)\(starts.count > 4 ? " …" : "")); evaluate a "
            + "period without them"
    }

    private static func range(_ estimate: Estimate) -> String {
        guard let bounds = estimate.interval else { return digits(estimate.value) }
        return "\(digits(bounds.low)) to \(digits(bounds.high))"
    }

    /// Four of them.
    private static func digits(_ value: Double) -> String {
        guard value > 0, value.isFinite else { return "\(value)" }
        var (scaled, power) = (value, 1.0)
        while scaled < 1_000, power < 1e12 { (scaled, power) = (scaled * 10, power * 10) }
        return scaled < 1e15 ? "\(scaled.rounded() / power)" : "\(value)"
    }
}

extension Double {
    /// For people: with one digit behind the point.
    var tenths: String { magnitude < 1e15 ? "\((self * 10).rounded() / 10)" : "\(self)" }
}

/// How far one window decides what is fitted to it.
struct Leverage {
    let start: Timestamp
    /// xᵀ (XᵀX)⁻¹ x of its row: 0 to 1, and the number of columns over all windows together.
    let part: Double

    /// Of the window where it is largest; `nil` where columns cannot be told apart.
    init?(_ rows: RegressionRows, _ whole: NormalEquations) {
        guard let inverse = whole.products.inverse else { return nil }
        var largest: (row: Int, part: Double)?
        for (index, row) in rows.rows.enumerated() {
            let part = inverse.form(row)
            if part > largest?.part ?? -.infinity { largest = (index, part) }
        }
        guard let largest else { return nil }
        start = rows.starts[largest.row]
        part = largest.part
    }
}
