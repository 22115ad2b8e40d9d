import Metering
import Testing

@testable import EnergySources

/// A power that changes every 100 ms, up to 900 W, and its exact energy.
private struct Load {
    static let step = Nanoseconds.milliseconds(100)
    static let mostWatts: UInt64 = 900
    /// Microjoules from the beginning to each step.
    private var energy: [UInt64] = [0]

    init(seconds: Int, seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var watts: UInt64 = 0
        for step in 0..<(seconds * 10) {
            if step % 37 == 0 { watts = random.next() % Self.mostWatts }
            energy.append(energy[step] + watts * 100_000)
        }
    }

    func energy(to time: Nanoseconds) -> UInt64 {
        energy[min(energy.count - 1, Int(time.rawValue / Self.step.rawValue))]
    }

    /// What a sensor shows at `time`: the mean of `interval` before it.
    func mean(at time: Nanoseconds, over interval: Nanoseconds) -> UInt64 {
        let joules = energy(to: time) - energy(to: time.subtractingClamped(interval))
        return joules * 1000 / (interval.rawValue / 1_000_000)
    }
}

@Suite("Readings of a power become energy") struct PowerIntegratorTests {
    static let kinds: [PowerKind] = [
        .mean(over: .milliseconds(100)), .mean(over: .seconds(1)), .mean(over: .seconds(60)),
        .mean(over: .zero), .instantaneous,
    ]
    private static let second = PowerKind.mean(over: .seconds(1))

    @Test("the first reading yields no energy", arguments: kinds) func first(kind: PowerKind) {
        var power = PowerIntegrator(kind)
        #expect(power.sample.failure == .firstReading)
        power.note(200_000_000, at: clock(seconds: 5))
        #expect(power.sample.accumulated == .zero)
        #expect(power.sample.readAt == .seconds(5))
        #expect(power.sample.failure == nil)
        #expect(power.sample.losses == 0)
    }

    @Test(
        "a constant power is exact to the microjoule, however ticks jitter", arguments: kinds, 1...4
    )
    func constant(kind: PowerKind, seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var power = PowerIntegrator(kind)
        let microwatts = 1 + random.next() % SensorMeter.maximumMicrowatts
        let start = Nanoseconds.seconds(1000)
        var now = start
        power.note(microwatts, at: clock(now))
        for _ in 0..<5000 {
            now += Nanoseconds(random.next() % 1_900_000_000)
            power.note(microwatts, at: clock(now))
        }
        let elapsed = now.subtractingClamped(start).rawValue
        let truth = UInt128(microwatts) * UInt128(elapsed) / 1_000_000_000
        #expect(UInt128(power.sample.accumulated.rawValue) == truth)
        #expect(power.sample.losses == 0)
        #expect(power.sample.bridges == 0)
    }

    @Test(
        "the mean of a power that changes gives the truth to one interval's energy",
        arguments: [1, 10, 60] as [UInt64], 1...5)
    func mean(interval: UInt64, seed: UInt64) {
        let load = Load(seconds: 2000, seed: seed)
        let most = Load.mostWatts * 1_000_000 * interval
        let interval = Nanoseconds.seconds(interval)
        var power = PowerIntegrator(.mean(over: interval))
        for second in 100...1900 as ClosedRange<UInt64> {
            let now = Nanoseconds.seconds(second)
            power.note(load.mean(at: now, over: interval), at: clock(now))
            let truth = load.energy(to: now) - load.energy(to: .seconds(100))
            let energy = power.sample.accumulated.rawValue
            #expect(max(energy, truth) - min(energy, truth) <= most + second)
        }
        #expect(power.sample.estimated == nil)
    }

    @Test("an instantaneous power that rises steadily is exact, and estimated") func trapezoid() {
        var power = PowerIntegrator(.instantaneous)
        for second in 0...10 as ClosedRange<UInt64> {
            power.note(100_000_000 + second * 20_000_000, at: clock(seconds: 50 + second))
        }
        #expect(power.sample.accumulated == Microjoules(2_000_000_000))
        #expect(power.sample.estimated == .sampled)
    }

    @Test(
        "a mean over less than half of the time between readings is estimated",
        arguments: [
            (0, true), (100, true), (499, true), (500, false), (1000, false), (3_600_000, false),
            (4_294_967_295, true), (.max, true),
        ] as [(UInt64, Bool)])
    func coverage(milliseconds: UInt64, isEstimated: Bool) {
        let power = PowerIntegrator(.mean(over: .milliseconds(milliseconds)))
        #expect(power.sample.estimated == (isEstimated ? .sampled : nil))
        #expect(power.longestGap >= .milliseconds(2500))
        #expect(power.longestGap <= .seconds(7201))
    }

    @Test("another interval is taken over at once") func anotherInterval() {
        var power = PowerIntegrator(Self.second)
        power.kind = .mean(over: .milliseconds(100))
        #expect(power.sample.estimated == .sampled)
        power.kind = .mean(over: .seconds(30))
        #expect(power.sample.estimated == nil)
        #expect(power.longestGap == .milliseconds(60_500))
    }

    @Test(
        "failed readings within two periods are bridged, and the energy says so",
        arguments: [(.seconds(1), 2), (.seconds(60), 120)] as [(Nanoseconds, UInt64)])
    func bridge(interval: Nanoseconds, gap: UInt64) {
        var power = PowerIntegrator(.mean(over: interval))
        power.note(300_000_000, at: clock(seconds: 10))
        for _ in 1..<gap { power.fail(.readFailed) }
        #expect(power.sample.failure == .readFailed)
        #expect(power.sample.readAt == .seconds(10))
        power.note(200_000_000, at: clock(.seconds(10 + gap) + .milliseconds(40)))
        #expect(power.sample.accumulated.rawValue == gap * 200_000_000 + 8_000_000)
        #expect(power.sample.failure == nil)
        #expect(power.sample.bridges == 1)
        #expect(power.sample.bridged == .readFailed)
        #expect(power.sample.losses == 0)
    }

    @Test("more than two periods are lost, failed or merely late", arguments: kinds, [false, true])
    func gap(kind: PowerKind, failing: Bool) {
        var power = PowerIntegrator(kind)
        power.note(300_000_000, at: clock(seconds: 10))
        if failing { power.fail(.missing) }
        let later = Nanoseconds.seconds(10) + power.longestGap + Nanoseconds(1)
        power.note(200_000_000, at: clock(later))
        #expect(power.sample.accumulated == .zero)
        #expect(power.sample.losses == 1)
        #expect(power.sample.lost == .gapTooLong)
        #expect(power.sample.bridges == 0)
        power.note(200_000_000, at: clock(later + .seconds(1)))
        #expect(power.sample.accumulated == Microjoules(200_000_000))
        #expect(power.sample.losses == 1)
    }

    @Test("nothing is added across a suspension, however short", arguments: kinds)
    func suspended(kind: PowerKind) {
        var power = PowerIntegrator(kind)
        power.note(300_000_000, at: clock(seconds: 10))
        power.note(300_000_000, at: clock(.seconds(11), asleep: .milliseconds(51)))
        #expect(power.sample.accumulated == .zero)
        #expect(power.sample.losses == 1)
        #expect(power.sample.lost == .suspended)
        #expect(power.sample.readAt == .seconds(11))
        power.note(300_000_000, at: clock(.seconds(12), asleep: .milliseconds(60)))
        #expect(power.sample.accumulated == Microjoules(300_000_000))
    }

    @Test(
        "over any history energy never falls and is the truth less what was lost",
        arguments: 1...20)
    func history(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var power = PowerIntegrator(Self.kinds[Int(seed) % Self.kinds.count])
        var now = Nanoseconds.seconds(5)
        var asleep = Nanoseconds.zero
        var truth: UInt128 = 0
        var goodAt: Nanoseconds?
        for _ in 0..<3000 {
            let before = power.sample
            now += Nanoseconds(random.next() >> (30 + random.next() % 30))
            if random.next() % 50 == 0 {
                asleep += .seconds(2)
                now += .seconds(2)
            }
            switch random.next() % 8 {
            case 0: power.fail(.readFailed)
            default:
                power.note(420_000_000, at: clock(now, asleep: asleep))
                let known = power.sample.losses == before.losses
                if known, let goodAt {
                    truth += 420_000_000 * UInt128(now.subtractingClamped(goodAt).rawValue)
                } else {
                    #expect(power.sample.accumulated == before.accumulated)
                }
                goodAt = now
            }
            #expect(power.sample.accumulated >= before.accumulated)
            #expect(UInt128(power.sample.accumulated.rawValue) == truth / 1_000_000_000)
        }
        #expect(power.sample.losses > 0)
    }

    @Test("no reading and no time traps", arguments: kinds) func extremes(kind: PowerKind) {
        var power = PowerIntegrator(kind)
        for microwatts in [0, 1, .max, .max] as [UInt64] {
            for time in [0, .max, 5, .max] as [UInt64] {
                power.note(microwatts, at: clock(Nanoseconds(time)))
                power.note(microwatts, at: clock(Nanoseconds(time), asleep: Nanoseconds(.max)))
            }
        }
    }
}
