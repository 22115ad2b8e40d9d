import Glibc
import KernelFiles
import Settings

/// Looks at everything of the agent's that lies in its state folder, and follows no link there.
struct StateFilesCheck {
    /// Files of the spool that are looked at: more than a full one has.
    private static let mostFiles = 16_384
    /// Things that are named; of the others their number is told.
    private static let mostNamed = 8

    let state: StateDirectory
    /// The secret that the settings name, where it lies in the folder too.
    let named: String?
    /// Whose the state is.
    let user: uid_t
    let identity: ProcessIdentity
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        let entries = entries
        let strange = entries.filter { !isPlain($0) }
        let wrong = entries.filter { isPlain($0) && !isUsable($0) }
        return told(strange) + (wrong.isEmpty ? [] : [notUsers(wrong, isSafe: strange.isEmpty)])
    }

    private func told(_ strange: [StateEntry]) -> [DoctorFinding] {
        guard strange.count > Self.mostNamed else { return strange.map(finding) }
        let more = strange.count - Self.mostNamed
        return strange.prefix(Self.mostNamed).map(finding) + [
            DoctorFinding(
                .state, state.path, .fault,
                language.say(
                    "\(more) more things there are no plain files", "另有 \(more) 项不是普通文件"),
                fix: language.say("remove these, and ask again", "先删除以上各项，再次检查"))
        ]
    }

    /// Whether it is what the agent keeps there, or nothing is there.
    func isPlain(_ path: String) -> Bool {
        let way = path == named ? wayToNamed : [path]
        return way.allSatisfy { StateEntry($0, of: user).map(isPlain) ?? true }
    }

    private func isPlain(_ entry: StateEntry) -> Bool {
        let isFolder =
            entry.path == state.spool || named?.hasPrefix(entry.path + "/") == true
        return entry.kind == (isFolder ? .folder : .file)
    }

    /// The named secret, and the folders between it and the state's.
    private var wayToNamed: [String] {
        guard let named, named.hasPrefix(state.path + "/") else { return [] }
        var (way, at) = ([String](), named)
        while at.count > state.path.count + 1 {
            way.append(at)
            at = StateCheck.folder(above: at)
        }
        return way.reversed()
    }

    private var entries: [StateEntry] {
        let files = state.files.flatMap { [$0, $0 + ".new"] }
        let own = wayToNamed.filter { !files.contains($0) } + files + [state.spool]
        let found = own.compactMap { StateEntry($0, of: user) }
        guard found.last?.path == state.spool, found.last?.kind == .folder,
            let files = try? listFolder(state.spool, limit: Self.mostFiles)
        else { return found }
        // What a file system has in its topmost folder is in nobody's way.
        return found
            + files.filter { $0.name != "lost+found" }
            .compactMap { StateEntry(state.spool + "/" + $0.name, of: user) }
    }

    private func finding(_ entry: StateEntry) -> DoctorFinding {
        DoctorFinding(
            .state, AdvisedName.quoted(entry.path), .fault, words(entry.kind),
            fix: remove(entry)
                + language.say(
                    "; a file of the agent's that was there is put back from a backup, or made anew "
                        + "when the agent starts",
                    "；原有的代理文件可从备份恢复，或由代理启动时新建"))
    }

    /// Secrets are only read; all else is written too.
    private func isUsable(_ entry: StateEntry) -> Bool {
        let secrets = [state.flowSecret, state.signingKey, named]
        let needed: mode_t =
            entry.kind == .folder ? 0o700 : secrets.contains(entry.path) ? 0o400 : 0o600
        return entry.owner == user && entry.mode & needed == needed
    }

    /// - Parameter isSafe: whether nothing lies there that must not be given to the agent's user.
    private func notUsers(_ wrong: [StateEntry], isSafe: Bool) -> DoctorFinding {
        let first = wrong.prefix(Self.mostNamed).map { entry in
            let name = AdvisedName.quoted(String(entry.path.dropFirst(state.path.count + 1)))
            let mode = String(entry.mode, radix: 8)
            return "\(name) (\(ProcessIdentity.name(ofUser: entry.owner)), \(mode))"
        }
        let names = first.joined(separator: ", ") + (wrong.count > first.count ? " …" : "")
        let fix = StateOwnership(folder: state.path, owner: identity, language: language).fix
        return DoctorFinding(
            .state, state.path, .fault,
            language.say(
                "\(wrong.count) files in it are not \(identity.user)'s, or that user may not use "
                    + "them: \(names); the agent does not start, or goes on without them",
                "其中 \(wrong.count) 个文件不属于 \(identity.user)，或该用户无权使用：\(names)；"
                    + "代理无法启动，或不使用它们继续运行"),
            fix: isSafe
                ? fix
                : language.say("first remove what is named above, then ", "先删除以上各项，然后 ")
                    + fix, isOfRights: true)
    }

    private func words(_ kind: StateEntry.Kind) -> String {
        switch kind {
        case .link:
            language.say(
                "is a link, and nothing of the agent's is one: what it leads to is not looked at",
                "是链接，而代理的文件都不是链接：不查看其目标")
        case .otherName:
            language.say(
                "is another name of a file of another user", "是其他用户文件的另一个名称")
        case .file: language.say("is no folder", "不是目录")
        case .folder: language.say("is a folder, and should be a file", "是目录，应为文件")
        case .special: language.say("is no plain file", "不是普通文件")
        }
    }

    /// Removes this name and nothing else. The agent's user could put another folder in the place of
    /// the spool's: what is in that is removed with the user's own rights.
    private func remove(_ entry: StateEntry) -> String {
        let isInSpool = entry.path.hasPrefix(state.spool + "/")
        return AdvisedName(entry.path, language).removal { word in
            let command = (entry.kind == .folder ? "rm -r " : "rm ") + word
            return isInSpool ? identity.asUser(command) : command
        }
    }
}
