import Glibc

/// Small files read and written whole.
package enum SmallFile {
    /// No file the laboratory reads is larger; one that is, is an error (EFBIG).
    private static let limit = 16 << 20

    /// The text of a file, bytes that are no UTF-8 replaced.
    package static func text(_ path: String) throws(SystemFailure) -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// The bytes of a file.
    package static func bytes(_ path: String) throws(SystemFailure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw SystemFailure("open", path, errno: errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let got = read(file, &block, block.count)
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw SystemFailure("read", path, errno: errno) }
            if got == 0 { return bytes }
            bytes += block[..<got]
            if bytes.count > limit { throw SystemFailure("read", path, errno: EFBIG) }
        }
    }

    /// Writes a file whole, in place of what it held; made with `mode` where it is missing.
    package static func write(
        _ text: String, to path: String, mode: UInt32 = 0o644
    ) throws(SystemFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw SystemFailure("open", path, errno: errno) }
        defer { close(file) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let put = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if put < 0 && errno == EINTR { continue }
            guard put > 0 else { throw SystemFailure("write", path, errno: errno) }
            bytes = bytes.dropFirst(put)
        }
    }

    /// The names in a folder, sorted, without `.` and `..`.
    package static func names(in folder: String) throws(SystemFailure) -> [String] {
        guard let stream = opendir(folder) else {
            throw SystemFailure("opendir", folder, errno: errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes a folder and those above it.
    package static func makeFolder(_ path: String) throws(SystemFailure) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw SystemFailure("mkdir", path, errno: errno)
        }
        try makeFolder(String(path[..<slash]))
        if mkdir(path, 0o755) != 0 && errno != EEXIST {
            throw SystemFailure("mkdir", path, errno: errno)
        }
    }

    /// Removes a file or a folder with all it holds. Links are removed, never followed.
    package static func remove(_ path: String) throws(SystemFailure) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else {
            throw SystemFailure("unlink", path, errno: errno)
        }
        for name in try names(in: path) { try remove(path + "/" + name) }
        if rmdir(path) != 0 { throw SystemFailure("rmdir", path, errno: errno) }
    }
}
