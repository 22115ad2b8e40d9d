import Assessment
import Metering
import Testing

@testable import SCI

@Suite("The rounds of the mean")
struct Selection {
    @Test("are m valid ones: an invalid one is replaced by the first valid one in reserve")
    func replaced() throws {
        let found = try figures(
            plan(rounds: 3, reserve: 4),
            [
                round(0, of: 3, kwh: 10, units: 100), round(1, of: 3, kwh: 10, units: 0),
                round(2, of: 3, kwh: 10, units: 100, isSound: false),
                round(3, of: 3, kwh: 10, units: 100, isSound: false),
                round(4, of: 3, kwh: 20, units: 100), round(5, of: 3, kwh: 30, units: 100),
                round(6, of: 3, kwh: 90, units: 100),
            ].reversed())
        #expect(
            found.rounds.map(\.standing) == [
                .counts, .invalid, .invalid, .invalid, .replaces(1), .replaces(2), .spare,
            ])
        #expect(isNear(found.summary.mean, 530.6 * 0.2))
        #expect(found.summary.validRounds == 3)
        // The round without business is in the ratio of sums; unsound ones are not.
        #expect(isNear(found.summary.ratioOfSums, 530.6 * 70 / 300))
        #expect(found.summary.ratioRounds == 4 && found.summed == [0, 1, 4, 5])
    }

    @Test("are too few where reserve rounds are too few: no result, the mean in part")
    func incomplete() throws {
        let found = try figures(
            plan(rounds: 2, reserve: 1),
            [
                round(0, of: 2, kwh: 10, units: 100), round(1, of: 2, kwh: 10, units: 0),
                round(2, of: 2, kwh: 10, units: 0),
            ])
        #expect(!found.isComplete && found.summary.mean == nil)
        #expect(isNear(found.summary.partialMean, 53.06))
        #expect(found.rounds.map(\.standing) == [.counts, .invalid, .invalid])
    }

    @Test("that are not over are pending and replaced by none")
    func pending() throws {
        let found = try figures(
            plan(rounds: 2, reserve: 1),
            [round(0, of: 2, kwh: 10, units: 100), round(2, of: 2, kwh: 10, units: 100)])
        #expect(found.pending == [1])
        #expect(found.summary.mean == nil)
        #expect(found.rounds.map(\.standing) == [.counts, .spare])
        let nothing = try figures(plan(rounds: 2), [])
        #expect(nothing.pending == [0, 1] && nothing.summary.partialMean == nil)
        #expect(nothing.line(.withoutRefusals)?.mean.value == nil)
    }

    @Test("which are equal have two equal means and an interval of no width")
    func equal() throws {
        let found = try figures(
            plan(rounds: 7), (0..<7).map { round($0, of: 7, kwh: 7, units: 30) })
        #expect(isNear(found.summary.mean, found.summary.ratioOfSums ?? 0))
        #expect(isNear(found.summary.confidenceHalfWidth, 0))
        #expect(!found.summary.warnsOfDifference)
    }

    @Test("with a tiny R carry the mean, and a warning says so")
    func tiny() throws {
        let found = try figures(
            plan(rounds: 2),
            [round(0, of: 2, kwh: 10, units: 1), round(1, of: 2, kwh: 10, units: 1_000_000)])
        #expect(isNear(found.summary.mean, 2653.002653))
        #expect(found.summary.warnsOfDifference)
    }

    @Test("of other scenarios than the standard's give no SCI_CF")
    func otherScenarios() throws {
        let ids = StandardWeights.scenarios + [ScenarioID("transfer")]
        var one = round(0, kwh: 1, units: 1)
        one.volumes.append(
            RoundVolume(scenario: ids[4], flows: 1, flowsWithoutRefusals: 1))
        let found = try figures(plan(scenarios: ids), [one])
        #expect(!found.isStandard)
        #expect(found.summary.mean == nil)
        let three = try figures(plan(scenarios: Array(ids.prefix(3))), [round(0, kwh: 1, units: 1)])
        #expect(!three.isStandard)
    }

    @Test("all sums are over the rounds that count and those of R = 0")
    func withoutBusiness() throws {
        let found = try figures(
            plan(rounds: 2, reserve: 1),
            [
                round(0, of: 2, kwh: 1, units: 10), round(1, of: 2, kwh: 2, units: 0),
                round(2, of: 2, kwh: 4, units: 10),
            ])
        #expect(found.isComplete && found.summed == [0, 1, 2])
        let total = found.rounds.compactMap(\.energy?.total).reduce(.zero, +)
        #expect(found.energy.total == total)
        #expect(found.sites.map(\.energy.total).reduce(.zero, +) == total)
        #expect(
            isNear(
                found.sites.map(\.carbon.grams).reduce(0, +),
                found.rounds.compactMap(\.intensity.operationalGrams).reduce(0, +)))
    }

    @Test("say how much of their energy is known in which way")
    func shares() throws {
        var one = round(0, of: 2, kwh: 0, units: 1)
        one.segments = [
            segment(energies(5, imputed: 3, bridged: 2, estimated: 7), isSimulated: true),
            segment(.device("d"), energies(11)),
        ]
        var unsound = one
        unsound.number = 1
        unsound.isSound = false
        let found = try figures(plan(rounds: 2), [one, unsound])
        #expect(found.energy == found.rounds[0].energy)
        #expect(found.energy.measured == Microjoules(16))
        #expect(found.energy.total == Microjoules(28))
        #expect(found.simulated == Microjoules(17))
    }
}

@Suite("Student's t")
struct Student {
    @Test(
        "is that of the tables",
        arguments: [
            (1, 12.706204736), (2, 4.302652730), (3, 3.182446305), (4, 2.776445105),
            (5, 2.570581836), (6, 2.446911851), (7, 2.364624252), (10, 2.228138852),
            (29, 2.045229642), (30, 2.042272456), (120, 1.979930405),
        ] as [(Int, Double)])
    func table(freedom: Int, expected: Double) {
        #expect(abs(studentQuantile(freedom: freedom) - expected) < 1e-9)
    }

    @Test("falls towards the normal quantile, and never below it")
    func limit() {
        let values = (1...200).map { studentQuantile(freedom: $0) }
        #expect(zip(values, values.dropFirst()).allSatisfy { $0 > $1 })
        #expect(abs(studentQuantile(freedom: 1_000_000) - 1.959963985) < 1e-5)
        #expect(studentQuantile(freedom: 0) == studentQuantile(freedom: 1))
    }

    @Test("makes the interval of the mean")
    func interval() throws {
        let found = try figures(
            plan(rounds: 3), (0..<3).map { round($0, of: 3, kwh: UInt64(10 + $0), units: 5306) })
        // 1.0, 1.1 and 1.2 g: s = 0.1.
        #expect(isNear(found.summary.mean, 1.1))
        #expect(isNear(found.summary.sampleDeviation, 0.1, within: 1e-9))
        #expect(
            isNear(
                found.summary.confidenceHalfWidth, 4.30265273 * 0.1 / 3.0.squareRoot(),
                within: 1e-9))
        let one = try figures(plan(), [round(0, kwh: 1, units: 1)])
        #expect(one.summary.confidenceHalfWidth == nil && one.summary.mean != nil)
    }
}
