import Glibc
import Settings

/// Who a process runs as.
struct ProcessIdentity: Sendable, Hashable {
    let number: uid_t
    /// By name where they have one.
    let user: String
    let group: String

    var isRoot: Bool { number == 0 }

    init(user: uid_t, group: gid_t) {
        number = user
        self.user = Self.name(ofUser: user)
        self.group = Self.name(ofGroup: group)
    }

    /// The process that asks: its effective user and group.
    static var current: ProcessIdentity { ProcessIdentity(user: geteuid(), group: getegid()) }

    /// A user with this group, or else the one that it has by itself.
    static func of(_ user: uid_t, group: gid_t?) -> ProcessIdentity {
        ProcessIdentity(user: user, group: group ?? getpwuid(user)?.pointee.pw_gid ?? gid_t(user))
    }

    /// The user's name, with the group where only that tells it from `other`.
    func name(beside other: ProcessIdentity) -> String {
        number == other.number ? "\(user):\(group)" : user
    }

    /// The user in a sentence about files that were looked at; what root may read tells nothing of the
    /// agent's user, as whom doctor looks.
    func whoLooked(_ language: SentenceLanguage) -> String {
        isRoot
            ? language.say(
                "user root (`jouleflow-agent doctor` looks as the agent's user)",
                "用户 root（`jouleflow-agent doctor` 以代理的用户检查）")
            : language.say("user \(user)", "用户 \(user) ")
    }

    /// The user's name, or the number where it has none.
    static func name(ofUser id: uid_t) -> String {
        guard let entry = getpwuid(id), let name = entry.pointee.pw_name else { return "\(id)" }
        return String(cString: name)
    }

    private static func name(ofGroup id: gid_t) -> String {
        guard let entry = getgrgid(id), let name = entry.pointee.gr_name else { return "\(id)" }
        return String(cString: name)
    }
}

/// Says as whom the rest was looked at: what root may read tells nothing of the agent's user.
struct UserCheck {
    let identity: ProcessIdentity
    /// The agent's user, where it is another one.
    let agent: String?
    /// Where the settings are.
    let file: String
    let language: SentenceLanguage

    /// What shows the rest.
    private static func asRoot(_ file: String, _ language: SentenceLanguage) -> String {
        language.say(
            "`sudo jouleflow-agent doctor --config \(shellWord(file))`: root takes the agent's user and "
                + "rights by itself",
            "`sudo jouleflow-agent doctor --config \(shellWord(file))`：root 会自动采用代理的用户和权限")
    }

    /// What is said of a finding that is of this process's rights alone: nothing of the agent's.
    func unseen(_ finding: DoctorFinding) -> DoctorFinding {
        guard let agent, finding.isOfRights, finding.state != .ok else { return finding }
        return DoctorFinding(
            finding.topic, finding.subject, .unknown,
            language.say(
                "not looked at: \(identity.user) has no right to; the agent, which runs as \(agent), "
                    + "may have it",
                "未检查：\(identity.user) 无权查看；以 \(agent) 运行的代理可能有此权限"),
            fix: Self.asRoot(file, language), isOfRights: true)
    }

    func findings() -> [DoctorFinding] {
        if let agent {
            return [
                DoctorFinding(
                    .user, .warning,
                    language.say(
                        "looked at as \(identity.user), and the agent runs as \(agent): what "
                            + "\(identity.user) may not look at is unknown",
                        "以用户 \(identity.user) 检查，而代理以 \(agent) 运行：\(identity.user) "
                            + "无权查看的内容未知"),
                    fix: Self.asRoot(file, language))
            ]
        }
        guard identity.isRoot else {
            return [
                DoctorFinding(
                    .user, .ok,
                    language.say(
                        "looked at as \(identity.user), group \(identity.group)",
                        "以用户 \(identity.user)、组 \(identity.group) 检查"))
            ]
        }
        return [
            DoctorFinding(
                .user, .warning,
                language.say(
                    "looked at as root, who may read what the agent's user may not",
                    "以 root 检查：root 可读的内容，代理用户未必可读"),
                fix: language.say(
                    "name the agent's user: `jouleflow-agent doctor --user jouleflow`",
                    "请指定代理的用户：`jouleflow-agent doctor --user jouleflow`"))
        ]
    }
}
