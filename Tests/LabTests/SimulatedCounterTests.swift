import Lab
import Metering
import Testing

@Suite("A simulated counter")
struct SimulatedCounterTests {
    /// What a correct reader adds for two consecutive texts of `energy_uj`.
    private func difference(_ last: Microjoules, _ now: Microjoules, _ range: Microjoules) -> UInt64
    {
        if now >= last { return now.rawValue - last.rawValue }
        // One step of the register, found from the range alone.
        let step = (range.rawValue * 1000 + UInt64(UInt32.max) - 1) / UInt64(UInt32.max)
        return now.rawValue + range.rawValue + step / 1000 - last.rawValue
    }

    @Test(
        "shows the kernel's max_energy_range_uj",
        arguments: [
            (UInt64(61_035), UInt64(262_143_328_850)), (15_258, 65_532_610_987),
            (15_300, 65_712_999_613), (1_000_000_000, 4_294_967_295_000_000),
        ])
    func range(unit: UInt64, range: UInt64) {
        #expect(SimulatedCounter(unit: unit, raw: 0).maxEnergyRange.rawValue == range)
    }

    @Test("advances by exactly what a reader sees, over wraps too", arguments: 1...8)
    func visible(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let unit = seed.isMultiple(of: 2) ? EnergyUnit.serverMemory : 61_035
        var counter = SimulatedCounter(
            unit: unit, raw: UInt32.random(in: 1 ... .max, using: &random))
        var last = counter.visible
        var seen: UInt64 = 0
        for _ in 0..<2_000 {
            // Up to a tenth of the register at once, and often less than one step.
            let most = Bool.random(using: &random) ? unit * 1500 : unit * 1000 * 400_000_000
            counter.advance(picojoules: UInt64.random(in: 0...most, using: &random))
            seen += difference(last, counter.visible, counter.maxEnergyRange)
            last = counter.visible
        }
        #expect(counter.wraps > 10)
        #expect(counter.advanced.rawValue == seen)
    }

    @Test("loses no energy by rounding: what is not shown is carried")
    func carry() {
        var counter = SimulatedCounter(unit: 61_035, raw: 7)
        var given: UInt64 = 0
        for part in 0..<100_000 as Range<UInt64> {
            counter.advance(picojoules: part * 977)
            given += part * 977
        }
        #expect(UInt64(counter.raw - 7) * 61_035_000 + counter.carry == given)
        #expect(counter.carry < 61_035_000)
    }

    @Test("reaches its maximum before it shows 0")
    func edge() {
        var counter = SimulatedCounter(unit: 61_035, raw: .max)
        #expect(counter.visible == counter.maxEnergyRange)
        counter.advance(picojoules: 61_035_000)
        #expect(counter.visible == .zero)
        #expect(counter.wraps == 1)
        #expect(counter.advanced.rawValue == 61)
    }
}

/// A generator with a seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
    }
}
