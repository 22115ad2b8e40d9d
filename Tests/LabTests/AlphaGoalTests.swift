import Testing

@testable import jouleflow_lab

@Suite("bench alpha has a goal for each scenario by itself")
struct AlphaGoalTests {
    private func found(
        _ coverage: Double, _ halfWidth: Double, _ name: String = "credit",
        isOfOneLoad: Bool = false
    ) -> AlphaGoal.Found {
        AlphaGoal.Found(
            name: name, isOfOneLoad: isOfOneLoad, coverage: coverage, halfWidth: halfWidth)
    }

    @Test(
        "coverage and width within it are met",
        arguments: [(0.92, 0.1), (0.98, 0.001), (0.954, 0.07)])
    func met(coverage: Double, halfWidth: Double) {
        #expect(AlphaGoal.missed([found(coverage, halfWidth)]).isEmpty)
        #expect(AlphaGoal.missed([found(coverage, 0.12, isOfOneLoad: true)]).isEmpty)
    }

    @Test(
        "what is missed is said",
        arguments: [
            (0.919, 0.07, ["91.9 % of the intervals hold the true ratio"]),
            (0.981, 0.07, ["98.1 % of the intervals hold the true ratio"]),
            (0.95, 0.101, ["the median of half the widths is 10.1 %"]),
            (0.95, Double.infinity, ["the median of half the widths is inf %"]),
            (.nan, .nan, ["nan % of the", "is nan %"]),
        ] as [(Double, Double, [String])])
    func missed(coverage: Double, halfWidth: Double, words: [String]) {
        let missed = AlphaGoal.missed([found(coverage, halfWidth)])
        #expect(missed.count == words.count)
        for (sentence, words) in zip(missed, words) { #expect(sentence.contains(words)) }
    }

    @Test("a fault of one scenario does not hide behind the others, whose mean is well within")
    func oneOfMany() {
        let missed = AlphaGoal.missed([
            found(0.96, 0.05), found(0.97, 0.05, "drawdown"), found(0.9, 0.05, "repayment"),
            found(0.95, 0.05, "credit, day", isOfOneLoad: true),
            found(0.95, 0.13, "drawdown, day", isOfOneLoad: true),
        ])
        #expect(
            missed == [
                "repayment: 90.0 % of the intervals hold the true ratio",
                "drawdown, day: the median of half the widths is 13.0 %",
            ])
    }
}
