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
        guard FileWay.foreignFolder(to: folder, user: owner.number) == nil else { return move }
        guard let blocked = BlockedWay.to(folder) else { return "`\(command)`" }
        return blocked.fix ?? move
    }

    private var command: String {
        let word = shellWord(FileWay.resolved(folder))
        return "chown -hR \(owner.user):\(owner.group) \(word) && "
            + owner.asUser("chmod -R u=rwX,go= \(word)")
    }

    private var move: String {
        language.say(
            "others than root may change the folders above it, or it lies in a home: move it below /var/lib/jouleflow, and "
                + "correct agent.state",
            "root 以外的用户可更改其上级目录，或位于用户主目录：移到 /var/lib/jouleflow 下，并改正 agent.state")
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
    /// root and the agent's could put another in its place.
    func command(toGive path: String, mode: String) -> String? {
        guard FileWay.foreignFolder(to: path, user: number) == nil else { return nil }
        if let blocked = BlockedWay.to(path) { return blocked.fix }
        let word = shellWord(FileWay.resolved(path))
        return "`chown -h \(user):\(group) \(word) && " + asUser("chmod \(mode) \(word)") + "`"
    }
}
