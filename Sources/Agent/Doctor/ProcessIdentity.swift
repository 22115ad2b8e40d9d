import Glibc
import Settings

/// Who a process runs as.
struct ProcessIdentity: Sendable, Hashable {
    let user: String
    let group: String
    let isRoot: Bool

    /// The process that asks: its effective user and group, by name where they have one.
    static var current: ProcessIdentity {
        let (user, group) = (geteuid(), getegid())
        return ProcessIdentity(
            user: name(ofUser: user), group: name(ofGroup: group), isRoot: user == 0)
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
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
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
