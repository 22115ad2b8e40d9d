/// What least squares need of rows: their products with themselves and with what is explained.
struct NormalEquations: Sendable {
    var products: SymmetricMatrix
    var right: [Double]

    init(order: Int) {
        products = SymmetricMatrix(order: order)
        right = Array(repeating: 0, count: order)
    }

    mutating func add(_ row: [Double], _ response: Double) {
        products.add(row)
        for index in right.indices { right[index] += row[index] * response }
    }

    static func += (one: inout Self, other: Self) {
        one.products += other.products
        for index in one.right.indices { one.right[index] += other.right[index] }
    }

    static func -= (one: inout Self, other: Self) {
        one.products -= other.products
        for index in one.right.indices { one.right[index] -= other.right[index] }
    }

    /// Σ x (y − xᵀb): how far the rows pull away from b.
    func score(at point: [Double]) -> [Double] {
        zip(right, products.times(point)).map { $0 - $1 }
    }

    /// The least squares without bounds; `nil` where the columns do not tell it.
    var solution: [Double]? { products.cholesky?.solve(right) }

    /// The least squares with no element below 0: the active set of Lawson and Hanson. Elements that
    /// the columns cannot tell apart from those taken stay 0.
    ///
    /// Source: Lawson and Hanson, Solving Least Squares Problems, chapter 23, algorithm NNLS.
    var nonNegativeSolution: [Double] {
        let order = right.count
        var solution = [Double](repeating: 0, count: order)
        var free: [Int] = []
        var refused: Set<Int> = []
        let small = (right.map(\.magnitude).max() ?? 0) * 1e-12
        // Each turn frees one more element or refuses it for good; three a column are plenty.
        for _ in 0..<3 * order {
            let pull = score(at: solution)
            let candidates = (0..<order).filter { !free.contains($0) && !refused.contains($0) }
            guard let next = candidates.max(by: { pull[$0] < pull[$1] }), pull[next] > small else {
                break
            }
            free = (free + [next]).sorted()
            guard var trial = solve(free), trial[next] > 0 else {
                free.removeAll { $0 == next }
                refused.insert(next)
                continue
            }
            while let (step, first) = Self.step(from: solution, to: trial, free) {
                for index in free { solution[index] += step * (trial[index] - solution[index]) }
                free.removeAll { $0 == first || (trial[$0] <= 0 && solution[$0] <= 0) }
                for index in 0..<order where !free.contains(index) { solution[index] = 0 }
                guard let again = solve(free) else { break }
                trial = again
            }
            solution = trial.map { max(0, $0) }
        }
        return solution
    }

    /// How far one may go before an element reaches 0, and which; `nil` where all stay above.
    private static func step(
        from: [Double], to: [Double], _ free: [Int]
    ) -> (step: Double, first: Int)? {
        free.filter { to[$0] <= 0 }.map { index in
            let step = from[index] / (from[index] - to[index])
            return (step.isFinite ? step : 0, index)
        }.min { $0.0 < $1.0 }
    }

    /// The least squares of these elements alone, the others 0.
    private func solve(_ free: [Int]) -> [Double]? {
        guard !free.isEmpty else { return [Double](repeating: 0, count: right.count) }
        let part = products.part(free).cholesky?.solve(free.map { right[$0] })
        return part.map { part in
            var whole = [Double](repeating: 0, count: right.count)
            for (index, value) in zip(free, part) { whole[index] = value }
            return whole
        }
    }
}
