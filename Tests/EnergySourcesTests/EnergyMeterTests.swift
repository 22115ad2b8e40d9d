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
    private func close(_ meter: inout EnergyMeter, _ seconds: UInt64) -> WindowEnergies {
        meter.close(at: .seconds(seconds), zones: zones, primary: .rapl)
    }

    @Test("a window holds what was used between its boundaries") func window() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0, 0, 0))
        meter.add(sample(19, 900, 0, 90))
        meter.add(sample(21, 1100, 0, 110))
        let first = close(&meter, 20)
        #expect(
            first.zones == [
                .measured(Microjoules(1000)), .measured(.zero), .measured(Microjoules(100)),
            ])
        #expect(first.host == .known(Microjoules(1100)))
        #expect(first.carried == nil)
    }

    @Test("a counted zone that is unknown makes the host unknown, another does not")
    func unknownZones() {
        func host(failing: Int, _ reason: EnergyReason) -> Known<Microjoules, EnergyReason> {
            var meter = EnergyMeter(from: .seconds(10))
            meter.add(sample(10, 0, 0, 0))
            var next = sample(20, 5, 5, 5)
            next.zones[failing].failure = reason
            next.zones[failing].readAt = .seconds(10)
            meter.add(next)
            return close(&meter, 20).host
        }
        #expect(host(failing: 0, .missing) == .unknown(.missing))
        #expect(host(failing: 1, .missing) == .known(Microjoules(10)))
        #expect(host(failing: 2, .permissionDenied) == .unknown(.permissionDenied))
        var meter = EnergyMeter(from: .seconds(10))
        #expect(close(&meter, 20).host == .unknown(.firstReading))
        #expect(
            meter.close(at: .seconds(30), zones: [zones[1]], primary: .rapl).host
                == .unknown(.noSource))
        #expect(
            meter.close(at: .seconds(40), zones: [], primary: .none).host == .unknown(.noSource))
    }

    @Test("a zone of another source is no part of the host's energy") func primary() {
        let wall = ZoneDescription(
            control: "hwmon", name: "power1", parent: "power_meter", kind: .wall, counted: true,
            source: .wall)
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0, 0))
        meter.add(sample(20, 100, 170))
        let both = meter.close(at: .seconds(20), zones: [zones[0], wall], primary: .wall)
        #expect(both.host == .known(Microjoules(170)))
        #expect(both.zones == [.measured(Microjoules(100)), .measured(Microjoules(170))])
    }

    @Test("what others used while one zone could not be read is carried to where the host is known")
    func carried() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0, 0, 0))
        for second in [20, 30] as [UInt64] {
            var failing = sample(second, second * 10, 0, 0)
            failing.zones[2].failure = .readFailed
            failing.zones[2].readAt = .seconds(10)
            meter.add(failing)
            let window = close(&meter, second)
            #expect(window.host == .unknown(.readFailed))
            #expect(window.zones[2] == .deferred(.readFailed))
        }
        var good = sample(40, 400, 0, 70)
        good.zones[2].bridges = 1
        good.zones[2].bridged = .readFailed
        meter.add(good)
        let window = close(&meter, 40)
        #expect(window.zones[0] == .measured(Microjoules(100)))
        #expect(window.zones[2] == .bridged(Microjoules(70), .readFailed))
        #expect(
            window.carried == CarriedEnergy(energy: Microjoules(300), time: .seconds(20)))
        #expect(window.host == .known(Microjoules(470)))
        meter.add(sample(50, 410, 0, 71))
        #expect(close(&meter, 50).carried == nil)
    }

    @Test("where the energy of a zone is lost, nothing is carried over the loss")
    func lostNotCarried() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0, 0, 0))
        var failing = sample(20, 100, 0, 0)
        failing.zones[2].failure = .readFailed
        failing.zones[2].readAt = .seconds(10)
        meter.add(failing)
        _ = close(&meter, 20)
        var lost = sample(30, 200, 0, 0)
        lost.zones[2].losses = 1
        lost.zones[2].lost = .gapTooLong
        meter.add(lost)
        let window = close(&meter, 30)
        #expect(window.zones[2] == .lost(.gapTooLong))
        #expect(window.host == .unknown(.gapTooLong))
        var after = sample(40, 300, 0, 50)
        after.zones[2].losses = 1
        meter.add(after)
        let next = close(&meter, 40)
        #expect(next.host == .known(Microjoules(150)))
        #expect(next.carried == nil)
    }

    @Test("energy that a zone defers over a loss of another is not the next window's host's")
    func deferredOverLoss() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0, 0, 0))
        var lost = sample(20, 0, 0, 200)
        lost.zones[0].failure = .readFailed
        lost.zones[0].readAt = .seconds(10)
        lost.zones[2].losses = 1
        lost.zones[2].lost = .discontinuity
        meter.add(lost)
        #expect(close(&meter, 20).host == .unknown(.readFailed))
        var next = sample(30, 5000, 0, 300)
        next.zones[0].bridges = 1
        next.zones[0].bridged = .readFailed
        next.zones[2].losses = 1
        meter.add(next)
        let window = close(&meter, 30)
        #expect(window.zones[0] == .bridged(Microjoules(5000), .readFailed))
        #expect(window.zones[2] == .measured(Microjoules(100)))
        #expect(window.host == .unknown(.discontinuity))
        #expect(window.carried == nil)
        var after = sample(40, 5010, 0, 310)
        after.zones[0].bridges = 1
        after.zones[2].losses = 1
        meter.add(after)
        #expect(close(&meter, 40).host == .known(Microjoules(20)))
    }

    @Test("an estimated zone stays estimated over its gaps") func estimated() {
        var meter = EnergyMeter(from: .seconds(10))
        func modelled(_ seconds: UInt64, _ energy: UInt64, bridges: UInt64 = 0) -> EnergySample {
            var sample = sample(seconds, energy)
            sample.zones[0].estimated = .modelled
            sample.zones[0].bridges = bridges
            sample.zones[0].bridged = bridges > 0 ? .loadUnknown : nil
            return sample
        }
        meter.add(modelled(10, 0))
        meter.add(modelled(20, 7))
        #expect(close(&meter, 20).zones[0] == .estimated(Microjoules(7), .modelled))
        meter.add(modelled(30, 9, bridges: 1))
        #expect(close(&meter, 30).zones[0] == .estimated(Microjoules(2), .modelled))
    }

    @Test("a zone that appears is lost in its first window") func appears() {
        var meter = EnergyMeter(from: .seconds(10))
        meter.add(sample(10, 0))
        meter.add(sample(20, 100))
        #expect(close(&meter, 20).zones[0] == .measured(Microjoules(100)))
        meter.add(sample(25, 150, 0))
        meter.add(sample(30, 200, 10))
        #expect(
            close(&meter, 30).zones
                == [.measured(Microjoules(100)), .lost(.firstReading), .lost(.firstReading)])
        meter.add(sample(40, 300, 30))
        #expect(
            close(&meter, 40).zones.prefix(2)
                == [.measured(Microjoules(100)), .measured(Microjoules(20))])
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
        var unknown: Set<EnergyReason> = []
        func read(failing: Bool) {
            if failing {
                counter.fail(.readFailed)
            } else {
                counter.note(hardware.shown, at: Nanoseconds(now))
            }
            meter.add(EnergySample(takenAt: Nanoseconds(now), zones: [counter.sample]))
        }
        func close() {
            let window = meter.close(
                at: Nanoseconds(boundary), zones: [zones[0]], primary: .rapl)
            for zone in window.zones {
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
