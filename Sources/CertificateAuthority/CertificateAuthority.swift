import Crypto
package import Foundation
import SwiftASN1
import X509

/// A certificate and its key as files that were made.
package struct IssuedFiles: Sendable, Hashable {
    package let certificate: String
    package let key: String
    package let notAfter: Date
}

/// A small authority for those who have none: it makes certificates of collectors and agents.
///
/// Keys are P-256; an authority holds ten years, what it makes two, but not longer than itself.
/// Certificates hold from an hour ago on, for hosts whose clocks are behind.
package struct CertificateAuthority {
    /// The file of the authority's certificate in its folder: the `ca` of all agents and collectors.
    package static let certificateName = "ca.pem"
    /// The file of the authority's key in its folder.
    package static let keyName = "ca.key"
    private static let authorityYears = 10
    private static let leafYears = 2
    /// Characters of a common name. Nobody looks at it: it is for people.
    ///
    /// Source: RFC 5280 appendix A.1, ub-common-name.
    private static let commonNameLength = 64
    private static let clocksBehind: TimeInterval = 3600

    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey
    private let path: String

    /// Makes an authority's two files in a folder, which is made where it is missing.
    package static func make(
        named name: String, in folder: String, at now: Date = Date()
    ) throws(AuthorityError) -> IssuedFiles {
        let key = P256.Signing.PrivateKey()
        let subject = try refusing {
            try DistinguishedName { CommonName(String(name.prefix(commonNameLength))) }
        }
        let certificate = try refusing {
            try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(),
                publicKey: .init(key.publicKey), notValidBefore: now - clocksBehind,
                notValidAfter: now.years(authorityYears), issuer: subject, subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: .init(key.publicKey))
                }, issuerPrivateKey: .init(key))
        }
        return try write(certificate, key, to: folder, certificateName, keyName)
    }

    /// Reads the authority in a folder. Throws where others may use its key, and where it expired.
    package init(in folder: String, at now: Date = Date()) throws(AuthorityError) {
        let path = "\(folder)/\(Self.certificateName)", keyPath = "\(folder)/\(Self.keyName)"
        let text = try NewFile.read(path, isSecret: false)
        let keyText = try NewFile.read(keyPath, isSecret: true)
        do { certificate = try Certificate(pemEncoded: text) } catch {
            throw .notPEM(path: path, holds: "certificate")
        }
        do { key = try P256.Signing.PrivateKey(pemRepresentation: keyText) } catch {
            throw .notPEM(path: keyPath, holds: "P-256 private key")
        }
        guard certificate.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw .keyMismatch(certificate: path, key: keyPath)
        }
        guard certificate.notValidAfter > now else { throw .expired(path: path) }
        self.path = path
    }

    /// Makes the certificate of a collector that agents reach by these names and addresses, at
    /// least one, in `collector-NAME.pem` and `.key`.
    package func issueCollector(
        hosts: [String], to folder: String, at now: Date = Date()
    ) throws(AuthorityError) -> IssuedFiles {
        guard let first = hosts.first else { throw .badHost("") }
        var names: [GeneralName] = []
        for host in hosts { names.append(try Self.name(ofHost: host)) }
        return try issue(
            first, names, .serverAuth, to: folder, file: "collector-\(first)", at: now)
    }

    /// Makes the certificate of the agent `id`, in `agent-ID.pem` and `.key`.
    package func issueAgent(
        _ id: String, to folder: String, at now: Date = Date()
    ) throws(AuthorityError) -> IssuedFiles {
        let isID = (1...64).contains(id.utf8.count) && id.utf8.allSatisfy(Self.isNameByte)
        guard isID else { throw .badAgent(id) }
        let name = GeneralName.uniformResourceIdentifier("urn:jouleflow:agent:\(id)")
        return try issue(id, [name], .clientAuth, to: folder, file: "agent-\(id)", at: now)
    }

    private func issue(
        _ subject: String, _ names: [GeneralName], _ use: ExtendedKeyUsage.Usage,
        to folder: String, file: String, at now: Date
    ) throws(AuthorityError) -> IssuedFiles {
        let new = P256.Signing.PrivateKey()
        let issued = try Self.refusing {
            try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(),
                publicKey: .init(new.publicKey),
                notValidBefore: max(now - Self.clocksBehind, certificate.notValidBefore),
                notValidAfter: min(now.years(Self.leafYears), certificate.notValidAfter),
                issuer: certificate.subject,
                subject: try DistinguishedName {
                    CommonName(String(subject.prefix(Self.commonNameLength)))
                },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([use])
                    SubjectAlternativeNames(names)
                    SubjectKeyIdentifier(hash: .init(new.publicKey))
                    AuthorityKeyIdentifier(
                        keyIdentifier: SubjectKeyIdentifier(hash: .init(key.publicKey))
                            .keyIdentifier)
                }, issuerPrivateKey: .init(key))
        }
        return try Self.write(issued, new, to: folder, file + ".pem", file + ".key")
    }

    private static func name(ofHost host: String) throws(AuthorityError) -> GeneralName {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, host, &bytes) == 1 {
                return .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
            }
        }
        let isName =
            (1...253).contains(host.utf8.count)
            && host.utf8.allSatisfy { isNameByte($0) && $0 != UInt8(ascii: "_") }
        guard isName else { throw .badHost(host) }
        return .dnsName(host)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            || [0x2D, 0x2E, 0x5F].contains(byte)
    }

    private static func write(
        _ certificate: Certificate, _ key: P256.Signing.PrivateKey, to folder: String,
        _ certificateName: String, _ keyName: String
    ) throws(AuthorityError) -> IssuedFiles {
        let text = try refusing { try certificate.serializeAsPEM().pemString }
        if mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw .unwritable(path: folder, errno: errno)
        }
        let files = IssuedFiles(
            certificate: "\(folder)/\(certificateName)", key: "\(folder)/\(keyName)",
            notAfter: certificate.notValidAfter)
        try NewFile.write([
            (files.key, key.pemRepresentation + "\n", 0o600),
            (files.certificate, text + "\n", 0o644),
        ])
        return files
    }

    /// The library's errors are of many kinds; all mean that what was asked for cannot be made.
    private static func refusing<T>(_ work: () throws -> T) throws(AuthorityError) -> T {
        do { return try work() } catch { throw .refused("\(error)") }
    }
}

extension Date {
    /// The same day and time some years later, by the Gregorian calendar in UTC.
    fileprivate func years(_ count: Int) -> Date {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(byAdding: .year, value: count, to: self) ?? self
    }
}
