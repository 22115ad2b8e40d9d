import Glibc

/// One entry of a folder.
package struct FolderEntry: Sendable, Hashable {
    package let name: String
    /// The inode of the entry itself, not of what a link points at.
    package let inode: UInt64
    /// Whether it is a folder; a symbolic link to one is not.
    package let isFolder: Bool
}

/// The entries of a folder but `.` and `..`, sorted by name.
///
/// At most `limit` entries are taken; the rest is left out.
package func listFolder(_ path: String, limit: Int) throws(ReadFailure) -> [FolderEntry] {
    guard let folder = opendir(path) else { throw ReadFailure(errno: errno) }
    defer { closedir(folder) }
    var entries: [FolderEntry] = []
    while entries.count < limit, let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
            field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name == "." || name == ".." { continue }
        entries.append(
            FolderEntry(
                name: name, inode: UInt64(entry.pointee.d_ino),
                isFolder: entry.pointee.d_type == UInt8(DT_DIR)))
    }
    return entries.sorted { $0.name < $1.name }
}

/// The inode of what `path` names, or `nil` where it cannot be found.
package func inode(of path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
}

/// Whether `path` names something, readable or not.
package func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The target of a symbolic link, cut at 255 bytes.
package func readLink(_ path: String) throws(ReadFailure) -> String {
    var target = [CChar](repeating: 0, count: 255)
    let count = readlink(path, &target, target.count)
    if count < 0 { throw ReadFailure(errno: errno) }
    return String(decoding: target[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
}
