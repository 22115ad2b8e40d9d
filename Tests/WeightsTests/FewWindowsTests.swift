import Metering
import SyntheticLoad
import Testing

@testable import Weights

@Suite("A few windows do not decide against all others")
struct FewWindowsTests {
    /// A day in which `storms` minutes have so many more exchanges of the first scenario, each of which
    /// uses `joules`.
    private func stormy(_ storms: [Int], more: Double, joules: Double) -> [RegressionWindow] {
        noisy(1_440, seed: 7).enumerated().map { index, window in
            guard storms.contains(index) else { return window }
            return RegressionWindow(
                start: window.start, seconds: 60, used: window.used + joules * more,
                counts: [window.counts[0] + more, window.counts[1]])
        }
    }

    private func obstacles(_ windows: [RegressionWindow]) throws -> [RegressionObstacle] {
        var settings = settings()
        settings.block = 30
        settings.gates = .production
        return try Regression(windows, scenarios: 2, settings: settings).obstacles
    }

    private func named(_ obstacles: [RegressionObstacle], scenario: Int) -> [Timestamp]? {
        obstacles.lazy.compactMap { obstacle -> [Timestamp]? in
            guard case .few(scenario, let starts, _, _) = obstacle else { return nil }
            return starts
        }.first
    }

    @Test(
        "storms of cheap requests, and wrong counts, are named",
        arguments: [
            ([200, 370, 520, 790], 20_000), ([100, 500, 900], 100_000),
            ([50, 250, 450, 650, 850, 1_050, 1_250, 1_400], 20_000),
        ] as [([Int], Double)])
    func cheap(storms: [Int], more: Double) throws {
        let given = stormy(storms, more: more, joules: 0.1)
        let found = try obstacles(given)
        #expect(named(found, scenario: 0) == storms.map { given[$0].start })
        // The heaviest hide the lighter ones until they are left out.
        let nested = stormy([30, 60], more: 100_000, joules: 0.1).enumerated().map {
            index, window in
            guard [700, 800, 900].contains(index) else { return window }
            return RegressionWindow(
                start: window.start, seconds: 60, used: window.used,
                counts: [window.counts[0] + 10_000, window.counts[1]])
        }
        #expect(
            named(try obstacles(nested), scenario: 0)
                == [30, 60, 700, 800, 900].map { nested[$0].start })
    }

    @Test("storms of requests that use as much as any, and a scenario that is rare, are no reason")
    func honest() throws {
        let storms = stormy([200, 370, 520, 790], more: 20_000, joules: 12)
        #expect(named(try obstacles(storms), scenario: 0) == nil)
        for seed in 1...10 as ClosedRange<UInt64> {
            var random = SeededRandom(seed)
            let rare = noisy(1_440, seed: seed).map { window in
                let count = Double.random(in: 0...1, using: &random) < 0.01 ? 1.0 : 0
                return RegressionWindow(
                    start: window.start, seconds: 60,
                    used: window.used - 12 * window.counts[0] + 900 * count,
                    counts: [count, window.counts[1]])
            }
            #expect(named(try obstacles(rare), scenario: 0) == nil)
            #expect(named(try obstacles(rare), scenario: 1) == nil)
        }
    }

    @Test(
        "no load of the kinds that are promised rests on few windows",
        arguments: 1...5 as ClosedRange)
    func synthetic(seed: UInt64) throws {
        for kind in SyntheticLoad.Kind.allCases {
            var load = SyntheticLoad(kind, seed: seed)
            #expect(FewWindows(load.windows(), scenarios: 4) == nil)
        }
    }

    @Test("a wrong block of a designed test is named")
    func designed() throws {
        var load = SyntheticLoad(.designed, seed: 1)
        var given = load.windows()
        for index in [5, 17, 40] {
            let odd = given[index]
            given[index] = RegressionWindow(
                start: odd.start, seconds: odd.seconds, used: odd.used,
                counts: [60_000] + odd.counts.dropFirst())
        }
        let found = try Regression(given, scenarios: 4, settings: load.settings)
        #expect(named(found.obstacles, scenario: 0) == [5, 17, 40].map { given[$0].start })
    }
}
