internal import KernelFiles

/// A zone with an energy counter, as found in the tree.
struct FoundZone: Hashable, Sendable {
    let key: ZoneKey
    let folder: String
}

/// Why a folder of the tree is no zone of this source.
enum ZoneRefusal: Sendable, Hashable, CustomStringConvertible {
    /// It has no `energy_uj`: dtpm and arm-scmi show power only.
    case noEnergyCounter
    case nameUnreadable(ReadFailure)
    /// The name is empty, longer than 64 bytes or not printable ASCII.
    case nameMalformed
    /// There are more zones than `PowercapSource.zoneLimit`.
    case tooMany

    var description: String {
        switch self {
        case .noEnergyCounter: "left alone: it has no energy_uj"
        case .nameUnreadable(let failure): "left alone: its name cannot be read: \(failure)"
        case .nameMalformed: "left alone: its name is empty, too long or not printable"
        case .tooMany: "left alone: more than \(PowercapSource.zoneLimit) zones"
        }
    }
}

/// What a look at the whole tree found, in the order of the zones' ids.
struct Discovery: Sendable {
    var zones: [FoundZone] = []
    var refused: [RefusedZone] = []
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
        var names: [String: String] = [:]
        for folder in folders { names[folder.id] = try? readLine(of: folder.path + "/name") }
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

    private mutating func add(_ id: String, _ path: String, _ names: [String: String]) {
        guard exists(path + "/energy_uj") else { return refuse(path, .noEnergyCounter) }
        guard zones.count < PowercapSource.zoneLimit else { return refuse(path, .tooMany) }
        let name: String
        do { name = try readLine(of: path + "/name") } catch {
            return refuse(path, .nameUnreadable(error))
        }
        guard Self.isPrintable(name) else { return refuse(path, .nameMalformed) }
        let control = String(id.prefix { $0 != ":" })
        let parent = Self.parentID(of: id).flatMap { names[$0] } ?? ""
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

    private mutating func refuse(_ path: String, _ refusal: ZoneRefusal) {
        refused.append(RefusedZone(folder: path, refusal: refusal.description))
    }

    private static func isPrintable(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    /// `intel-rapl:0` of `intel-rapl:0:1`; `nil` at the top.
    private static func parentID(of id: String) -> String? {
        guard let colon = id.lastIndex(of: ":"), id[..<colon].contains(":") else { return nil }
        return String(id[..<colon])
    }
}
