import Glibc
import Metering

/// A folder that plays `/proc` and, below `cgroup`, a tree of cgroups. Gone with the object.
final class Fixture: Sendable {
    let root: String

    init() {
        var template = Array("/tmp/jouleflow-proc-XXXXXX".utf8CString)
        root = mkdtemp(&template).map { String(cString: $0) } ?? ""
        precondition(!root.isEmpty, "no temporary folder")
        write(
            "/self/mountinfo",
            "24 1 0:22 / /sys rw - sysfs sysfs rw\n"
                + "41 24 0:38 / \(root)/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n")
        folder("/cgroup")
    }

    deinit { remove("") }

    func folder(_ path: String) {
        var sofar = root
        for part in path.split(separator: "/") {
            sofar += "/" + part
            mkdir(sofar, 0o755)
        }
    }

    func write(_ path: String, _ text: String) {
        if let slash = path.lastIndex(of: "/") { folder(String(path[..<slash])) }
        let descriptor = open(root + path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        precondition(descriptor >= 0, "cannot write \(path)")
        let bytes = Array(text.utf8)
        let written = Glibc.write(descriptor, bytes, bytes.count)
        precondition(written == bytes.count)
        close(descriptor)
    }

    /// Removes a file or a folder with all in it, following no link.
    func remove(_ path: String) {
        if unlink(root + path) == 0 { return }
        if let folder = opendir(root + path) {
            var names: [String] = []
            while let entry = readdir(folder) {
                names.append(
                    withUnsafePointer(to: &entry.pointee.d_name) {
                        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    })
            }
            closedir(folder)
            for name in names where name != "." && name != ".." { remove(path + "/" + name) }
        }
        rmdir(root + path)
    }

    /// Two CPUs whose idle, iowait and steal add up to `idle` ticks.
    func host(idle: UInt64, iowait: UInt64 = 0, steal: UInt64 = 0, processors: Int = 2) {
        let each = (0..<processors).map { "cpu\($0) 1 2 3 4 5 6 7 8 9 10\n" }.joined()
        write("/stat", "cpu  11 0 12 \(idle) \(iowait) 0 5 \(steal) 0 0\n\(each)intr 1 2 3\n")
    }

    func cgroup(_ path: String, microseconds: UInt64) {
        write(
            "/cgroup" + path + "/cpu.stat",
            "usage_usec \(microseconds)\nuser_usec 1\nsystem_usec 2\n")
    }

    func cgroupID(_ path: String) -> UInt64 {
        var status = stat()
        return stat(root + "/cgroup" + path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    /// A process of a name that is hard to parse, which holds `sockets`.
    func process(_ id: Int, ticks: UInt64, started: UInt64 = 1, sockets: [Int] = []) {
        write(
            "/\(id)/stat",
            "\(id) (a) b (c) S 1 2 3 4 5 6 7 8 9 10 \(ticks) 0 0 0 20 0 1 0 \(started) 99 1\n")
        folder("/\(id)/fd")
        for (index, socket) in sockets.enumerated() {
            symlink("socket:[\(socket)]", root + "/\(id)/fd/\(index)")
        }
    }

    /// A socket table with listeners by port, and a connection behind them.
    func listen(_ sockets: [(port: UInt16, inode: Int)]) {
        func row(_ port: UInt16, _ state: String, _ inode: Int) -> String {
            let hex = String(port, radix: 16, uppercase: true)
            let local = "0100007F:" + String(repeating: "0", count: 4 - hex.count) + hex
            return "   0: \(local) 00000000:0000 \(state) 00000000:00000000 00:00000000 00000000"
                + "     0        0 \(inode) 1 0000000000000000 100 0 0 10 0\n"
        }
        let listening = sockets.map { row($0.port, "0A", $0.inode) }.joined()
        write("/net/tcp", "  sl  local_address rem_address   st\n" + listening + row(8080, "01", 4))
    }
}

func seconds(_ seconds: UInt64) -> Nanoseconds { .seconds(seconds) }
