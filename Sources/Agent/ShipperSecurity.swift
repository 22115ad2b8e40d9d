import Logging
import NIOCore
package import Settings
package import TransportSecurity
import Wire

/// TLS towards one collector.
struct ShipperSecurity: Sendable {
    private let credentials: LiveCredentials
    /// The name or address that the collector's certificate must carry.
    private let host: String

    /// `nil` where the collector is spoken to without encryption.
    init?(_ collector: CollectorEndpoint, agent: String, log: Logger) {
        guard case .tls(let tls) = collector.transport else { return nil }
        credentials = LiveCredentials(
            CredentialFiles(tls), side: .agent, agent: agent, log: log)
        host = tls.serverName ?? collector.address.host
    }

    /// Reads the files if they changed. Throws where no connection can come about.
    func refresh() throws(CredentialProblem) { try credentials.refresh() }

    /// Waits before the next connection; not to the end of `pause` where files of `securities` change
    /// on disk, for with new ones it may come about. Returns whether they did.
    static func rest(_ pause: Duration, unlessRenewed securities: [ShipperSecurity]) async -> Bool {
        await LiveCredentials.areRenewed(
            securities.map(\.credentials), within: pause, every: WireTiming.firstPause)
    }

    /// Adds TLS to a channel; what it returns comes once the collector is known to be the one.
    func secure(_ channel: any Channel) throws -> EventLoopFuture<CertificateFacts> {
        try credentials.connect(channel, host: host, within: TimeAmount(WireTiming.handshake))
    }

    /// Warns of certificates that expire, until cancelled.
    func watchExpiry() async { await credentials.watchExpiry() }
}

extension CredentialFiles {
    /// The files that the settings name.
    package init(_ tls: TLSSettings) {
        self.init(authorities: tls.ca, certificate: tls.certificate, key: tls.key)
    }
}

/// The files for TLS, for people.
package struct TransportSummary {
    /// A sentence about each collector's certificates; warnings among them.
    package private(set) var lines: [String] = []
    /// Why there are no connections with these files; empty where there may be.
    package private(set) var problems: [String] = []
    /// Whether a right to read a file is missing.
    package private(set) var isPermission = false

    /// Reads the files that the settings name.
    package init(_ settings: AgentSettings, in language: SentenceLanguage) {
        let user = ProcessIdentity.current.whoLooked(language)
        for collector in settings.collectors {
            guard case .tls(let tls) = collector.transport else { continue }
            do throws(CredentialProblem) {
                let warnings = try LiveCredentials.check(
                    CredentialFiles(tls), side: .agent, agent: settings.id)
                problems += warnings.filter(\.isFatal).map(\.description)
                lines += warnings.filter { !$0.isFatal }.map { Self.words($0, language) }
                if warnings.contains(where: \.isFatal) { continue }
                lines.append(
                    language.say(
                        "The certificates for \(collector.address) can be used by \(user).",
                        "用于 \(collector.address) 的证书可由\(user)使用。"))
            } catch {
                problems.append(error.description)
                isPermission = isPermission || error.isPermission
            }
        }
    }

    private static func words(
        _ warning: CredentialWarning, _ language: SentenceLanguage
    ) -> String {
        guard language == .chinese, case .expiresSoon(let path, let at, let days) = warning else {
            return "\(language.say("warning: ", "警告："))\(warning)"
        }
        return "警告：\(path) 中的证书将于 \(utc(at)) 过期，还有 \(days) 天：请放入新证书，无需重启"
    }
}
