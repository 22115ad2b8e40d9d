internal import KernelFiles
internal import Metering

/// The cgroup in which the socket was made that listens at `port`, from the root of the tree on, such as
/// `system.slice/nginx.service`; `nil` where nobody listens, or the kernel does not tell.
package func listenerCgroup(of port: UInt16, procfs: String) -> String? {
    guard let listeners = try? kernelListeners(),
        let id = listeners.first(where: { $0.port == port })?.cgroup,
        let tree = CgroupTree(procfs: procfs), let folder = tree.folder(of: id)
    else { return nil }
    return String(folder.dropFirst(tree.root.count).drop { $0 == "/" })
}

/// The tree of cgroups of version 2.
struct CgroupTree: Sendable {
    /// Where the tree is mounted.
    let root: String

    /// Folders that are looked at in search of one; the rest is not seen.
    private static let folderLimit = 65_536
    private static let depthLimit = 32

    /// The tree named in `<procfs>/self/mountinfo`; `nil` where none is mounted.
    init?(procfs: String) {
        guard let root = CgroupMounts(procfs: procfs)?.second else { return nil }
        self.root = root
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
}
