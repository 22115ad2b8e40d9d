import Metering
import Testing

@testable import Attribution

private let source = SourceDigest(7)

/// A window of 10 s on 8 CPUs at `milliwatts`, quiet unless changed.
private func window(
    _ milliwatts: UInt64, at second: UInt64 = 0, _ change: (inout FinishedWindow) -> Void = { _ in }
) -> FinishedWindow {
    var window = FinishedWindow(
        end: Timestamp(second * 1_000_000_000), duration: .seconds(10), flags: [],
        energy: Microjoules(milliwatts * 10_000), busy: .milliseconds(400),
        capacity: .seconds(80), exchanges: 0)
    change(&window)
    return window
}

/// A learner that has taken `powers` after one window to settle.
private func learner(_ powers: some Sequence<UInt64>) -> IdlePowerLearner {
    var learner = IdlePowerLearner(source: source)
    _ = learner.observe(window(90_000))
    for power in powers { _ = learner.observe(window(power)) }
    return learner
}

@Suite("Idle power is learned") struct IdlePowerTests {
    @Test(
        "as the constant power within its noise, with an interval that holds it", arguments: 0..<5)
    func constantPower(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let idle: UInt64 = 50_000 + random.next() % 200_000
        let noise: UInt64 = 1 + random.next() % 2000
        var learner = learner([])
        for count in 1...500 {
            _ = learner.observe(window(idle - noise + random.next() % (2 * noise + 1)))
            let known = count >= IdlePowerLearner.fewestWindows
            #expect((learner.adopted != nil) == known)
            #expect((learner.estimate != nil) == known)
            for power in [learner.adopted, learner.estimate].compactMap({ $0 }) {
                guard case .learned(let windows, let low, let high) = power.origin else {
                    Issue.record("not learned")
                    return
                }
                #expect(windows <= min(UInt64(count), 360))
                #expect((low...high).contains(power.milliwatts))
                #expect(low >= idle - noise && high <= idle + noise)
            }
        }
        #expect(learner.history.powers.count == IdlePowerLearner.capacity)
    }

    @Test("only in windows without work, whatever these draw", arguments: 0..<20)
    func busyWindows(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var learner = learner(Array(repeating: 100_000, count: 40))
        let history = learner.history
        for _ in 0..<2000 {
            let busy = window(random.extreme() >> 14) { window in
                switch random.next() % 9 {
                case 0: window.exchanges = 1 + random.next() % 1000
                case 1: window.exchanges = nil
                case 2: window.busy = Nanoseconds(1_600_000_001 &+ random.next() % 80_000_000_000)
                case 3: window.busy = nil
                case 4: window.capacity = nil
                case 5: window.energy = nil
                case 6: window.flags.insert(RecordFlags(rawValue: 2 << (random.next() % 63)))
                case 7: window.capacity = .zero
                default: window.duration = .zero
                }
            }
            guard case .refused = learner.observe(busy) else {
                Issue.record("learned from \(busy)")
                return
            }
        }
        #expect(learner.history == history)
    }

    @Test("never on a host that is never quiet") func neverQuiet() {
        var learner = IdlePowerLearner(source: source)
        for _ in 0..<2000 { _ = learner.observe(window(100_000) { $0.exchanges = 1 }) }
        #expect(learner.adopted == nil)
        #expect(learner.estimate == nil)
        #expect(learner.history == IdlePowerHistory(source: source))
    }

    @Test("only once the host has come to rest") func settling() {
        var learner = IdlePowerLearner(source: source)
        for _ in 0..<100 {
            #expect(learner.observe(window(200_000)) == .refused(.settling))
            #expect(learner.observe(window(0) { $0.exchanges = 9 }) == .refused(.exchanges(9)))
        }
        for _ in 0..<10 {
            // Ten seconds of quiet must be behind it.
            let short = window(1) {
                ($0.duration, $0.energy) = (.seconds(1), Microjoules(90_000_000))
            }
            #expect(learner.observe(short) == .refused(.settling))
        }
        #expect(learner.observe(window(100_000)) == .learned)
    }

    @Test("undisturbed by fewer than half of the windows") func disturbed() {
        var random = SeededGenerator(state: 3)
        for _ in 0..<20 {
            var powers = (0..<360).map { _ in 99_000 + random.next() % 2001 }
            for index in powers.indices.shuffled(using: &random).prefix(179) {
                powers[index] = 1 + random.next() % 100_000_000
            }
            let estimate = learner(powers).estimate
            #expect((99_000...101_000).contains(estimate?.milliwatts ?? 0))
        }
    }

    @Test("the same from the same windows in any order") func permutation() {
        var random = SeededGenerator(state: 5)
        let powers = (0..<360).map { _ in 1 + random.next() % 1_000_000 }
        let expected = learner(powers).estimate
        #expect(expected != nil)
        for _ in 0..<5 { #expect(learner(powers.shuffled(using: &random)).estimate == expected) }
    }

    @Test(
        "anew where it changes for good, after at most half the windows remembered",
        arguments: [(100_000, 140_000), (140_000, 100_000), (100_000, 101_100)]
            as [(UInt64, UInt64)])
    func change(before: UInt64, after: UInt64) {
        var learner = learner(Array(repeating: before, count: 720))
        for _ in 0..<179 { _ = learner.observe(window(after)) }
        #expect(learner.adopted?.milliwatts == before)
        for _ in 0..<2 { _ = learner.observe(window(after)) }
        #expect(learner.adopted?.milliwatts == after)
    }

    @Test("and published anew only when it moved by over 1 %, or is twice as sure")
    func publishedSeldom() {
        var random = SeededGenerator(state: 8)
        var learner = learner([])
        var sizes: [UInt64] = []
        for _ in 0..<2000 {
            let outcome = learner.observe(window(99_500 + random.next() % 1001))
            guard case .adopted(let power) = outcome else { continue }
            #expect(learner.adopted == power)
            if case .learned(let windows, _, _) = power.origin { sizes.append(windows) }
        }
        #expect(sizes == [30, 60, 120, 240])
    }

    @Test("to the milliwatt, and not from a power that no host draws")
    func powers() {
        var learner = learner([1000])
        func observe(_ energy: UInt64, _ duration: UInt64) -> IdlePowerLearner.Outcome {
            learner.observe(
                window(0) {
                    ($0.energy, $0.duration) = (Microjoules(energy), Nanoseconds(duration))
                })
        }
        let implausible = IdlePowerLearner.Outcome.refused(.implausiblePower)
        #expect(observe(1_234_567_499, 10_000_000_000) == .learned)
        #expect(learner.history.powers.last == 123_457)
        #expect(observe(1_000_000_004_999, 10_000_000_000) == .learned)
        #expect(learner.history.powers.last == 100_000_000)
        #expect(observe(1_000_000_005_000, 10_000_000_000) == implausible)
        #expect(observe(0, 10_000_000_000) == implausible)
        #expect(observe(.max, 1) == implausible)
        #expect(observe(1, .max) == implausible)
        #expect(observe(1, 0) == implausible)
    }

    @Test("at 2 % of the capacity and not above") func threshold() {
        var learner = learner([1000])
        #expect(learner.observe(window(5) { $0.busy = .milliseconds(1600) }) == .learned)
        let above = window(5) { $0.busy = Nanoseconds(1_600_000_001) }
        #expect(learner.observe(above) == .refused(.busy))
    }

    @Test("from simulated counters as from others") func simulated() {
        var learner = learner([1000])
        #expect(learner.observe(window(5) { $0.flags = .simulated }) == .learned)
        let late = window(5) { $0.flags = [.simulated, .lateTick] }
        #expect(learner.observe(late) == .refused(.notWhole))
    }
}

@Suite("Learned idle power is kept") struct IdlePowerHistoryTests {
    @Test("across any restart without changing what follows", arguments: 0..<5)
    func restart(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var straight = learner([])
        var restarted = straight
        for step in 0..<600 {
            let power = 80_000 + random.next() % (step > 300 ? 60_000 : 3000)
            let next = window(power, at: UInt64(step))
            _ = straight.observe(next)
            if random.next() % 20 == 0 {
                let stored = restarted.history
                restarted = IdlePowerLearner(restoring: stored, source: source)
                #expect(restarted.history == stored)
                // The first window after a start has nothing quiet before it.
                #expect(restarted.observe(next) == .refused(.settling))
            }
            _ = restarted.observe(next)
            #expect(restarted.history == straight.history)
        }
        #expect(straight.history.latest == Timestamp(599_000_000_000))
    }

    @Test("with its source, and forgotten with another") func otherSource() {
        let stored = learner(Array(repeating: 100_000, count: 50)).history
        let other = SourceDigest(8)
        let restored = IdlePowerLearner(restoring: stored, source: other)
        #expect(restored.history == IdlePowerHistory(source: other))
        #expect(restored.adopted == nil)
    }

    @Test("and what is stored may say anything", arguments: 0..<20)
    func hostile(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        for _ in 0..<200 {
            let count = [0, 1, 5, 29, 30, 31, 360, 361, 5000].randomElement(using: &random) ?? 0
            let isWild = random.next() % 3 == 0
            let powers = (0..<count).map { _ in
                UInt32(truncatingIfNeeded: isWild ? random.extreme() : 1 + random.next() % 100_000)
            }
            let origin: IdlePower.Origin =
                random.next() % 4 == 0
                ? .configured
                : .learned(
                    windows: random.extreme(), low: random.extreme(), high: random.extreme())
            let stored = IdlePowerHistory(
                source: source, powers: powers,
                adopted: random.next() % 4 == 0
                    ? nil : IdlePower(milliwatts: random.extreme(), origin: origin),
                latest: Timestamp(random.extreme()))
            var learner = IdlePowerLearner(restoring: stored, source: source)
            let kept = learner.history.powers
            #expect(kept.count <= IdlePowerLearner.capacity)
            #expect(kept.allSatisfy { (1...100_000_000).contains($0) })
            #expect((learner.adopted != nil) == (kept.count >= IdlePowerLearner.fewestWindows))
            if let adopted = learner.adopted {
                #expect((1...100_000_000).contains(adopted.milliwatts))
                #expect(adopted.origin != .configured)
            }
            for _ in 0..<3 { _ = learner.observe(window(random.extreme() >> 14)) }
        }
    }
}

@Suite("The interval of a median") struct MedianIntervalTests {
    @Test(
        "has the ranks of the tables of the sign test",
        arguments: [(5, nil), (6, 1), (8, 1), (9, 2), (10, 2), (30, 10), (50, 18), (100, 40)]
            as [(Int, Int?)])
    func tables(count: Int, rank: Int?) {
        #expect(MedianInterval.rank(count) == rank)
    }

    @Test("is the widest that exact whole numbers allow", arguments: 6...120)
    func exact(count: Int) throws {
        var row: [UInt128] = [1]
        for _ in 0..<count { row = zip([0] + row, row + [0]).map(+) }
        let all = UInt128(1) << UInt128(count)
        let rank = try #require(MedianInterval.rank(count))
        let below = row.prefix(rank).reduce(0, +)
        #expect(below <= all / 40)
        #expect(below + row[rank] > all / 40)
    }

    @Test("holds the true median at least as often as it says") func coverage() throws {
        var random = SeededGenerator(state: 13)
        for count in [30, 361] {
            var hits = 0
            for _ in 0..<1000 {
                let values = (0..<count).map { _ in UInt32(1 + random.next() % 100_001) }
                let interval = try #require(MedianInterval(of: values))
                if (interval.low...interval.high).contains(50_001) { hits += 1 }
            }
            // 950 of 1000 are promised; 920 is four standard deviations below.
            #expect(hits >= 920)
        }
    }

    @Test("is in order, and within the values") func order() throws {
        var random = SeededGenerator(state: 17)
        #expect(MedianInterval(of: [1, 2, 3, 4, 5]) == nil)
        for count in 6..<400 {
            let values = (0..<count).map { _ in UInt32(truncatingIfNeeded: random.extreme()) }
            let interval = try #require(MedianInterval(of: values))
            #expect(interval.low <= interval.median && interval.median <= interval.high)
            #expect(values.contains { UInt64($0) == interval.low })
            #expect(values.contains { UInt64($0) == interval.high })
        }
    }
}
