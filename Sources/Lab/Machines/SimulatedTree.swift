import Glibc
internal import Metering

/// The files of a machine below a folder that plays `/sys`.
///
///     class/powercap/intel-rapl:0:0 -> ../../devices/virtual/powercap/intel-rapl/…
///     devices/virtual/powercap/intel-rapl/intel-rapl:0/{name,energy_uj,…}
///     devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:0/{name,energy_uj,…}
///     class/hwmon/hwmon0 -> ../../devices/LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00/hwmon/hwmon0
///     devices/LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00/{name,power1_average,…}
///     devices/system/cpu/modalias
final class SimulatedTree {
    private let root: String
    private var marker: Int32 = -1
    /// For each register the files that show it.
    private var counters: [[CounterFile]] = []
    private var wall: CounterFile?

    /// The file that says a folder is a tree of ours; locked while its counters are kept.
    static let markerName = ".jouleflow-lab-powercap"

    /// Makes the tree, in place of one it made earlier. No counter shows a number yet.
    init(
        root: String, machine: Machine, wallInterval: Nanoseconds
    ) throws(SimulationFailure) {
        self.root = root
        do {
            try SmallFile.makeFolder(root)
            try take()
            try build(machine, wallInterval)
        } catch let failure as SystemFailure {
            throw .system(failure)
        } catch let failure as SimulationFailure {
            throw failure
        } catch {
            throw .system(SystemFailure("build", root, errno: EIO))
        }
    }

    deinit { if marker >= 0 { close(marker) } }

    /// Shows a register in all its zones, or nothing usable for `nil`.
    func show(register: Int, _ energy: Microjoules?) throws(SimulationFailure) {
        for file in counters[register] { try put(energy?.rawValue, in: file) }
    }

    /// Shows the power at the wall, or nothing usable for `nil`.
    func showWall(microwatts: UInt64?) throws(SimulationFailure) {
        if let wall { try put(microwatts, in: wall) }
    }

    private func put(_ number: UInt64?, in file: CounterFile) throws(SimulationFailure) {
        do { try file.show(number) } catch { throw .system(error) }
    }

    private func take() throws {
        let path = root + "/" + Self.markerName
        let found = try SmallFile.names(in: root)
        if let first = found.first, !found.contains(Self.markerName) {
            throw SimulationFailure.notOurs(folder: root, found: first)
        }
        marker = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard marker >= 0 else { throw SystemFailure("open", path, errno: errno) }
        guard flock(marker, LOCK_EX | LOCK_NB) == 0 else {
            throw SimulationFailure.inUse(folder: root)
        }
        for name in ["class", "devices"] { try SmallFile.remove(root + "/" + name) }
    }

    private func build(_ machine: Machine, _ wallInterval: Nanoseconds) throws(SystemFailure) {
        let sysfs = SysfsFolder(root)
        try sysfs.folder("class")
        try sysfs.file("devices/system/cpu/modalias", machine.processor.modalias, mode: 0o444)
        counters = try PowercapLayout(machine).build(in: sysfs)
        wall = machine.wallMeter ? try PowerMeterLayout(wallInterval).build(in: sysfs) : nil
    }
}

/// A folder that plays `/sys`; paths are relative to it.
struct SysfsFolder {
    private let root: String

    init(_ root: String) { self.root = root }

    func folder(_ path: String) throws(SystemFailure) {
        try SmallFile.makeFolder("\(root)/\(path)")
    }

    /// Writes a file of one line, and the folders above it.
    func file(_ path: String, _ line: String, mode: UInt32 = 0o644) throws(SystemFailure) {
        try folder(path.split(separator: "/").dropLast().joined(separator: "/"))
        try SmallFile.write(line.isEmpty ? "" : line + "\n", to: "\(root)/\(path)", mode: mode)
    }

    func counter(_ path: String, mode: UInt32) throws(SystemFailure) -> CounterFile {
        try CounterFile("\(root)/\(path)", mode: mode)
    }

    /// Makes a link that leads from `path` to `target` as the kernel's do: up to the first folder
    /// that holds the target at some depth, and down again.
    ///
    /// Source: Linux fs/kernfs/symlink.c, `kernfs_get_target_path`.
    func link(_ path: String, to target: String) throws(SystemFailure) {
        let from = path.split(separator: "/").dropLast()
        let to = target.split(separator: "/")
        let common = zip(from, to.dropLast()).prefix { $0 == $1 }.count
        let up = Array(repeating: "..", count: from.count - common)
        let relative = (up + to.dropFirst(common).map(String.init)).joined(separator: "/")
        guard symlink(relative, "\(root)/\(path)") == 0 else {
            throw SystemFailure("symlink", "\(root)/\(path)", errno: errno)
        }
    }
}
