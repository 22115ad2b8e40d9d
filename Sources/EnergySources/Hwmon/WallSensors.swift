/// A sensor as the administrator names it in `energy.wall_sensors`: `power_meter/power1`, or with
/// the chip's device, `pmbus@3-0058/power2`.
struct WallSensorName: Hashable, Sendable {
    /// What stands before the last slash; empty where there is none.
    let chip: String
    let sensor: String

    init(_ text: String) {
        let slash = text.lastIndex(of: "/")
        chip = slash.map { String(text[..<$0]) } ?? ""
        sensor = slash.map { String(text[text.index(after: $0)...]) } ?? text
    }

    func fits(_ key: SensorKey) -> Bool {
        sensor == key.sensor && (chip == key.chip || chip == key.chip + "@" + key.device)
    }
}

/// What is known of a zone, for its role.
struct WallCandidate: Hashable, Sendable {
    enum Identity: Hashable, Sendable {
        case sensor(SensorKey)
        /// It stands for a name whose sensor was never found.
        case name(WallSensorName)
    }

    var identity: Identity
    var isPowerMeter = false
    var isBattery = false
    /// Whether it has shown a power that a host can draw.
    var hasShownPower = false
    /// Whether the latest look at the tree found it.
    var isPresent = false

    var key: SensorKey? {
        if case .sensor(let key) = identity { key } else { nil }
    }
}

/// Why a sensor's energy is added into the host's, or is not.
enum SensorRole: Sendable, Hashable, CustomStringConvertible {
    case named
    /// The name's sensor is not in the tree: the host's energy is unknown, never silently less.
    case namedMissing
    /// The name fits several sensors.
    case namedAmbiguous
    /// It stood for a name until another zone turned out to be meant.
    case standIn
    case onlyMeter
    /// The only ACPI power meter, and it never showed a power that a host can draw.
    case implausibleMeter
    case oneOfSeveralMeters
    /// An ACPI power meter that the names leave out.
    case unnamedMeter
    case battery
    case component

    /// Whether the sensor is one of those that together measure the whole host.
    var isCounted: Bool {
        switch self {
        case .named, .namedMissing, .namedAmbiguous, .onlyMeter: true
        default: false
        }
    }

    var description: String {
        switch self {
        case .named: "added: energy.wall_sensors names it"
        case .namedMissing: "added, but not found: energy.wall_sensors names it"
        case .namedAmbiguous:
            "added, but unknown: several sensors have this name; write chip@device/sensor in"
                + " energy.wall_sensors"
        case .standIn: "not added: its sensor was found and is added in its own place"
        case .onlyMeter: "added: the only ACPI power meter"
        case .implausibleMeter:
            "not added: the only ACPI power meter, but it has not shown more than 0 W and at most"
                + " 100 kW"
        case .oneOfSeveralMeters:
            "not added: one of several ACPI power meters; name those to be added in"
                + " energy.wall_sensors"
        case .unnamedMeter: "not added: energy.wall_sensors names others"
        case .battery: "not added: measures a battery"
        case .component:
            "not added: measures a part of the host; if it is the whole, name it in"
                + " energy.wall_sensors"
        }
    }
}

/// Which zone each name of `energy.wall_sensors` means, followed over changes of the tree.
struct WallSensors: Sendable {
    let names: [WallSensorName]
    /// The zone of each name: the sensor that it fits, or did last, or else its stand-in.
    private var meant: [Int?]
    /// Whether the name has fitted several sensors: while one of them is away, the other is not
    /// all that was meant.
    private var ambiguous: [Bool]

    /// Names that are given twice count once.
    init(_ texts: [String]) {
        var unique: [WallSensorName] = []
        for name in texts.map(WallSensorName.init) where !unique.contains(name) {
            unique.append(name)
        }
        names = unique
        meant = unique.map { _ in nil }
        ambiguous = unique.map { _ in false }
    }

    func include(_ key: SensorKey) -> Bool { names.contains { $0.fits(key) } }

    /// Looks anew which of `zones` are meant; adds stand-ins for names that fit none or several.
    mutating func resolve(_ zones: inout [WallCandidate]) {
        for (index, name) in names.enumerated() {
            let fitting = zones.indices.filter { place in
                zones[place].isPresent && zones[place].key.map(name.fits) == true
            }
            if fitting.count > 1 { ambiguous[index] = true }
            if fitting.count == 1, !ambiguous[index] {
                meant[index] = fitting[0]
            } else if ambiguous[index] || meant[index] == nil {
                let standIn = WallCandidate(identity: .name(name))
                let place = zones.firstIndex(of: standIn) ?? zones.count
                if place == zones.count { zones.append(standIn) }
                meant[index] = place
            }
        }
    }

    /// The role of each zone, as resolved last.
    func roles(of zones: [WallCandidate]) -> [SensorRole] {
        let meters = zones.count { $0.isPowerMeter }
        return zones.indices.map { place in
            let zone = zones[place]
            if let index = meant.firstIndex(of: place) {
                if zone.key != nil { return .named }
                return ambiguous[index] ? .namedAmbiguous : .namedMissing
            }
            if zone.key == nil { return .standIn }
            if zone.isBattery { return .battery }
            guard zone.isPowerMeter else { return .component }
            if !names.isEmpty { return .unnamedMeter }
            if meters > 1 { return .oneOfSeveralMeters }
            return zone.hasShownPower ? .onlyMeter : .implausibleMeter
        }
    }
}
