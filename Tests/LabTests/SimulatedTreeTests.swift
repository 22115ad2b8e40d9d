import Foundation
import Lab
import Metering
import Testing

@Suite("The simulated powercap tree of the usual machine")
struct SimulatedTreeTests {
    private let folder: TemporaryFolder
    private let curve: PowerCurve

    init() throws {
        folder = try TemporaryFolder()
        curve = try #require(PowerCurve(idleWatts: 60, wattsPerCore: 45, dramShare: 0.12))
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(folder.path)/sys/\(path)", encoding: .utf8)
    }

    private func simulation(at now: Nanoseconds = LabClock.boot) throws -> Simulation {
        try Simulation(
            root: folder.path + "/sys",
            plan: SimulationPlan(machine: .usual, power: PowerModel(.curve(curve))), at: now)
    }

    @Test(
        "has the kernel's layout: flat links in class, folders in devices",
        arguments: [
            ("intel-rapl:0", "package-0", "262143328850"),
            ("intel-rapl:0:0", "dram", "65712999613"),
            ("intel-rapl:1", "package-1", "262143328850"),
            ("intel-rapl:1:0", "dram", "65712999613"),
        ])
    func layout(zone: String, name: String, range: String) throws {
        let kept = try simulation()
        let link = "class/powercap/\(zone)"
        #expect(try text(link + "/name") == name + "\n")
        #expect(try text(link + "/max_energy_range_uj") == range + "\n")
        #expect(try text(link + "/enabled") == "1\n")
        #expect(try text(link + "/subsystem/\(zone)/name") == name + "\n")
        let files = FileManager.default
        let path = "\(folder.path)/sys/\(link)"
        let target = try files.destinationOfSymbolicLink(atPath: path)
        #expect(target.hasPrefix("../../devices/virtual/powercap/intel-rapl/intel-rapl:"))
        let attributes = try files.attributesOfItem(atPath: path + "/energy_uj")
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o400)
        let value = try text(link + "/energy_uj")
        #expect(UInt64(value.split(separator: "\n")[0]) != nil)
        #expect(value.utf8.count == 24 && value.hasSuffix("\n"))
        withExtendedLifetime(kept) {}
    }

    @Test("puts the zone below its parent: the device link of dram leads to its package")
    func parents() throws {
        let kept = try simulation()
        #expect(try text("class/powercap/intel-rapl:1:0/device/name") == "package-1\n")
        #expect(try text("class/powercap/intel-rapl/enabled") == "1\n")
        withExtendedLifetime(kept) {}
    }

    @Test("advances by idle watts × time at least, and package-1 wraps within seconds")
    func advance() throws {
        let start = LabClock.boot
        let simulation = try simulation(at: start)
        for second in 1...20 as ClosedRange<UInt64> {
            try simulation.tick(at: start + .seconds(second))
        }
        let truth = simulation.truth
        let joules = truth.zones.reduce(0) { $0 + Double($1.advancedMicrojoules) } / 1_000_000
        // The clock was moved on faster than the machine idles: all of it counts as busy.
        let wanted = 60 * 20 + 45 * truth.busySeconds
        #expect(abs(joules - wanted) < 0.001)
        #expect(truth.zones.map(\.wraps) == [0, 0, 1, 0])
        let dram = Double(truth.zones[1].advancedMicrojoules + truth.zones[3].advancedMicrojoules)
        #expect(abs(dram / 1_000_000 / joules - 0.12) < 0.000_01)
    }

    @Test("keeps a reader's descriptor valid: counters are written in place")
    func inPlace() throws {
        let start = LabClock.boot
        let simulation = try simulation(at: start)
        let path = "\(folder.path)/sys/class/powercap/intel-rapl:1/energy_uj"
        let file = try #require(FileHandle(forReadingAtPath: path))
        var shown: [UInt64] = []
        for second in 0...20 as ClosedRange<UInt64> {
            try simulation.tick(at: start + .seconds(second))
            try file.seek(toOffset: 0)
            let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
            shown.append(try #require(UInt64(text.split(separator: "\n").first ?? "")))
        }
        #expect(zip(shown, shown.dropFirst()).filter { $1 < $0 }.count == 1)
        #expect(shown.last == simulation.counters[2].visible.rawValue)
    }

    @Test("is made anew in place of an earlier one, but never in place of anything else")
    func ownership() throws {
        do { try simulation().tick(at: LabClock.boot) }
        let second = try simulation()
        #expect(throws: SimulationFailure.self) { try simulation() }
        withExtendedLifetime(second) {}

        let other = try TemporaryFolder()
        try Data("x".utf8).write(to: URL(filePath: other.path + "/precious"))
        let error = #expect(throws: SimulationFailure.self) {
            try Simulation(
                root: other.path,
                plan: SimulationPlan(machine: .usual, power: PowerModel(.curve(curve))))
        }
        #expect("\(try #require(error))".contains("precious"))
        #expect(FileManager.default.fileExists(atPath: other.path + "/precious"))
    }
}

@Suite("The simulated host's power")
struct PowerCurveTests {
    @Test("is split without a rest, whatever the amount", arguments: [0, 1, 2, 999_999, 7 << 50])
    func split(energy: UInt64) throws {
        let curve = try #require(PowerCurve(idleWatts: 60, wattsPerCore: 45, dramShare: 0.12))
        let parts = curve.split(energy, sockets: 2)
        #expect(parts.reduce(0) { $0 + $1.package + $1.dram } == energy)
    }

    @Test("refuses figures that are none", arguments: [-1, .nan, .infinity, 1_001])
    func figures(watts: Double) {
        #expect(PowerCurve(idleWatts: watts, wattsPerCore: 45, dramShare: 0.12) == nil)
        #expect(PowerCurve(idleWatts: 60, wattsPerCore: watts, dramShare: 0.12) == nil)
        #expect(PowerCurve(idleWatts: 60, wattsPerCore: 45, dramShare: watts) == nil)
    }

    @Test("takes busy time as CPUs × elapsed − Δ(idle + iowait + steal), and it never falls")
    func busy() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/stat"
        func write(idle: Int, wait: Int, steal: Int) throws {
            let sum = "cpu  10 0 5 \(idle) \(wait) 1 1 \(steal) 0 0\n"
            try Data((sum + "cpu0 1 2 3\ncpu1 1 2 3\nintr 5\n").utf8)
                .write(to: URL(filePath: path))
        }
        try write(idle: 1000, wait: 50, steal: 3)
        var time = try HostBusyTime(path: path, at: .seconds(100))
        try write(idle: 1150, wait: 60, steal: 4)
        // 2 CPUs × 1 s − 161 ticks of 10 ms.
        #expect(try time.busy(at: .seconds(101)) == .milliseconds(390))
        try write(idle: 1350, wait: 60, steal: 4)
        #expect(try time.busy(at: .seconds(101)) == .milliseconds(390))
        #expect(try time.busy(at: .seconds(103)) == .milliseconds(2390))
        try Data("nonsense".utf8).write(to: URL(filePath: path))
        #expect(throws: SimulationFailure.self) { try time.busy(at: .seconds(104)) }
    }
}
