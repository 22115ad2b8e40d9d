import Glibc

/// A powercap tree with its procfs in a temporary folder, and the counters behind it. Gone with
/// the object.
final class CounterTree {
    /// A counter as the hardware has it: 32 bits of `unit` nanojoules.
    struct Counter {
        let id: String
        let name: String
        let unit: UInt64
        /// Steps since long ago; the register is its lower half.
        var raw: UInt64

        var range: UInt64 { 0xFFFF_FFFF * unit / 1000 }
        var shown: UInt64 { (raw & 0xFFFF_FFFF) * unit / 1000 }
        var wraps: UInt64 { raw >> 32 }
        /// Microjoules, not wrapped.
        var truth: UInt64 { UInt64(UInt128(raw) * UInt128(unit) / 1000) }
    }

    let root: String
    var counters: [Counter]
    private var folders: [String] = []
    private var files: [String] = []

    init(_ counters: [Counter]) {
        var template = Array("/tmp/jouleflow-counters-XXXXXX".utf8CString)
        root = mkdtemp(&template).map { String(cString: $0) } ?? ""
        precondition(!root.isEmpty, "no temporary folder")
        self.counters = counters
        for folder in ["/class", "/class/powercap", "/proc", "/state"] { make(root + folder) }
        write(root + "/proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\nintr 0\n")
        for counter in counters {
            make(path(counter))
            write(path(counter) + "/name", counter.name + "\n")
            write(path(counter) + "/max_energy_range_uj", "\(counter.range)\n")
        }
        show()
    }

    deinit {
        for file in files { unlink(file) }
        for folder in folders.reversed() { rmdir(folder) }
        rmdir(root)
    }

    /// Adds energy to every counter, `microjoules(index)` each.
    func advance(_ microjoules: (Int) -> UInt64) {
        for index in counters.indices {
            counters[index].raw += microjoules(index) * 1000 / counters[index].unit
        }
    }

    /// Writes what the counters show, in place.
    func show() { for counter in counters { setText(counter, "\(counter.shown)") } }

    func setText(_ counter: Counter, _ text: String) {
        write(
            path(counter) + "/energy_uj",
            text + String(repeating: "\n", count: max(0, 24 - text.utf8.count)))
    }

    private func path(_ counter: Counter) -> String { root + "/class/powercap/" + counter.id }

    private func make(_ folder: String) {
        mkdir(folder, 0o755)
        folders.append(folder)
    }

    private func write(_ path: String, _ text: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
        precondition(descriptor >= 0, "cannot write \(path)")
        let bytes = Array(text.utf8)
        let written = pwrite(descriptor, bytes, bytes.count, 0)
        precondition(written == bytes.count)
        close(descriptor)
        if !files.contains(path) { files.append(path) }
    }
}
