import Glibc

/// The first folder on the way to a file that this process may not pass.
struct BlockedWay: Hashable {
    let folder: String
    /// Whose right to pass it is missing, as chmod(1) names them: `u`, `g` or `o`.
    let who: String

    /// `nil` where nothing above `path` is in the way.
    static func to(_ path: String) -> BlockedWay? {
        guard let first = FileWay.folders(to: path).first(where: { access($0, X_OK) != 0 }) else {
            return nil
        }
        return access(first, X_OK) != 0 && errno == EACCES
            ? BlockedWay(folder: first, who: who(of: first)) : nil
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

    /// The command that lets the group of `identity` pass, and nobody else: for folders that are the
    /// agent's own.
    func opening(to identity: ProcessIdentity) -> String {
        let word = shellWord(folder)
        return "`chgrp \(identity.group) \(word) && chmod g+x \(word)`"
    }

    /// The command that lets the agent pass and nobody else, who is `identity`; `nil` for homes, which the
    /// unit hides all the same (ProtectHome=), and where another group would lose its rights.
    func fix(for identity: ProcessIdentity) -> String? {
        let isHome = ["/root", "/home", "/run/user"].contains {
            folder == $0 || folder.hasPrefix($0 + "/")
        }
        guard !isHome, !identity.isNobody else { return nil }
        let isOpenAnywhere = Self.openAnywhere.contains(folder)
        guard who == "o", !isOpenAnywhere else { return "`chmod \(who)+x \(shellWord(folder))`" }
        let isOwn = Self.own.contains(folder)
        return isOwn || isWithoutGroup ? opening(to: identity) : nil
    }

    /// The folders of the packages.
    private static let own: Set = ["/etc/jouleflow", "/var/lib/jouleflow"]

    /// Where these are closed no service of the host runs.
    ///
    /// Source: hier(7), file-hierarchy(7).
    private static let openAnywhere: Set = ["/", "/etc", "/run", "/usr", "/var", "/var/lib"]

    /// Whether it may have another group without a loss to anybody: its own has no right to it, and
    /// what is made in it does not become that group's.
    private var isWithoutGroup: Bool {
        var status = stat()
        return stat(folder, &status) == 0 && status.st_mode & (S_IRWXG | S_ISGID) == 0
    }
}
