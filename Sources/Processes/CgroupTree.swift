internal import KernelFiles
internal import Metering

/// The tree of cgroups of version 2.
struct CgroupTree: Sendable {
    /// Where the tree is mounted.
    let root: String

    /// Folders that are looked at in search of one; the rest is not seen.
    private static let folderLimit = 65_536
    private static let depthLimit = 32

    /// The tree named in `<procfs>/self/mountinfo`; `nil` where none is mounted.
    init?(procfs: String) {
        guard let text = try? readText(of: procfs + "/self/mountinfo", limit: 1 << 20) else {
            return nil
        }
        let mounts = text.split(separator: "\n").compactMap(Self.mount)
        guard let mount = mounts.first(where: { $0.root == "/" }) ?? mounts.first else {
            return nil
        }
        root = mount.point
    }

    /// Whether this is the root, or where systemd itself runs, which makes the sockets of units it
    /// starts on their first connection.
    func isShared(_ folder: String) -> Bool { folder == root || folder == root + "/init.scope" }

    /// The folder of a cgroup's id, which is the folder's inode; `nil` where it is not below the
    /// root.
    ///
    /// Source: Linux include/linux/cgroup.h, `cgroup_id`: the kernfs node's id.
    func folder(of id: UInt64) -> String? {
        if inode(of: root) == id { return root }
        var visited = 0
        return search(root, id, depth: 0, &visited)
    }

    private func search(
        _ path: String, _ id: UInt64, depth: Int, _ visited: inout Int
    ) -> String? {
        guard depth < Self.depthLimit, visited < Self.folderLimit,
            let entries = try? listFolder(path, limit: Self.folderLimit)
        else { return nil }
        visited += 1
        let folders = entries.filter(\.isFolder)
        if let found = folders.first(where: { $0.inode == id }) { return path + "/" + found.name }
        for folder in folders {
            if let found = search(path + "/" + folder.name, id, depth: depth + 1, &visited) {
                return found
            }
        }
        return nil
    }

    /// `36 35 98:0 /root /point options - type source options`, of type cgroup2.
    ///
    /// Source: proc_pid_mountinfo(5).
    private static func mount(_ line: Substring) -> (root: String, point: String)? {
        let fields = line.split(separator: " ")
        guard fields.count > 6, let separator = fields.dropFirst(6).firstIndex(of: "-"),
            separator + 1 < fields.count, fields[separator + 1] == "cgroup2"
        else { return nil }
        return (unescaped(fields[3]), unescaped(fields[4]))
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
