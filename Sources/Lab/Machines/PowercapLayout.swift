/// The part of `/sys` that powercap makes.
///
/// Source: Linux drivers/powercap/powercap_sys.c; Documentation/power/powercap/powercap.rst.
struct PowercapLayout {
    private let machine: Machine
    private static let classFolder = "class/powercap"
    private static let devices = "devices/virtual/powercap"

    init(_ machine: Machine) { self.machine = machine }

    /// Gives for each register the files that show it. Makes nothing where there are no zones.
    func build(in sysfs: SysfsFolder) throws(SystemFailure) -> [[CounterFile]] {
        var counters: [[CounterFile]] = machine.registers.map { _ in [] }
        guard !machine.zones.isEmpty else { return counters }
        try sysfs.folder(Self.classFolder)
        let controls = Set(machine.zones.map(\.control) + machine.powerZones.map(\.control))
        for control in controls.sorted() { try build(control, in: sysfs) }
        for zone in machine.zones {
            if let file = try build(zone, in: sysfs) { counters[zone.register].append(file) }
        }
        for zone in machine.powerZones { try build(zone, in: sysfs) }
        return counters
    }

    private func build(_ control: String, in sysfs: SysfsFolder) throws(SystemFailure) {
        let folder = "\(Self.devices)/\(control)"
        try sysfs.file(folder + "/enabled", "1")
        try sysfs.file(folder + "/uevent", "")
        try sysfs.link(folder + "/subsystem", to: Self.classFolder)
        try sysfs.link("\(Self.classFolder)/\(control)", to: folder)
    }

    /// Gives the zone's counter, or `nil` where it cannot be read.
    private func build(
        _ zone: Machine.Zone, in sysfs: SysfsFolder
    ) throws(SystemFailure) -> CounterFile? {
        let folder = "\(Self.devices)/\(zone.control)/\(zone.folder)"
        try buildZone(folder, name: zone.name, in: sysfs)
        if zone.flaw != .noRange {
            let unit = machine.registers[zone.register].unit
            let range = SimulatedCounter(unit: unit, raw: 0).maxEnergyRange
            try sysfs.file(folder + "/max_energy_range_uj", "\(range.rawValue)", mode: 0o444)
        }
        guard zone.flaw != .unreadableCounter else {
            try sysfs.folder(folder + "/energy_uj")
            return nil
        }
        return try sysfs.counter(folder + "/energy_uj", mode: 0o400)
    }

    private func build(_ zone: Machine.PowerZone, in sysfs: SysfsFolder) throws(SystemFailure) {
        let folder = "\(Self.devices)/\(zone.control)/\(zone.id)"
        try buildZone(folder, name: zone.name, in: sysfs)
        try sysfs.file(folder + "/power_uw", "\(zone.microwatts)", mode: 0o444)
        try sysfs.file(
            folder + "/max_power_range_uw", "\(zone.maximumMicrowatts)", mode: 0o444)
    }

    private func buildZone(
        _ folder: String, name: String, in sysfs: SysfsFolder
    ) throws(SystemFailure) {
        let path = folder.split(separator: "/")
        try sysfs.file(folder + "/name", name, mode: 0o444)
        try sysfs.file(folder + "/enabled", "1")
        try sysfs.file(folder + "/uevent", "")
        try sysfs.link(folder + "/subsystem", to: Self.classFolder)
        try sysfs.link(folder + "/device", to: path.dropLast().joined(separator: "/"))
        try sysfs.link("\(Self.classFolder)/\(path.last ?? "")", to: folder)
    }
}
