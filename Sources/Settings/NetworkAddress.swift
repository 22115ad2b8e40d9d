import Glibc

/// A host and a TCP port to connect to or to listen on.
package struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an IPv4 or IPv6 address, without brackets.
    package let host: String
    /// 1 to 65,535.
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String {
        host.utf8.contains(0x3A) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension Field {
    /// `host:port`, an IPv6 address in brackets.
    /// `none`, or an address.
    func networkAddressOrNone() -> NetworkAddress?? {
        if case .scalar("none", isQuoted: false) = node.content { return .some(nil) }
        return networkAddress().map { .some($0) }
    }

    func networkAddress() -> NetworkAddress? {
        guard let text = text(expected: "an address like \"127.0.0.1:7443\"") else { return nil }
        guard let colon = text.lastIndex(of: ":") else { return reject(text, "has no port") }
        let host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard !refusesLeadingZero(ofPort: digits, in: text) else { return nil }
        guard let port = Self.port(digits) else {
            return reject(text, "has no port from 1 to 65535 after the last colon")
        }
        if host.hasPrefix("[") && host.hasSuffix("]") {
            let address = String(host.dropFirst().dropLast())
            guard Self.isIPv6(address) else {
                return reject(text, "has no IPv6 address between the brackets")
            }
            return NetworkAddress(host: address, port: port)
        }
        guard !Self.isIPv6(String(host)), !Self.isIPv6(text) else {
            return reject(text, "is an IPv6 address without brackets; write \"[::1]:7443\"")
        }
        guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(Self.isHostByte) else {
            return reject(text, "has no host name or address before the port")
        }
        return NetworkAddress(host: String(host), port: port)
    }

    /// 1 to 65,535 in decimal digits.
    static func port(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy(isDigit), let port = UInt16(text), port > 0 else { return nil }
        return port
    }

    /// As `refusesLeadingZero`, where there are digits alone.
    func refusesLeadingZero(ofPort digits: Substring, in text: String) -> Bool {
        digits.utf8.allSatisfy(Self.isDigit) && refusesLeadingZero(of: digits, in: text)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLetter(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
    }

    private static func isIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }
}
