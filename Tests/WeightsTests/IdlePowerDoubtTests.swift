import Metering
import Testing

@testable import Weights

@Suite("An idle power that windows contradict is doubted")
struct IdlePowerDoubtTests {
    /// A day of a host that draws `power` of so many CPUs, which is some 0.2 to 0.6 of one.
    private func day(
        idle: Double, noise: Double = 0.3, seed: UInt64 = 1, _ power: (Double) -> Double
    ) -> [IdleWindow] {
        var random = SeededRandom(seed)
        return (0..<1_440).map { minute in
            let load = Double.random(in: 0.2...0.6, using: &random)
            let watts = power(load) + Double.random(in: -noise...noise, using: &random)
            return IdleWindow(
                start: Timestamp(UInt64(minute) * 60_000_000_000), seconds: 60,
                busySeconds: load * 60, joules: watts * 60, idleJoules: idle * 60)
        }
    }

    private func isStraight(_ load: Double) -> Double { 100 + 20 * load }

    @Test(
        "of 100 W, what is near is not doubted, and what moves joules much is",
        arguments: [
            (100, false), (99, false), (101, false), (80, true), (90, true), (104, true),
            (103, true),
        ] as [(Double, Bool)])
    func configured(idle: Double, isDoubted: Bool) {
        let doubt = IdlePowerDoubt(day(idle: idle, isStraight), block: 30)
        #expect((doubt != nil) == isDoubted)
        if case .background(let line, let told) = doubt {
            #expect(line.contains(100) || (line.low - 100).magnitude < 0.5)
            #expect((told - idle).magnitude < 1e-9)
        } else {
            #expect(!isDoubted)
        }
    }

    @Test("windows below it are counted")
    func below() {
        guard
            case .below(let windows, 1_440, let part) = IdlePowerDoubt(
                day(idle: 110, isStraight), block: 30)
        else {
            Issue.record("not doubted")
            return
        }
        #expect(windows > 600)
        #expect(part > 0.1)
        let all = IdlePowerDoubt(day(idle: 200, isStraight), block: 30)
        #expect(all == .below(windows: 1_440, of: 1_440, part: .infinity))
        #expect(all?.description.contains("too high") == true)
    }

    @Test(
        "curves that bend as √u at most are not doubted, and noise is not",
        arguments: 1...5 as ClosedRange)
    func honest(seed: UInt64) {
        for power in [{ 40 * $0.squareRoot() }, { 20 * $0 }, { 30 * $0 - 4 * $0 * $0 }]
            as [(Double) -> Double]
        {
            for noise in [0.3, 3] {
                let given = day(idle: 100, noise: noise, seed: seed) { 100 + power($0) }
                #expect(IdlePowerDoubt(given, block: 30) == nil)
            }
        }
    }

    @Test("windows that tell no line, and none at all, contradict nothing")
    func nothing() {
        #expect(IdlePowerDoubt([], block: 30) == nil)
        #expect(IdlePowerDoubt(Array(day(idle: 100, isStraight).prefix(3)), block: 30) == nil)
        let even = day(idle: 90, noise: 0) { _ in 110 }.map {
            IdleWindow(
                start: $0.start, seconds: 60, busySeconds: 12, joules: $0.joules,
                idleJoules: $0.idleJoules)
        }
        #expect(IdlePowerDoubt(even, block: 30) == nil)
    }
}
