import Glibc

/// The folders that are passed on the way to a file.
enum FileWay {
    /// Links that are followed at most, as many as the kernel follows.
    ///
    /// Source: path_resolution(7).
    private static let mostLinks = 40

    /// A name on the way, and the folder in which it is.
    private struct Step {
        let folder: String
        let name: String
        let isLink: Bool
    }

    /// In order, and those that links on the way lead through.
    static func folders(to path: String) -> [String] { steps(to: path).map(\.folder) }

    private static func steps(to path: String, links: Int = mostLinks) -> [Step] {
        var at = path.hasPrefix("/") ? "/" : "."
        var passed: [Step] = []
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            let folder = at
            at = at == "/" ? "/\(part)" : at == "." ? "\(part)" : "\(at)/\(part)"
            let target = UnitViewCheck.linked(at)
            passed.append(Step(folder: folder, name: at, isLink: target != nil))
            // A link leads elsewhere, and there something may be in the way.
            guard links > 0, let target else { continue }
            let rest = parts[(index + 1)...].map { "/\($0)" }.joined()
            return passed + steps(to: target + rest, links: links - 1)
        }
        return passed
    }

    /// The first link on the way that another than root may change: who follows it with root's rights
    /// does what that one likes. Root's own links are followed.
    static func changeableLink(to path: String) -> String? {
        steps(to: path).first { $0.isLink && isChangeable($0) }?.name
    }

    /// Also in a folder such as /tmp, where everybody may rename what is his own.
    private static func isChangeable(_ step: Step) -> Bool {
        var (folder, link) = (stat(), stat())
        guard lstat(step.folder, &folder) == 0, lstat(step.name, &link) == 0 else { return false }
        let isShared = folder.st_mode & 0o022 != 0
        return folder.st_uid != 0
            || isShared && (folder.st_mode & S_ISVTX == 0 || link.st_uid != 0)
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
