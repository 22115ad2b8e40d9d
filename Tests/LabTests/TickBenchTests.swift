import Lab
import Metering
import Testing

@testable import jouleflow_lab

@Suite("The bench of a tick")
struct TickBenchTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func simulation(of machine: String) throws -> Simulation {
        let power = PowerModel(
            .steady(try #require(SteadyPower(package: 100, dram: 10, core: 60, uncore: 8))))
        return try Simulation(
            root: folder.path,
            plan: SimulationPlan(machine: try #require(Machine.named(machine)), power: power))
    }

    @Test("counts each part's ticks, and reads every zone in each")
    func parts() throws {
        let simulation = try simulation(of: "xeon-2s")
        var bench = TickBench(sysfs: folder.path)
        bench.run(.energy, ticks: 25)
        bench.run(.whole, ticks: 12)
        bench.run(.rescan, ticks: 3)
        try simulation.tick(at: LabClock.boot)
        bench.run(.energy, ticks: 1)
        let costs = bench.costs
        #expect([costs.energy.ticks, costs.whole.ticks, costs.rescan.ticks] == [26, 12, 3])
        let (counted, isReading) = (bench.countedZones, bench.isReading)
        #expect(costs.zones == 4 && counted == 4)
        #expect(isReading)
        #expect(costs.energy.cpuMicroseconds > 0)
        // A look at the whole tree allocates, which shows that allocations are counted here.
        #expect(costs.rescan.allocations > 0)
    }

    @Test("sees that a zone cannot be read")
    func unreadable() throws {
        let simulation = try simulation(of: "unreadable")
        var bench = TickBench(sysfs: folder.path)
        bench.run(.energy, ticks: 1)
        let isReading = bench.isReading
        #expect(!isReading)
        try simulation.tick(at: LabClock.boot)
    }

    @Test("counts no zone where there is none")
    func nothing() throws {
        _ = try simulation(of: "none")
        let bench = TickBench(sysfs: folder.path)
        let counted = bench.countedZones
        #expect(counted == 0)
    }
}
