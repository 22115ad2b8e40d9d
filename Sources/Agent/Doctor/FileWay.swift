import Glibc

/// The folders that are passed on the way to a file.
enum FileWay {
    /// Links that are followed at most, as many as the kernel follows.
    ///
    /// Source: path_resolution(7).
    private static let mostLinks = 40

    /// In order, and those that links on the way lead through.
    static func folders(to path: String) -> [String] { folders(to: path, links: mostLinks) }

    private static func folders(to path: String, links: Int) -> [String] {
        var at = path.hasPrefix("/") ? "/" : "."
        var passed: [String] = []
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            passed.append(at)
            at = at == "/" ? "/\(part)" : at == "." ? "\(part)" : "\(at)/\(part)"
            // A link leads elsewhere, and there something may be in the way.
            guard links > 0, let target = UnitViewCheck.linked(at) else { continue }
            let rest = parts[(index + 1)...].map { "/\($0)" }.joined()
            return passed + folders(to: target + rest, links: links - 1)
        }
        return passed
    }

    /// The first folder in which another user than root and `user` could put something else in the
    /// place of what lies there. Of one that may not be looked at nothing is known.
    static func foreignFolder(to path: String, user: uid_t) -> String? {
        folders(to: path).first { folder in
            var status = stat()
            guard lstat(folder, &status) == 0 else { return false }
            let isShared = status.st_mode & 0o022 != 0 && status.st_mode & S_ISVTX == 0
            return isShared || ![0, user].contains(status.st_uid)
        }
    }

    /// Where the links of a path lead; the path itself where that cannot be seen.
    static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
