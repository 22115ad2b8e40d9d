import Glibc
import Metering
import Testing

@testable import EnergySources

@Suite("The sensors that measure the whole host are counted") struct WallSensorTests {
    /// Each zone as `parent/name`, with the first words of its role.
    private func roles(_ tree: HwmonTree, _ names: [String] = []) -> [String: SensorRole] {
        let source = HwmonSource(sysfs: tree.root, wallSensors: names)
        return roles(of: source)
    }

    private func roles(of source: borrowing HwmonSource) -> [String: SensorRole] {
        var roles: [String: SensorRole] = [:]
        for (explanation, role) in zip(source.explanations, source.roles) {
            let zone = explanation.zone
            #expect(zone.control == "hwmon")
            #expect(zone.source == .wall)
            #expect(zone.counted == role.isCounted)
            #expect(zone.kind == (zone.counted ? .wall : .opaque))
            #expect(explanation.role.hasPrefix(role.description))
            #expect(role.description.hasPrefix(role.isCounted ? "added" : "not added"))
            let name = zone.parent + "/" + zone.name
            #expect(roles[name] == nil, "two zones are called \(name)")
            roles[name] = role
        }
        return roles
    }

    @Test("a server: its meter is added, its parts are shown") func server() {
        let tree = HwmonTree()
        tree.add(0, "nvme", device: "nvme0", ["power1_input": "5000000", "temp1_input": "40000"])
        tree.add(
            1, "amd_energy", device: "amd_energy.0", ["energy1_input": "1", "energy2_input": "2"])
        tree.add(2, "amdgpu", device: "0000:03:00.0", ["power1_average": "1", "power1_input": "2"])
        tree.add(3, "BAT0", device: "BAT0", ["power1_input": "3"])
        tree.add(4, "coretemp", device: "coretemp.0", ["temp1_input": "40000"])
        tree.addMeter(5)
        #expect(
            roles(tree) == [
                "nvme/power1": .component, "amd_energy/energy1": .component,
                "amd_energy/energy2": .component, "amdgpu/power1": .component,
                "BAT0/power1": .component, "power_meter/power1": .onlyMeter,
            ])
    }

    @Test("of two meters none is added, and names decide") func twoMeters() {
        let tree = HwmonTree()
        tree.addMeter(0, device: "ACPI000D:00")
        tree.addMeter(1, device: "ACPI000D:01")
        let zones = ["power_meter@ACPI000D:00/power1", "power_meter@ACPI000D:01/power1"]
        #expect(roles(tree) == [zones[0]: .oneOfSeveralMeters, zones[1]: .oneOfSeveralMeters])
        #expect(roles(tree, [zones[1]]) == [zones[0]: .unnamedMeter, zones[1]: .named])
        #expect(roles(tree, zones) == [zones[0]: .named, zones[1]: .named])
    }

    @Test("a second meter that appears ends the counting of the first") mutating func secondMeter()
    {
        let tree = HwmonTree()
        tree.addMeter(0, device: "ACPI000D:00")
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, at: clock(seconds: 1))
        let revision = source.zonesRevision
        tree.addMeter(1, device: "ACPI000D:01")
        source.read(into: &sample, at: clock(seconds: 61))
        #expect(source.roles == [.oneOfSeveralMeters, .oneOfSeveralMeters])
        #expect(source.zonesRevision == revision + 1)
        tree.remove(1)
        source.read(into: &sample, at: clock(seconds: 121))
        source.read(into: &sample, at: clock(seconds: 122))
        #expect(source.roles == [.oneOfSeveralMeters, .oneOfSeveralMeters])
    }

    @Test("a meter of a battery is not the host's, unless it is named") func battery() {
        let tree = HwmonTree()
        tree.addMeter(0, device: "ACPI000D:00", battery: true)
        #expect(roles(tree) == ["power_meter/power1": .battery])
        #expect(roles(tree, ["power_meter/power1"]) == ["power_meter/power1": .named])
        tree.addMeter(1, device: "ACPI000D:01")
        #expect(roles(tree)["power_meter@ACPI000D:01/power1"] == .onlyMeter)
    }

    @Test(
        "a meter is added once it has shown what a host can draw, and stays",
        arguments: ["0", "100000000001", "4294967295000000", "abc", "-5", "+5"])
    func implausible(value: String) {
        let tree = HwmonTree()
        tree.addMeter()
        tree.set(0, "power1_average", value)
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(source.roles == [.implausibleMeter])
        tree.set(0, watts: 150)
        source.read(into: &sample, at: clock(seconds: 61))
        #expect(source.roles == [.onlyMeter])
        tree.set(0, "power1_average", value)
        for second in 62...200 { source.read(into: &sample, at: clock(seconds: UInt64(second))) }
        #expect(source.roles == [.onlyMeter])
        #expect(sample.zones.map(\.failure) == [.malformed])
    }

    @Test("names fit by chip, or by chip and device, and count once") func names() {
        let tree = HwmonTree()
        tree.add(0, "pmbus", device: "3-0058", ["power1_input": "1", "power2_input": "2"])
        tree.add(1, "other", device: "3-0059", ["power1_input": "1"])
        for name in ["pmbus/power1", "pmbus@3-0058/power1"] {
            #expect(
                roles(tree, [name, "pmbus/power1", name]) == [
                    "pmbus/power1": .named, "pmbus/power2": .component, "other/power1": .component,
                ])
        }
    }

    @Test(
        "a name that no sensor has is a zone that is counted and fails",
        arguments: ["pmbus/power9", "pmbus@3-0059/power1", "power_meter/power1", "power1", "", "/"])
    func missing(name: String) {
        let tree = HwmonTree()
        tree.add(0, "pmbus", device: "3-0058", ["power1_input": "1"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: [name])
        #expect(source.roles == [.component, .namedMissing])
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(sample.zones.map(\.failure) == [nil, .missing])
    }

    @Test("a named sensor that appears takes the place that was kept for it") func appears() {
        let tree = HwmonTree()
        tree.add(0, "nvme", device: "nvme0", ["power1_input": "1"])
        var source = HwmonSource(
            sysfs: tree.root, wallSensors: ["pmbus/power1", "pmbus@3-0058/power1"])
        #expect(source.roles == [.component, .namedMissing, .namedMissing])
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.add(1, "pmbus", device: "3-0058", ["power1_input": "100"])
        source.read(into: &sample, at: clock(seconds: 11))
        #expect(source.roles == [.component, .named, .standIn])
        #expect(source.explanations.map(\.zone.parent) == ["nvme", "pmbus", "pmbus@3-0058"])
        #expect(sample.zones.map(\.failure) == [nil, nil, .missing])
    }

    @Test("a name that fits several sensors counts none of them and leaves the host unknown")
    func ambiguous() {
        let tree = HwmonTree()
        tree.add(0, "pmbus", device: "3-0058", ["power1_input": "1"])
        tree.add(1, "pmbus", device: "3-0059", ["power1_input": "1"])
        #expect(
            roles(tree, ["pmbus/power1"]) == [
                "pmbus@3-0058/power1": .component, "pmbus@3-0059/power1": .component,
                "pmbus/power1": .namedAmbiguous,
            ])
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["pmbus/power1"])
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.remove(1)
        source.read(into: &sample, at: clock(seconds: 61))
        #expect(source.roles.filter(\.isCounted) == [.namedAmbiguous], "half is not the whole")
    }

    @Test("a name follows its sensor to another device") func followed() {
        let tree = HwmonTree()
        tree.add(0, "pmbus", device: "3-0058", ["power1_input": "1"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["pmbus/power1"])
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.remove(0)
        source.read(into: &sample, at: clock(seconds: 61))
        #expect(source.roles == [.named])
        #expect(sample.zones.map(\.failure) == [.missing])
        tree.add(0, "pmbus", device: "4-0058", ["power1_input": "1"])
        source.read(into: &sample, at: clock(seconds: 71))
        #expect(source.roles == [.component, .named])
        #expect(sample.zones.map(\.failure) == [.missing, nil])
    }

    @Test("more sensors than the limit are refused, but named ones and meters are taken")
    func limit() {
        let tree = HwmonTree()
        var energies: [String: String] = [:]
        for core in 1...130 { energies["energy\(core)_input"] = "1" }
        tree.add(0, "amd_energy", device: "amd_energy.0", energies)
        tree.addMeter(1)
        tree.add(2, "pmbus", device: "3-0058", ["power1_input": "1"])
        let zones = roles(tree)
        #expect(zones.count == HwmonSource.zoneLimit)
        #expect(zones["power_meter/power1"] == .onlyMeter)
        let source = HwmonSource(sysfs: tree.root, wallSensors: ["pmbus/power1"])
        #expect(source.explanations.count == HwmonSource.zoneLimit)
        #expect(source.roles.first == .named)
        #expect(source.refused.count == 132 - HwmonSource.zoneLimit)
    }

    @Test("a label tells which channel is which") func label() {
        let tree = HwmonTree()
        tree.add(
            0, "pmbus",
            [
                "power1_input": "1", "power1_label": "pin", "power2_input": "1",
                "power2_label": "\u{1B}[31m",
            ])
        let source = HwmonSource(sysfs: tree.root, wallSensors: [])
        #expect(
            source.explanations.map { $0.role.hasSuffix("its label is \"pin\"") } == [true, false])
        #expect(source.explanations.allSatisfy { !$0.role.contains("\u{1B}") })
    }

    @Test(
        "files that are no channel's value are left alone",
        arguments: [
            "power_average", "power1_average_max", "power01_input", "power+1_input",
            "xpower1_input",
            "power1_input_highest", "energy1_average", "power99999999999_input", "power1_cap",
            "power1", "power１_input", "in1_input",
        ])
    func otherFiles(file: String) {
        let tree = HwmonTree()
        tree.add(0, "chip", [file: "1"])
        #expect(HwmonSource(sysfs: tree.root, wallSensors: []).explanations.isEmpty)
    }

    @Test(
        "hostile chip names are refused",
        arguments: ["", "\u{1B}[31m", "a/b", String(repeating: "x", count: 65)])
    func hostileNames(name: String) {
        let tree = HwmonTree()
        tree.add(0, name, ["power1_input": "1"])
        let source = HwmonSource(sysfs: tree.root, wallSensors: [])
        #expect(source.explanations.isEmpty)
        #expect(source.refused.count == 1)
    }

    @Test("two chips of one name and device are told apart, and no tree is no zone") func others() {
        let tree = HwmonTree()
        tree.add(0, "chip", device: nil, ["power1_input": "1"])
        tree.add(1, "chip", device: nil, ["power1_input": "2"])
        symlink("/nonexistent", tree.root + "/class/hwmon/hwmon2")
        let source = HwmonSource(sysfs: tree.root, wallSensors: [])
        #expect(source.explanations.map(\.zone.parent) == ["chip", "chip"])
        #expect(HwmonSource(sysfs: "/nonexistent", wallSensors: []).explanations.isEmpty)
    }
}
