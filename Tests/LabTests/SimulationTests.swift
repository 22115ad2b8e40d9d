import Foundation
import Glibc
import Lab
import Metering
import Testing

@Suite("A simulated machine")
struct SimulationTests {
    private let folder: TemporaryFolder
    private let steady: PowerModel
    private let start = Nanoseconds.seconds(1000)

    init() throws {
        folder = try TemporaryFolder()
        steady = PowerModel(
            .steady(try #require(SteadyPower(package: 100, dram: 10, core: 60, uncore: 8))))
    }

    private static let names = Machine.all.map(\.name)

    private func simulation(
        _ name: String, wrapAfter: Nanoseconds? = nil, failure: FailureWindow? = nil
    ) throws -> Simulation {
        try Simulation(
            root: folder.path + "/sys",
            plan: SimulationPlan(
                machine: try #require(Machine.named(name)), power: steady, wrapAfter: wrapAfter,
                failure: failure),
            stat: folder.path + "/none", at: start)
    }

    private func run(_ simulation: Simulation, seconds: UInt64) throws {
        for step in 1...(seconds * 50) {
            try simulation.tick(at: start + .milliseconds(step * 20))
        }
    }

    private func path(_ path: String) -> String { "\(folder.path)/sys/\(path)" }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: self.path(path), encoding: .utf8)
    }

    private func number(_ path: String) throws -> UInt64? {
        UInt64(try text(path).split(separator: "\n").first ?? "")
    }

    @Test("shows each zone's name, range and counter through class/powercap", arguments: names)
    func shows(name: String) throws {
        let machine = try #require(Machine.named(name))
        let simulation = try simulation(name)
        try run(simulation, seconds: 1)
        for zone in machine.zones {
            let link = "class/powercap/\(zone.id)"
            #expect(try text(link + "/name") == zone.name + "\n")
            #expect(try text(link + "/subsystem/\(zone.id)/name") == zone.name + "\n")
            if !zone.parent.isEmpty {
                #expect(try text(link + "/device/name") == zone.parent + "\n")
            }
            let counter = simulation.counters[zone.register]
            let range = zone.flaw == .noRange ? nil : counter.maxEnergyRange.rawValue
            let shown = try? number(link + "/max_energy_range_uj")
            #expect(shown == range)
            guard zone.flaw != .unreadableCounter else { continue }
            #expect(try number(link + "/energy_uj") == counter.visible.rawValue)
        }
        #expect(try text("devices/system/cpu/modalias") == machine.processor.modalias + "\n")
        let hasPowercap = FileManager.default.fileExists(atPath: path("class/powercap"))
        #expect(hasPowercap == !machine.zones.isEmpty)
        #expect(FileManager.default.fileExists(atPath: path("class/hwmon")) == machine.wallMeter)
    }

    @Test("advances by watts × time, in every zone to within a step of its unit", arguments: names)
    func conservation(name: String) throws {
        let machine = try #require(Machine.named(name))
        let simulation = try simulation(name, wrapAfter: .seconds(4))
        try run(simulation, seconds: 10)
        let truth = simulation.truth
        #expect(truth.seconds == 10 && truth.busySeconds == 0 && truth.machine == name)
        for (zone, told) in zip(machine.zones, truth.zones) {
            let register = machine.registers[zone.register]
            let milliwatts: UInt64 =
                switch register.part {
                case .package: 100_000
                case .dram: 10_000
                case .core: 60_000
                case .uncore: 8_000
                // 105 % of packages and dram, and 20 W.
                case .platform: machine.sockets == 2 ? 251_000 : 135_500
                }
            let given = milliwatts * 10_000
            // The wrap may be a microjoule short of a step: max_energy_range_uj is rounded.
            #expect(given + 1 >= told.advancedMicrojoules)
            #expect(given <= told.advancedMicrojoules + register.unit / 1000 + 2)
            #expect(told.zone == zone.id && told.name == zone.name && told.parent == zone.parent)
        }
        let wall = truth.wall?.advancedMicrojoules
        let watts: UInt64 = machine.sockets == 2 ? 298_000_000 : 171_500_000
        #expect(wall == (machine.wallMeter ? watts * 10 : nil))
    }

    @Test("wraps in every zone about when it is asked to, and not before", arguments: names)
    func wraps(name: String) throws {
        let simulation = try simulation(name, wrapAfter: .seconds(20))
        try run(simulation, seconds: 19)
        #expect(simulation.truth.zones.allSatisfy { $0.wraps == 0 })
        for step in 950...1050 as ClosedRange<UInt64> {
            try simulation.tick(at: start + .milliseconds(step * 20))
        }
        #expect(simulation.truth.zones.allSatisfy { $0.wraps == 1 })
    }

    @Test("starts no counter at 0, however late the wrap is wanted", arguments: names)
    func lateWrap(name: String) throws {
        let simulation = try simulation(name, wrapAfter: .seconds(86_400))
        #expect(simulation.counters.allSatisfy { $0.raw > 0 })
    }

    @Test("shows one counter in both dies of a package, and over MMIO again")
    func mirrors() throws {
        for (name, pairs) in [
            (
                "epyc-mirrored",
                [("intel-rapl:0", "intel-rapl:1"), ("intel-rapl:2", "intel-rapl:3")]
            ),
            ("client", [("intel-rapl:0", "intel-rapl-mmio:0")]),
        ] {
            let simulation = try simulation(name, wrapAfter: .seconds(1))
            for step in 1...100 as ClosedRange<UInt64> {
                try simulation.tick(at: start + .milliseconds(step * 20))
                for (one, other) in pairs {
                    let first = try number("class/powercap/\(one)/energy_uj")
                    #expect(try number("class/powercap/\(other)/energy_uj") == first)
                    #expect(first != nil)
                }
            }
            #expect(simulation.truth.zones.filter(\.counted).count == pairs.count)
        }
    }

    @Test("gives nothing usable while reads fail, to kept descriptors too, and misses no energy")
    func failure() throws {
        let window = FailureWindow(from: .seconds(2), length: .seconds(3))
        let simulation = try simulation(
            "hwmon-and-xeon", wrapAfter: .seconds(3), failure: window)
        let files = try [
            "class/powercap/intel-rapl:0/energy_uj", "class/powercap/intel-rapl:1:0/energy_uj",
            "class/hwmon/hwmon0/device/power1_average",
        ].map { try #require(FileHandle(forReadingAtPath: path($0))) }
        for step in 1...400 as ClosedRange<UInt64> {
            let elapsed = Nanoseconds.milliseconds(step * 20)
            try simulation.tick(at: start + elapsed)
            for file in files {
                try file.seek(toOffset: 0)
                let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
                let fails = elapsed >= .seconds(2) && elapsed < .seconds(5)
                #expect(text.utf8.count == 24 && text.hasSuffix("\n"))
                #expect(text.allSatisfy { $0 == "\n" } == fails)
            }
        }
        let truth = simulation.truth
        #expect(truth.zones.allSatisfy { $0.wraps == 1 })
        #expect(abs(Double(truth.zones[0].advancedMicrojoules) - 800_000_000) < 100)
    }

    @Test("of the name unreadable gives no byte of one counter to anybody, root included")
    func unreadable() throws {
        let simulation = try simulation("unreadable")
        try run(simulation, seconds: 1)
        let file = open(path("class/powercap/intel-rapl:1/energy_uj"), O_RDONLY)
        #expect(file >= 0)
        defer { close(file) }
        var byte: UInt8 = 0
        #expect(read(file, &byte, 1) == -1 && errno == EISDIR)
        #expect(try number("class/powercap/intel-rapl:1/max_energy_range_uj") == 262_143_328_850)
        #expect(simulation.truth.zones[2].advancedMicrojoules > 0)
    }

    @Test("of the name dtpm has a zone with power and without energy")
    func powerZone() throws {
        let simulation = try simulation("dtpm")
        #expect(try number("class/powercap/dtpm:0/power_uw") == 1_000_000)
        #expect(try text("class/powercap/dtpm:0/name") == "soc\n")
        for name in ["energy_uj", "max_energy_range_uj"] {
            #expect(!FileManager.default.fileExists(atPath: path("class/powercap/dtpm:0/\(name)")))
        }
        #expect(simulation.truth.zones.count == 4)
    }

    @Test("has its wall meter's attributes in the ACPI device, as the kernel's driver does")
    func wallMeter() throws {
        let simulation = try simulation("hwmon")
        let device = "class/hwmon/hwmon0/device"
        let attributes = [
            "name": "power_meter", "power1_average_interval": "1000", "power1_is_battery": "0",
            "power1_oem_info": "jouleflow-lab",
        ]
        for (name, value) in attributes {
            #expect(try text("\(device)/\(name)") == value + "\n")
        }
        #expect(try number(device + "/power1_average") == 298_000_000)
        #expect(!FileManager.default.fileExists(atPath: path("class/hwmon/hwmon0/name")))
        let files = FileManager.default
        let link = try files.destinationOfSymbolicLink(atPath: path("class/hwmon/hwmon0"))
        #expect(
            link == "../../devices/LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00/hwmon/hwmon0")
        #expect(
            try files.destinationOfSymbolicLink(atPath: path(device)) == "../../../ACPI000D:00")
        try run(simulation, seconds: 3)
        #expect(try number(device + "/power1_average") == 298_000_000)
    }

    @Test("tells its energy at every 100 ms of CLOCK_BOOTTIME")
    func history() throws {
        let simulation = try simulation("hwmon-and-xeon", wrapAfter: .seconds(1))
        try run(simulation, seconds: 5)
        try simulation.tick(at: start + .milliseconds(5_010))
        let data = try JSONEncoder().encode(simulation.truth)
        let object = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let times = try #require(object["history_boottime_nanoseconds"] as? [UInt64])
        #expect(times.first == start.rawValue)
        #expect(times.last == (start + .milliseconds(5_010)).rawValue)
        #expect(times.count == 52)
        #expect(object["longest_step_nanoseconds"] as? UInt64 == 20_000_000)
        let zones = try #require(object["zones"] as? [[String: Any]])
        #expect(zones.map { $0["step_nanojoules"] as? UInt64 } == [61_035, 15_300, 61_035, 15_300])
        let wall = try #require(object["wall"] as? [String: Any])
        for (part, watts) in [(zones[0], 100.0), (zones[1], 10), (wall, 298)] {
            let energies = try #require(part["history_microjoules"] as? [UInt64])
            #expect(energies.last == part["advanced_microjoules"] as? UInt64)
            for (time, energy) in zip(times, energies) {
                let given = watts * Double(time - start.rawValue) / 1000
                #expect(abs(Double(energy) - given) <= 63)
            }
        }
    }
}
