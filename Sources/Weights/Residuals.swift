import Metering

/// What the fit does not explain.
struct Residuals {
    /// Of each window and the next.
    let autocorrelation: Double
    /// See ``Regression/holdOut``.
    let holdOut: Double?

    /// A stretch held out, where the windows span at least three of them: a day.
    private static let stretch = Nanoseconds.seconds(86_400)
    /// Parts that are held out of shorter spans.
    private static let parts = 8

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
        for part in folds(rows.starts) {
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

    /// Windows of one day after another from the first; of shorter spans as many in each part.
    private static func folds(_ starts: [Timestamp]) -> [Range<Int>] {
        guard let first = starts.first, let last = starts.last else { return [] }
        if last.since(first) >= Nanoseconds(2 * stretch.rawValue) {
            let days = starts.map { $0.since(first).rawValue / stretch.rawValue }
            var bounds = [0]
            for index in 1..<days.count where days[index] != days[index - 1] {
                bounds.append(index)
            }
            if bounds.count >= 3 {
                return zip(bounds, bounds.dropFirst() + [days.count]).map { $0..<$1 }
            }
        }
        let parts = min(Self.parts, starts.count)
        return (0..<parts).map { part in
            starts.count * part / parts..<starts.count * (part + 1) / parts
        }
    }
}
