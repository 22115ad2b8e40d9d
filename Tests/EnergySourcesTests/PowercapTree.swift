import Glibc

/// A powercap tree in a temporary folder that plays `/sys`, with flat links as the kernel makes
/// them. Gone with the object.
final class PowercapTree {
    let root: String
    private var devices: String { root + "/devices/virtual/powercap" }
    private var links: String { root + "/class/powercap" }

    init(flatLinks: Bool = true) {
        // In memory where that can be: histories write some ten thousand times.
        let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array((place + "/jouleflow-powercap-XXXXXX").utf8CString)
        root = mkdtemp(&template).map { String(cString: $0) } ?? ""
        precondition(!root.isEmpty, "no temporary folder")
        folder("/devices/virtual/powercap")
        if flatLinks { folder("/class/powercap") }
    }

    deinit { removeTree(root) }

    func folder(_ path: String) {
        var sofar = root
        for part in path.split(separator: "/") {
            sofar += "/" + part
            mkdir(sofar, 0o755)
        }
    }

    /// Where a zone such as `intel-rapl:0:1` lies: each level in the one above.
    func path(_ id: String) -> String {
        let parts = id.split(separator: ":")
        var path = devices + "/" + parts[0]
        for length in 2...max(2, parts.count) where length <= parts.count {
            path += "/" + parts[..<length].joined(separator: ":")
        }
        return path
    }

    /// Adds a zone; without `range` it has no `max_energy_range_uj`, without `energy` no counter.
    func add(_ id: String, _ name: String, energy: UInt64? = 0, range: UInt64? = 262_143_328_850) {
        folder(String(path(id).dropFirst(root.count)))
        write(path(id) + "/name", name + "\n")
        if let energy { set(id, energy) }
        if let range { write(path(id) + "/max_energy_range_uj", "\(range)\n") }
        symlink("..", path(id) + "/subsystem")
        symlink("..", path(id) + "/device")
        symlink(path(id), links + "/" + id)
        let control = id.split(separator: ":")[0]
        symlink(devices + "/" + control, links + "/" + control)
    }

    func remove(_ id: String) {
        removeFile(path(id) + "/energy_uj")
        removeLink(id)
        removeTree(path(id))
    }

    func removeLink(_ id: String) { unlink(links + "/" + id) }

    /// Removes a file. Where it is held open it is empty: of a zone that is gone sysfs gives
    /// nothing more.
    func removeFile(_ path: String) {
        truncate(path, 0)
        unlink(path)
    }

    func set(_ id: String, _ energy: UInt64) { setText(id, "\(energy)\n") }

    /// Writes in place, padded as simulators do: no file is emptied and filled again.
    func show(_ id: String, _ energy: UInt64) {
        let text = "\(energy)"
        let bytes = Array((text + String(repeating: "\n", count: 32 - text.utf8.count)).utf8)
        let descriptor = open(path(id) + "/energy_uj", O_WRONLY | O_CREAT, 0o644)
        precondition(descriptor >= 0, "cannot write the counter of \(id)")
        let written = Glibc.write(descriptor, bytes, bytes.count)
        precondition(written == bytes.count)
        close(descriptor)
    }

    func setText(_ id: String, _ text: String) { write(path(id) + "/energy_uj", text) }

    func write(_ path: String, _ text: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        precondition(descriptor >= 0, "cannot write \(path)")
        let bytes = Array(text.utf8)
        let written = Glibc.write(descriptor, bytes, bytes.count)
        precondition(written == bytes.count)
        close(descriptor)
    }
}

/// Removes a folder with all in it, following no link.
private func removeTree(_ path: String) {
    if unlink(path) == 0 { return }
    if let folder = opendir(path) {
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        closedir(folder)
        for name in names where name != "." && name != ".." { removeTree(path + "/" + name) }
    }
    rmdir(path)
}
