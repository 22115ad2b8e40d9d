// Hot path: allocates nothing.

/// The UDP ports on which tunnels are recognised, as destinations.
package struct TunnelPorts: Sendable, Hashable {
    /// VXLAN: 4789 by RFC 7348, 8472 as Linux has it without a setting.
    package var vxlan: [UInt16] = [4789, 8472]
    /// Geneve: 6081 by RFC 8926.
    package var geneve: [UInt16] = [6081]

    package init() {}

    /// What a datagram to `port` carries.
    func kind(of port: UInt16) -> Kind {
        for index in vxlan.indices where vxlan[index] == port { return .vxlan }
        for index in geneve.indices where geneve[index] == port { return .geneve }
        return .none
    }

    enum Kind { case none, vxlan, geneve }
}

/// Packets and Ethernet frames inside packets, to a bounded depth.
extension PacketDecoder {
    /// The packet that a tunnel's header encloses, or `nil` where there are too many.
    private func inside(_ packet: Packet) -> Packet? {
        guard packet.depth < Self.maximumTunnels else { return nil }
        return Packet(
            bytes: packet.bytes, end: packet.end, time: packet.time, depth: packet.depth + 1)
    }

    /// Internet protocols 4 (RFC 2003), 41 (RFC 4213, RFC 2473) and 47.
    mutating func tunnel(_ packet: Packet, at offset: Int, number: UInt8) -> Decoded {
        guard let inner = inside(packet) else { return .undecoded(.tooManyLayers) }
        switch number {
        case 4: return ipv4(inner, at: offset)
        case 41: return ipv6(inner, at: offset)
        default: return gre(inner, at: offset)
        }
    }

    mutating func udp(_ packet: Packet, at offset: Int) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 8 else { return .undecoded(.cutHeader) }
        let kind = ports.kind(of: bytes.u16(offset + 2))
        guard kind != .none else { return .other }
        guard let inner = inside(packet) else { return .undecoded(.tooManyLayers) }
        return kind == .vxlan ? vxlan(inner, at: offset + 8) : geneve(inner, at: offset + 8)
    }

    /// Source: RFC 7348, 5.
    private mutating func vxlan(_ packet: Packet, at offset: Int) -> Decoded {
        guard packet.bytes.count >= offset + 8 else { return .undecoded(.cutHeader) }
        // Without a valid network identifier it is something else on the same port.
        guard packet.bytes[offset] & 0x08 != 0 else { return .other }
        return ethernet(packet, at: offset + 8)
    }

    /// Source: RFC 8926, 3.4; the options are at most 252 bytes.
    private mutating func geneve(_ packet: Packet, at offset: Int) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 8 else { return .undecoded(.cutHeader) }
        guard bytes[offset] >> 6 == 0 else { return .other }
        let options = Int(bytes[offset] & 0x3f) * 4
        return enclosed(packet, at: offset + 8 + options, type: bytes.u16(offset + 2))
    }

    /// GRE of versions 0 and 1, that is with PPP inside as PPTP has it.
    ///
    /// Source: RFC 2784, 2.1; RFC 2890, 2; RFC 2637, 4.1.
    private mutating func gre(_ packet: Packet, at offset: Int) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 4 else { return .undecoded(.cutHeader) }
        let flags = bytes.u16(offset)
        let type = bytes.u16(offset + 2)
        // Source routes (RFC 1701) are not sent any more, and have no fixed length.
        guard flags & 0x4000 == 0, flags & 7 <= 1 else { return .other }
        let hasSequence = flags & 0x1000 != 0
        var start = offset + 4
        // Checksum, key, sequence and, in version 1, acknowledgement.
        if flags & 0x8000 != 0 { start += 4 }
        if flags & 0x2000 != 0 { start += 4 }
        if hasSequence { start += 4 }
        if flags & 0x0087 == 0x0081 { start += 4 }
        switch type {
        // ERSPAN of type I has no header of its own and no sequence; that of type II has 8 bytes.
        case 0x88be: return ethernet(packet, at: start + (hasSequence ? 8 : 0))
        // ERSPAN of type III has 12 bytes, and 8 more where its last bit says so.
        case 0x22eb:
            guard bytes.count >= start + 12 else { return .undecoded(.cutHeader) }
            return ethernet(packet, at: start + 12 + (bytes[start + 11] & 1 == 1 ? 8 : 0))
        default: return enclosed(packet, at: start, type: type)
        }
    }

    /// What GRE and Geneve carry: an Ethernet frame or what an EtherType announces.
    private mutating func enclosed(_ packet: Packet, at offset: Int, type: UInt16) -> Decoded {
        type == 0x6558 ? ethernet(packet, at: offset) : network(packet, at: offset, type: type)
    }
}
