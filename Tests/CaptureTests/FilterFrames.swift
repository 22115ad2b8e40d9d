import Traffic

/// A packet of one kind, from its network header on.
struct NetworkPacket: Sendable {
    /// When a filter must pass it.
    enum Passing: Sendable {
        case always
        case never
        /// With a tunnel that meets the condition.
        case with(@Sendable (Tunnel) -> Bool)
    }

    let name: String
    let type: UInt16
    let bytes: [UInt8]
    let passing: Passing

    func passes(_ tunnels: [Tunnel]) -> Bool {
        switch passing {
        case .always: true
        case .never: false
        case .with(let isMet): tunnels.contains(where: isMet)
        }
    }

    /// On Ethernet, behind `tags`.
    func frame(tags: [UInt16] = []) -> [UInt8] {
        let addresses: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
        let between = tags.enumerated().flatMap { half($1) + half(UInt16(100 + $0)) }
        return addresses + between + half(type) + bytes
    }
}

func half(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

/// A TCP header, and a byte of payload.
func tcp(_ source: UInt16, _ destination: UInt16) -> [UInt8] {
    half(source) + half(destination) + [0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0, 0x47]
}

func udp(to port: UInt16, _ payload: [UInt8]) -> [UInt8] {
    half(49152) + half(port) + half(UInt16(8 + payload.count)) + [0, 0] + payload
}

/// - Parameter place: flags and offset of a fragment, as the header has them.
func ipv4(
    _ number: UInt8, _ payload: [UInt8], place: UInt16 = 0x4000, options: Int = 0
) -> [UInt8] {
    [UInt8(0x45 + options), 0] + half(UInt16(20 + options * 4 + payload.count)) + [0, 1]
        + half(place) + [64, number, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]
        + [UInt8](repeating: 1, count: options * 4) + payload
}

func ipv6(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let address: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11)
    return [0x60, 0, 0, 0] + half(UInt16(payload.count)) + [number, 64] + address + [1] + address
        + [2] + payload
}

/// An extension header before `number`, of 8 bytes and `units` times 8.
func optionHeader(before number: UInt8, units: UInt8 = 0, _ payload: [UInt8]) -> [UInt8] {
    [number, units, 1, UInt8(4)] + [0, 0, 0, 0] + [UInt8](repeating: 0, count: Int(units) * 8)
        + payload
}

/// An authentication header of 24 bytes before `number`.
func authentication(before number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [number, 4] + [UInt8](repeating: 0, count: 22) + payload
}

/// - Parameter place: offset and flag as the fragment header has them.
func fragment(of number: UInt8, place: UInt16, _ payload: [UInt8]) -> [UInt8] {
    [number, 0] + half(place) + [0, 0, 0, 7] + payload
}

/// One packet of each kind for a filter of port `port`.
enum FilterPackets {
    static let port: UInt16 = 8080
    static let other: UInt16 = 8079

    static func all(port: UInt16 = port, other: UInt16 = other) -> [NetworkPacket] {
        wanted(port: port) + unwanted(port: port, other: other) + tunnels
    }

    private static func four(
        _ name: String, _ bytes: [UInt8], _ passing: NetworkPacket.Passing
    ) -> NetworkPacket {
        NetworkPacket(name: "IPv4: " + name, type: 0x0800, bytes: bytes, passing: passing)
    }

    private static func six(
        _ name: String, _ bytes: [UInt8], _ passing: NetworkPacket.Passing
    ) -> NetworkPacket {
        NetworkPacket(name: "IPv6: " + name, type: 0x86dd, bytes: bytes, passing: passing)
    }

    static func wanted(port: UInt16) -> [NetworkPacket] {
        let up = tcp(40000, port)
        let rest = [UInt8](repeating: 0x61, count: 32)
        let optionHeaders: [(String, UInt8)] = [
            ("hop-by-hop options", 0), ("routing", 43), ("destination options", 60),
            ("mobility", 135), ("host identity", 139), ("shim6", 140),
        ]
        let long = optionHeader(before: 6, units: 3, up)
        let eight = (0..<7).reduce((UInt8(60), optionHeader(before: 6, up))) { inner, _ in
            (60, optionHeader(before: inner.0, inner.1))
        }
        return [
            four("TCP to the port", ipv4(6, up), .always),
            four("TCP from the port", ipv4(6, tcp(port, 40000)), .always),
            four("TCP behind options", ipv4(6, up, options: 10), .always),
            four("first fragment", ipv4(6, up, place: 0x2000), .always),
            four("middle fragment", ipv4(6, rest, place: 0x2004), .always),
            four("last fragment", ipv4(6, rest, place: 0x0008), .always),
            four("authentication", ipv4(51, authentication(before: 6, up)), .always),
            four("last fragment of authentication", ipv4(51, rest, place: 0x0008), .always),
            six("TCP to the port", ipv6(6, up), .always),
            six("TCP from the port", ipv6(6, tcp(port, 40000)), .always),
            six("authentication", ipv6(51, authentication(before: 6, up)), .always),
            six("atomic fragment", ipv6(44, fragment(of: 6, place: 0, up)), .always),
            six("first fragment", ipv6(44, fragment(of: 6, place: 1, up)), .always),
            six("middle fragment", ipv6(44, fragment(of: 6, place: 0x21, rest)), .always),
            six("last fragment", ipv6(44, fragment(of: 6, place: 0x40, rest)), .always),
            six(
                "last fragment of destination options",
                ipv6(44, fragment(of: 60, place: 0x40, rest)), .always),
            six(
                "first fragment between hop-by-hop, routing and destination options",
                ipv6(
                    0,
                    optionHeader(
                        before: 43,
                        optionHeader(
                            before: 44,
                            fragment(of: 60, place: 1, optionHeader(before: 6, up))))), .always),
            six("a long extension header", ipv6(0, long), .always),
            six("eight extension headers", ipv6(eight.0, eight.1), .always),
        ]
            + optionHeaders.map { name, number in
                six(name, ipv6(number, optionHeader(before: 6, up)), .always)
            }
    }

    static func unwanted(port: UInt16, other: UInt16) -> [NetworkPacket] {
        let up = tcp(40000, other)
        let rest = [UInt8](repeating: 0x61, count: 32)
        let nine = (0..<8).reduce((UInt8(60), optionHeader(before: 6, tcp(1, port)))) { inner, _ in
            (60, optionHeader(before: inner.0, inner.1))
        }
        let arp: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 1] + [UInt8](repeating: 2, count: 20)
        return [
            NetworkPacket(name: "ARP", type: 0x0806, bytes: arp, passing: .never),
            NetworkPacket(name: "LLDP", type: 0x88cc, bytes: rest, passing: .never),
            four("TCP of another port", ipv4(6, up), .never),
            four("first fragment of another port", ipv4(6, up, place: 0x2000), .never),
            four("TCP cut before its ports", Array(ipv4(6, up).prefix(21)), .never),
            four("UDP to the port", ipv4(17, udp(to: port, rest)), .never),
            four("UDP to a name server", ipv4(17, udp(to: 53, rest)), .never),
            four("ICMP", ipv4(1, [8, 0, 0, 0, 0, 1, 0, 1] + rest), .never),
            four("last fragment of ICMP", ipv4(1, rest, place: 0x0008), .never),
            four("SCTP", ipv4(132, tcp(1, port)), .never),
            four("ESP", ipv4(50, tcp(1, port)), .never),
            four("OSPF", ipv4(89, rest), .never),
            six("TCP of another port", ipv6(6, up), .never),
            six(
                "TCP of another port behind destination options",
                ipv6(60, optionHeader(before: 6, up)), .never),
            six("first fragment of another port", ipv6(44, fragment(of: 6, place: 1, up)), .never),
            six("UDP to the port", ipv6(17, udp(to: port, rest)), .never),
            six(
                "UDP to the port behind hop-by-hop options",
                ipv6(0, optionHeader(before: 17, udp(to: port, rest))), .never),
            six("ICMPv6", ipv6(58, [128, 0, 0, 0, 0, 1, 0, 1] + rest), .never),
            six("last fragment of ICMPv6", ipv6(44, fragment(of: 58, place: 0x40, rest)), .never),
            six(
                "nothing behind destination options", ipv6(60, optionHeader(before: 59, [])), .never
            ),
            six("an extension header that is cut", Array(ipv6(0, [6, 200]).prefix(42)), .never),
            six("nine extension headers", ipv6(nine.0, nine.1), .never),
        ]
    }

    static let tunnels: [NetworkPacket] = {
        let inside = NetworkPacket(
            name: "", type: 0x0800, bytes: ipv4(6, tcp(40000, port)), passing: .always)
        let insideSix = ipv6(6, tcp(40000, port))
        let frame = inside.frame()
        let vxlan: [UInt8] = [8, 0, 0, 0, 0, 0, 42, 0] + frame
        let geneve: [UInt8] = [0, 0, 0x65, 0x58, 0, 0, 42, 0] + frame
        let gre: [UInt8] = [0, 0, 8, 0] + inside.bytes
        let rest = [UInt8](repeating: 0x61, count: 32)
        let isDatagram = NetworkPacket.Passing.with { $0.port != nil }
        func with(_ tunnel: Tunnel) -> NetworkPacket.Passing { .with { $0 == tunnel } }
        let numbered: [(String, UInt8, [UInt8], Tunnel)] = [
            ("IPv4 inside", 4, inside.bytes, .ipip), ("IPv6 inside", 41, insideSix, .sixInFour),
            ("GRE", 47, gre, .gre),
        ]
        let datagrams: [(String, Tunnel, [UInt8])] = [
            ("VXLAN", .vxlan(port: 4789), vxlan), ("VXLAN of Linux", .vxlan(port: 8472), vxlan),
            ("Geneve", .geneve(port: 6081), geneve),
        ]
        return datagrams.flatMap { name, tunnel, payload in
            let datagram = udp(to: tunnel.port ?? 0, payload)
            return [
                four(name, ipv4(17, datagram), with(tunnel)),
                four("first fragment of " + name, ipv4(17, datagram, place: 0x2000), with(tunnel)),
                six(name, ipv6(17, datagram), with(tunnel)),
                six(
                    name + " behind destination options",
                    ipv6(60, optionHeader(before: 17, datagram)), with(tunnel)),
                six(
                    "first fragment of " + name, ipv6(44, fragment(of: 17, place: 1, datagram)),
                    with(tunnel)),
            ]
        } + [
            four("last fragment of UDP", ipv4(17, rest, place: 0x0008), isDatagram),
            six("last fragment of UDP", ipv6(44, fragment(of: 17, place: 0x40, rest)), isDatagram),
            NetworkPacket(
                name: "PPPoE", type: 0x8864,
                bytes: [0x11, 0, 0, 1] + half(UInt16(inside.bytes.count + 2)) + [0, 0x21]
                    + inside.bytes, passing: with(.pppoe)),
            NetworkPacket(
                name: "MPLS", type: 0x8847, bytes: [0, 1, 1, 64] + inside.bytes,
                passing: with(.mpls)),
            NetworkPacket(
                name: "MPLS with a label from above", type: 0x8848,
                bytes: [0, 1, 1, 64] + inside.bytes, passing: with(.mpls)),
        ]
            + numbered.flatMap { name, number, payload, tunnel in
                [
                    four(name, ipv4(number, payload), with(tunnel)),
                    four(
                        "first fragment with " + name, ipv4(number, payload, place: 0x2000),
                        with(tunnel)),
                    four("last fragment with " + name, ipv4(number, rest, place: 4), with(tunnel)),
                    six(name, ipv6(number, payload), with(tunnel)),
                    six(
                        name + " behind destination options",
                        ipv6(60, optionHeader(before: number, payload)), with(tunnel)),
                    six(
                        "last fragment with " + name,
                        ipv6(44, fragment(of: number, place: 0x40, rest)), with(tunnel)),
                ]
            }
    }()
}
