import Glibc
import NIOSSL

/// What a certificate says that is looked at: its time and its subject alternative names. The
/// common name is not.
package struct CertificateFacts: Sendable, Hashable {
    /// How a URI name that is an agent's id begins; the id is the rest. Without regard to case.
    package static let agentPrefix = "urn:jouleflow:agent:"
    /// Names that a message lists at most.
    private static let listedNames = 6

    /// Seconds since 1970 from which on it holds.
    package let notBefore: Int64
    /// Seconds since 1970 up to which it holds.
    package let notAfter: Int64
    /// DNS names as they are written, wildcards included.
    let hostNames: [String]
    /// IPv4 (4 bytes) and IPv6 (16 bytes) addresses.
    let addresses: [[UInt8]]
    /// The ids in URI names of agents.
    let agents: [String]

    init(_ certificate: NIOSSLCertificate) {
        notBefore = Int64(certificate.notValidBefore)
        notAfter = Int64(certificate.notValidAfter)
        var hostNames: [String] = [], addresses: [[UInt8]] = [], agents: [String] = []
        for name in certificate._subjectAlternativeNames() {
            let bytes = Array(name.contents)
            switch name.nameType {
            case .dnsName: if let text = Self.text(bytes) { hostNames.append(text) }
            case .ipAddress: addresses.append(bytes)
            case .uri:
                guard let text = Self.text(bytes),
                    text.prefix(Self.agentPrefix.count).lowercased() == Self.agentPrefix
                else { continue }
                agents.append(String(text.dropFirst(Self.agentPrefix.count)))
            default: continue
            }
        }
        self.hostNames = hostNames
        self.addresses = addresses
        self.agents = agents
    }

    /// Visible ASCII as text; other names match nothing.
    private static func text(_ bytes: [UInt8]) -> String? {
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether it is a certificate of this agent: a URI name `urn:jouleflow:agent:ID`, or a DNS
    /// name that is the id without regard to case.
    package func isOf(agent id: String) -> Bool {
        agents.contains(id) || hostNames.contains { $0.lowercased() == id.lowercased() }
    }

    /// Whether it is a certificate of the host: an address among its addresses, a name among its
    /// DNS names, where `*` at the beginning stands for one label.
    ///
    /// Source: RFC 6125 section 6.4.
    func isOf(host: String) -> Bool {
        if let address = Self.address(host) { return addresses.contains(address) }
        let host = Self.withoutFinalDot(host.lowercased())
        return hostNames.contains { name in
            let name = Self.withoutFinalDot(name.lowercased())
            guard name.hasPrefix("*.") else { return name == host }
            guard let dot = host.firstIndex(of: "."), dot > host.startIndex else { return false }
            return name.dropFirst() == host[dot...]
        }
    }

    private static func withoutFinalDot(_ name: String) -> Substring {
        name.hasSuffix(".") ? name.dropLast() : name[...]
    }

    /// The bytes of an IPv4 or IPv6 address; `nil` for any other text.
    static func address(_ text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// The names it carries, for people.
    package var names: String {
        let all =
            agents.map { "agent \($0)" } + hostNames + addresses.compactMap(Self.text(ofAddress:))
        guard !all.isEmpty else { return "nobody: it has no subject alternative name" }
        let rest = all.count - Self.listedNames
        return all.prefix(Self.listedNames).joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
    }

    private static func text(ofAddress bytes: [UInt8]) -> String? {
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The wall clock, in seconds since 1970.
package func wallClockSeconds() -> Int64 { Int64(time(nil)) }

/// An instant for people, to the minute.
package func utc(_ seconds: Int64) -> String {
    var instant = time_t(seconds)
    var fields = tm()
    var text = [CChar](repeating: 0, count: 64)
    guard gmtime_r(&instant, &fields) != nil,
        strftime(&text, text.count, "%Y-%m-%d %H:%M UTC", &fields) > 0
    else { return "second \(seconds)" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
