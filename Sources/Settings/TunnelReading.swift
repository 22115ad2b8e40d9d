import Traffic

extension Field {
    private static let portless: [(name: String, tunnel: Tunnel)] = [
        Tunnel.gre, .ipip, .sixInFour, .pppoe, .mpls,
    ].map { ("\($0)", $0) }
    private static let withPort:
        [(name: String, tunnel: @Sendable (UInt16) -> Tunnel, standard: UInt16)] = [
            ("vxlan", { .vxlan(port: $0) }, Tunnel.vxlanPort),
            ("geneve", { .geneve(port: $0) }, Tunnel.genevePort),
        ]
    private static let tunnelNames = withPort.map(\.name) + portless.map(\.name)

    /// At most 32 tunnels: `NAME` or, of those in UDP, `NAME:PORT`. None twice, and no port for two
    /// protocols.
    func tunnels() -> [Tunnel]? {
        var names = FirstUses<Tunnel>()
        var ports = FirstUses<UInt16>(
            "one port carries one protocol: write the port of each, or keep one of the two")
        return elements(0...32, of: "a list of tunnel protocols")?.readAll { field in
            guard let tunnel = field.tunnel() else { return nil }
            guard names.claim(tunnel, by: field) else { return nil }
            guard let port = tunnel.port else { return tunnel }
            return ports.claim(port, written: "UDP port \(port)", by: field) ? tunnel : nil
        }
    }

    private func tunnel() -> Tunnel? {
        let expected = Self.tunnelNames.alternatives
        guard let text = text(expected: expected) else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let number = parts.count == 2 ? parts[1] : nil
        if let choice = Self.portless.first(where: { $0.name == name }) {
            return number == nil ? choice.tunnel : reject(text, "has a port, and \(name) has none")
        }
        guard let choice = Self.withPort.first(where: { $0.name == name }) else {
            var reason = "is not \(expected)"
            if let near = nearest(to: name, among: Self.tunnelNames) {
                reason += "; did you mean \"\(near)\"?"
            }
            return reject(text, reason)
        }
        guard let number else { return choice.tunnel(choice.standard) }
        guard !refusesLeadingZero(ofPort: number, in: text) else { return nil }
        guard let port = Self.port(number) else {
            return reject(text, "has no port from 1 to 65535 after the colon")
        }
        return choice.tunnel(port)
    }
}
