import Glibc
import Settings
import TransportSecurity

/// Reads the files for TLS towards one collector: whether they fit together, whom they name, and for
/// how long they hold.
struct CertificateCheck {
    let address: String
    let files: TLSSettings
    let agent: String
    /// Seconds since 1970.
    let now: Int64
    let identity: ProcessIdentity
    let language: SentenceLanguage
    /// Where the agent's files for TLS lie, as docs/tls.md has it.
    var folder = "/etc/jouleflow/agent-tls"

    func findings() -> [DoctorFinding] {
        let warnings: [CredentialWarning]
        do throws(CredentialProblem) {
            warnings = try LiveCredentials.check(
                CredentialFiles(files), side: .agent, agent: agent, at: now)
        } catch {
            let (found, fix) = words(error)
            return [
                DoctorFinding(
                    .certificates, address, .fault, found, fix: fix, isOfRights: error.isPermission)
            ]
        }
        guard !warnings.isEmpty else {
            return [
                DoctorFinding(
                    .certificates, address, .ok,
                    language.say(
                        "the certificate is of \(agent), holds for 14 days at least, and the key is its own",
                        "证书属于 \(agent)，至少 14 天内有效，且与密钥相符"))
            ]
        }
        return warnings.map { finding($0.isFatal ? .fault : .warning, words($0)) }
    }

    private func finding(
        _ state: DoctorFinding.State, _ words: (found: String, fix: String)
    ) -> DoctorFinding {
        DoctorFinding(.certificates, address, state, words.found, fix: words.fix)
    }

    /// How a certificate of this agent is made, on the host of the authority.
    private var renew: String {
        if identity.isNobody { return identity.refusal(language) }
        let (certificate, key) = (shellWord(files.certificate), shellWord(files.key))
        return language.say(
            "on the authority's host `jouleflow-collector ca agent --ca CA --out NEW \(agent)`; then put "
                + "NEW/agent-\(agent).pem to \(certificate) and NEW/agent-\(agent).key to \(key), of "
                + "\(identity.user) and mode 0600; no restart is needed",
            "在签发机构主机上 `jouleflow-collector ca agent --ca CA --out NEW \(agent)`；再将 "
                + "NEW/agent-\(agent).pem 放到 \(certificate)，NEW/agent-\(agent).key 放到 \(key)，属主 "
                + "\(identity.user)，权限 0600；无需重启")
    }

    private var renewAuthority: String {
        language.say(
            "put the authority's present certificate to \(shellWord(files.ca)); "
                + "\(Manual.path(of: "tls")) tells how an authority is renewed",
            "将签发机构的现行证书放到 \(shellWord(files.ca))；更新方法见 \(Manual.path(of: "tls"))")
    }

    private func renewal(of path: String) -> String {
        path == files.ca ? renewAuthority : renew
    }

    private func words(_ problem: CredentialProblem) -> (found: String, fix: String) {
        switch problem {
        case .unreadable(let path, ENOENT):
            (
                language.say("there is no \(path)", "没有 \(path)"),
                language.say(
                    "put the file there, or correct the path under tls: ", "放置该文件，或改正 tls 下的路径：")
                    + renewal(of: path)
            )
        case .unreadable(let path, let code):
            (
                language.say(
                    "user \(identity.user) cannot read \(path): \(String(cString: strerror(code)))",
                    "用户 \(identity.user) 无法读取 \(path)：\(String(cString: strerror(code)))"),
                give(path)
            )
        case .exposedKey(let path):
            (
                language.say(
                    "others than its owner may use the key \(path)", "所有者以外的用户可以使用密钥 \(path)"),
                give(path)
            )
        case .keyMismatch(let certificate, let key):
            (
                language.say(
                    "the key \(key) is not that of the certificate \(certificate)",
                    "密钥 \(key) 与证书 \(certificate) 不符"),
                language.say("put both files of one issue there: ", "请放置同一次签发的两个文件：") + renew
            )
        case .notAFile(let path), .tooLarge(let path, _), .noCertificate(let path),
            .noKey(let path):
            ("\(problem)", renewal(of: path))
        case .unusable: ("\(problem)", renew)
        }
    }

    /// Certificates are not issued anew for a clock that is wrong, on either of two hosts.
    private func afterClock(_ path: String, else cause: String) -> String {
        language.say(
            "see this host's clock: `date -u`; if it is right, ", "检查本机时钟：`date -u`；若正确，则")
            + cause + renewal(of: path)
    }

    func words(_ warning: CredentialWarning) -> (found: String, fix: String) {
        switch warning {
        case .expired(let path, let at):
            (
                language.say("\(path) expired on \(utc(at))", "\(path) 已于 \(utc(at)) 过期"),
                afterClock(path, else: "")
            )
        case .expiresSoon(let path, let at, let days):
            (
                language.say(
                    "\(path) expires on \(utc(at)), in \(days) days",
                    "\(path) 将于 \(utc(at)) 过期，还有 \(days) 天"), renewal(of: path)
            )
        case .notYetValid(let path, let from):
            (
                language.say(
                    "\(path) holds from \(utc(from)) on", "\(path) 自 \(utc(from)) 起生效"),
                afterClock(
                    path,
                    else: language.say(
                        "that of the authority's host was wrong: ", "签发机构主机的时钟有误："))
            )
        case .notOfAgent(let path, let id, let names):
            (
                language.say(
                    "\(path) is of \(names), not of agent \(id): the collector refuses it",
                    "\(path) 属于 \(names)，而非代理 \(id)：采集端会拒绝"), renew
            )
        }
    }
}
