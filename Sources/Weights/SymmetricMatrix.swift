/// A symmetric matrix of small order: the sums of products that least squares are made of.
struct SymmetricMatrix: Sendable, Hashable {
    let order: Int
    /// Row by row, both halves.
    private(set) var values: [Double]

    init(order: Int) {
        self.order = order
        values = Array(repeating: 0, count: order * order)
    }

    subscript(row: Int, column: Int) -> Double {
        get { values[row * order + column] }
        set {
            values[row * order + column] = newValue
            values[column * order + row] = newValue
        }
    }

    /// Adds the products of a row with itself.
    mutating func add(_ row: [Double]) { add(row, times: 1) }

    /// Adds a multiple of the products of a row with itself.
    mutating func add(_ row: [Double], times factor: Double) {
        for first in 0..<order {
            let scaled = row[first] * factor
            for second in first..<order { self[first, second] += scaled * row[second] }
        }
    }

    static func += (one: inout Self, other: Self) {
        for index in one.values.indices { one.values[index] += other.values[index] }
    }

    static func -= (one: inout Self, other: Self) {
        for index in one.values.indices { one.values[index] -= other.values[index] }
    }

    /// Its product with a vector.
    func times(_ vector: [Double]) -> [Double] {
        (0..<order).map { row in
            var sum = 0.0
            for column in 0..<order { sum += values[row * order + column] * vector[column] }
            return sum
        }
    }

    /// xᵀAx.
    func form(_ vector: [Double]) -> Double {
        var sum = 0.0
        for (one, other) in zip(times(vector), vector) { sum += one * other }
        return sum
    }

    /// B A B, for symmetric A and B.
    func between(_ other: Self) -> Self {
        var result = Self(order: order)
        let rows = (0..<order).map { row in (0..<order).map { other[row, $0] } }
        for first in 0..<order {
            let product = times(rows[first])
            for second in first..<order {
                var sum = 0.0
                for index in 0..<order { sum += product[index] * rows[second][index] }
                result[first, second] = sum
            }
        }
        return result
    }

    /// The part of the rows and columns in `kept`.
    func part(_ kept: [Int]) -> Self {
        var part = Self(order: kept.count)
        for (row, from) in kept.enumerated() {
            for (column, of) in kept.enumerated() where column >= row {
                part[row, column] = self[from, of]
            }
        }
        return part
    }

    mutating func scale(by factor: Double) {
        for index in values.indices { values[index] *= factor }
    }

    /// L with A = L Lᵀ; `nil` where A is not positive definite beyond what rounding hides.
    var cholesky: Cholesky? { Cholesky(self) }

    /// The inverse; `nil` where A is not positive definite.
    var inverse: Self? {
        guard let cholesky else { return nil }
        var inverse = Self(order: order)
        for column in 0..<order {
            var unit = [Double](repeating: 0, count: order)
            unit[column] = 1
            let solved = cholesky.solve(unit)
            for row in 0...column { inverse[row, column] = solved[row] }
        }
        return inverse
    }

    /// Eigenvalues and their vectors, the smallest first: Jacobi's rotations, each of which takes one
    /// pair of elements off the diagonal.
    ///
    /// Source: Golub and Van Loan, Matrix Computations, 4th edition, 8.5.
    var eigen: [(value: Double, vector: [Double])] {
        var matrix = self
        var vectors = (0..<order).map { row in (0..<order).map { $0 == row ? 1.0 : 0.0 } }
        // A sweep of order 17 squares what is off the diagonal; few are ever needed.
        for _ in 0..<64 where matrix.rotate(&vectors) {}
        return (0..<order)
            .map { column in (matrix[column, column], vectors.map { $0[column] }) }
            .sorted { $0.0 < $1.0 }
    }

    /// One sweep; false where nothing was left to turn.
    private mutating func rotate(_ vectors: inout [[Double]]) -> Bool {
        var turned = false
        for first in 0..<order {
            for second in first + 1..<max(order, first + 1) {
                let off = self[first, second]
                let scale = (self[first, first] * self[second, second]).magnitude.squareRoot()
                guard off != 0, off.magnitude > scale * 1e-17 else { continue }
                turned = true
                let ratio = (self[second, second] - self[first, first]) / (2 * off)
                let tangent =
                    (ratio < 0 ? -1 : 1) / (ratio.magnitude + (ratio * ratio + 1).squareRoot())
                let cosine = 1 / (tangent * tangent + 1).squareRoot()
                let sine = tangent * cosine
                turn(first, second, cosine, sine)
                for row in vectors.indices {
                    let (one, other) = (vectors[row][first], vectors[row][second])
                    vectors[row][first] = cosine * one - sine * other
                    vectors[row][second] = sine * one + cosine * other
                }
            }
        }
        return turned
    }

    private mutating func turn(_ p: Int, _ q: Int, _ cosine: Double, _ sine: Double) {
        let (pp, qq, pq) = (self[p, p], self[q, q], self[p, q])
        for index in 0..<order where index != p && index != q {
            let (one, other) = (self[index, p], self[index, q])
            self[index, p] = cosine * one - sine * other
            self[index, q] = sine * one + cosine * other
        }
        self[p, p] = cosine * cosine * pp - 2 * sine * cosine * pq + sine * sine * qq
        self[q, q] = sine * sine * pp + 2 * sine * cosine * pq + cosine * cosine * qq
        self[p, q] = 0
    }
}

/// The factor L of a symmetric positive definite matrix, A = L Lᵀ.
struct Cholesky: Sendable {
    private let order: Int
    private var lower: [Double]

    /// A pivot below this part of its diagonal element is rounding and nothing else.
    private static let negligible = 1e-13

    init?(_ matrix: SymmetricMatrix) {
        order = matrix.order
        lower = Array(repeating: 0, count: order * order)
        for row in 0..<order {
            for column in 0...row {
                var sum = matrix[row, column]
                for index in 0..<column {
                    sum -= lower[row * order + index] * lower[column * order + index]
                }
                if row == column {
                    guard sum > Self.negligible * matrix[row, row] else { return nil }
                    lower[row * order + row] = sum.squareRoot()
                } else {
                    lower[row * order + column] = sum / lower[column * order + column]
                }
            }
        }
    }

    /// x with A x = right.
    func solve(_ right: [Double]) -> [Double] {
        var vector = right
        for row in 0..<order {
            for index in 0..<row { vector[row] -= lower[row * order + index] * vector[index] }
            vector[row] /= lower[row * order + row]
        }
        for row in (0..<order).reversed() {
            for index in row + 1..<max(order, row + 1) {
                vector[row] -= lower[index * order + row] * vector[index]
            }
            vector[row] /= lower[row * order + row]
        }
        return vector
    }
}
