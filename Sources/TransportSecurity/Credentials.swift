import NIOCore
import NIOSSL

/// One side's certificates and key, read from their files and known to fit together.
struct Credentials: Sendable {
    /// The orderly end of a connection waits this long for the other side.
    private static let farewell = TimeAmount.seconds(1)

    let context: NIOSSLContext
    let certificate: CertificateFacts
    let authorities: [CertificateFacts]
    /// The files as they were when they were read.
    let marks: [FileMark]

    /// Reads the files. Time is not looked at: an expired certificate is read as well.
    init(_ files: CredentialFiles, side: TransportSide) throws(CredentialProblem) {
        let authorityFile = try CredentialFile(files.authorities, isSecret: false)
        let certificateFile = try CredentialFile(files.certificate, isSecret: false)
        let keyFile = try CredentialFile(files.key, isSecret: true)
        let authorities = try Self.certificates(authorityFile.bytes, files.authorities)
        let chain = try Self.certificates(certificateFile.bytes, files.certificate)
        guard let leaf = chain.first else { throw .noCertificate(path: files.certificate) }
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(bytes: keyFile.bytes, format: .pem) } catch {
            throw .noKey(path: files.key)
        }
        context = try Self.context(
            Self.configuration(side, authorities: authorities, chain: chain, key: key), files)
        certificate = CertificateFacts(leaf)
        self.authorities = authorities.map(CertificateFacts.init)
        marks = [authorityFile.mark, certificateFile.mark, keyFile.mark]
    }

    private static func certificates(
        _ bytes: [UInt8], _ path: String
    ) throws(CredentialProblem) -> [NIOSSLCertificate] {
        do { return try NIOSSLCertificate.fromPEMBytes(bytes) } catch {
            throw .noCertificate(path: path)
        }
    }

    private static func configuration(
        _ side: TransportSide, authorities: [NIOSSLCertificate], chain: [NIOSSLCertificate],
        key: NIOSSLPrivateKey
    ) -> TLSConfiguration {
        var configuration: TLSConfiguration
        switch side {
        case .agent:
            configuration = .makeClientConfiguration()
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
            configuration.trustRoots = .certificates(authorities)
            configuration.certificateVerification = .fullVerification
        case .collector:
            // A client certificate is required; it has no host name to verify.
            configuration = .makeServerConfigurationWithMTLS(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key),
                trustRoots: .certificates(authorities))
        }
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        configuration.shutdownTimeout = farewell
        return configuration
    }

    private static func context(
        _ configuration: TLSConfiguration, _ files: CredentialFiles
    ) throws(CredentialProblem) -> NIOSSLContext {
        do { return try NIOSSLContext(configuration: configuration) } catch {
            // The library tells a key of another certificate by this error alone.
            if case NIOSSLError.failedToLoadPrivateKey = error {
                throw .keyMismatch(certificate: files.certificate, key: files.key)
            }
            throw .unusable(certificate: files.certificate, reason: "\(error)")
        }
    }
}

/// What is wrong, or soon will be, with files that can be read.
package enum CredentialWarning: Sendable, Hashable, CustomStringConvertible {
    case expired(path: String, at: Int64)
    case expiresSoon(path: String, at: Int64, days: Int64)
    case notYetValid(path: String, from: Int64)
    /// The agent's certificate does not name the agent.
    case notOfAgent(path: String, id: String, names: String)

    /// Whether connections fail until it is mended.
    package var isFatal: Bool { if case .expiresSoon = self { false } else { true } }

    package var description: String {
        switch self {
        case .expired(let path, let at):
            "the certificate in \(path) expired on \(utc(at)): put a new one there; no restart is "
                + "needed"
        case .expiresSoon(let path, let at, let days):
            "the certificate in \(path) expires on \(utc(at)), in \(days) days: put a new one "
                + "there; no restart is needed"
        case .notYetValid(let path, let from):
            "the certificate in \(path) holds from \(utc(from)) on: is this host's clock right?"
        case .notOfAgent(let path, let id, let names):
            "the certificate in \(path) is of \(names), not of agent \(id): the collector refuses "
                + "it; `jouleflow-collector ca agent \(id)` makes one"
        }
    }
}

extension Credentials {
    /// A certificate that ends within this many seconds is warned of.
    static let warnedSeconds: Int64 = 14 * 86_400

    /// What to warn of at `now` (seconds since 1970); `agent` is the id that the certificate must
    /// name, where this is an agent's.
    func warnings(_ files: CredentialFiles, at now: Int64, agent: String?) -> [CredentialWarning] {
        var warnings: [CredentialWarning] = []
        if let agent, !certificate.isOf(agent: agent) {
            warnings.append(
                .notOfAgent(path: files.certificate, id: agent, names: certificate.names))
        }
        let dated = authorities.map { (files.authorities, $0) } + [(files.certificate, certificate)]
        for (path, facts) in dated {
            if facts.notAfter < now {
                warnings.append(.expired(path: path, at: facts.notAfter))
            } else if facts.notBefore > now {
                warnings.append(.notYetValid(path: path, from: facts.notBefore))
            } else if facts.notAfter - now < Self.warnedSeconds {
                let days = (facts.notAfter - now) / 86_400
                warnings.append(.expiresSoon(path: path, at: facts.notAfter, days: days))
            }
        }
        return warnings
    }
}
