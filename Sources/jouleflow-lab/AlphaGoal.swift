/// What intervals of measured weights must do in `bench alpha`.
enum AlphaGoal {
    /// The part of all intervals that hold the true ratio, which are intervals of 95 %; of few seeds
    /// it is outside by chance now and then.
    static let coverage = 0.92...0.98
    /// The largest median of half an interval's width, as a part of the ratio.
    static let halfWidth = 0.1

    static let words =
        "goal: 92 to 98 % of all intervals hold the true ratio, and the median of half their widths "
        + "is at most 10 % of it"

    /// Sentences: in what it is missed.
    static func missed(coverage: Double, halfWidth: Double) -> [String] {
        var missed: [String] = []
        if !Self.coverage.contains(coverage) {
            missed.append("\(percent(coverage)) % of all intervals hold the true ratio")
        }
        if !(halfWidth <= Self.halfWidth) {
            missed.append("the median of half their widths is \(percent(halfWidth)) %")
        }
        return missed
    }

    private static func percent(_ part: Double) -> String { "\((part * 1_000).rounded() / 10)" }
}
