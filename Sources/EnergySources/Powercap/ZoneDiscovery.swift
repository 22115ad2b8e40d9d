internal import KernelFiles
internal import Metering

/// A zone with an energy counter, as found in the tree.
struct FoundZone: Hashable, Sendable {
    let key: ZoneKey
    let folder: String
}

/// A folder of RAPL's control type that may be a package or dram, and why nobody can tell.
struct UnidentifiedZone: Hashable, Sendable {
    /// The folder's name, in printable ASCII.
    let id: String
    let folder: String
    let reason: EnergyReason
    /// In words.
    let refusal: String
}

/// Why a folder of the tree is no zone of this source.
enum ZoneRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The folder is gone: its zone was unplugged just now.
    case gone
    /// It has no `energy_uj`: dtpm and arm-scmi show power only.
    case noEnergyCounter
    case nameUnreadable(ReadFailure)
    /// The zone's name, or its folder's, is empty, longer than 64 bytes or not printable ASCII.
    case nameMalformed
    /// The name of the zone that it lies in is not known.
    case parentUnidentified
    /// There are more zones than `PowercapSource.zoneLimit`.
    case tooMany

    var description: String {
        switch self {
        case .gone: "left alone: it is gone"
        case .noEnergyCounter: "left alone: it has no energy_uj"
        case .nameUnreadable(let failure): "left alone: its name cannot be read: \(failure)"
        case .nameMalformed: "left alone: its name is empty, too long or not printable"
        case .parentUnidentified: "left alone: the zone that it lies in has no usable name"
        case .tooMany: "left alone: more than \(PowercapSource.zoneLimit) zones"
        }
    }
}

/// What a look at the whole tree found, in the order of the zones' ids.
struct Discovery: Sendable {
    var zones: [FoundZone] = []
    var refused: [RefusedZone] = []
    /// Zones without which the host's energy is not known.
    var unidentified: [UnidentifiedZone] = []
    /// There are more of RAPL's zones than are taken.
    private var hasFurther = false
    /// Why there is no powercap tree at all.
    var failure: ReadFailure?

    /// Looks at `<sysfs>/class/powercap`, whose links are flat; where that cannot be listed, at
    /// `<sysfs>/devices/virtual/powercap`. No link is followed recursively: `subsystem` and
    /// `device` lead back up.
    init(sysfs: String) {
        var folders: [(id: String, path: String)] = []
        do {
            folders = try Self.flat(sysfs + "/class/powercap")
        } catch {
            let root = sysfs + "/devices/virtual/powercap"
            do {
                for control in try listFolder(root, limit: Self.entryLimit) where control.isFolder {
                    folders += Self.nested(root + "/" + control.name, id: control.name, depth: 0)
                }
            } catch { failure = error }
        }
        // What may count comes first, so that nothing else takes its place.
        folders = folders.filter { $0.id.isRAPL } + folders.filter { !$0.id.isRAPL }
        var names: [String: Result<String, ZoneRefusal>] = [:]
        for folder in folders { names[folder.id] = Self.name(in: folder.path) }
        for folder in folders { add(folder.id, folder.path, names) }
    }

    /// Entries of one folder that are looked at; the rest is not seen.
    private static let entryLimit = 4096
    /// Levels of subzones that are looked at. The kernel has two.
    private static let depthLimit = 8

    private static func flat(_ root: String) throws(ReadFailure) -> [(id: String, path: String)] {
        try listFolder(root, limit: entryLimit)
            .filter { $0.name.contains(":") }
            .map { ($0.name, root + "/" + $0.name) }
    }

    private static func nested(
        _ path: String, id: String, depth: Int
    ) -> [(id: String, path: String)] {
        guard depth < depthLimit, let entries = try? listFolder(path, limit: entryLimit) else {
            return []
        }
        return entries.filter { $0.isFolder && $0.name.hasPrefix(id + ":") }.flatMap { entry in
            let folder = path + "/" + entry.name
            return [(entry.name, folder)] + nested(folder, id: entry.name, depth: depth + 1)
        }
    }

    private static func name(in folder: String) -> Result<String, ZoneRefusal> {
        do {
            let name = try readLine(of: folder + "/name")
            return name.isPrintable ? .success(name) : .failure(.nameMalformed)
        } catch { return .failure(.nameUnreadable(error)) }
    }

    private mutating func add(
        _ id: String, _ path: String, _ names: [String: Result<String, ZoneRefusal>]
    ) {
        guard exists(path) else { return refuse(id, path, .gone) }
        guard id.isPrintable else { return refuse(id, path, .nameMalformed) }
        // Every zone of RAPL has a counter: one without is a zone that fails.
        guard id.isRAPL || exists(path + "/energy_uj") else {
            return refuse(id, path, .noEnergyCounter)
        }
        guard zones.count < PowercapSource.zoneLimit - 1 else { return refuse(id, path, .tooMany) }
        let name: String
        switch names[id] {
        case .success(let found): name = found
        case .failure(let refusal): return refuse(id, path, refusal)
        case nil: return
        }
        var parent = ""
        if let known = Self.parentID(of: id).flatMap({ names[$0] }) {
            guard case .success(let found) = known else {
                return refuse(id, path, .parentUnidentified)
            }
            parent = found
        }
        let control = String(id.prefix { $0 != ":" })
        let ordinal = zones.count {
            $0.key.control == control && $0.key.name == name && $0.key.parent == parent
        }
        let key = ZoneKey(control: control, name: name, parent: parent, ordinal: ordinal)
        zones.append(FoundZone(key: key, folder: path))
    }

    /// Lets zones of one control, name and parent keep the ordinals that `known` ones have in the
    /// same folders; the others take those that are free.
    ///
    /// Without it the second of two would be taken for the first as soon as that is gone.
    mutating func keepOrdinals(of known: [FoundZone]) {
        let groups = Set((known + zones).filter { $0.key.ordinal > 0 }.map { $0.key.numbered(0) })
        for group in groups {
            let members = zones.indices.filter { zones[$0].key.numbered(0) == group }
            let before = known.filter { $0.key.numbered(0) == group }
            let kept = members.map { member in
                before.first { $0.folder == zones[member].folder }?.key.ordinal
            }
            var free = (0..<members.count + before.count).filter { !kept.contains($0) }
            for (member, ordinal) in zip(members, kept) {
                let key = group.numbered(ordinal ?? free.removeFirst())
                zones[member] = FoundZone(key: key, folder: zones[member].folder)
            }
        }
    }

    private mutating func refuse(_ id: String, _ path: String, _ refusal: ZoneRefusal) {
        refused.append(RefusedZone(folder: path.printable, refusal: refusal.description))
        guard id.isRAPL else { return }
        let reason: EnergyReason
        switch refusal {
        // The zone that it lies in is unidentified itself.
        case .gone, .noEnergyCounter, .parentUnidentified: return
        case .nameUnreadable(let failure): reason = EnergyReason(failure)
        case .nameMalformed: reason = .malformed
        case .tooMany:
            // One stands for all of them.
            guard !hasFurther else { return }
            hasFurther = true
            reason = .missing
        }
        unidentified.append(
            UnidentifiedZone(
                id: String(id.printable.prefix(64)), folder: path.printable, reason: reason,
                refusal: refusal.description))
    }

    /// `intel-rapl:0` of `intel-rapl:0:1`; `nil` at the top.
    private static func parentID(of id: String) -> String? {
        guard let colon = id.lastIndex(of: ":"), id[..<colon].contains(":") else { return nil }
        return String(id[..<colon])
    }
}

extension String {
    /// Whether these are 1 to 64 characters of printable ASCII, as every name of the kernel's is.
    fileprivate var isPrintable: Bool {
        (1...64).contains(utf8.count) && utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    /// The text with everything but printable ASCII as `\\xHH`, so that no name reaches a terminal
    /// or a log as anything but text.
    fileprivate var printable: String {
        if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
        return utf8.map { byte in
            (0x20...0x7E).contains(byte)
                ? String(UnicodeScalar(byte))
                : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    /// Whether this is the id of a zone whose control type is the one whose zones are counted.
    fileprivate var isRAPL: Bool { hasPrefix(primaryControl + ":") }
}
