import NIOSSL

/// Why a TLS connection did not come about, or ended.
package enum TLSFailure: Error, Sendable, Hashable {
    /// The other side's bytes are no TLS.
    case peerIsPlain
    /// The other side offers no TLS 1.3.
    case peerIsTooOld
    /// The agent showed no certificate.
    case noCertificate
    /// The other side's certificate has expired, in seconds since 1970.
    case expired(at: Int64)
    /// The other side's certificate does not hold yet.
    case notYetValid(from: Int64)
    /// No trusted authority stands behind the other side's certificate, or it is made for another
    /// use.
    case untrusted
    /// The collector's certificate is of other hosts.
    case otherHost(expected: String, names: String)
    /// The collector's name has letters that no certificate can carry.
    case unusableName(String)
    /// The other side refused, with the name of its alert.
    case refusedByPeer(alert: String)
    /// The other side closed before it said anything over the encrypted connection.
    case closedAtOnce
    /// The other side closed during the handshake.
    case closedInHandshake
    /// The handshake was not finished in time.
    case tooSlow
    /// The connection ended without the orderly end of TLS.
    case cut
    /// Anything else, in the library's words.
    case other(String)

    /// The library's error in these terms; `nil` where it is none of TLS. `peer` is the other
    /// side's certificate where one was seen, `now` seconds since 1970.
    static func of(
        _ error: any Error, peer: CertificateFacts?, host: String?, now: Int64
    ) -> TLSFailure? {
        switch error {
        case let failure as TLSFailure: failure
        case NIOSSLError.uncleanShutdown: .cut
        case NIOSSLError.handshakeFailed(let error): of(error, peer, now)
        case let error as BoringSSLError: of(error, peer, now)
        case let error as NIOSSLExtraError:
            switch error {
            case .failedToValidateHostname:
                .otherHost(expected: host ?? "", names: peer?.names ?? "others")
            case .serverHostnameImpossibleToMatch, .invalidSNIHostname: .unusableName(host ?? "")
            default: .other("\(error)")
            }
        case is NIOSSLError: .other("\(error)")
        default: nil
        }
    }

    private static func of(
        _ error: BoringSSLError, _ peer: CertificateFacts?, _ now: Int64
    ) -> TLSFailure {
        guard case .sslError(let stack) = error, !stack.isEmpty else { return .cut }
        if stack.contains(.eofDuringHandshake) { return .closedInHandshake }
        let reasons = stack.map(reason)
        for reason in reasons {
            switch reason {
            case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST": return .peerIsPlain
            case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION": return .peerIsTooOld
            case "PEER_DID_NOT_RETURN_A_CERTIFICATE": return .noCertificate
            case "CERTIFICATE_VERIFY_FAILED":
                guard let peer else { return .untrusted }
                if peer.notAfter < now { return .expired(at: peer.notAfter) }
                return peer.notBefore > now ? .notYetValid(from: peer.notBefore) : .untrusted
            case _ where reason.contains("_ALERT_"):
                let name = reason.split(separator: "_").drop { $0 != "ALERT" }.dropFirst()
                return .refusedByPeer(alert: name.joined(separator: " ").lowercased())
            default: continue
            }
        }
        return .other(reasons.joined(separator: ", "))
    }

    /// The reason in `error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at …`.
    private static func reason(_ error: BoringSSLInternalError) -> String {
        let words = error.description.split(separator: " ")
        let word = words.first { $0.hasPrefix("routines:") }?.split(separator: ":").last
        return word.map(String.init) ?? error.description
    }
}

extension TLSFailure {
    /// What happened and what to do, for the log of this side.
    package func sentence(on side: TransportSide) -> String {
        switch side {
        case .agent: onAgent
        case .collector: onCollector
        }
    }

    private var onAgent: String {
        switch self {
        case .peerIsPlain:
            "no TLS is spoken at this address: write tls in the collector's settings, or, on a "
                + "network you trust, plaintext: true here"
        case .peerIsTooOld: "the other side speaks no TLS 1.3: is it a Jouleflow collector?"
        case .expired(let at):
            "the collector's certificate expired on \(utc(at)): renew it on the collector's host"
        case .notYetValid(let from):
            "the collector's certificate holds from \(utc(from)) on: is this host's clock right?"
        case .untrusted, .noCertificate:
            "the collector's certificate is not trusted: its authority must be in the file ca "
                + "under tls and not have expired, and it must be a certificate for servers"
        case .otherHost(let expected, let names):
            "the collector's certificate is of \(names), not of \(expected): write one of these in "
                + "address or server_name, or make a certificate with this name"
        case .unusableName(let name):
            "no certificate can carry the name \(name): write the name in the collector's "
                + "certificate as server_name"
        case .refusedByPeer(let alert):
            "the collector refused this agent's certificate (\(alert)): its log says why"
        case .closedAtOnce:
            "the collector closed the connection before its welcome, and may have refused this "
                + "agent's certificate: its log says why"
        case .closedInHandshake: "the collector closed the connection in the TLS handshake"
        case .tooSlow: "the TLS handshake with the collector was not finished in time"
        case .cut: "the connection was cut"
        case .other(let reason): "TLS failed: \(reason)"
        }
    }

    private var onCollector: String {
        switch self {
        case .peerIsPlain:
            "the peer speaks no TLS: if it is an agent, write tls in place of plaintext: true in "
                + "its settings"
        case .peerIsTooOld: "the peer speaks no TLS 1.3"
        case .noCertificate:
            "the peer showed no certificate: an agent needs one, as tls in its settings"
        case .expired(let at): "the peer's certificate expired on \(utc(at)): renew it on its host"
        case .notYetValid(let from):
            "the peer's certificate holds from \(utc(from)) on: is this host's clock right?"
        case .untrusted, .otherHost, .unusableName:
            "the peer's certificate is not trusted: its authority must be in the file ca under tls "
                + "and not have expired, and it must be a certificate for clients"
        case .refusedByPeer(let alert):
            "the peer refused this collector's certificate (\(alert)): its log says why; its "
                + "file ca must hold the authority of this certificate"
        case .closedAtOnce, .closedInHandshake:
            "the peer closed the connection in the TLS handshake: if it is an agent, its log says "
                + "why"
        case .tooSlow: "the TLS handshake was not finished in time"
        case .cut: "the connection was cut"
        case .other(let reason): "TLS failed: \(reason)"
        }
    }
}
