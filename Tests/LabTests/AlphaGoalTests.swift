import Testing

@testable import jouleflow_lab

@Suite("bench alpha has a goal")
struct AlphaGoalTests {
    @Test(
        "coverage and width within it are met",
        arguments: [(0.92, 0.1), (0.98, 0.001), (0.954, 0.07)])
    func met(coverage: Double, halfWidth: Double) {
        #expect(AlphaGoal.missed(coverage: coverage, halfWidth: halfWidth).isEmpty)
    }

    @Test(
        "what is missed is said",
        arguments: [
            (0.919, 0.07, ["91.9 % of all intervals hold the true ratio"]),
            (0.981, 0.07, ["98.1 % of all intervals hold the true ratio"]),
            (0.95, 0.101, ["the median of half their widths is 10.1 %"]),
            (0.95, Double.infinity, ["the median of half their widths is inf %"]),
            (.nan, .nan, ["nan % of all", "is nan %"]),
        ] as [(Double, Double, [String])])
    func missed(coverage: Double, halfWidth: Double, words: [String]) {
        let missed = AlphaGoal.missed(coverage: coverage, halfWidth: halfWidth)
        #expect(missed.count == words.count)
        for (sentence, words) in zip(missed, words) { #expect(sentence.contains(words)) }
    }
}
