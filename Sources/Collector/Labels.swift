import NIOCore

extension SocketAddress {
    /// `host:port`, an IPv6 address in brackets.
    var label: String {
        guard let address = ipAddress, let port else { return "\(self)" }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
