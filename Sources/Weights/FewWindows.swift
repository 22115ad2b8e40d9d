import Metering

/// The windows on which what is told of the scenarios rests, where these are few.
///
/// A window's share of a column's information is (xᵀ A⁻¹ e)² / (A⁻¹)ₑₑ: the square of what the other columns
/// do not say of it, by the sum of all windows'. Shares sum to 1, and 1 by the sum of their squares is how
/// many windows as heavy as each other would tell as much.
///
/// Source: Kish, Survey Sampling, 1965, 8.2, for that number.
struct FewWindows {
    /// Fewer than these many windows, or than a quarter of all, are few.
    private static let few = 50.0
    /// Where the rest still rests on few, these are left out too, and so on.
    private static let rounds = 8

    let starts: [Timestamp]
    /// All others.
    let rest: [RegressionWindow]

    /// `nil` where no scenario rests on few windows, or hardly any others are left.
    init?(_ windows: [RegressionWindow], scenarios: Int) {
        var (rest, starts) = (windows, Set<Timestamp>())
        for _ in 0..<Self.rounds {
            guard let rows = try? RegressionRows(rest, scenarios: scenarios) else { return nil }
            let heavy = Self.heavy(rows)
            guard !heavy.isEmpty else { break }
            starts.formUnion(heavy)
            rest.removeAll { heavy.contains($0.start) }
        }
        guard !starts.isEmpty, 2 * rest.count > windows.count else { return nil }
        self.rest = rest
        self.starts = starts.sorted()
    }

    /// Of each scenario that rests on few windows, those that hold more than their part.
    private static func heavy(_ rows: RegressionRows) -> Set<Timestamp> {
        var whole = NormalEquations(order: rows.order)
        for (row, used) in zip(rows.rows, rows.used) { whole.add(row, used) }
        guard let inverse = whole.products.inverse else { return [] }
        let needed = min(few, Double(rows.rows.count) / 4)
        var heavy: Set<Timestamp> = []
        for column in 1..<rows.order {
            let line = (0..<rows.order).map { inverse[column, $0] }
            let shares = rows.rows.map { row in
                let left = zip(row, line).reduce(0) { $0 + $1.0 * $1.1 }
                return left * left / inverse[column, column]
            }
            guard shares.reduce(0, { $0 + $1 * $1 }) * needed > 1 else { continue }
            for (start, share) in zip(rows.starts, shares) where share * needed > 1 {
                heavy.insert(start)
            }
        }
        return heavy
    }
}

extension Regression {
    /// Of each scenario whose interval lies wholly beside that of the windows without a few heavy ones.
    static func decided(
        _ windows: [RegressionWindow], by found: [Estimate?], settings: RegressionSettings
    ) -> [RegressionObstacle] {
        guard let few = FewWindows(windows, scenarios: found.count),
            let others = try? Regression(few.rest, scenarios: found.count, alone: settings)
        else { return [] }
        return found.indices.compactMap { scenario in
            guard let one = found[scenario], let other = others.scenarios[scenario],
                let (all, rest) = one.interval.flatMap({ all in other.interval.map { (all, $0) } }),
                all.high < rest.low || rest.high < all.low
            else { return nil }
            return .few(scenario: scenario, few.starts, one, others: other)
        }
    }
}
