internal import Metering

/// Why a zone's energy is added into the host's, or is not.
enum ZoneRole: Sendable, Hashable, CustomStringConvertible {
    case package
    case dram
    /// core and uncore lie inside their package.
    case insidePackage
    /// psys covers the packages and more, and on some machines nothing useful.
    case platform
    /// `intel-rapl-mmio` reads the same counter as the `intel-rapl` zone of that name.
    case twin
    /// AMD and Hygon: each die of a package shows the package's one counter.
    case mirroredDie
    /// Another zone with the same control type, name and parent is added already.
    case duplicate
    /// Neither package nor dram, or not under a package.
    case unknownName
    /// A control type other than RAPL's.
    case otherControl

    /// A folder that may be a package or dram, and why that cannot be told.
    case unidentified(String)
    /// A folder that could not be identified before.
    case identified

    /// Whether the zone's energy is part of the host's, or may be: then the host's is not known.
    var isCounted: Bool {
        switch self {
        case .package, .dram, .unidentified: true
        default: false
        }
    }

    var description: String {
        switch self {
        case .package: "added: the package's counter"
        case .dram: "added: dram is not part of its package's counter"
        case .insidePackage: "not added: part of its package"
        case .platform: "not added: the platform's counter overlaps the packages"
        case .twin: "not added: the same counter as the intel-rapl zone of this name"
        case .mirroredDie: "not added: mirrors the counter of another die of its package"
        case .duplicate: "not added: another zone has the same name"
        case .unknownName: "not added: this name is not known"
        case .otherControl: "not added: not a RAPL zone"
        case .unidentified(let refusal): "not known, and it may be a package or dram: \(refusal)"
        case .identified: "not added: it is known by its name now, or gone"
        }
    }
}

/// The control types of RAPL. Source: Linux drivers/powercap/intel_rapl_{msr,tpmi}.c and
/// drivers/thermal/intel/int340x_thermal/processor_thermal_rapl.c.
let primaryControl = "intel-rapl"
private let mmioControl = "intel-rapl-mmio"

/// The role of each zone among all zones of the host: packages and dram, each counter once.
///
/// - Parameter diesMirror: whether the dies of a package show one counter (AMD, Hygon).
func roles(of zones: [ZoneKey], diesMirror: Bool) -> [ZoneRole] {
    let present = Set(zones)
    return zones.map { zone in
        guard zone.control == primaryControl || zone.control == mmioControl else {
            return .otherControl
        }
        let role = roleByName(zone)
        guard role.isCounted else { return role }
        if zone.control == mmioControl, present.contains(zone.twin) { return .twin }
        if diesMirror, role == .package, isMirror(zone, among: zones) { return .mirroredDie }
        return zone.ordinal == 0 ? role : .duplicate
    }
}

private func roleByName(_ zone: ZoneKey) -> ZoneRole {
    switch ZoneName(zone.name) {
    case .package, .die: zone.parent.isEmpty ? .package : .unknownName
    case .dram: ZoneName(zone.parent).kind == .package ? .dram : .unknownName
    case .core, .uncore: .insidePackage
    case .psys: .platform
    case .opaque: .unknownName
    }
}

/// Whether another zone of the same control shows this die's counter and comes first.
private func isMirror(_ zone: ZoneKey, among zones: [ZoneKey]) -> Bool {
    guard case .die(let package, let die) = ZoneName(zone.name) else { return false }
    return zones.contains { other in
        guard other.control == zone.control, other.parent.isEmpty else { return false }
        switch ZoneName(other.name) {
        case .package(package): return true
        case .die(package, let earlier): return earlier < die
        default: return false
        }
    }
}

extension ZoneKey {
    fileprivate var twin: ZoneKey {
        ZoneKey(control: primaryControl, name: name, parent: parent, ordinal: 0)
    }
}
