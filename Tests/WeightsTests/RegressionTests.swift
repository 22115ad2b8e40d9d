import Metering
import SyntheticLoad
import Testing

@testable import Weights

/// Windows of a minute, one after another: what was used and the counts.
func windows(_ rows: [(used: Double, counts: [Double])]) -> [RegressionWindow] {
    rows.enumerated().map { index, row in
        RegressionWindow(
            start: Timestamp(UInt64(index) * 60_000_000_000), seconds: 60, used: row.used,
            counts: row.counts)
    }
}

/// Settings without gates, for windows that do not depend on each other.
func settings(
    reference: Int = 1, weights: [Double?] = [24, 1], replicates: Int = 199
) -> RegressionSettings {
    var settings = RegressionSettings(
        reference: reference, weights: weights, block: 1,
        gates: RegressionGates(
            condition: .infinity, windows: 0, blocks: 0, holdOut: .infinity, leverage: .infinity))
    settings.replicates = replicates
    return settings
}

/// Two scenarios, costs of 12 and 0.5 J, 120 W, and a disturbance.
func noisy(_ count: Int, seed: UInt64, noise: Double = 200) -> [RegressionWindow] {
    var random = SeededRandom(seed)
    return windows(
        (0..<count).map { _ in
            let counts = [
                Double(Int.random(in: 0...300, using: &random)),
                Double(Int.random(in: 0...9_000, using: &random)),
            ]
            let extra = Double.random(in: -noise...noise, using: &random)
            return (7_200 + 12 * counts[0] + 0.5 * counts[1] + extra, counts)
        })
}

private func isNear(_ one: Double?, _ other: Double?, _ part: Double = 1e-9) -> Bool {
    guard let one, let other else { return one == nil && other == nil }
    return (one - other).magnitude <= part * max(one.magnitude, other.magnitude)
}

@Suite("Regression tells what an exchange of each scenario uses")
struct RegressionTests {
    @Test("the worked example of docs/weights.md")
    func workedExample() throws {
        let counts: [[Double]] = [
            [0, 0], [100, 0], [0, 1000], [100, 1000], [50, 500], [20, 2000],
        ]
        let joules: [Double] = [7200, 8400, 7700, 8900, 8050, 8440]
        let found = try Regression(
            windows(zip(joules, counts).map { ($0, $1) }), scenarios: 2, settings: settings())
        #expect(isNear(found.background.value, 120))
        #expect(isNear(found.scenarios[0]?.value, 12))
        #expect(isNear(found.scenarios[1]?.value, 0.5))
        #expect(isNear(found.ratios[0]?.value, 24))
        #expect(isNear(found.ratios[1]?.value, 1))
    }

    @Test("the order of windows never matters, to the last bit", arguments: 1...8 as ClosedRange)
    func order(seed: UInt64) throws {
        let given = noisy(64, seed: seed)
        var random = SeededRandom(seed &* 77)
        let found = try Regression(given, scenarios: 2, settings: settings())
        let shuffled = try Regression(
            given.shuffled(using: &random), scenarios: 2, settings: settings())
        #expect(found == shuffled)
    }

    @Test(
        "other units scale what is told and leave the ratios",
        arguments: [1e-300, 1e-6, 3, 1_000_000, 1e280])
    func units(factor: Double) throws {
        let given = noisy(64, seed: 5)
        let found = try Regression(given, scenarios: 2, settings: settings())
        let scaled = try Regression(
            given.map {
                RegressionWindow(
                    start: $0.start, seconds: $0.seconds, used: $0.used * factor, counts: $0.counts)
            }, scenarios: 2, settings: settings())
        #expect(isNear(scaled.background.value, found.background.value * factor))
        for (one, other) in zip(found.scenarios, scaled.scenarios) {
            #expect(isNear(other?.value, one?.times(factor).value))
            #expect(isNear(other?.interval?.low, one?.times(factor).interval?.low, 1e-6))
            #expect(isNear(other?.interval?.high, one?.times(factor).interval?.high, 1e-6))
        }
        for (one, other) in zip(found.ratios, scaled.ratios) {
            #expect(isNear(other?.value, one?.value))
            #expect(isNear(other?.interval?.low, one?.interval?.low, 1e-6))
        }
        #expect(isNear(scaled.condition, found.condition))
    }

    @Test("counting in dozens makes each twelve times as dear")
    func dozens() throws {
        let given = noisy(64, seed: 6)
        let found = try Regression(given, scenarios: 2, settings: settings())
        let scaled = try Regression(
            given.map {
                RegressionWindow(
                    start: $0.start, seconds: $0.seconds, used: $0.used,
                    counts: [$0.counts[0] / 12, $0.counts[1]])
            }, scenarios: 2, settings: settings())
        #expect(isNear(scaled.scenarios[0]?.value, found.scenarios[0].map { $0.value * 12 }))
        #expect(isNear(scaled.scenarios[1]?.value, found.scenarios[1]?.value))
        #expect(isNear(scaled.ratios[0]?.value, found.ratios[0].map { $0.value * 12 }))
    }

    @Test("scenarios that do the same get the same, and change places with their columns")
    func symmetry() throws {
        let half = noisy(40, seed: 7)
        let mirrored = half.enumerated().map { index, window in
            RegressionWindow(
                start: window.start + .seconds(7_200), seconds: 60, used: window.used,
                counts: [window.counts[1], window.counts[0]])
        }
        let both = try Regression(half + mirrored, scenarios: 2, settings: settings())
        #expect(isNear(both.scenarios[0]?.value, both.scenarios[1]?.value))

        let given = noisy(64, seed: 8)
        let swapped = given.map {
            RegressionWindow(
                start: $0.start, seconds: 60, used: $0.used, counts: $0.counts.reversed())
        }
        let one = try Regression(given, scenarios: 2, settings: settings())
        let other = try Regression(
            swapped, scenarios: 2, settings: settings(reference: 0, weights: [1, 24]))
        #expect(isNear(one.scenarios[0]?.value, other.scenarios[1]?.value))
        #expect(isNear(one.ratios[0]?.interval?.high, other.ratios[1]?.interval?.high, 1e-6))
        #expect(isNear(one.weightsProbability, other.weightsProbability))
    }

    @Test("a scenario without exchanges gets nothing and changes nothing")
    func absent() throws {
        let given = noisy(64, seed: 9)
        let wide = given.map {
            RegressionWindow(
                start: $0.start, seconds: 60, used: $0.used,
                counts: [$0.counts[0], 0, $0.counts[1]])
        }
        let narrow = try Regression(given, scenarios: 2, settings: settings())
        let found = try Regression(
            wide, scenarios: 3, settings: settings(reference: 2, weights: [24, nil, 1]))
        #expect(found.scenarios[1] == nil)
        #expect(found.ratios[1] == nil)
        #expect(found.scenarios[0] == narrow.scenarios[0])
        #expect(found.ratios[0] == narrow.ratios[0])
        #expect(found.background == narrow.background)
    }

    @Test("no figure and no interval lies below 0, and each interval holds its figure")
    func bounds() throws {
        // The first scenario costs nothing: half of the time the plain least squares lie below 0.
        var atZero = 0
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SeededRandom(seed)
            let given = windows(
                (0..<48).map { _ in
                    let counts = [
                        Double.random(in: 0...300, using: &random),
                        Double.random(in: 0...900, using: &random),
                    ]
                    return (500 + counts[1] + Double.random(in: 0...100, using: &random), counts)
                })
            let found = try Regression(given, scenarios: 2, settings: settings())
            let all = found.scenarios + found.ratios + [found.background]
            for estimate in all.compactMap(\.self) {
                #expect(estimate.value >= 0)
                let interval = try #require(estimate.interval)
                #expect(interval.low >= 0)
                #expect(interval.contains(estimate.value))
            }
            if found.scenarios[0]?.value == 0 { atZero += 1 }
        }
        #expect(atZero > 0)
    }

    @Test("windows that hardly scatter have intervals that are hardly wide")
    func exact() throws {
        for noise in [1e-9, 1e-6, 1e-3] {
            let found = try Regression(
                noisy(48, seed: 11, noise: noise), scenarios: 2, settings: settings())
            let interval = try #require(found.ratios[0]?.interval)
            #expect((interval.low - 24).magnitude < 1e-3)
            #expect((interval.high - 24).magnitude < 1e-3)
            #expect(found.obstacles.isEmpty)
        }
    }

    @Test("the same windows give the same draws")
    func repeatable() throws {
        let given = noisy(48, seed: 10)
        let one = try Regression(given, scenarios: 2, settings: settings())
        #expect(try Regression(given, scenarios: 2, settings: settings()) == one)
        var other = settings()
        other.seed = 2
        #expect(try Regression(given, scenarios: 2, settings: other) != one)
    }

    @Test("most intervals hold the truth, and not all", arguments: [UInt64(0), 1_000])
    func coverage(first: UInt64) throws {
        var (held, asked, rejected) = (0, 0, 0)
        for seed in first + 1...first + 40 {
            var load = SyntheticLoad(.designed, seed: seed)
            var settings = load.settings
            settings.replicates = 199
            let found = try Regression(load.windows(), scenarios: 4, settings: settings)
            #expect(found.obstacles.isEmpty)
            for (ratio, weight) in zip(found.ratios, load.weights.dropLast()) {
                asked += 1
                if ratio?.interval?.contains(weight) ?? false { held += 1 }
            }
            if (found.weightsProbability ?? 0) <= 0.05 { rejected += 1 }
        }
        #expect(asked == 120)
        #expect((108...119).contains(held))
        #expect(rejected <= 6)
    }

    @Test("a mix of one scenario is its ratio, and most intervals of all hold the truth")
    func mix() throws {
        var held = 0
        for seed in 1...60 as ClosedRange<UInt64> {
            var load = SyntheticLoad(.designed, seed: seed)
            let given = load.windows()
            var settings = load.settings
            settings.mix = [3, 5, 20, 400]
            let found = try Regression(given, scenarios: 4, settings: settings)
            let mix = try #require(found.mix)
            let sum = zip(settings.mix, found.ratios).reduce(0) { $0 + $1.0 * ($1.1?.value ?? 0) }
            #expect(isNear(mix.value, sum))
            if mix.interval?.contains(3 * 24 + 5 * 7 + 20 * 3 + 400) ?? false { held += 1 }
            guard seed <= 3 else { continue }
            settings.mix = [1, 0, 0, 0]
            let one = try Regression(given, scenarios: 4, settings: settings)
            #expect(isNear(one.mix?.interval?.low, found.ratios[0]?.interval?.low))
            #expect(isNear(one.mix?.interval?.high, found.ratios[0]?.interval?.high))
        }
        #expect((52...60).contains(held))
        var settings = settings(reference: 2, weights: [24, nil, 1])
        let wide = noisy(64, seed: 9).map {
            RegressionWindow(
                start: $0.start, seconds: 60, used: $0.used,
                counts: [$0.counts[0], 0, $0.counts[1]])
        }
        #expect(try Regression(wide, scenarios: 3, settings: settings).mix == nil)
        settings.mix = [1, 1, 1]
        #expect(try Regression(wide, scenarios: 3, settings: settings).mix == nil)
        settings.mix = [1, 0, 1]
        #expect(try Regression(wide, scenarios: 3, settings: settings).mix != nil)
    }

    @Test("other weights are told from 24, 7, 3 and 1")
    func otherWeights() throws {
        var load = SyntheticLoad(.designed, weights: [10, 5, 4, 1], seed: 3)
        var settings = load.settings
        settings.weights = [24, 7, 3, 1]
        let found = try Regression(load.windows(), scenarios: 4, settings: settings)
        #expect(WeightVerdict(found.ratios[0]?.interval, weight: 24) == .differs)
        #expect(WeightVerdict(found.ratios[1]?.interval, weight: 7) != .consistent)
        #expect(WeightVerdict(found.ratios[2]?.interval, weight: 3) != .consistent)
        let probability = try #require(found.weightsProbability)
        #expect(probability <= 0.01)
    }
}

@Suite("Windows that cannot be evaluated are refused with the reason")
struct RegressionRefusalTests {
    private func refusal(
        _ windows: [RegressionWindow], scenarios: Int = 2
    ) -> RegressionError? {
        do throws(RegressionError) {
            _ = try Regression(windows, scenarios: scenarios, settings: settings())
            return nil
        } catch { return error }
    }

    @Test(
        "a value that is no number of 0 or more",
        arguments: [Double.nan, .infinity, -.infinity, -1, -.leastNonzeroMagnitude])
    func notANumber(value: Double) throws {
        let given = noisy(40, seed: 1)
        let start = given[3].start
        let seconds = given[3].seconds
        let odd = [
            RegressionWindow(start: start, seconds: value, used: 1, counts: [1, 1]),
            RegressionWindow(start: start, seconds: seconds, used: value, counts: [1, 1]),
            RegressionWindow(start: start, seconds: seconds, used: 1, counts: [1, value]),
        ]
        for window in odd {
            var all = given
            all[3] = window
            #expect(refusal(all) == .notANumber(start))
        }
    }

    @Test("no length, no use, nothing that took place, too few, too many, twice the same time")
    func others() throws {
        let given = noisy(40, seed: 1)
        var all = given
        all[0] = RegressionWindow(start: given[0].start, seconds: 0, used: 1, counts: [1, 1])
        #expect(refusal(all) == .notANumber(given[0].start))
        #expect(refusal([]) == .nothingTookPlace)
        #expect(refusal(windows(given.map { (0, $0.counts) })) == .nothingUsed)
        #expect(refusal(windows(given.map { ($0.used, [0, 0]) })) == .nothingTookPlace)
        #expect(refusal(Array(given.prefix(5))) == .tooFewWindows(5, needed: 6))
        #expect(refusal(given + given) == .repeated(given[0].start))
        #expect(refusal(given, scenarios: 3) == .counts(2, expected: 3))
        #expect(refusal(given, scenarios: 17) == .tooManyScenarios(17))
    }

    @Test("scenarios that always come together are named, and so is one that never varies")
    func inseparable() throws {
        let given = noisy(40, seed: 2)
        #expect(
            refusal(windows(given.map { ($0.used, [$0.counts[0], $0.counts[0] * 7]) }))
                == .inseparable([0, 1]))
        #expect(
            refusal(windows(given.map { ($0.used, [50, $0.counts[1]]) })) == .inseparable([nil, 0]))
        let three = windows(
            given.map { ($0.used, [$0.counts[0], $0.counts[1], $0.counts[0] + $0.counts[1]]) })
        #expect(refusal(three, scenarios: 3) == .inseparable([0, 1, 2]))
    }

    @Test("every refusal and every obstacle is a sentence")
    func sentences() {
        let refusals: [RegressionError] = [
            .tooManyWindows(1), .tooFewWindows(1, needed: 2), .tooManyScenarios(17),
            .counts(1, expected: 2), .notANumber(Timestamp(1)), .repeated(Timestamp(1)),
            .nothingTookPlace, .nothingUsed, .inseparable([nil, 1]),
        ]
        let obstacles: [RegressionObstacle] = [
            .windows(1, needed: 2), .blocks(1, needed: 2), .condition(.infinity, limit: 30),
            .holdOut(0.2, limit: 0.1), .holdOut(nil, limit: 0.1), .reference,
            .leverage(Timestamp(1), 0.9, limit: 0.5), .negative(nil), .negative(1),
            .few(
                scenario: 0, [Timestamp(1)], Estimate(value: 1, interval: nil),
                others: Estimate(value: 0.5, interval: Bounds(low: 0, high: 1))),
        ]
        let all = refusals.map(\.description) + obstacles.map(\.description)
        #expect(Set(all).count == all.count)
        #expect(all.allSatisfy { $0.count > 20 })
    }
}

@Suite("A verdict needs the whole interval")
struct WeightVerdictTests {
    @Test(
        "inside the band, outside, or neither",
        arguments: [
            (Bounds(low: 18, high: 30), WeightVerdict.consistent),
            (Bounds(low: 23, high: 25), .consistent), (Bounds(low: 9, high: 11), .differs),
            (Bounds(low: 30.1, high: 40), .differs), (Bounds(low: 17.9, high: 24), .undetermined),
            (Bounds(low: 5, high: 90), .undetermined),
            (Bounds(low: 23, high: .infinity), .undetermined),
            (Bounds(low: .nan, high: .nan), .undetermined),
        ])
    func verdicts(interval: Bounds, verdict: WeightVerdict) {
        #expect(WeightVerdict(interval, weight: 24) == verdict)
    }

    @Test("an unknown interval determines nothing")
    func unknown() { #expect(WeightVerdict(nil, weight: 24) == .undetermined) }
}
