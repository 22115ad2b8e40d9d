import Glibc
import Settings

/// Looks at the state folder and the secrets: who may use them, and whether they are whole.
struct StateCheck {
    let settings: AgentSettings
    /// Whether the unit makes the folder when it starts.
    let isMadeByUnit: Bool
    let identity: ProcessIdentity
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        let folder = folderFinding
        guard folder.state == .ok || folder.state == .warning else { return [folder] }
        return [folder] + secrets
    }

    private var path: String { settings.state }

    private var make: String {
        "`install -d -m 0700 -o \(identity.user) -g \(identity.group) \(shellWord(path))`"
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
                    identity.command(toUse: path, own: path), isOfRights: code == EACCES)
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
                    identity.command(toUse: path, own: path), isOfRights: true)
        }
        guard status.st_mode & 0o022 == 0 else {
            return DoctorFinding(
                .state, path, .warning,
                language.say("others may write to it", "其他用户可以写入"),
                fix: "`chmod 700 \(shellWord(path))`")
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

    private var secrets: [DoctorFinding] {
        let state = StateDirectory(at: path)
        var findings: [DoctorFinding] = []
        if let named = settings.flowKeys.secret {
            findings.append(secret(named, of: .flowKeys, isMadeByAgent: false))
        } else {
            findings.append(secret(state.flowSecret, of: .flowKeys, isMadeByAgent: true))
        }
        findings.append(secret(state.signingKey, of: .signing, isMadeByAgent: true))
        return findings
    }

    private func secret(
        _ path: String, of purpose: SecretPurpose, isMadeByAgent: Bool
    ) -> DoctorFinding {
        let lengths = purpose == .flowKeys ? FlowSecretFile.lengths : SigningKeyFile.lengths
        do throws(SecretFileError) {
            _ = try SecretFile(path, of: purpose, lengths: lengths).read()
        } catch {
            if isMadeByAgent, error.cause == .unreadable(ENOENT) {
                return DoctorFinding(
                    .state, path, .ok,
                    language.say("is not there yet; the agent makes it", "尚不存在；代理会创建"))
            }
            let (found, fix) = words(error.cause, path, purpose)
            return DoctorFinding(
                .state, path, .fault, found, fix: fix, isOfRights: error.isPermission)
        }
        return DoctorFinding(
            .state, path, .ok,
            language.say(
                "can be used, by user \(identity.user) alone", "可用，且仅用户 \(identity.user) 可用"))
    }

    private func words(
        _ cause: SecretFileError.Cause, _ path: String, _ purpose: SecretPurpose
    ) -> (found: String, fix: String) {
        let (word, owner) = (shellWord(path), "\(identity.user):\(identity.group)")
        let restore = language.say(
            "restore it, or move it away: the agent makes another at its start, and the collector "
                + "names the change",
            "恢复该文件，或移走：代理启动时会另建，采集端会提示变更")
        let make =
            "`(umask 077; head -c 32 /dev/urandom > \(word)) && chown \(owner) \(word)`"
            + language.say(
                ", and copy it to all hosts that share flows", "，并复制到共享流程的所有主机")
        switch cause {
        case .unreadable(ENOENT):
            return (language.say("there is no such secret", "没有该密钥"), make)
        case .unreadable(let code), .unwritable(let code):
            return (
                language.say(
                    "user \(identity.user) cannot read it: \(words(code))",
                    "用户 \(identity.user) 无法读取：\(words(code))"),
                BlockedWay.to(path)?.fix ?? "`chown \(owner) \(word) && chmod 600 \(word)`"
            )
        case .notAFile:
            return (language.say("it is no file", "不是文件"), purpose == .flowKeys ? make : restore)
        case .exposed:
            return (
                language.say("others than its owner may use it", "所有者以外的用户可以使用"),
                "`chmod 600 \(word)`"
            )
        case .badLength(let bytes):
            return (
                language.say("it has \(bytes) bytes, which is wrong", "长度 \(bytes) 字节有误"),
                purpose == .flowKeys ? make : restore
            )
        }
    }

    private func words(_ code: Int32) -> String { String(cString: strerror(code)) }
}
