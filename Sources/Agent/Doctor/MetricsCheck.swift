import Glibc
import Settings

/// Looks whether the agent shows its metrics where the settings say, or could: whether somebody else
/// listens there.
struct MetricsCheck {
    let address: NetworkAddress
    /// What comes of taking the address: 0, or the system's error.
    let code: Int32
    /// Who listens at the port, as far as that can be seen.
    let holder: PortHolder
    /// The running agent, where it can be found, and its user.
    let agent: (pid: Int, user: uid_t)?
    /// Whether an agent runs; `nil` where that cannot be seen.
    let isRunning: Bool?
    let language: SentenceLanguage

    /// Takes the address for an instant, as the agent does, and does not listen.
    static func of(
        _ address: NetworkAddress, _ seen: SeenAgent, procfs: String, language: SentenceLanguage
    ) -> MetricsCheck {
        MetricsCheck(
            address: address, code: PortHolder.probe(address),
            holder: PortHolder(of: address.port, procfs: procfs),
            agent: seen.pid.flatMap { pid in seen.process.map { (pid, $0.user) } },
            isRunning: seen.isRunning, language: language)
    }

    func finding() -> DoctorFinding {
        switch code {
        case 0: free
        case EADDRINUSE where isAgents:
            of(.ok, language.say("the agent shows its metrics there", "代理在此提供指标"))
        case EADDRINUSE: taken
        default: unusable
        }
    }

    private func of(
        _ state: DoctorFinding.State, _ found: String, fix: String = ""
    ) -> DoctorFinding {
        DoctorFinding(.metrics, "\(address)", state, found, fix: fix)
    }

    /// Where its descriptors cannot be seen, the listener's user tells.
    private var isAgents: Bool {
        guard let agent else { return false }
        return holder.pid.map { $0 == agent.pid } ?? (holder.user == agent.user)
    }

    private var restart: String { "`systemctl restart jouleflow-agent`" }

    private var free: DoctorFinding {
        guard isRunning == true else {
            return of(.ok, language.say("is free for the agent", "可供代理使用"))
        }
        return of(
            .warning,
            language.say(
                "nobody listens there, though the agent runs: it could not when it started, or has other "
                    + "settings", "代理在运行，但此处无人监听：启动时未能监听，或使用其他配置"), fix: restart)
    }

    private var taken: DoctorFinding {
        let port = "`ss -ltnp 'sport = :\(address.port)'`"
        return of(
            .warning,
            language.say(
                "\(holder.words(language)) listens there: the agent shows no metrics",
                "\(holder.words(language)) 在此监听：代理无法提供指标"),
            fix: language.say(
                "\(port) as root names the program: stop it, or name another port in listen.metrics; "
                    + "then \(restart)",
                "以 root 运行 \(port) 查看该程序：停止它，或在 listen.metrics 中改用其他端口；然后 \(restart)"))
    }

    private var unusable: DoctorFinding {
        let fix =
            switch code {
            case EACCES, EPERM:
                language.say(
                    "name a port from 1024 on in listen.metrics; then \(restart)",
                    "在 listen.metrics 中改用 1024 以上的端口；然后 \(restart)")
            default:
                language.say(
                    "name an address of this host in listen.metrics (`ip address` lists them); then "
                        + restart,
                    "在 listen.metrics 中填写本机地址（`ip address` 列出）；然后 \(restart)")
            }
        return of(
            .warning,
            language.say(
                "the agent cannot listen there: \(String(cString: strerror(code)))",
                "代理无法在此监听：\(String(cString: strerror(code)))"), fix: fix)
    }
}
