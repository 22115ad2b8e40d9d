import Glibc
import Settings

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
    private func opening(to identity: ProcessIdentity) -> String {
        let word = shellWord(folder)
        return "`chgrp \(identity.group) \(word) && chmod g+x \(word)`"
    }

    /// The command that lets the agent pass and nobody else, who is `identity`; `nil` for homes, which the
    /// unit hides all the same (ProtectHome=), and where another group would lose its rights.
    ///
    /// - Parameter own: folders that the agent's files are kept in.
    func fix(for identity: ProcessIdentity, own: Set<String> = packages) -> String? {
        let isHome = ["/root", "/home", "/run/user"].contains {
            folder == $0 || folder.hasPrefix($0 + "/")
        }
        guard !isHome, !identity.isNobody else { return nil }
        let isOpenAnywhere = Self.openAnywhere.contains(folder)
        guard who == "o", !isOpenAnywhere else { return "`chmod \(who)+x \(shellWord(folder))`" }
        let isFree = own.contains(folder) ? !isOfAnotherGroup : isWithoutGroup
        return isFree ? opening(to: identity) : nil
    }

    /// What is to be done with the agent's files where the folder that they are kept in is another
    /// group's, as that of the collector on the same host: all of them get a folder apart.
    func apart(for identity: ProcessIdentity, _ language: SentenceLanguage) -> String {
        if identity.isNobody { return identity.refusal(language) }
        let make = "`install -d -m 0750 -g \(identity.group) /etc/jouleflow-agent`"
        return language.say(
            "\(shellWord(folder)) stays with its group, which would lose its right: \(make), move the "
                + "agent's files there, and name them there, in the settings and in ExecStart= behind "
                + "--config (`systemctl edit jouleflow-agent`)",
            "\(shellWord(folder)) 仍归原属组，否则该组会失去权限：\(make)，将代理的文件移到该处，"
                + "并在配置中以及 ExecStart= 的 --config 之后填写新路径（`systemctl edit jouleflow-agent`）")
    }

    /// The folders of the packages.
    static let packages: Set = ["/etc/jouleflow", "/var/lib/jouleflow"]

    /// Where these are closed no service of the host runs.
    ///
    /// Source: hier(7), file-hierarchy(7).
    private static let openAnywhere: Set = ["/", "/etc", "/run", "/usr", "/var", "/var/lib"]

    /// Whether a group has a right to it that root's, which needs none, is not.
    private var isOfAnotherGroup: Bool {
        var status = stat()
        return stat(folder, &status) == 0 && status.st_gid != 0
            && status.st_mode & (S_IRWXG | S_ISGID) != 0
    }

    /// Whether it may have another group without a loss to anybody: its own has no right to it, and
    /// what is made in it does not become that group's.
    private var isWithoutGroup: Bool {
        var status = stat()
        return stat(folder, &status) == 0 && status.st_mode & (S_IRWXG | S_ISGID) == 0
    }
}
