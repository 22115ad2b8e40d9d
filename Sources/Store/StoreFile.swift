import Glibc

/// The store's file: made for its owner alone before SQLite opens it, which gives its side files
/// (-wal, -shm) the same mode.
enum StoreFile {
    static func prepare(_ path: String) throws(StoreError) {
        try makeDirectories(of: path)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw refusal(path, errno) }
        close(descriptor)
    }

    static func checkReadable(_ path: String) throws(StoreError) {
        guard access(path, R_OK) != 0 else { return }
        let code = errno
        throw code == ENOENT ? .missing(path: path) : refusal(path, code)
    }

    /// Whether this user may make files beside this one.
    static func mayMakeFiles(beside path: String) -> Bool {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "./"
        return access(String(folder), W_OK | X_OK) == 0
    }

    private static func makeDirectories(of path: String) throws(StoreError) {
        var end = path.startIndex
        while let slash = path[end...].dropFirst().firstIndex(of: "/") {
            end = slash
            let directory = String(path[..<slash])
            guard mkdir(directory, 0o700) != 0, errno != EEXIST else { continue }
            let code = errno
            // A directory above that is there but may not be written to is no obstacle.
            guard access(directory, F_OK) != 0 else { continue }
            throw refusal(directory, code)
        }
    }

    private static func refusal(_ path: String, _ code: Int32) -> StoreError {
        switch code {
        case EACCES, EPERM, EROFS: .permissionDenied(path: path)
        default: .cannotOpen(path: path, reason: String(cString: strerror(code)))
        }
    }
}
