import Lab
import Metering
import Testing

@Suite("The laboratory's machines")
struct MachineTests {
    /// The zones as `control/folder name>register`.
    private static let zones: [(machine: String, zones: [String])] = [
        (
            "xeon-2s",
            [
                "intel-rapl:0 package-0>0", "intel-rapl:0/intel-rapl:0:0 dram>1",
                "intel-rapl:1 package-1>2", "intel-rapl:1/intel-rapl:1:0 dram>3",
            ]
        ),
        (
            "spr-2s",
            [
                "intel-rapl:0 package-0>0", "intel-rapl:0/intel-rapl:0:0 dram>1",
                "intel-rapl:1 psys>2", "intel-rapl:2 package-1>3",
                "intel-rapl:2/intel-rapl:2:0 dram>4",
            ]
        ),
        (
            "client",
            [
                "intel-rapl:0 package-0>0", "intel-rapl:0/intel-rapl:0:0 core>1",
                "intel-rapl:0/intel-rapl:0:1 uncore>2", "intel-rapl:1 psys>3",
                "intel-rapl-mmio:0 package-0>0",
            ]
        ),
        (
            "epyc-2s",
            [
                "intel-rapl:0 package-0>0", "intel-rapl:0/intel-rapl:0:0 core>1",
                "intel-rapl:1 package-1>2", "intel-rapl:1/intel-rapl:1:0 core>3",
            ]
        ),
        (
            "epyc-mirrored",
            [
                "intel-rapl:0 package-0-die-0>0", "intel-rapl:1 package-0-die-1>0",
                "intel-rapl:2 package-1-die-0>1", "intel-rapl:3 package-1-die-1>1",
            ]
        ),
        ("hwmon", []), ("none", []),
    ]

    @Test(
        "have the zones of the kernel, at its ids, and the registers behind them", arguments: zones)
    func layout(name: String, zones: [String]) throws {
        let machine = try #require(Machine.named(name))
        #expect(
            machine.zones.map { "\($0.folder) \($0.name)>\($0.register)" } == zones)
        #expect(machine.zones.allSatisfy { machine.registers.indices.contains($0.register) })
    }

    @Test("have names of their own, and ids of their own on each")
    func unique() {
        #expect(Set(Machine.all.map(\.name)).count == Machine.all.count)
        for machine in Machine.all {
            let ids = machine.zones.map(\.id) + machine.powerZones.map(\.id)
            #expect(Set(ids).count == ids.count)
        }
    }

    @Test(
        "count packages and dram, each register once",
        arguments: [
            ("xeon-2s", ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl:1:0"]),
            ("spr-2s", ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:2", "intel-rapl:2:0"]),
            ("client", ["intel-rapl:0"]), ("epyc-2s", ["intel-rapl:0", "intel-rapl:1"]),
            ("epyc-mirrored", ["intel-rapl:0", "intel-rapl:2"]), ("none", []),
        ])
    func counted(name: String, ids: [String]) throws {
        let machine = try #require(Machine.named(name))
        #expect(machine.countedZones.map { machine.zones[$0].id } == ids)
    }

    @Test("have one register unit each, as their kernels do")
    func units() throws {
        let server = try #require(Machine.named("spr-2s"))
        #expect(server.registers.map(\.unit) == [61_035, 61_035, 1_000_000_000, 61_035, 61_035])
        let epyc = try #require(Machine.named("epyc-2s"))
        #expect(epyc.registers.allSatisfy { $0.unit == 15_258 })
        #expect(Machine.usual.registers.map(\.unit) == [61_035, 15_300, 61_035, 15_300])
    }

    @Test(
        "name their processor as the kernel does",
        arguments: [
            ("xeon-2s", "cpu:type:x86,ven0000fam0006mod006A:feature:,0000,0001,"),
            ("epyc-2s", "cpu:type:x86,ven0002fam0019mod0001:feature:,0000,0001,"),
            ("epyc-mirrored", "cpu:type:x86,ven0002fam0017mod0001:feature:,0000,0001,"),
        ])
    func processor(name: String, start: String) throws {
        let text = try #require(Machine.named(name)).processor.modalias
        #expect(text.hasPrefix(start))
        let hygon = ProcessorModel(vendor: .hygon, family: 0x18, model: 1)
        #expect(hygon.modalias.hasPrefix("cpu:type:x86,ven0009fam0018mod0001:feature:"))
    }
}

@Suite("The simulated power")
struct PowerModelTests {
    private func steady(_ package: Double, _ dram: Double) throws -> PowerModel {
        PowerModel(
            .steady(
                try #require(SteadyPower(package: package, dram: dram, core: 60, uncore: 8))))
    }

    @Test("is steady watts × time for each socket, and a share above it for psys and the wall")
    func steadyWatts() throws {
        let energy = try steady(100, 10)
            .energy(elapsed: .milliseconds(10), busy: .seconds(9), sockets: 2)
        #expect(energy[.package(0)] == 1_000_000_000_000 && energy[.dram(1)] == 100_000_000_000)
        #expect(energy[.core(1)] == 600_000_000_000 && energy[.uncore(0)] == 80_000_000_000)
        #expect(energy[.package(2)] == 0)
        // 220 W × 1.05 + 20 W and 220 W × 1.15 + 45 W.
        #expect(energy[.platform] == 2_510_000_000_000 && energy.wall == 2_980_000_000_000)
    }

    @Test("follows the CPU time on a curve, core and uncore within the package")
    func curve() throws {
        let curve = try #require(PowerCurve(idleWatts: 60, wattsPerCore: 45, dramShare: 0.12))
        let model = PowerModel(.curve(curve))
        #expect(model.followsLoad)
        let idle = model.energy(elapsed: .milliseconds(10), busy: .zero, sockets: 2)
        let busy = model.energy(elapsed: .milliseconds(10), busy: .milliseconds(20), sockets: 2)
        for socket in busy.sockets { #expect(socket.core + socket.uncore < socket.package) }
        #expect(busy[.core(0)] > idle[.core(0)] && busy.wall > idle.wall)
        let sum = busy.sockets.reduce(0) { $0 + $1.package + $1.dram }
        #expect(sum == curve.energy(elapsed: .milliseconds(10), busy: .milliseconds(20)))
    }

    @Test("of a zone, psys or the wall is refused where it is no power", arguments: [-1, .nan])
    func refused(watts: Double) {
        #expect(SteadyPower(package: watts, dram: 1, core: 1, uncore: 1) == nil)
        #expect(SteadyPower(package: 1, dram: 1, core: 1, uncore: watts) == nil)
        #expect(PlatformPower(watts: watts) == nil)
        #expect(PlatformPower(watts: 10_001) == nil)
    }

    @Test("at the wall is shown as the mean of the interval that ended last")
    func wallMeter() {
        // 200 W before the start.
        var meter = WallMeter(interval: .seconds(1), picojoulesPerMillisecond: 200_000_000_000)
        #expect(meter.microwatts == 200_000_000)
        // 100 W for the first half, 300 W for the second, shown only when the second is over.
        for step in 0..<10 as Range<UInt64> {
            #expect(meter.microwatts == 200_000_000)
            meter.advance(
                picojoules: (step < 5 ? 100 : 300) * 100_000_000_000,
                elapsed: .milliseconds(100))
        }
        #expect(meter.microwatts == 200_000_000)
        #expect(meter.total.rawValue == 200_000_000)
        for _ in 0..<10 {
            meter.advance(picojoules: 5 * 100_000_000_000, elapsed: .milliseconds(100))
        }
        #expect(meter.microwatts == 5_000_000)
        #expect(meter.total.rawValue == 205_000_000)
    }
}

@Suite("The history of the simulated energy")
struct EnergyHistoryTests {
    @Test("has entries no closer than its spacing, and ends with the present")
    func spacing() {
        var history = EnergyHistory(accumulators: 1)
        for step in 0...50 as ClosedRange<UInt64> {
            history.note([Microjoules(step)], at: .milliseconds(1000 + step * 20))
        }
        #expect(history.times.count == 11)
        #expect(history.energies[0].map(\.rawValue) == Array(stride(from: 0, through: 50, by: 5)))
        #expect(history.ended([Microjoules(50)], at: .milliseconds(2000)).times.count == 11)
        let ended = history.ended([Microjoules(51)], at: .milliseconds(2001))
        #expect(ended.times.last == .milliseconds(2001))
        #expect(ended.energies[0].last == Microjoules(51))
    }

    @Test("of any length stays within its limit, begins with the start and loses no reach")
    func thinning() {
        var history = EnergyHistory(accumulators: 2, limit: 8)
        for step in 0..<1_000 as Range<UInt64> {
            history.note(
                [Microjoules(step), Microjoules(2 * step)], at: .milliseconds(step * 100))
            #expect(history.times.count <= 8)
            #expect(history.energies.allSatisfy { $0.count == history.times.count })
        }
        #expect(history.times.count >= 4)
        #expect(history.times.first == .zero)
        for (index, time) in history.times.enumerated() {
            #expect(history.energies[0][index].rawValue == time.rawValue / 100_000_000)
            #expect(history.energies[1][index].rawValue == time.rawValue / 50_000_000)
        }
    }
}
