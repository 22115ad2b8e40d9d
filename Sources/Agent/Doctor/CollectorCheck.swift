import Glibc
import Logging
import NIOCore
import NIOPosix
import Settings
import TransportSecurity

/// Connects to a collector as the agent does, up to the end of the handshake, and hangs up: the
/// agent's own connection goes on.
///
/// TLS 1.3 lets an agent finish its handshake before the collector has looked at its certificate.
/// The end of the connection tells what became of that: a collector that took the certificate ends
/// it in order, and one that refuses it sends an alert in the place of that, or drops it.
///
/// Source: RFC 8446 section 6.1: "Each party MUST send a "close_notify" alert before closing its
/// write side of the connection, unless it has already sent some error alert."
struct CollectorCheck: Sendable {
    /// How long a collector has to take the connection.
    static let connecting = TimeAmount.seconds(5)
    /// How long it has to answer the end of the connection.
    static let answering: Duration = .seconds(5)
    /// Without TLS nothing is answered: how long a connection has to stand.
    static let standing: Duration = .milliseconds(1500)

    let collector: CollectorEndpoint
    let agent: String
    let group: any EventLoopGroup
    let language: SentenceLanguage

    /// What became of a connection.
    private enum Outcome {
        /// It was taken, or without TLS it stands.
        case stands
        /// It stands, and the collector did not answer its end.
        case silent
        case ended(any Error)
    }

    func finding() async -> DoctorFinding {
        let outcome: Outcome
        do { outcome = try await connect() } catch { outcome = .ended(error) }
        switch outcome {
        case .stands:
            guard case .plaintext = collector.transport else {
                return told(
                    .ok,
                    language.say(
                        "reached over TLS 1.3; it is who it should be, and takes this agent's "
                            + "certificate",
                        "可经 TLS 1.3 到达；身份正确，并接受本代理的证书"), "")
            }
            return told(
                .ok,
                language.say(
                    "reached, without encryption: who it is was not looked at",
                    "可到达，未加密：未核实其身份"), "")
        case .silent:
            return told(
                .unknown,
                language.say(
                    "reached over TLS 1.3, and it is who it should be; it did not say within "
                        + "\(Self.answering.components.seconds) s whether it takes this agent's certificate",
                    "可经 TLS 1.3 到达，身份正确；\(Self.answering.components.seconds) 秒内未表明是否接受本代理的证书"),
                language.say(
                    "see the agent's log: `journalctl -u jouleflow-agent`",
                    "查看代理日志：`journalctl -u jouleflow-agent`"))
        case .ended(let error):
            let (found, fix) = words(error)
            let isOfRights = (error as? CredentialProblem)?.isPermission ?? false
            return told(.fault, found, fix, isOfRights: isOfRights)
        }
    }

    private func told(
        _ state: DoctorFinding.State, _ found: String, _ fix: String, isOfRights: Bool = false
    ) -> DoctorFinding {
        DoctorFinding(
            .collector, "\(collector.address)", state, found, fix: fix, isOfRights: isOfRights)
    }

    private func connect() async throws -> Outcome {
        let security = ShipperSecurity(
            collector, agent: agent, log: Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() })
        try security?.refresh()
        let address = collector.address
        let (channel, peer) = try await ClientBootstrap(group: group)
            .connectTimeout(Self.connecting)
            .connect(host: address.host, port: Int(address.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = try security?.secure(channel)
                    return (
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                            wrappingChannelSynchronously: channel), peer
                    )
                }
            }
        return try await channel.executeThenClose { inbound, _ in
            guard let peer else {
                return await Self.first(
                    of: { await Self.end(of: inbound, inOrder: .ended(TLSFailure.closedAtOnce)) },
                    or: .stands, after: Self.standing)
            }
            _ = try await peer.get()
            // What it fails for shows in what comes in.
            try? await channel.channel.close(mode: .output)
            return await Self.first(
                of: { await Self.end(of: inbound, inOrder: .stands) },
                or: .silent, after: Self.answering)
        }
    }

    /// What `outcome` says, or `otherwise` where it takes longer than `limit`.
    private static func first(
        of outcome: @escaping @Sendable () async -> Outcome, or otherwise: Outcome,
        after limit: Duration
    ) async -> Outcome {
        await withTaskGroup(of: Outcome?.self) { tasks in
            tasks.addTask { await outcome() }
            tasks.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { tasks.cancelAll() }
            guard let first = await tasks.next(), let outcome = first else { return otherwise }
            return outcome
        }
    }

    /// Waits for the end of the connection; `inOrder` is what it means where there is no error.
    private static func end(
        of inbound: NIOAsyncChannelInboundStream<ByteBuffer>, inOrder: Outcome
    ) async -> Outcome {
        do {
            for try await _ in inbound {}
            return inOrder
        } catch {
            return .ended(error)
        }
    }

    // MARK: Words

    private var host: String { collector.address.host }

    private func words(_ error: any Error) -> (found: String, fix: String) {
        switch error {
        case let failure as TLSFailure: words(failure)
        case let problem as CredentialProblem:
            (
                "\(problem)",
                language.say("see certificates above", "见上文 certificates")
            )
        case let error as NIOConnectionError: words(error)
        case let error as IOError: unreachable(String(cString: strerror(error.errnoCode)))
        case ChannelError.connectTimeout: unreachable(language.say("no answer", "没有应答"))
        default: unreachable("\(error)")
        }
    }

    private func words(_ error: NIOConnectionError) -> (found: String, fix: String) {
        if let first = error.connectionErrors.first { return words(first.error) }
        return (
            language.say("the name \(host) leads to no address", "域名 \(host) 无法解析"),
            language.say(
                "correct collectors[].address, or the resolver: `getent hosts \(shellWord(host))`",
                "改正 collectors[].address 或域名解析：`getent hosts \(shellWord(host))`")
        )
    }

    private func unreachable(_ reason: String) -> (found: String, fix: String) {
        let port = collector.address.port
        return (
            language.say("cannot be reached: \(reason)", "无法到达：\(reason)"),
            language.say(
                "on \(host) `systemctl start jouleflow-collector` and see that its listen.agents is at "
                    + "port \(port); let firewalls pass TCP to it; or correct collectors[].address",
                "在 \(host) 上 `systemctl start jouleflow-collector`，并确认其 listen.agents 端口为 \(port)；"
                    + "防火墙放行 TCP；或改正 collectors[].address")
        )
    }

    private func words(_ failure: TLSFailure) -> (found: String, fix: String) {
        let found = failure.sentence(on: .agent)
        let fix =
            switch failure {
            case .untrusted, .noCertificate:
                language.say(
                    "put the certificate of the authority that made the collector's certificate to the "
                        + "file ca under tls",
                    "将签发采集端证书的机构证书放到 tls 下的 ca 文件")
            case .refusedByPeer, .closedAtOnce, .closedInHandshake:
                language.say(
                    "see the collector's log: `journalctl -u jouleflow-collector`; its file ca must hold "
                        + "the authority of this agent's certificate",
                    "查看采集端日志：`journalctl -u jouleflow-collector`；其 ca 文件须包含签发本代理证书的机构")
            case .expired:
                language.say(
                    "see this host's clock: `date -u`; if it is right, on \(host) "
                        + "`jouleflow-collector ca collector --ca CA \(host)`, and put the files where "
                        + "its tls names them",
                    "检查本机时钟：`date -u`；若正确，则在 \(host) 上 "
                        + "`jouleflow-collector ca collector --ca CA \(host)`，并放到其 tls 指定处")
            case .notYetValid:
                language.say("see this host's clock: `date -u`", "检查本机时钟：`date -u`")
            case .otherHost(_, let names):
                language.say(
                    "write server_name under tls, one of \(names), or have a certificate made for \(host)",
                    "在 tls 下填写 server_name（\(names) 之一），或为 \(host) 签发证书")
            case .unusableName:
                language.say("write server_name under tls", "在 tls 下填写 server_name")
            case .peerIsPlain, .peerIsTooOld:
                language.say(
                    "see that collectors[].address is a Jouleflow collector's listen.agents, with tls in its "
                        + "settings",
                    "确认 collectors[].address 是配置了 tls 的 Jouleflow 采集端的 listen.agents")
            case .tooSlow, .cut, .other:
                language.say(
                    "see whether something between the hosts breaks TLS, and the collector's log",
                    "检查两机之间是否有设备中断 TLS，并查看采集端日志")
            }
        return (found, fix)
    }
}
