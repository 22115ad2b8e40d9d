/// How sure least squares are of what they tell: windows are drawn again and again in blocks, as their
/// neighbours in time resemble each other, and each draw is judged by its own spread.
///
/// Blocks may begin at any window; after the last window comes the first, so that all windows are drawn
/// equally often.
///
/// Source: Politis and Romano, A circular block-resampling procedure for stationary data, 1992;
/// Götze and Künsch, Second-order correctness of the blockwise bootstrap, Annals of Statistics 24, 1996,
/// for dividing by the spread of each draw's own blocks.
struct BlockBootstrap: Sendable {
    private let order: Int
    private let width: Int
    /// The sums of each block that begins at a window: products, one half, and right-hand sides.
    private let sums: [Double]
    private let windows: Int
    /// Windows in a block, and blocks in a draw.
    let length: Int
    let blocks: Int
    /// The least squares of all windows, without bounds.
    let center: [Double]
    /// Their covariance.
    let covariance: SymmetricMatrix

    /// `nil` where the columns cannot be told apart, or there are not more blocks than columns.
    init?(_ rows: RegressionRows, length: Int) {
        order = rows.order
        width = order * (order + 3) / 2
        windows = rows.rows.count
        self.length = max(1, min(length, windows))
        blocks = (windows + self.length - 1) / self.length
        sums = Self.sums(rows, width, self.length)
        var whole = [Double](repeating: 0, count: width)
        for index in sums.indices { whole[index % width] += sums[index] }
        for index in whole.indices { whole[index] /= Double(self.length) }
        let equations = Self.equations(whole, order)
        guard blocks > order, let center = equations.solution,
            let inverse = equations.products.inverse
        else { return nil }
        self.center = center
        var spread = SymmetricMatrix(order: order)
        for start in 0..<windows {
            Self.addSpread(sums[start * width..<(start + 1) * width], center, to: &spread)
        }
        spread.scale(by: Self.correction(blocks, order) / Double(self.length))
        covariance = spread.between(inverse)
    }

    /// Each block's sums, without taking anything away again: what stands before the next multiple of
    /// the length, and what stands after it.
    private static func sums(_ rows: RegressionRows, _ width: Int, _ length: Int) -> [Double] {
        let count = rows.rows.count
        let each = (0..<count).flatMap { packed(rows.rows[$0], rows.used[$0]) }
        let reach = count + length - 1
        var before = [Double](repeating: 0, count: reach * width)
        var after = before
        for index in 0..<reach {
            let (at, from) = (index * width, index % count * width)
            let isFirst = index.isMultiple(of: length)
            for step in 0..<width {
                before[at + step] = each[from + step] + (isFirst ? 0 : before[at - width + step])
            }
        }
        for index in (0..<reach).reversed() {
            let (at, from) = (index * width, index % count * width)
            let isLast = index == reach - 1 || (index + 1).isMultiple(of: length)
            for step in 0..<width {
                after[at + step] = each[from + step] + (isLast ? 0 : after[at + width + step])
            }
        }
        return (0..<count * width).map { at in
            let isWhole = (at / width).isMultiple(of: length)
            return after[at] + (isWhole ? 0 : before[at + (length - 1) * width])
        }
    }

    private static func packed(_ row: [Double], _ used: Double) -> [Double] {
        var packed: [Double] = []
        for first in row.indices {
            for second in first..<row.count { packed.append(row[first] * row[second]) }
        }
        return packed + row.map { $0 * used }
    }

    private static func equations(_ packed: [Double], _ order: Int) -> NormalEquations {
        var equations = NormalEquations(order: order)
        var index = 0
        for first in 0..<order {
            for second in first..<order {
                equations.products[first, second] = packed[index]
                index += 1
            }
        }
        equations.right = Array(packed[index...])
        return equations
    }

    /// Adds s sᵀ, s being how far a block pulls away from a solution.
    private static func addSpread(
        _ packed: ArraySlice<Double>, _ solution: [Double], to spread: inout SymmetricMatrix
    ) {
        let order = solution.count
        var score = Array(packed.suffix(order))
        var index = packed.startIndex
        for first in 0..<order {
            for second in first..<order {
                let product = packed[index]
                score[first] -= product * solution[second]
                if second != first { score[second] -= product * solution[first] }
                index += 1
            }
        }
        spread.add(score)
    }

    /// Blocks that took part in what they are compared with lie too near to it.
    private static func correction(_ blocks: Int, _ order: Int) -> Double {
        Double(blocks) / Double(blocks - order)
    }

    /// One draw: its solution and covariance; `nil` where it cannot tell the columns apart.
    private func draw(
        _ random: inout SeededRandom
    ) -> (solution: [Double], covariance: SymmetricMatrix)? {
        let starts = (0..<blocks).map { _ in Int.random(in: 0..<windows, using: &random) }
        var whole = [Double](repeating: 0, count: width)
        for start in starts {
            for index in 0..<width { whole[index] += sums[start * width + index] }
        }
        let equations = Self.equations(whole, order)
        guard let solution = equations.solution, let inverse = equations.products.inverse else {
            return nil
        }
        var spread = SymmetricMatrix(order: order)
        for start in starts {
            Self.addSpread(sums[start * width..<(start + 1) * width], solution, to: &spread)
        }
        spread.scale(by: Self.correction(blocks, order))
        return (solution, spread.between(inverse))
    }

    /// What draws say of combinations of the coefficients and of a hypothesis.
    struct Answer: Sendable {
        /// For each combination, how many times its spread 95 % of the draws lie from the centre at
        /// most; `nil` where too many draws told nothing.
        let reach: [Double]?
        /// How often draws lie from the centre at least as far as the hypothesis does.
        let probability: Double?
    }

    /// Draws `replicates` times. `combinations` are what is asked for; `hypothesis` are combinations
    /// that are all 0 where it is true.
    func answer(
        combinations: [[Double]], hypothesis: [[Double]], replicates: Int, seed: UInt64
    ) -> Answer {
        var random = SeededRandom(seed)
        var reaches = [[Double]](repeating: [], count: combinations.count)
        let asked = hypothesis.isEmpty ? nil : distance(hypothesis, center, covariance)
        var (draws, beyond) = (0, 0)
        for _ in 0..<replicates {
            guard let (solution, covariance) = draw(&random) else { continue }
            let away = zip(solution, center).map { $0 - $1 }
            let spreads = combinations.map { max(0, covariance.form($0)).squareRoot() }
            guard spreads.allSatisfy(\.isFinite) else { continue }
            draws += 1
            for (index, combination) in combinations.enumerated() {
                let moved = zip(combination, away).reduce(0) { $0 + $1.0 * $1.1 }.magnitude
                reaches[index].append(moved == 0 ? 0 : moved / spreads[index])
            }
            if let asked, let met = distance(hypothesis, away, covariance), met >= asked {
                beyond += 1
            }
        }
        // Draws that told nothing would have been far away: with many of them nothing is sure.
        guard draws > 0, draws * 100 >= replicates * 99 else {
            return Answer(reach: nil, probability: nil)
        }
        let place = min(draws - 1, Int((0.95 * Double(draws + 1)).rounded(.up)) - 1)
        return Answer(
            reach: reaches.map { $0.sorted()[place] },
            probability: asked.map { _ in Double(beyond + 1) / Double(draws + 1) })
    }

    /// How far combinations of a point lie from 0, by their covariance; `nil` where that is degenerate.
    private func distance(
        _ combinations: [[Double]], _ point: [Double], _ covariance: SymmetricMatrix
    ) -> Double? {
        let values = combinations.map { zip($0, point).reduce(0) { $0 + $1.0 * $1.1 } }
        var spread = SymmetricMatrix(order: combinations.count)
        for (row, combination) in combinations.enumerated() {
            let product = covariance.times(combination)
            for column in row..<combinations.count {
                spread[row, column] = zip(combinations[column], product).reduce(0) {
                    $0 + $1.0 * $1.1
                }
            }
        }
        guard let solved = spread.cholesky?.solve(values) else { return nil }
        return zip(values, solved).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
