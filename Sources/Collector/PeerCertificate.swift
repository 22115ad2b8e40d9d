import Logging
import Metering
import NIOCore
import TransportSecurity
import Wire

/// What a connection makes of its peer's certificate, or of its lack.
extension Connection {
    /// The peer's certificate once it is verified; `nil` where the peer is not let in, which is
    /// logged.
    static func certificate(
        promised peer: EventLoopFuture<CertificateFacts>, on channel: any Channel, _ log: Logger
    ) async -> CertificateFacts? {
        do {
            // The handshake has a time limit of its own; a stop does not wait for it.
            return try await withTaskCancellationHandler {
                try await peer.get()
            } onCancel: {
                channel.close(promise: nil)
            }
        } catch TLSFailure.closedInHandshake {
            // Whoever looks whether the port is open does that.
            log.debug("connection closed in the TLS handshake")
        } catch  where !Task.isCancelled {
            let reason = (error as? TLSFailure)?.sentence(on: .collector) ?? "\(error)"
            log.warning("connection refused", metadata: ["reason": "\(reason)"])
        } catch {}
        return nil
    }

    /// Why the agent may not be under this certificate; `nil` where it may.
    static func mismatch(of certificate: CertificateFacts, _ agent: String) -> String? {
        guard !certificate.isOf(agent: agent) else { return nil }
        return "the certificate is of \(certificate.names), not of agent \(agent): give this host "
            + "the certificate of its agent.id, or agent.yaml the id of its certificate"
    }

    /// Why a connection ends when its peer's certificate has expired at `now`; `nil` before.
    static func expiry(of certificate: CertificateFacts, at now: Timestamp) -> String? {
        guard certificate.notAfter < Int64(clamping: now.rawValue / 1_000_000_000) else {
            return nil
        }
        return TLSFailure.expired(at: certificate.notAfter).sentence(on: .collector)
    }

    /// Says so where the first bytes on a port without TLS are those of TLS.
    static func note(peerOfPlainPort buffer: ByteBuffer, _ log: Logger) {
        guard TLSBytes.begin(buffer) else { return }
        log.warning(
            """
            the peer speaks TLS and this port does not: write tls in place of plaintext: true in \
            the collector's settings, or plaintext: true in the agent's
            """)
    }

    /// What a peer that speaks no TLS is told on a port that takes nothing else.
    static func needsTLS() throws(WireError) -> [UInt8] {
        var session = CollectorSession()
        return try session.refuse(
            code: .identity,
            text: "this collector takes TLS only: write tls in place of plaintext: true")
    }
}
