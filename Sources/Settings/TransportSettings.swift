import Glibc

/// How agent and collector speak on a connection.
package enum TransportSettings: Sendable, Hashable {
    /// Without encryption: `plaintext: true` is written.
    case plaintext
    /// TLS 1.3 with certificates on both sides.
    case tls(TLSSettings)
}

/// The files of one side of a TLS connection. Nothing says yet that they exist.
package struct TLSSettings: Sendable, Hashable {
    /// The path of the certificates of the authorities whose certificates are accepted.
    package let ca: String
    /// The path of this side's certificate, followed by those between it and the authority.
    package let certificate: String
    /// The path of the private key of `certificate`.
    package let key: String
    /// The name that the other side's certificate must carry; `nil` where it is the host that is
    /// connected to. Always `nil` in the collector's settings.
    package let serverName: String?
}

/// The keys of `tls`, the same in both settings files but for their examples.
struct TLSKeys: Sendable {
    let ca: Key
    let certificate: Key
    let key: Key
    let serverName: Key?

    var all: [Key] { [ca, certificate, key] + (serverName.map { [$0] } ?? []) }

    static let agent = TLSKeys(
        side: "this agent", example: "agent-loan-07",
        serverName: Key(
            "server_name",
            "the name in the collector's certificate, where it is not the host in address",
            write: "server_name: collector.example"))
    static let collector = TLSKeys(
        side: "this collector", example: "collector-collector.example", serverName: nil)

    private init(side: String, example: String, serverName: Key?) {
        ca = Key(
            "ca", "the file with the certificates of the authorities that are trusted, in PEM",
            write: "ca: ca.pem")
        certificate = Key(
            "certificate", "the file with the certificate of \(side), in PEM",
            write: "certificate: \(example).pem")
        key = Key(
            "key", "the file with the private key of the certificate, in PEM, mode 0600",
            write: "key: \(example).key")
        self.serverName = serverName
    }
}

extension Section {
    /// Exactly one of `tls` and `plaintext: true`, so that nobody sends in the clear by leaving
    /// something out. Paths begin at the folder of `file`.
    func transport(
        tls: Key, plaintext: Key, keys: TLSKeys, file: String
    ) -> TransportSettings? {
        var isPlain = false
        if let field = field(plaintext) {
            guard let value = field.boolean() else { return nil }
            isPlain = value
        }
        guard let field = field(tls) else {
            if isPlain { return .plaintext }
            if let plain = self.field(plaintext) {
                return plain.reject("false", "leaves no way to connect without tls", tls.hint)
            }
            if !mentions(plaintext) { reportMissing(tls) }
            return nil
        }
        if isPlain, let plain = self.field(plaintext) {
            return plain.reject(
                .contradiction(path: plain.path, "not together with tls"),
                "keep tls to encrypt; keep plaintext: true to send in the clear")
        }
        return field.tls(keys, file: file).map(TransportSettings.tls)
    }
}

extension Field {
    fileprivate func tls(_ keys: TLSKeys, file: String) -> TLSSettings? {
        guard let section = section(keys.all) else { return nil }
        let ca = section.required(keys.ca) { $0.filePath(besideFile: file) }
        let certificate = section.required(keys.certificate) { $0.filePath(besideFile: file) }
        let key = section.required(keys.key) { $0.filePath(besideFile: file) }
        let name: String?? =
            if let serverName = keys.serverName {
                section.optional(serverName) { $0.serverName() }
            } else { .some(nil) }
        guard let ca, let certificate, let key, let name else { return nil }
        return TLSSettings(ca: ca, certificate: certificate, key: key, serverName: name)
    }

    /// A host name as certificates carry it: letters, digits, `-` and `.`.
    private func serverName() -> String? {
        guard let text = text(expected: "a host name") else { return nil }
        var address = in_addr()
        guard inet_pton(AF_INET, text, &address) != 1, !text.utf8.contains(0x3A) else {
            return reject(
                text, "is an address; write a name that is in the collector's certificate")
        }
        let isName =
            (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                Self.isDigit($0) || Self.isLetter($0) || $0 == 0x2D || $0 == 0x2E
            }
        return isName ? text : reject(text, "is not a host name of A-Z a-z 0-9 . -")
    }
}
