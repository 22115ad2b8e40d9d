import Glibc
import Settings

/// How the state folder with all in it becomes the agent's user's.
///
/// That user may change the folder meanwhile: nothing is followed or changed there with root's rights
/// but owners, of links themselves.
struct StateOwnership {
    let folder: String
    let owner: ProcessIdentity
    let language: SentenceLanguage

    /// What to do: with the folder that is in the way to it, or with the folder itself.
    var fix: String {
        if owner.isNobody { return owner.refusal(language) }
        if let link = FileWay.changeableLink(to: folder) {
            return linkAdvice(link, setting: "agent.state", language)
        }
        // The last name alone may be the user's to change: of a link there the owner is changed.
        guard FileWay.foreignFolder(to: folder, user: owner.number) == nil,
            FileWay.foreignFolder(to: StateCheck.folder(above: folder), user: 0) == nil
        else { return move }
        guard let blocked = BlockedWay.to(folder) else { return "`\(command)`" }
        return blocked.fix(for: owner) ?? moved(outOf: blocked)
    }

    private var command: String {
        let word = shellWord(FileWay.resolved(folder))
        return "chown -hR \(owner.user):\(owner.group) \(word) && "
            + owner.asUser("chmod -R u=rwX,go= \(word)")
    }

    private func moved(outOf blocked: BlockedWay) -> String {
        language.say(
            "\(shellWord(blocked.folder)) stays closed, as a home or a folder of another group's: move the state "
                + "below /var/lib/jouleflow, and correct agent.state",
            "\(shellWord(blocked.folder)) 是用户主目录或属于其他组，保持关闭：将状态目录移到 /var/lib/jouleflow 下，"
                + "并改正 agent.state")
    }

    var move: String {
        language.say(
            "others than root may change the folders above it: move it below /var/lib/jouleflow, and "
                + "correct agent.state",
            "root 以外的用户可更改其上级目录：移到 /var/lib/jouleflow 下，并改正 agent.state")
    }
}

extension ProcessIdentity {
    /// The command as root gives it, that runs with the rights of the agent's user.
    ///
    /// Source: setpriv(1).
    func asUser(_ command: String) -> String {
        isRoot
            ? command
            : "setpriv --reuid \(user) --regid \(group) --clear-groups \(command)"
    }

    /// The commands that give the agent's user a file of the settings; `nil` where a user other than
    /// root could put another in its place, and behind a closed folder.
    func command(toGive path: String, mode: String) -> String? {
        guard !isNobody, FileWay.foreignFolder(to: path, user: number) == nil,
            FileWay.changeableLink(to: path) == nil, BlockedWay.to(path) == nil
        else { return nil }
        let word = shellWord(FileWay.resolved(path))
        let change = asUser("chmod \(mode) \(word)")
        guard FileWay.foreignFolder(to: path, user: 0) != nil else {
            return "`chown -h \(user):\(group) \(word) && \(change)`"
        }
        // In a folder of the user's nothing is given with root's rights.
        var status = stat()
        return lstat(path, &status) == 0 && status.st_uid == number ? "`\(change)`" : nil
    }

    /// Whether it is the user or the group of no one in particular, which other programs have too.
    var isNobody: Bool { Self.nobodies.contains(user) || Self.nobodies.contains(group) }

    /// Source: systemd's "Users, Groups, UIDs and GIDs on systemd Systems", "Special Linux UIDs".
    static let nobodies: Set<String> = ["nobody", "nogroup", "65534", "nfsnobody"]

    /// What is said in the place of advice that would give something to that user.
    func refusal(_ language: SentenceLanguage) -> String {
        Self.refusal("\(user):\(group)", language)
    }

    static func refusal(_ name: String, _ language: SentenceLanguage) -> String {
        language.say(
            "nothing is to be given to \(name), which other programs run as too: let the agent run as "
                + "a user of its own, as the package's unit does (User=jouleflow), then ask again",
            "不要将任何文件交给 \(name)，其他程序也使用它：让代理以专用用户运行"
                + "（软件包单元为 User=jouleflow），然后再次检查")
    }
}

/// What to do about a link that another than root may change: it is not followed.
func linkAdvice(
    _ link: String, setting: String, _ language: SentenceLanguage
) -> String {
    let removal = AdvisedName(link, language).removal { "rm \($0)" }
    return language.say(
        "\(AdvisedName.quoted(link)) is a link that others than root may change, and root must not follow "
            + "it: \(removal), or look where it leads and name the real path in \(setting)",
        "\(AdvisedName.quoted(link)) 是 root 以外的用户可更改的链接，root 不应跟随它：\(removal)，"
            + "或查看其目标并在 \(setting) 中填写真实路径")
}
