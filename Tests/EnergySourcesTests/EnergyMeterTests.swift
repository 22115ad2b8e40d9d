import Metering
import Testing

@testable import EnergySources

private let zones = [
    ZoneDescription(
        control: "intel-rapl", name: "package-0", parent: "", kind: .package, counted: true),
    ZoneDescription(
        control: "intel-rapl", name: "core", parent: "package-0", kind: .core, counted: false),
    ZoneDescription(
        control: "intel-rapl", name: "dram", parent: "package-0", kind: .dram, counted: true),
]

private func sample(_ seconds: UInt64, _ energies: UInt64...) -> EnergySample {
    EnergySample(
        takenAt: .seconds(seconds),
        zones: energies.map {
            ZoneSample(accumulated: Microjoules($0), readAt: .seconds(seconds), failure: nil)
        })
}

@Suite("Samples become windows") struct EnergyMeterTests {
    @Test("a window holds what was used between its boundaries") func window() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0, 0, 0))
        meter.add(sample(19, 900, 0, 90))
        meter.add(sample(21, 1100, 0, 110))
        let first = meter.close(at: .seconds(20))
        #expect(
            first.map(\.energy) == [
                .known(Microjoules(1000)), .known(.zero), .known(Microjoules(100)),
            ])
        #expect(first.map(\.state) == [.measured, .measured, .measured])
        #expect(EnergyMeter.hostEnergy(first, of: zones) == .known(Microjoules(1100)))
    }

    @Test("a counted zone that is unknown makes the host unknown, another does not")
    func unknownZones() {
        let known = ZoneEnergy(Microjoules(5), .measured)
        let unknown = ZoneEnergy(unknown: .permissionDenied)
        #expect(
            EnergyMeter.hostEnergy([known, known, unknown], of: zones)
                == .unknown(.permissionDenied))
        #expect(
            EnergyMeter.hostEnergy([known, unknown, known], of: zones) == .known(Microjoules(10)))
        #expect(EnergyMeter.hostEnergy([known, known], of: zones) == .unknown(.firstReading))
        #expect(EnergyMeter.hostEnergy([known], of: [zones[1]]) == .unknown(.noSource))
    }

    @Test("a zone that appears is unknown in its first window") func appears() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0))
        meter.add(sample(20, 100))
        #expect(meter.close(at: .seconds(20)).count == 1)
        meter.add(sample(25, 150, 0))
        meter.add(sample(30, 200, 10))
        #expect(
            meter.close(at: .seconds(30))
                == [ZoneEnergy(Microjoules(100), .measured), ZoneEnergy(unknown: .firstReading)])
        meter.add(sample(40, 300, 30))
        #expect(
            meter.close(at: .seconds(40))
                == [
                    ZoneEnergy(Microjoules(100), .measured), ZoneEnergy(Microjoules(20), .measured),
                ])
    }

    @Test(
        "windows over a random history add up to the truth wherever nothing was lost",
        arguments: EnergyCounterTests.units, 1...8)
    func telescopes(unit: UInt64, seed: UInt64) {
        var random = SeededGenerator(state: seed &* unit)
        var hardware = HardwareCounter(unit: unit, raw: 0xF000_0000)
        let start = hardware.truth
        let power: UInt64 = unit > 1_000_000 ? 5_000 : 500
        var counter = EnergyCounter(range: hardware.range, maximumPower: power * 2_000_000)
        var now: UInt64 = 10_000_000_000
        var meter = EnergyMeter(from: Nanoseconds(now))
        var boundary = now
        var sum: UInt64 = 0
        var unknown: Set<EnergyUnknown> = []
        func read(failing: Bool) {
            if failing {
                counter.fail(.readFailed)
            } else {
                counter.note(hardware.shown, at: Nanoseconds(now))
            }
            meter.add(EnergySample(takenAt: Nanoseconds(now), zones: [counter.sample]))
        }
        func close() {
            for zone in meter.close(at: Nanoseconds(boundary)) {
                switch zone.energy {
                case .known(let energy): sum += energy.rawValue
                case .unknown(let reason): unknown.insert(reason)
                }
            }
        }
        read(failing: false)
        for _ in 0..<3000 {
            let elapsed = 900_000_000 + random.next() % 200_000_000
            now += elapsed
            hardware.raw += (random.next() % power) * (elapsed / 1000) * 1000 / unit
            read(failing: random.next() % 4 == 0)
            while boundary + 10_000_000_000 < now {
                boundary += 10_000_000_000
                close()
            }
        }
        now += 1
        read(failing: false)
        boundary = now
        close()
        let truth = hardware.truth - start
        let wraps = hardware.raw >> 32
        #expect(counter.sample.losses == 0)
        #expect(sum == counter.sample.accumulated.rawValue)
        #expect(max(sum, truth) - min(sum, truth) <= wraps + max(1, unit / 1000) + 1)
        #expect(unknown.isSubset(of: [.readFailed]))
    }
}
