/// What intervals of measured weights must do in `bench alpha`: those of each scenario by itself, so that
/// no fault in one hides behind the others.
enum AlphaGoal {
    /// The part of a scenario's intervals that hold the true ratio, which are intervals of 95 %: of all
    /// loads together, and of each. Of few seeds it is outside by chance now and then.
    static let coverage = 0.92...0.98
    /// The largest median of half an interval's width, as a part of the ratio: of all loads together.
    static let halfWidth = 0.1
    /// The same of one load, of which a day is the shortest.
    static let halfWidthOfOne = 0.12

    static let words =
        "goal: of each scenario, 92 to 98 % of the intervals hold the true ratio, over all loads and of "
        + "each, and the median of half their widths is at most 10 % of it, of one load at most 12 %"

    /// What was found of one scenario.
    struct Found {
        /// The scenario, and of one load that.
        let name: String
        let isOfOneLoad: Bool
        let coverage: Double
        let halfWidth: Double
    }

    /// Sentences: in what it is missed.
    static func missed(_ found: [Found]) -> [String] {
        found.flatMap { one -> [String] in
            var missed: [String] = []
            if !coverage.contains(one.coverage) {
                missed.append(
                    "\(one.name): \(percent(one.coverage)) % of the intervals hold the true ratio")
            }
            if !(one.halfWidth <= (one.isOfOneLoad ? halfWidthOfOne : halfWidth)) {
                missed.append(
                    "\(one.name): the median of half the widths is \(percent(one.halfWidth)) %")
            }
            return missed
        }
    }

    private static func percent(_ part: Double) -> String { "\((part * 1_000).rounded() / 10)" }
}
