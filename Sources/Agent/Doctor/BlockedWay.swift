import Glibc

/// The first folder on the way to a file that this process may not pass.
struct BlockedWay: Hashable {
    /// Links that are followed at most, as many as the kernel follows.
    ///
    /// Source: path_resolution(7).
    private static let mostLinks = 40

    let folder: String
    /// Whose right to pass it is missing, as chmod(1) names them: `u`, `g` or `o`.
    let who: String

    /// `nil` where nothing above `path` is in the way.
    static func to(_ path: String) -> BlockedWay? { to(path, links: mostLinks) }

    private static func to(_ path: String, links: Int) -> BlockedWay? {
        var at = path.hasPrefix("/") ? "/" : "."
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            guard access(at, X_OK) == 0 else {
                return errno == EACCES ? BlockedWay(folder: at, who: who(of: at)) : nil
            }
            at = at == "/" ? "/\(part)" : at == "." ? "\(part)" : "\(at)/\(part)"
            // A link leads elsewhere, and there something may be in the way.
            guard links > 0, let target = UnitViewCheck.linked(at) else { continue }
            let rest = parts[(index + 1)...].map { "/\($0)" }.joined()
            return to(target + rest, links: links - 1)
        }
        return nil
    }

    /// The kernel looks at one of the three alone: the owner's, the group's or the others'.
    ///
    /// Source: path_resolution(7), "Permissions".
    private static func who(of folder: String) -> String {
        var status = stat()
        guard stat(folder, &status) == 0 else { return "o" }
        if status.st_uid == geteuid() { return "u" }
        var groups = [gid_t](repeating: 0, count: 65_536)
        let count = Int(getgroups(Int32(groups.count), &groups))
        let isOwn =
            status.st_gid == getegid() || groups.prefix(max(0, count)).contains(status.st_gid)
        return isOwn ? "g" : "o"
    }

    /// The command that lets this process's user pass.
    var fix: String { "`chmod \(who)+x \(shellWord(folder))`" }
}

extension ProcessIdentity {
    /// The command that gives the agent's user what it may not use: the folder that is in the way
    /// to it, of `own` and all in it with the rest that belongs to the agent; else the file itself.
    ///
    /// - Parameter own: the folder that is the agent's with all in it.
    func command(toUse path: String, own: String) -> String {
        func give(_ path: String) -> String {
            "`chown -R \(user):\(group) \(shellWord(path)) && "
                + "chmod -R u=rwX,go= \(shellWord(path))`"
        }
        guard let blocked = BlockedWay.to(path) else { return give(path) }
        // It may be a link, and what is in the way what that leads to.
        let isOwn = [own, Self.resolved(own)].contains { root in
            blocked.folder == root || blocked.folder.hasPrefix(root + "/")
        }
        return isOwn ? give(blocked.folder) : blocked.fix
    }

    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
