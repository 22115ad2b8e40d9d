internal import Metering

/// A zone's name as powercap writes it, taken apart.
///
///     package-N             one counter per package
///     package-N-die-M       one counter per die (Cascade Lake-AP; AMD before it was corrected)
///     dram, core, uncore    subzones of a package
///     psys, psys-N          the platform
///
/// Anything else is opaque. Source: Linux drivers/powercap/intel_rapl_common.c,
/// `rapl_init_domains` and `rapl_package_add_powercap`.
enum ZoneName: Hashable, Sendable {
    case package(UInt64)
    case die(package: UInt64, die: UInt64)
    case dram, core, uncore
    case psys
    case opaque

    init(_ name: String) {
        switch name {
        case "dram": self = .dram
        case "core": self = .core
        case "uncore": self = .uncore
        case "psys": self = .psys
        default: self = Self.numbered(name.split(separator: "-", omittingEmptySubsequences: false))
        }
    }

    private static func numbered(_ parts: [Substring]) -> ZoneName {
        let first = parts.count > 1 ? plainNumber(parts[1]) : nil
        guard let first else { return .opaque }
        if parts.count == 2, parts[0] == "package" { return .package(first) }
        if parts.count == 2, parts[0] == "psys" { return .psys }
        if parts.count == 4, parts[0] == "package", parts[2] == "die",
            let die = plainNumber(parts[3])
        {
            return .die(package: first, die: die)
        }
        return .opaque
    }

    /// Digits only: `UInt64("+1")` would take a sign.
    private static func plainNumber(_ text: Substring) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }

    var kind: ZoneKind {
        switch self {
        case .package, .die: .package
        case .dram: .dram
        case .core: .core
        case .uncore: .uncore
        case .psys: .psys
        case .opaque: .opaque
        }
    }
}

/// What identifies a zone over hotplug and renumbering. Ids such as `intel-rapl:1` do not: the
/// kernel gives the lowest free one.
struct ZoneKey: Hashable, Sendable {
    let control: String
    let name: String
    let parent: String
    /// 0 for the first zone of this control, name and parent, in the order of their ids.
    let ordinal: Int

    func numbered(_ ordinal: Int) -> ZoneKey {
        ZoneKey(control: control, name: name, parent: parent, ordinal: ordinal)
    }
}
