import CertificateAuthority
import Foundation
import TransportSecurity

/// A folder with an authority and what it issued, removed at the end.
final class Issued: Sendable {
    let folder: String

    init(authorityName: String = "test", at now: Date = Date()) throws {
        folder = NSTemporaryDirectory() + "jf-tls-\(UUID().uuidString)"
        _ = try CertificateAuthority.make(named: authorityName, in: folder, at: now)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func collector(
        _ hosts: [String] = ["127.0.0.1"], at now: Date = Date()
    ) throws -> CredentialFiles {
        files(try CertificateAuthority(in: folder).issueCollector(hosts: hosts, to: own(), at: now))
    }

    func agent(_ id: String, at now: Date = Date()) throws -> CredentialFiles {
        files(try CertificateAuthority(in: folder).issueAgent(id, to: own(), at: now))
    }

    /// A folder of its own for each issue, so that one name may be issued twice.
    private func own() -> String { "\(folder)/\(UUID().uuidString)" }

    private func files(_ issued: IssuedFiles) -> CredentialFiles {
        CredentialFiles(
            authorities: "\(folder)/ca.pem", certificate: issued.certificate, key: issued.key)
    }
}

/// Puts the certificate and key of `new` in the place of those of `old`, the key first.
func renew(_ old: CredentialFiles, with new: CredentialFiles) throws {
    for (old, new) in [(old.key, new.key), (old.certificate, new.certificate)] {
        guard rename(new, old) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
