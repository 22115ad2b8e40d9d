internal import KernelFiles

/// Where the trees of cgroups are mounted, by version.
struct CgroupMounts: Sendable {
    /// The tree of version 2.
    let second: String?
    /// The tree of version 1 that counts CPU time.
    let first: String?

    /// As `<procfs>/self/mountinfo` names them; `nil` where it cannot be read.
    init?(procfs: String) {
        guard let text = try? readText(of: procfs + "/self/mountinfo", limit: 1 << 20) else {
            return nil
        }
        let mounts = text.split(separator: "\n").compactMap(Mount.init)
        func point(_ isWanted: (Mount) -> Bool) -> String? {
            let found = mounts.filter(isWanted)
            return (found.first { $0.root == "/" } ?? found.first)?.point
        }
        second = point { $0.type == "cgroup2" }
        first = point { $0.type == "cgroup" && $0.options.contains("cpuacct") }
    }

    /// The cgroups that count the CPU time of a process, as `<procfs>/PID/cgroup` names them; none
    /// where it has ended.
    ///
    /// Lines are `0::/path` of version 2 and `4:cpu,cpuacct:/path` of version 1.
    /// Source: cgroups(7), "/proc files".
    func cgroups(of process: UInt64, procfs: String) -> [CPUTimeFile] {
        guard let text = try? readText(of: "\(procfs)/\(process)/cgroup", limit: 1 << 16) else {
            return []
        }
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].first == "/" else { return nil }
            let path = fields[2] == "/" ? "" : fields[2]
            if fields[0] == "0", fields[1].isEmpty {
                return second.map { .cgroup2(folder: $0 + path) }
            }
            guard fields[1].split(separator: ",").contains("cpuacct") else { return nil }
            return first.map { .cgroup1(folder: $0 + path) }
        }
    }
}

/// The processes in a cgroup of version 1 and in those below it: 4,096 of them at most.
///
/// Source: cgroups(7), `cgroup.procs`.
func processesOfCgroup(_ folder: String) -> [UInt64] {
    let limit = 4096
    var (found, folders): ([UInt64], [String]) = ([], [folder])
    while found.count < limit, let folder = folders.popLast() {
        let text = (try? readText(of: folder + "/cgroup.procs", limit: 1 << 16)) ?? ""
        found += text.split(separator: "\n").compactMap { UInt64($0) }
        let below = (try? listFolder(folder, limit: limit)) ?? []
        folders += below.filter(\.isFolder).map { folder + "/" + $0.name }
    }
    return Array(found.prefix(limit))
}

/// `36 35 98:0 /root /point options - type source options`
///
/// Source: proc_pid_mountinfo(5).
private struct Mount {
    let root: String
    let point: String
    let type: Substring
    let options: [Substring]

    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count > 6, let separator = fields.dropFirst(6).firstIndex(of: "-"),
            separator + 3 < fields.count
        else { return nil }
        root = Self.unescaped(fields[3])
        point = Self.unescaped(fields[4])
        type = fields[separator + 1]
        options = fields[separator + 3].split(separator: ",")
    }

    /// Space, tab, line feed and backslash are written as three octal digits behind a backslash.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let code = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), code.count == 3,
                let value = UInt8(String(decoding: code, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
