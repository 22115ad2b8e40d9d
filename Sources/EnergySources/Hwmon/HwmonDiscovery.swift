internal import KernelFiles
internal import Metering

/// What identifies a sensor over renumbering and over its module's unloading. The number in
/// `hwmon3` does not: it is the order in which chips were registered.
struct SensorKey: Hashable, Sendable {
    /// The chip's `name`, e.g. `power_meter`.
    let chip: String
    /// The name of the device that the chip is of, e.g. `ACPI000D:00`; empty where it has none.
    let device: String
    /// `power1`, `energy2`.
    let sensor: String
    /// 0 for the first sensor of this chip, device and name, in the order of the hwmon numbers.
    let ordinal: Int
}

/// A sensor of power or energy, as found in the tree.
struct FoundSensor: Hashable, Sendable {
    let key: SensorKey
    let folder: String
    let quantity: SensorQuantity
    /// What the driver says of the channel; `nil` where it says nothing, or nothing printable.
    let label: String?
    /// Whether it says of itself that it measures a battery.
    let isBattery: Bool

    /// The file that shows the value.
    var file: String {
        switch quantity {
        case .power(.mean): folder + "/" + key.sensor + "_average"
        case .power(.instantaneous), .energy: folder + "/" + key.sensor + "_input"
        }
    }

    /// Whether it is an ACPI power meter, which is made to measure a host's power supply.
    ///
    /// Source: Linux drivers/hwmon/acpi_power_meter.c, ACPI_POWER_METER_NAME.
    var isPowerMeter: Bool {
        guard case .power = quantity else { return false }
        return key.chip == "power_meter" && !isBattery
    }
}

/// What a look at `<sysfs>/class/hwmon` found, in the order of the hwmon numbers.
///
///     hwmonN/name                       or hwmonN/device/name, and all sensors there too:
///     hwmonN/device                     drivers that do not name their hwmon device, among them
///     hwmonN/powerM_average             acpi_power_meter
///     hwmonN/powerM_average_interval    milliseconds
///     hwmonN/powerM_input               instantaneous
///     hwmonN/energyM_input
///     hwmonN/powerM_label
///
/// `powerM_average` is taken before `powerM_input`. `powerM_alarm` tells of a cap, not of the value.
///
/// Source: Linux Documentation/hwmon/sysfs-interface.rst and Documentation/ABI/testing/
/// sysfs-class-hwmon; drivers/hwmon/acpi_power_meter.c, `register_attrs`: files of the ACPI device.
struct HwmonDiscovery: Sendable {
    private(set) var sensors: [FoundSensor] = []
    private(set) var refused: [RefusedZone] = []

    /// Chips, and entries of one folder, that are looked at; the rest is not seen.
    private static let entryLimit = 4096
    /// Channels of one chip that are looked at; the rest is not seen. Chips have some dozens.
    private static let channelLimit = 256

    init(sysfs: String) {
        let root = sysfs + "/class/hwmon"
        guard let entries = try? listFolder(root, limit: Self.entryLimit) else { return }
        let numbered = entries.compactMap { entry in
            plainNumber(entry.name, after: "hwmon").map { ($0, root + "/" + entry.name) }
        }
        for (_, folder) in numbered.sorted(by: { $0.0 < $1.0 }) { addChip(folder) }
    }

    private mutating func addChip(_ folder: String) {
        let home = exists(folder + "/name") ? folder : folder + "/device"
        guard let entries = try? listFolder(home, limit: Self.entryLimit) else { return }
        let channels = Set(entries.compactMap { Channel(file: $0.name) }).sorted()
            .prefix(Self.channelLimit)
        guard !channels.isEmpty else { return }
        let chip: String
        do { chip = try readLine(of: home + "/name") } catch {
            return refuse(folder, "left alone: its name cannot be read: \(error)")
        }
        guard isPrintable(chip), !chip.contains("/") else {
            return refuse(folder, "left alone: its name is empty, too long or not printable")
        }
        let device = deviceName(of: folder)
        var last: Channel?
        for channel in channels where channel.kind != last?.kind || channel.number != last?.number {
            add(channel, of: chip, device, in: home)
            last = channel
        }
    }

    private mutating func add(
        _ channel: Channel, of chip: String, _ device: String, in folder: String
    ) {
        let name = channel.kind.rawValue + String(channel.number)
        let ordinal = sensors.count {
            $0.key.chip == chip && $0.key.device == device && $0.key.sensor == name
        }
        let label = try? readLine(of: folder + "/" + name + "_label", limit: 256)
        sensors.append(
            FoundSensor(
                key: SensorKey(chip: chip, device: device, sensor: name, ordinal: ordinal),
                folder: folder, quantity: quantity(channel, folder + "/" + name),
                label: label.flatMap { isPrintable($0) ? $0 : nil },
                isBattery: number(in: folder + "/" + name + "_is_battery") == 1))
    }

    private func quantity(_ channel: Channel, _ path: String) -> SensorQuantity {
        switch (channel.kind, channel.item) {
        case (.energy, _): .energy
        case (.power, .input): .power(.instantaneous)
        case (.power, .average):
            .power(.mean(over: .milliseconds(number(in: path + "_average_interval") ?? 0)))
        }
    }

    private mutating func refuse(_ folder: String, _ refusal: String) {
        refused.append(RefusedZone(folder: folder, refusal: refusal))
    }
}

/// A file that shows the value of a channel.
private struct Channel: Hashable, Comparable {
    enum Kind: String { case energy, power }
    /// In the order in which they are taken.
    enum Item: Int { case average, input }

    let kind: Kind
    let number: UInt32
    let item: Item

    init?(file: String) {
        let parts = file.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if let number = plainNumber(parts[0], after: "power") {
            guard parts[1] == "average" || parts[1] == "input" else { return nil }
            self.init(.power, number, parts[1] == "average" ? .average : .input)
        } else if let number = plainNumber(parts[0], after: "energy"), parts[1] == "input" {
            self.init(.energy, number, .input)
        } else {
            return nil
        }
    }

    private init(_ kind: Kind, _ number: UInt32, _ item: Item) {
        self.kind = kind
        self.number = number
        self.item = item
    }

    static func < (a: Self, b: Self) -> Bool {
        (a.kind.rawValue, a.number, a.item.rawValue)
            < (b.kind.rawValue, b.number, b.item.rawValue)
    }
}

/// The number in a sensor's file; `nil` where it cannot be read or is none.
func number(in path: String) -> UInt64? {
    guard let line = try? readLine(of: path, limit: 64), line.utf8.first != 0x2B else { return nil }
    return UInt64(line)
}

/// The number that follows `prefix` and ends the name, written as the kernel does.
private func plainNumber(_ name: some StringProtocol, after prefix: String) -> UInt32? {
    guard name.hasPrefix(prefix), let number = UInt32(name.dropFirst(prefix.count)),
        name == prefix + String(number)
    else { return nil }
    return number
}

private func isPrintable(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { (0x20...0x7E).contains($0) }
}

/// The last part of where `device` leads; empty where the chip has no device.
private func deviceName(of folder: String) -> String {
    guard let target = try? readLink(folder + "/device"),
        let name = target.split(separator: "/").last.map(String.init), isPrintable(name)
    else { return "" }
    return name
}
