import Glibc
internal import Metering

/// A zone of the simulated tree.
package struct SimulatedZone: Sendable {
    /// The zone's folder below `devices/virtual/powercap`, e.g. `intel-rapl/intel-rapl:0`.
    package let folder: String
    /// The text of its `name`.
    package let name: String
    /// The parent zone's name, empty at the top.
    package let parent: String
    package var counter: SimulatedCounter

    /// The zone's own folder name, e.g. `intel-rapl:0:0`: its link in `class/powercap`.
    package var id: String { String(folder.split(separator: "/").last ?? "") }
}

/// The powercap tree of a 2-socket server below a folder that plays `/sys`.
///
///     class/powercap/intel-rapl:0:0 -> ../../devices/virtual/powercap/intel-rapl/…
///     devices/virtual/powercap/intel-rapl/intel-rapl:0/{name,energy_uj,…}
///     devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:0/{name,energy_uj,…}
///
/// The counters are written in place, padded with line feeds to one length: a reader that keeps
/// its descriptor goes on reading, and no read falls between a truncation and a write.
///
/// Source: Linux drivers/powercap/powercap_sys.c; Documentation/power/powercap/powercap.rst.
package final class PowercapTree {
    package let root: String
    package private(set) var zones: [SimulatedZone]
    private var counters: [Int32] = []
    private var marker: Int32 = -1

    /// The file that says a folder is a tree of ours; locked while its counters are kept.
    package static let markerName = ".jouleflow-lab-powercap"
    /// Bytes of a counter file: the longest number and at least one line feed.
    private static let counterLength = 24
    private static let devices = "devices/virtual/powercap"

    /// Makes the tree, in place of one it made earlier.
    package init(root: String, zones: [SimulatedZone]) throws(PowercapFailure) {
        self.root = root
        self.zones = zones
        do {
            try SmallFile.makeFolder(root)
            try take()
            try build()
        } catch let failure as SystemFailure {
            throw .system(failure)
        } catch let failure as PowercapFailure {
            throw failure
        } catch {
            throw .system(SystemFailure("build", root, errno: EIO))
        }
    }

    deinit {
        for file in counters { close(file) }
        if marker >= 0 { close(marker) }
    }

    /// Adds energy to one zone and shows it.
    package func advance(zone: Int, picojoules: UInt64) throws(PowercapFailure) {
        zones[zone].counter.advance(picojoules: picojoules)
        try show(zone)
    }

    private func take() throws {
        let path = root + "/" + Self.markerName
        let found = try SmallFile.names(in: root)
        if let first = found.first, !found.contains(Self.markerName) {
            throw PowercapFailure.notOurs(folder: root, found: first)
        }
        marker = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard marker >= 0 else { throw SystemFailure("open", path, errno: errno) }
        guard flock(marker, LOCK_EX | LOCK_NB) == 0 else {
            throw PowercapFailure.inUse(folder: root)
        }
        for name in ["class", "devices"] { try SmallFile.remove(root + "/" + name) }
    }

    private func build() throws {
        let classFolder = root + "/class/powercap"
        try SmallFile.makeFolder(classFolder)
        let controls = Set(zones.compactMap { $0.folder.split(separator: "/").first })
        for control in controls.sorted() {
            let folder = "\(root)/\(Self.devices)/\(control)"
            try SmallFile.makeFolder(folder)
            try SmallFile.write("1\n", to: folder + "/enabled")
            try SmallFile.write("", to: folder + "/uevent")
            try link(folder + "/subsystem", to: "../../../../class/powercap")
            try link("\(classFolder)/\(control)", to: "../../\(Self.devices)/\(control)")
        }
        for index in zones.indices { try buildZone(index, classFolder) }
    }

    private func buildZone(_ index: Int, _ classFolder: String) throws {
        let zone = zones[index]
        let folder = "\(root)/\(Self.devices)/\(zone.folder)"
        try SmallFile.makeFolder(folder)
        try SmallFile.write(zone.name + "\n", to: folder + "/name", mode: 0o444)
        let range = zone.counter.maxEnergyRange.rawValue
        try SmallFile.write("\(range)\n", to: folder + "/max_energy_range_uj", mode: 0o444)
        try SmallFile.write("1\n", to: folder + "/enabled")
        try SmallFile.write("", to: folder + "/uevent")
        let up = String(repeating: "../", count: zone.folder.split(separator: "/").count + 3)
        try link(folder + "/subsystem", to: up + "class/powercap")
        try link(folder + "/device", to: "../../" + parentID(of: zone))
        try link("\(classFolder)/\(zone.id)", to: "../../\(Self.devices)/\(zone.folder)")

        let path = folder + "/energy_uj"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
        guard file >= 0 else { throw SystemFailure("open", path, errno: errno) }
        counters.append(file)
        try show(index)
    }

    private func parentID(of zone: SimulatedZone) -> String {
        String(zone.folder.split(separator: "/").dropLast().last ?? "")
    }

    private func show(_ index: Int) throws(PowercapFailure) {
        var text = Array("\(zones[index].counter.visible.rawValue)".utf8)
        text += repeatElement(UInt8(ascii: "\n"), count: Self.counterLength - text.count)
        let put = pwrite(counters[index], text, text.count, 0)
        guard put == text.count else {
            let reason = put < 0 ? errno : ENOSPC
            throw .system(SystemFailure("pwrite", zones[index].id + "/energy_uj", errno: reason))
        }
    }

    private func link(_ path: String, to target: String) throws(SystemFailure) {
        if symlink(target, path) != 0 { throw SystemFailure("symlink", path, errno: errno) }
    }
}
