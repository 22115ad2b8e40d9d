import Glibc

/// Whom the agent runs as, as far as this process can tell.
enum AgentUser {
    /// Source: systemd.exec(5), User=, Group=, SupplementaryGroups=; systemd.service(5), ExecStart=.
    static let shown = ["LoadState", "User", "Group", "SupplementaryGroups", "ExecStart"]

    /// The user of the unit that runs on these settings, else that of the agent that runs on the
    /// state, else the owner of the state folder. `nil` where none of them tells.
    ///
    /// - Parameters:
    ///   - unit: what systemd says of it.
    ///   - state: the state folder.
    static func number(unit: [String: String]?, file: String, state: String?) -> uid_t? {
        told(unit: unit, file: file, state: state) ?? state.flatMap(owner)?.user
    }

    /// The same with its group: the one that the unit gives it, else its own.
    static func identity(
        unit: [String: String]?, file: String, state: String?
    ) -> ProcessIdentity? {
        number(unit: unit, file: file, state: state).map {
            .of($0, group: groups(of: unit, file: file, user: $0).own)
        }
    }

    /// The groups that the unit on these settings gives this user: one in the place of its own, and
    /// those beside the ones that the system's tables give it.
    static func groups(
        of unit: [String: String]?, file: String, user: uid_t
    ) -> (own: gid_t?, further: [gid_t]) {
        guard let unit, isRun(by: unit, file), number(of: unit) == user else { return (nil, []) }
        let further = (unit["SupplementaryGroups"] ?? "").split(separator: " ")
        return (
            unit["Group"].flatMap(group(named:)), further.compactMap { group(named: String($0)) }
        )
    }

    private static func group(named name: String) -> gid_t? {
        gid_t(name) ?? getgrnam(name)?.pointee.gr_gid
    }

    /// The agent's user, where it is another than that of this process, which is not root, or has
    /// another group of the unit. Of a folder of root's nothing is said: whoever made it may have
    /// meant it for this user.
    static func other(
        unit: [String: String]?, file: String, state: String?
    ) -> ProcessIdentity? {
        let own = geteuid()
        guard own != 0 else { return nil }
        let user =
            told(unit: unit, file: file, state: state)
            ?? state.flatMap(owner).flatMap { $0.user == 0 ? nil : $0.user }
        guard let user else { return nil }
        let group = groups(of: unit, file: file, user: user).own
        guard user == own, group == nil || group == getegid() else {
            return .of(user, group: group)
        }
        return nil
    }

    private static func told(unit: [String: String]?, file: String, state: String?) -> uid_t? {
        if let unit, isRun(by: unit, file), let user = number(of: unit) { return user }
        return state.flatMap { state in
            AgentCheck.holder(ofLock: StateDirectory(at: state).lock, procfs: "/proc")
                .flatMap { ProcessStatus.of($0, procfs: "/proc") }?.user
        }
    }

    /// Whose a folder is. `nil` for a link, and behind a link that another than root could change:
    /// whoever made it would choose.
    static func owner(of folder: String) -> (user: uid_t, group: gid_t)? {
        var status = stat()
        guard FileWay.changeableLink(to: folder) == nil, lstat(folder, &status) == 0,
            status.st_mode & S_IFMT == S_IFDIR
        else { return nil }
        return (status.st_uid, status.st_gid)
    }

    /// The user that the unit names; root where it names none, `nil` where there is no such user.
    private static func number(of unit: [String: String]) -> uid_t? {
        guard let name = unit["User"] else { return nil }
        return name.isEmpty ? 0 : uid_t(name) ?? getpwnam(name)?.pointee.pw_uid
    }

    /// Whether a unit that can be loaded runs on this settings' file: its command names no other.
    static func isRun(by unit: [String: String], _ file: String) -> Bool {
        guard unit["LoadState"] == "loaded" else { return false }
        let words = (unit["ExecStart"] ?? "").split(separator: " ")
        let named = zip(words, words.dropFirst()).compactMap { option, word -> Substring? in
            if option == "--config" { return word }
            return option.hasPrefix("--config=") ? option.dropFirst("--config=".count) : nil
        }
        let path = absolute(file)
        return named.isEmpty || named.contains { $0 == path }
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}
