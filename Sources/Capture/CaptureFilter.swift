package import Traffic

/// What of an interface's traffic the kernel hands over: TCP of the services' ports, and tunnels.
///
/// A filter is a program of the kernel's, made anew for the interface's kind of header. It passes,
/// behind zero to two VLAN tags and the one that an interface strips besides:
///
/// - TCP from or to one of the ports over IPv4 and IPv6, behind at most eight extension headers
///   and the authentication header, first fragments included;
/// - later fragments of TCP, whatever the port: they do not name it;
/// - all packets of the tunnels, fragments included, whatever is inside.
///
/// A packet that ends before its ports is not passed: it could not be counted.
package struct CaptureFilter: Sendable, Hashable {
    /// The most ports a filter may name: its program then takes two thirds of the 20 KiB that
    /// kernels before Linux 6.7 grant a socket for it (`net.core.optmem_max`).
    package static let maximumPorts = 128

    /// In ascending order, adjacent ports as one range.
    package let ports: [ClosedRange<UInt16>]
    package let tunnels: Set<Tunnel>

    package init(ports: [UInt16], tunnels: [Tunnel] = []) {
        self.ports = Set(ports).sorted().reduce(into: []) { ranges, port in
            if let last = ranges.last, last.upperBound == port - 1 {
                ranges[ranges.count - 1] = last.lowerBound...port
            } else {
                ranges.append(port...port)
            }
        }
        self.tunnels = Set(tunnels)
    }

    /// A filter that passes what either passes; it may have twice the ports that one may have.
    package func joined(with other: CaptureFilter) -> CaptureFilter {
        CaptureFilter(
            ports: (ports + other.ports).flatMap(Array.init),
            tunnels: Array(tunnels.union(other.tunnels)))
    }

    /// The kernel's program for an interface of this kind, or `nil` where Linux has none such.
    package func program(for link: LinkType) -> [BPFInstruction]? {
        switch link {
        case .ethernet: FilterProgram.ethernet(self)
        case .linuxSLL, .linuxSLL2: FilterProgram.cooked(self)
        case .raw, .ipv4, .ipv6: FilterProgram.raw(self)
        case .null, .loop, .ppp, .pppHDLC, .pppoe: nil
        }
    }

    /// What passes, one kind a line.
    package var sentences: [String] {
        let ports = ports.map { range in
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        let tcp = [
            "TCP from or to port \(ports.joined(separator: ", ")), over IPv4 and IPv6",
            "later fragments of TCP, which name no port",
        ]
        return tcp + tunnels.map(\.sentence).sorted()
    }
}

extension Tunnel {
    fileprivate var sentence: String {
        switch self {
        case .vxlan(let port): "VXLAN: UDP to port \(port), and later fragments of UDP"
        case .geneve(let port): "Geneve: UDP to port \(port), and later fragments of UDP"
        case .gre: "GRE: IP protocol 47"
        case .ipip: "IPv4 in IPv4 or IPv6: IP protocol 4"
        case .sixInFour: "IPv6 in IPv4 or IPv6: IP protocol 41"
        case .pppoe: "PPPoE sessions: EtherType 0x8864"
        case .mpls: "MPLS: EtherTypes 0x8847 and 0x8848"
        }
    }
}
