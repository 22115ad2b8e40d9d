import Glibc
import Settings

/// Looks at the state folder and the secrets: who may use them, and whether they are whole.
struct StateCheck {
    let settings: AgentSettings
    /// Whether the unit makes the folder when it starts.
    let isMadeByUnit: Bool
    let identity: ProcessIdentity
    /// The agent's user, to whom all of it should belong.
    let owner: ProcessIdentity
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        let folder = folderFinding
        guard folder.state == .ok || folder.state == .warning else { return [folder] }
        return [folder] + files.findings() + secrets
    }

    private var path: String { settings.state }

    var files: StateFilesCheck {
        let named = settings.flowKeys.secret.flatMap { $0.hasPrefix(path + "/") ? $0 : nil }
        return StateFilesCheck(
            state: StateDirectory(at: path), named: named, user: owner.number, identity: owner,
            language: language)
    }

    /// Makes the folder with all in it the agent's user's.
    var give: String { StateOwnership(folder: path, owner: owner, language: language).fix }

    /// Where another than root could put a link in its place, root makes nothing there.
    private var make: String {
        if owner.isNobody { return owner.refusal(language) }
        guard FileWay.foreignFolder(to: path, user: 0) == nil else {
            return StateOwnership(folder: path, owner: owner, language: language).move
        }
        return "`install -d -m 0700 -o \(owner.user) -g \(owner.group) \(shellWord(path))`"
    }

    private func fault(
        _ found: String, _ fix: String, isOfRights: Bool = false
    ) -> DoctorFinding {
        DoctorFinding(.state, path, .fault, found, fix: fix, isOfRights: isOfRights)
    }

    private var folderFinding: DoctorFinding {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            guard code == ENOENT else {
                return fault(
                    language.say(
                        "cannot be looked at: \(words(code))", "无法查看：\(words(code))"),
                    give, isOfRights: code == EACCES)
            }
            // The agent makes it itself where it may.
            if isMadeByUnit || access(Self.folder(above: path), W_OK) == 0 {
                return DoctorFinding(
                    .state, path, .ok,
                    isMadeByUnit
                        ? language.say(
                            "is not there yet; the unit makes it when it starts",
                            "尚不存在；单元启动时会创建")
                        : language.say(
                            "is not there yet; the agent makes it", "尚不存在；代理会创建"))
            }
            return fault(language.say("there is no such folder", "没有该目录"), make)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return fault(
                language.say("it is no folder", "不是目录"),
                language.say("move it away, then ", "移走它，然后 ") + make)
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            let code = errno
            return code == EROFS
                ? fault(
                    language.say("it lies on a read-only file system", "位于只读文件系统"),
                    "`mount -o remount,rw \(shellWord(mountPoint))`")
                : fault(
                    language.say(
                        "user \(identity.user) may not write to it (\(words(code)))",
                        "用户 \(identity.user) 无权写入（\(words(code))）"),
                    give, isOfRights: true)
        }
        guard status.st_mode & 0o022 == 0 else {
            return DoctorFinding(
                .state, path, .warning,
                language.say("others may write to it", "其他用户可以写入"),
                fix: give)
        }
        return DoctorFinding(
            .state, path, .ok,
            language.say(
                "user \(identity.user) may write to it", "用户 \(identity.user) 可以写入"))
    }

    /// `/` and `.` have none above.
    static func folder(above path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The folder at which the state's file system is mounted.
    private var mountPoint: String {
        var (below, at) = (stat(), path)
        guard stat(at, &below) == 0 else { return path }
        while at != "/", at != "." {
            let parent = Self.folder(above: at)
            var above = stat()
            guard stat(parent, &above) == 0, above.st_dev == below.st_dev else { return at }
            at = parent
        }
        return "/"
    }

    func words(_ code: Int32) -> String { String(cString: strerror(code)) }
}
