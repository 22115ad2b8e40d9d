import Metering

/// What the fit does not explain.
struct Residuals {
    /// Of each window and the next.
    let autocorrelation: Double
    /// See ``Regression/holdOut``.
    let holdOut: Double?

    init(_ rows: RegressionRows, _ whole: NormalEquations, _ fitted: [Double]) {
        let residuals = zip(rows.rows, rows.used).map { row, used in
            used - zip(row, fitted).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let squares = residuals.reduce(0) { $0 + $1 * $1 }
        let products = zip(residuals, residuals.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
        autocorrelation = squares > 0 ? products / squares : 0
        holdOut = Self.holdOut(rows, whole)
    }

    private static func holdOut(_ rows: RegressionRows, _ whole: NormalEquations) -> Double? {
        var (missed, dynamic) = (0.0, 0.0)
        for part in HeldOut.parts(of: rows.starts) {
            var others = whole
            var held = NormalEquations(order: rows.order)
            for index in part { held.add(rows.rows[index], rows.used[index]) }
            others -= held
            let fitted = others.nonNegativeSolution
            var (used, told, scenarios) = (0.0, 0.0, 0.0)
            for index in part {
                let parts = zip(rows.rows[index], fitted).map { $0 * $1 }
                used += rows.used[index]
                told += parts.reduce(0, +)
                scenarios += parts.dropFirst().reduce(0, +)
            }
            missed += (used - told).magnitude
            dynamic += scenarios
        }
        return dynamic > 0 ? missed / dynamic : nil
    }
}
