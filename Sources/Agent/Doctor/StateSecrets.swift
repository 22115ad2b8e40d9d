import Glibc
import Settings

extension StateCheck {
    /// The secret of flow keys and the key that batches are signed with.
    var secrets: [DoctorFinding] {
        let state = StateDirectory(at: settings.state)
        let named = settings.flowKeys.secret
        return [
            secret(
                named ?? state.flowSecret, of: named == nil ? .ownFlowKeys : .sharedFlowKeys),
            secret(state.signingKey, of: .signing),
        ].compactMap { $0 }
    }

    /// `nil` for what is told already: it is a link, or no file.
    private func secret(_ path: String, of purpose: SecretPurpose) -> DoctorFinding? {
        let isInState = path.hasPrefix(settings.state + "/")
        guard !isInState || files.isPlain(path) else { return nil }
        do throws(SecretFileError) {
            _ = try SecretFile(path, of: purpose).read(isLinkFollowed: !isInState)
        } catch {
            if purpose.isMadeByAgent, error.cause == .unreadable(ENOENT) {
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
        switch cause {
        case .unreadable(ENOENT):
            return (language.say("there is no such secret", "没有该密钥"), make(path))
        case .unreadable(let code), .unwritable(let code):
            return (
                language.say(
                    "user \(identity.user) cannot read it: \(words(code))",
                    "用户 \(identity.user) 无法读取：\(words(code))"), give(path)
            )
        case .notAFile:
            return (
                language.say("it is no file", "不是文件"),
                purpose.isMadeByAgent
                    ? renewal(of: path, purpose)
                    : language.say("move it away, then ", "移走它，然后 ") + make(path)
            )
        case .exposed:
            return (
                language.say("others than its owner may use it", "所有者以外的用户可以使用"), give(path)
            )
        case .badLength(let bytes):
            let (least, most) = (purpose.lengths.lowerBound, purpose.lengths.upperBound)
            let right =
                least == most
                ? "\(least)"
                : language.say(
                    "\(least) to \(most)", "\(least) 至 \(most)")
            return (
                language.say(
                    "it has \(bytes) bytes, and \(right) are right",
                    "长度为 \(bytes) 字节，应为 \(right) 字节"),
                purpose.isMadeByAgent ? renewal(of: path, purpose) : make(path)
            )
        }
    }

    /// What helps where the agent made it, and would again.
    private func renewal(of path: String, _ purpose: SecretPurpose) -> String {
        let removal = AdvisedName(path, language).removal { "rm \($0)" }
        return language.say(
            "restore it, or remove it, \(removal): the agent makes another at its next start, ",
            "恢复该文件，或将其删除（\(removal)）：代理下次启动时会另建，")
            + purpose.loss(in: language)
    }

    private func give(_ path: String) -> String {
        guard !path.hasPrefix(settings.state + "/"), !owner.isNobody else { return give }
        if let link = FileWay.changeableLink(to: path) {
            return linkAdvice(link, setting: "flow_secret", language)
        }
        guard let blocked = BlockedWay.to(path) else {
            return owner.command(toGive: path, mode: "600") ?? elsewhere(path)
        }
        return behind(blocked, path)
    }

    /// No folder is laid open for a secret: the folder has others' too.
    func behind(_ blocked: BlockedWay, _ path: String) -> String {
        let folder = StateCheck.folder(above: Self.secretFile)
        guard FileWay.foreignFolder(to: path, user: 0) == nil else { return elsewhere(path) }
        guard FileWay.resolved(blocked.folder) != folder else {
            return blocked.fix(for: owner, own: [blocked.folder])
                ?? blocked.apart(for: owner, language)
        }
        return language.say(
            "\(shellWord(blocked.folder)) stays closed: copy the secret, "
                + "`install -m 0600 -o \(owner.user) -g \(owner.group) \(shellWord(path)) "
                + "\(Self.secretFile)`, and name the copy in flow_secret",
            "\(shellWord(blocked.folder)) 保持关闭：复制该密钥，"
                + "`install -m 0600 -o \(owner.user) -g \(owner.group) \(shellWord(path)) "
                + "\(Self.secretFile)`，并由 flow_secret 指定该副本")
    }

    /// Where a secret that hosts share lies, in the folder of the settings.
    private static var secretFile: String { "/etc/jouleflow/flow.secret" }

    /// Where somebody else could put a link in its place, root writes nothing there.
    private func make(_ path: String) -> String {
        if owner.isNobody { return owner.refusal(language) }
        let isInState = path.hasPrefix(settings.state + "/")
        guard !isInState, FileWay.foreignFolder(to: path, user: 0) == nil else {
            return elsewhere(path)
        }
        return madeSecret(path)
    }

    private func madeSecret(_ path: String) -> String {
        let word = shellWord(path)
        return
            "`(umask 077; head -c 32 /dev/urandom > \(word)) && "
            + "chown -h \(owner.user):\(owner.group) \(word)`"
            + language.say(
                ", and copy it to all hosts that share flows", "，并复制到共享流程的所有主机")
    }

    private func elsewhere(_ path: String) -> String {
        let better = Self.secretFile
        return language.say(
            "others than root may change what lies there: put the secret that all hosts share to "
                + "\(better), which flow_secret names then, of \(owner.user) and mode 0600; "
                + "where there is none yet ",
            "root 以外的用户可更改该处内容：将各主机共享的密钥放到 \(better)（属主 \(owner.user)，权限 0600），"
                + "并由 flow_secret 指定；若尚无密钥 ") + madeSecret(better)
    }
}
