import Metering
import Testing

@testable import EnergySources

/// A counter as the hardware has it: 32 bits of `unit` nanojoules, shown in whole microjoules.
struct HardwareCounter {
    let unit: UInt64
    var raw: UInt64

    var range: UInt64 { 0xFFFF_FFFF * unit / 1000 }
    var shown: UInt64 { (raw & 0xFFFF_FFFF) * unit / 1000 }
    var truth: UInt64 { UInt64(UInt128(raw) * UInt128(unit) / 1000) }
}

struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite("A counter's readings become energy") struct EnergyCounterTests {
    /// reference: Intel package, AMD package, Intel dram, psys in joules.
    static let units: [UInt64] = [61_035, 15_258, 15_300, 1_000_000_000]

    @Test(
        "the period is the range and one unit",
        arguments: zip(
            units, [262_143_328_850, 65_532_610_987, 65_712_999_613, 4_294_967_295_000_000]))
    func periods(unit: UInt64, range: UInt64) {
        #expect(HardwareCounter(unit: unit, raw: 0).range == range)
        #expect(period(of: range) == UInt128(range) + UInt128(unit / 1000))
    }

    @Test("the first reading yields no energy") func first() {
        var counter = EnergyCounter(range: 1_000_000)
        #expect(counter.sample.failure == .firstReading)
        counter.note(999_999, at: .seconds(5))
        #expect(counter.sample == ZoneSample(readAt: .seconds(5), failure: nil))
    }

    @Test("a wrap yields one corrected difference, within one unit of the truth", arguments: units)
    func wrap(unit: UInt64) {
        var hardware = HardwareCounter(unit: unit, raw: 0xFFFF_FFFF - 40)
        var counter = EnergyCounter(
            range: hardware.range, maximumPower: EnergyCounter.sanePlatformMicrowatts)
        let start = hardware.truth
        counter.note(hardware.shown, at: .seconds(1))
        hardware.raw += 100
        counter.note(hardware.shown, at: .seconds(2))
        let energy = counter.sample.accumulated.rawValue
        let truth = hardware.truth - start
        #expect(max(energy, truth) - min(energy, truth) <= max(1, unit / 1000))
        #expect(counter.sample.losses == 0)
    }

    @Test(
        "many wraps stay within one unit each, with failing reads and torn texts between",
        arguments: units, 1...6)
    func history(unit: UInt64, seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var hardware = HardwareCounter(unit: unit, raw: random.next() & 0xFFFF_FFFF)
        let start = hardware.truth
        let beginning = hardware.raw
        var counter = EnergyCounter(range: hardware.range)
        if unit > 1_000_000 { counter.maximumPower = EnergyCounter.sanePlatformMicrowatts }
        var now = Nanoseconds.seconds(1000)
        var before: UInt64 = 0
        var torn = 0
        counter.note(hardware.shown, at: now)
        for _ in 0..<4000 {
            let elapsed = 10_000_000 + random.next() % 4_000_000_000
            now += Nanoseconds(elapsed)
            // Up to 900 W.
            let microjoules = (random.next() % 900_000) * (elapsed / 1_000_000) / 1000
            hardware.raw += microjoules * 1000 / unit
            switch random.next() % 10 {
            case 0: counter.fail(.readFailed)
            case 1: counter.fail(.malformed)
            case 2 where torn == 0:
                // One torn text, at most one in a row.
                counter.note(hardware.shown / 100_000, at: now)
                torn = 1
            default:
                counter.note(hardware.shown, at: now)
                torn = 0
            }
            #expect(counter.sample.accumulated.rawValue >= before)
            before = counter.sample.accumulated.rawValue
        }
        now += .seconds(1)
        counter.note(hardware.shown, at: now)
        guard counter.sample.losses == 0 else { return }  // a torn text may look like a small wrap
        let truth = hardware.truth - start
        let wraps = (hardware.raw >> 32) - (beginning >> 32)
        #expect(counter.sample.failure == nil)
        #expect(counter.sample.bridges > 0)
        let energy = counter.sample.accumulated.rawValue
        let error = max(energy, truth) - min(energy, truth)
        #expect(error <= wraps + max(1, unit / 1000) + 1)
    }

    @Test("failed reads keep the baseline, and the next good one bridges once") func bridge() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(1_000_000, at: .seconds(1))
        for second in 2...9 { counter.fail(second % 2 == 0 ? .readFailed : .permissionDenied) }
        #expect(counter.sample.readAt == .seconds(1))
        #expect(counter.sample.failure == .permissionDenied)
        counter.note(501_000_000, at: .seconds(10))
        #expect(counter.sample.accumulated == Microjoules(500_000_000))
        #expect(counter.sample.readAt == .seconds(10))
        #expect(counter.sample.failure == nil)
        #expect(counter.sample.bridges == 1)
        #expect(counter.sample.bridged == .permissionDenied)
    }

    @Test("a gap that may hide a second wrap is lost and never guessed") func longGap() {
        var counter = EnergyCounter(range: 65_532_610_987)
        counter.note(0, at: .seconds(1))
        // Half of 65,533 J at 1,000 W: 32.8 s.
        counter.note(1_000_000, at: .seconds(1 + 32))
        #expect(counter.sample.accumulated == Microjoules(1_000_000))
        counter.note(2_000_000, at: .seconds(33 + 33))
        #expect(counter.sample.losses == 1)
        #expect(counter.sample.lost == .gapTooLong)
        #expect(counter.sample.accumulated == Microjoules(1_000_000))
        counter.note(2_500_000, at: .seconds(67))
        #expect(counter.sample.accumulated == Microjoules(1_500_000))
    }

    /// The clocks after `awake` seconds of work and `asleep` seconds of suspension.
    private func clock(awake: UInt64, asleep: UInt64) -> ClockReading {
        ClockReading(
            realtime: Timestamp(0), boottime: .seconds(awake + asleep),
            monotonic: .seconds(awake))
    }

    @Test("a suspension is bridged where the counter cannot have restarted in it")
    func suspension() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(100_000_000_000, at: clock(awake: 10, asleep: 0))
        // A restarted counter would show 2 s at 1,000 W and 600 s at 20 W at most.
        counter.note(100_300_000_000, at: clock(awake: 12, asleep: 600))
        #expect(counter.sample.losses == 0)
        #expect(counter.sample.bridged == .suspended)
        #expect(counter.sample.accumulated == Microjoules(300_000_000))
    }

    @Test(
        "a suspension in which the counter may have restarted is lost",
        arguments: [
            // It restarted; it may have restarted just above where it was; it may have wrapped; it
            // rose by more than a suspended host uses.
            (100_000_000_000, 200_000_000), (150_000_000, 300_000_000),
            (262_143_000_000, 100_000_000), (100_000_000_000, 130_000_000_000),
        ] as [(UInt64, UInt64)])
    func suspensionLost(before: UInt64, after: UInt64) {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(before, at: clock(awake: 10, asleep: 0))
        counter.note(after, at: clock(awake: 12, asleep: 600))
        #expect(counter.sample.losses == 1)
        #expect(counter.sample.lost == .suspended)
        #expect(counter.sample.accumulated == .zero)
        counter.note(after + 5, at: clock(awake: 13, asleep: 600))
        #expect(counter.sample.accumulated == Microjoules(5))
    }

    @Test("a suspension of many hours is lost: even at rest the counter may have wrapped")
    func longSuspension() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(100_000_000_000, at: clock(awake: 10, asleep: 0))
        counter.note(100_000_000_001, at: clock(awake: 11, asleep: 9000))
        #expect(counter.sample.lost == .suspended)
    }

    @Test("a resumed counter goes on from where another run left it") func resumed() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.resume(
            from: EnergyCounter.Reading(
                value: 262_143_000_000, time: .seconds(10), awake: .seconds(9)), beyond: 77)
        #expect(counter.sample.failure == .agentStopped)
        counter.note(100, at: clock(awake: 29, asleep: 1))
        #expect(counter.sample.accumulated == Microjoules(77 + 328_850 + 61 + 100))
        #expect(counter.sample.bridged == .agentStopped)
        var late = EnergyCounter(range: 262_143_328_850)
        late.resume(
            from: EnergyCounter.Reading(value: 5, time: .seconds(10), awake: .seconds(10)),
            beyond: 0)
        late.note(1000, at: .seconds(150))
        #expect(late.sample.lost == .gapTooLong)
    }

    @Test("a counter that restarts is a discontinuity, and counting goes on") func restart() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(200_000_000_000, at: .seconds(1))
        counter.note(50_000_000, at: .seconds(2))
        #expect(counter.sample.failure == .discontinuity)
        #expect(counter.sample.accumulated == .zero)
        counter.note(150_000_000, at: .seconds(3))
        #expect(counter.sample.losses == 1)
        #expect(counter.sample.failure == nil)
        #expect(counter.sample.accumulated == Microjoules(100_000_000))
    }

    @Test("one torn text is bridged, not believed") func torn() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(123_456_789_000, at: .seconds(1))
        counter.note(1_234, at: .seconds(2))
        counter.note(123_656_789_000, at: .seconds(3))
        #expect(counter.sample.losses == 0)
        #expect(counter.sample.bridges == 1)
        #expect(counter.sample.accumulated == Microjoules(200_000_000))
    }

    @Test("a baseline above a range that shrank is no energy, and counting goes on")
    func shrunkRange() {
        var counter = EnergyCounter(range: 262_143_328_850)
        counter.note(200_000_000_000, at: .seconds(1))
        counter.range = 65_532_610_987
        counter.note(10_000_000, at: .seconds(2))
        #expect(counter.sample.failure == .discontinuity)
        counter.note(20_000_000, at: .seconds(3))
        #expect(counter.sample.lost == .discontinuity)
        #expect(counter.sample.accumulated == Microjoules(10_000_000))
    }

    @Test("without a range a fall is a discontinuity") func noRange() {
        var counter = EnergyCounter(range: nil)
        counter.note(100, at: .seconds(1))
        counter.note(300, at: .seconds(2))
        counter.note(10, at: .seconds(3))
        counter.note(60, at: .seconds(4))
        #expect(counter.sample.losses == 1)
        #expect(counter.sample.lost == .rangeUnknown)
        #expect(counter.sample.accumulated == Microjoules(250))
    }

    @Test(
        "any sequence of readings neither traps nor exceeds what the power limit allows",
        arguments: 1...20)
    func hostileReadings(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let range: UInt64? = [nil, 1, 1000, 262_143_328_850, .max][Int(random.next() % 5)]
        var counter = EnergyCounter(
            range: range, maximumPower: random.next() >> (random.next() % 64))
        var now = Nanoseconds.zero
        for _ in 0..<2000 {
            let before = counter.sample
            now += Nanoseconds(random.next() >> (20 + random.next() % 44))
            counter.note(random.next() >> (random.next() % 64), at: now)
            let gained = counter.sample.accumulated.rawValue - before.accumulated.rawValue
            let time = now.subtractingClamped(before.readAt) + EnergyCounter.updateSlack
            #expect(
                UInt128(gained) <= UInt128(counter.maximumPower) * UInt128(time.rawValue)
                    / 1_000_000_000)
        }
    }
}
