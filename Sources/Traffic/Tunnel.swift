/// A tunnel whose packets capture lets pass and looks inside.
package enum Tunnel: Sendable, Hashable {
    /// Ethernet frames in UDP datagrams to this port (RFC 7348).
    case vxlan(port: UInt16)
    /// Ethernet frames or Internet packets in UDP datagrams to this port (RFC 8926).
    case geneve(port: UInt16)
    /// Internet protocol 47 (RFC 2784), with ERSPAN and PPTP.
    case gre
    /// IPv4 in IPv4 or in IPv6: Internet protocol 4 (RFC 2003, RFC 2473).
    case ipip
    /// IPv6 in IPv4 or in IPv6: Internet protocol 41 (RFC 4213, RFC 2473).
    case sixInFour
    /// Sessions of PPP over Ethernet (RFC 2516).
    case pppoe
    /// Labelled packets (RFC 3032).
    case mpls

    /// The UDP port assigned to VXLAN.
    package static let vxlanPort: UInt16 = 4789
    /// The UDP port assigned to Geneve.
    package static let genevePort: UInt16 = 6081

    /// The UDP port, where the tunnel is known by one.
    package var port: UInt16? {
        switch self {
        case .vxlan(let port), .geneve(let port): port
        case .gre, .ipip, .sixInFour, .pppoe, .mpls: nil
        }
    }
}

extension Tunnel: CustomStringConvertible {
    /// As settings have it, a port always named: `vxlan:4789`.
    package var description: String {
        switch self {
        case .vxlan(let port): "vxlan:\(port)"
        case .geneve(let port): "geneve:\(port)"
        case .gre: "gre"
        case .ipip: "ipip"
        case .sixInFour: "6in4"
        case .pppoe: "pppoe"
        case .mpls: "mpls"
        }
    }
}
