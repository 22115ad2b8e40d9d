/// What windows must be before ratios are told.
package struct RegressionGates: Sendable, Hashable {
    /// Largest condition number.
    package var condition: Double
    package var windows: Int
    package var blocks: Int
    /// Largest error of what was held out.
    package var holdOut: Double

    /// For whatever took place in production.
    package static let production = RegressionGates(
        condition: 30, windows: 1_000, blocks: 30, holdOut: 0.1)
    /// For blocks of a designed test, each of which is a window.
    package static let designed = RegressionGates(
        condition: 30, windows: 32, blocks: 32, holdOut: 0.1)

    package init(condition: Double, windows: Int, blocks: Int, holdOut: Double) {
        self.condition = condition
        self.windows = windows
        self.blocks = blocks
        self.holdOut = holdOut
    }

    func obstacles(
        windows: Int, blocks: Int, condition: Double, holdOut: Double?, reference: Estimate?
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
    /// The reference's interval holds 0, or the reference did not take place.
    case reference

    package var description: String {
        switch self {
        case .windows(let count, let needed):
            "\(count) windows, and \(needed) are needed: evaluate a longer period"
        case .blocks(let count, let needed):
            "\(count) independent stretches, and \(needed) are needed: evaluate a longer period"
        case .condition(let number, let limit):
            "the mix of scenarios varies too little to tell them apart: condition number "
                + "\(Self.tenths(number)), at most \(Self.tenths(limit)); plan a factorial test"
        case .holdOut(let error?, let limit):
            "what was held out lies \(Self.tenths(error * 100)) % off, at most "
                + "\(Self.tenths(limit * 100)) %: something else than these scenarios uses much"
        case .holdOut(nil, _): "the scenarios used nothing that could be told from the background"
        case .reference: "the use of a query cannot be told from 0, and ratios to it say nothing"
        }
    }

    private static func tenths(_ value: Double) -> String {
        value.magnitude < 1e15 ? "\((value * 10).rounded() / 10)" : "\(value)"
    }
}
