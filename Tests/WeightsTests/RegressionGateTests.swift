import Metering
import Testing

@testable import Weights

@Suite("Ratios are told only where the windows bear them")
struct RegressionGateTests {
    private func obstacles(
        _ windows: [RegressionWindow], _ gates: RegressionGates, block: Int = 1
    ) throws -> [RegressionObstacle] {
        var settings = settings()
        settings.gates = gates
        settings.block = block
        return try Regression(windows, scenarios: 2, settings: settings).obstacles
    }

    @Test("a good designed test meets no obstacle")
    func none() throws {
        #expect(try obstacles(noisy(48, seed: 1, noise: 20), .designed).isEmpty)
    }

    @Test("too few windows, and too few stretches")
    func tooFew() throws {
        let found = try obstacles(noisy(60, seed: 1), .production, block: 10)
        #expect(found.contains(.windows(60, needed: 1_000)))
        #expect(found.contains(.blocks(6, needed: 30)))
    }

    @Test("a mix that hardly varies")
    func collinear() throws {
        var random = SeededRandom(4)
        let given = windows(
            (0..<60).map { _ in
                let level = Double.random(in: 10...100, using: &random)
                let counts = [level, 10 * level * Double.random(in: 0.999...1.001, using: &random)]
                return (100 + 12 * counts[0] + 0.5 * counts[1], counts)
            })
        let found = try obstacles(given, .designed)
        #expect(found.contains { if case .condition = $0 { true } else { false } })
    }

    @Test("something else that uses much for hours")
    func holdOut() throws {
        let given = noisy(64, seed: 4).enumerated().map { index, window in
            RegressionWindow(
                start: window.start, seconds: 60,
                used: window.used + (index >= 40 ? 50_000 : 0), counts: window.counts)
        }
        let found = try obstacles(given, .designed)
        #expect(found.contains { if case .holdOut = $0 { true } else { false } })
    }

    @Test(
        "a window that decides alone, whatever it tells, and it is named",
        arguments: [1e6, 1e12, 0x1p63])
    func leverage(count: Double) throws {
        var given = noisy(48, seed: 6, noise: 20)
        let odd = given[7]
        given[7] = RegressionWindow(
            start: odd.start, seconds: odd.seconds, used: odd.used,
            counts: [count, odd.counts[1]])
        let found = try obstacles(given, .designed)
        let named = found.compactMap { obstacle -> Timestamp? in
            if case .leverage(let start, let part, _) = obstacle, part > 0.99 { start } else { nil }
        }
        #expect(named == [odd.start])
    }

    @Test("a scenario that uses less than nothing refutes the model, and is named")
    func negative() throws {
        // Something else runs where the first scenario does not.
        let given = noisy(48, seed: 5).map { window in
            RegressionWindow(
                start: window.start, seconds: 60, used: window.used + 30 * (300 - window.counts[0]),
                counts: window.counts)
        }
        #expect(try obstacles(given, .designed).contains(.negative(0)))
    }

    @Test("use that grows faster than what takes place has less than no background")
    func bent() throws {
        let given = noisy(48, seed: 5).map { window in
            let load = 12 * window.counts[0] + 0.5 * window.counts[1]
            return RegressionWindow(
                start: window.start, seconds: 60, used: load * load, counts: window.counts)
        }
        #expect(try obstacles(given, .designed).contains(.negative(nil)))
    }

    @Test(
        "a scenario that uses nothing is told as 0, but for the one in forty whose interval is below"
    )
    func costless() throws {
        var refused = 0
        for seed in 1...80 as ClosedRange<UInt64> {
            var random = SeededRandom(seed)
            let given = noisy(48, seed: seed, noise: 0).map { window in
                RegressionWindow(
                    start: window.start, seconds: 60,
                    used: window.used - 12 * window.counts[0]
                        + Double.random(in: -20...20, using: &random), counts: window.counts)
            }
            if try obstacles(given, .designed).contains(.negative(0)) { refused += 1 }
        }
        #expect(refused <= 5)
    }

    @Test("a query that costs nothing")
    func reference() throws {
        var random = SeededRandom(5)
        let given = windows(
            (0..<48).map { _ in
                let counts = [
                    Double.random(in: 0...300, using: &random),
                    Double.random(in: 0...900, using: &random),
                ]
                return (100 + 12 * counts[0] + Double.random(in: 0...900, using: &random), counts)
            })
        #expect(try obstacles(given, .designed).contains(.reference))
    }
}
