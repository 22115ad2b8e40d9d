// Hot path: allocates nothing but blocks of the pool for fragments.
import Metering
import Traffic

/// A packet inside a captured frame, or joined from fragments.
struct Packet {
    /// What was captured.
    let bytes: UnsafeRawBufferPointer
    /// Offset at which the packet ended on the wire; padding may follow it, and captured bytes may
    /// end before it.
    let end: Int
    /// Packet time.
    let time: UInt64
    /// Tunnels around the packet.
    var depth = 0
    /// The packet was joined from fragments, so it cannot be one.
    var isJoined = false

    @inline(__always) func ending(at end: Int) -> Packet {
        Packet(bytes: bytes, end: end, time: time, depth: depth, isJoined: isJoined)
    }
}

/// Finds the TCP segment in a frame, through the headers around it.
///
/// Every tunnel that is known is decoded wherever it is met: a file has no filter, and live capture
/// sees no more tunnels than its kernel filter lets pass. VXLAN and Geneve are known by their UDP
/// ports alone. Checksums are not verified: offload leaves them unset. What a header encloses ends
/// where the header says, also where padding follows or the capture was cut before.
struct PacketDecoder: ~Copyable {
    /// VLAN tags, and MPLS labels, passed over at most.
    static let maximumTags = 4
    /// Extension headers of one packet passed over at most.
    static let maximumExtensions = 8
    /// Tunnels in one another at most.
    static let maximumTunnels = 4
    /// The longest packet that gives no length of its own, as segmentation offload makes them;
    /// one that is longer on the wire is malformed.
    static let maximumOffload = 1 << 20

    var fragments: FragmentTable
    var ports: TunnelPorts
    /// What the latest frame held, where `decode` said `.segment`; it ends with that frame.
    let found: SegmentPointer
    var segment: Segment { found.pointee }

    init(limits: EngineLimits, ports: TunnelPorts) {
        fragments = FragmentTable(
            datagrams: limits.fragmentedDatagrams, memory: limits.fragmentMemory,
            patience: limits.fragmentTime)
        self.ports = ports
        found = .allocate(capacity: 1)
        found.initialize(to: Segment())
    }

    deinit { found.deallocate() }

    mutating func decode(_ frame: Frame) -> Decoded {
        if findsPlain(frame) { return .segment }
        let bytes = frame.bytes
        let packet = Packet(
            bytes: bytes, end: max(frame.wireLength, bytes.count), time: frame.time.rawValue)
        switch frame.linkType {
        case .ethernet: return ethernet(packet, at: 0)
        case .linuxSLL:
            guard bytes.count >= 16 else { return .undecoded(.cutHeader) }
            return network(packet, at: 16, type: bytes.u16(14))
        case .linuxSLL2:
            guard bytes.count >= 20 else { return .undecoded(.cutHeader) }
            return network(packet, at: 20, type: bytes.u16(0))
        // Four bytes of address family in an order and a numbering that depend on the system: the
        // version behind them tells the same.
        case .null, .loop: return version(packet, at: 4)
        case .raw, .ipv4, .ipv6: return version(packet, at: 0)
        case .ppp, .pppHDLC: return ppp(packet, at: 0)
        case .pppoe: return pppoe(packet, at: 0)
        }
    }

    /// Finds the segment of a frame as most are, at once: in Ethernet a whole Internet packet of
    /// version 4, without options. False where it is not like that, or not as it should be.
    @inline(__always)
    private func findsPlain(_ frame: Frame) -> Bool {
        let bytes = frame.bytes
        guard frame.linkType == .ethernet, bytes.count >= 54, bytes.u16(12) == 0x0800,
            bytes[14] == 0x45, bytes[23] == 6, bytes.u16(20) & 0x3fff == 0
        else { return false }
        let start = 34 + Int(bytes[46] >> 4) * 4
        let end = 14 + Int(bytes.u16(16))
        guard start >= 54, end >= start else { return false }
        found.pointee.source = Address(ipv4: bytes.u32(26))
        found.pointee.destination = Address(ipv4: bytes.u32(30))
        note(bytes, at: 34, payload: start, to: end)
        return true
    }

    // MARK: Links

    mutating func ethernet(_ packet: Packet, at offset: Int) -> Decoded {
        guard packet.bytes.count >= offset + 14 else { return .undecoded(.cutHeader) }
        return network(packet, at: offset + 14, type: packet.bytes.u16(offset + 12))
    }

    /// What an EtherType announces, behind VLAN tags (IEEE 802.1Q, 802.1ad, and 0x9100 before it).
    mutating func network(_ packet: Packet, at first: Int, type firstType: UInt16) -> Decoded {
        var type = firstType
        var offset = first
        for _ in 0...Self.maximumTags {
            switch type {
            case 0x0800: return ipv4(packet, at: offset)
            case 0x86dd: return ipv6(packet, at: offset)
            case 0x8100, 0x88a8, 0x9100:
                guard packet.bytes.count >= offset + 4 else { return .undecoded(.cutHeader) }
                type = packet.bytes.u16(offset + 2)
                offset += 4
            case 0x8864: return pppoe(packet, at: offset)
            case 0x880b: return ppp(packet, at: offset)
            case 0x8847, 0x8848: return mpls(packet, at: offset)
            default: return .other
            }
        }
        return .undecoded(.tooManyLayers)
    }

    /// Source: RFC 2516, 4.
    private mutating func pppoe(_ packet: Packet, at offset: Int) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 6 else { return .undecoded(.cutHeader) }
        guard bytes[offset] == 0x11 else { return .undecoded(.malformedHeader) }
        // Other codes set a session up.
        guard bytes[offset + 1] == 0 else { return .other }
        return ppp(packet.ending(at: offset + 6 + Int(bytes.u16(offset + 4))), at: offset + 6)
    }

    /// Address and control may be left out, and so may the first byte of the protocol if it is 0.
    ///
    /// Source: RFC 1661, 2 and 6.5; RFC 1662, 3.1.
    mutating func ppp(_ packet: Packet, at first: Int) -> Decoded {
        let bytes = packet.bytes
        var offset = first
        guard bytes.count >= offset + 2 else { return .undecoded(.cutHeader) }
        if bytes.u16(offset) == 0xff03 { offset += 2 }
        guard bytes.count >= offset + 2 else { return .undecoded(.cutHeader) }
        let isShort = bytes[offset] & 1 == 1
        let number = isShort ? UInt16(bytes[offset]) : bytes.u16(offset)
        offset += isShort ? 1 : 2
        switch number {
        case 0x0021: return ipv4(packet, at: offset)
        case 0x0057: return ipv6(packet, at: offset)
        default: return .other
        }
    }

    /// Internet packets behind MPLS labels; what the labels carry is known by its version alone.
    ///
    /// Source: RFC 3032, 2.1.
    private mutating func mpls(_ packet: Packet, at first: Int) -> Decoded {
        var offset = first
        for _ in 0..<Self.maximumTags {
            guard packet.bytes.count >= offset + 5 else { return .undecoded(.cutHeader) }
            let isLast = packet.bytes[offset + 2] & 1 == 1
            offset += 4
            guard isLast else { continue }
            let version = packet.bytes[offset] >> 4
            return version == 4 || version == 6 ? self.version(packet, at: offset) : .other
        }
        return .undecoded(.tooManyLayers)
    }

    // MARK: Internet

    /// An Internet packet, known by its version.
    mutating func version(_ packet: Packet, at offset: Int) -> Decoded {
        guard packet.bytes.count > offset else { return .undecoded(.cutHeader) }
        switch packet.bytes[offset] >> 4 {
        case 4: return ipv4(packet, at: offset)
        case 6: return ipv6(packet, at: offset)
        default: return .undecoded(.malformedHeader)
        }
    }

    /// Source: RFC 791, 3.1.
    mutating func ipv4(_ packet: Packet, at offset: Int) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 20 else { return .undecoded(.cutHeader) }
        let start = offset + Int(bytes[offset] & 0x0f) * 4
        // Segmentation offload leaves the total length 0 where it does not know it or it would not
        // fit.
        let total = Int(bytes.u16(offset + 2))
        let end = total == 0 ? packet.end : offset + total
        guard bytes[offset] >> 4 == 4, start >= offset + 20,
            canEnd(at: end, from: start, in: packet, isOffloaded: total == 0)
        else { return .undecoded(.malformedHeader) }
        let source = Address(ipv4: bytes.u32(offset + 12))
        let destination = Address(ipv4: bytes.u32(offset + 16))
        let inside = packet.ending(at: end)
        let number = bytes[offset + 9]
        let place = bytes.u16(offset + 6)
        if place & 0x3fff == 0 {
            return transport(
                inside, at: start, number: number, source: source, destination: destination)
        }
        return fragment(
            inside, at: start, isOffloaded: total == 0,
            Fragment(
                key: FragmentKey(
                    source: source, destination: destination,
                    identification: UInt32(bytes.u16(offset + 4)), protocolNumber: number),
                number: number, offset: Int(place & 0x1fff) * 8, isLast: place & 0x2000 == 0))
    }

    /// Source: RFC 8200, 3; RFC 2675 for the length 0.
    mutating func ipv6(_ packet: Packet, at offset: Int) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 40 else { return .undecoded(.cutHeader) }
        // A jumbogram or a packet of segmentation offload beyond 64 KiB has the length 0.
        let length = Int(bytes.u16(offset + 4))
        let end = length == 0 ? packet.end : offset + 40 + length
        guard bytes[offset] >> 4 == 6,
            canEnd(at: end, from: offset + 40, in: packet, isOffloaded: length == 0)
        else { return .undecoded(.malformedHeader) }
        return transport(
            packet.ending(at: end), at: offset + 40, number: bytes[offset + 6],
            source: Address(high: bytes.u64(offset + 8), low: bytes.u64(offset + 16)),
            destination: Address(high: bytes.u64(offset + 24), low: bytes.u64(offset + 32)))
    }

    /// Whether a packet whose payload begins at `start` may end at `end`.
    ///
    /// What stands in a tunnel ends inside it. A frame may be shorter than its packet, as some
    /// programs cut frames and give the cut length for that on the wire.
    @inline(__always)
    private func canEnd(at end: Int, from start: Int, in packet: Packet, isOffloaded: Bool) -> Bool
    {
        end >= start && (!isOffloaded || end - start <= Self.maximumOffload)
            && (packet.depth == 0 && !packet.isJoined || end <= packet.end)
    }

    /// What an Internet packet carries, behind extension headers.
    ///
    /// Source: RFC 8200, 4; RFC 4302, 2 for the authentication header.
    mutating func transport(
        _ packet: Packet, at first: Int, number firstNumber: UInt8, source: Address,
        destination: Address
    ) -> Decoded {
        let bytes = packet.bytes
        var number = firstNumber
        var offset = first
        for _ in 0...Self.maximumExtensions {
            switch number {
            case 6: return tcp(packet, at: offset, source: source, destination: destination)
            case 17: return udp(packet, at: offset)
            case 4, 41, 47: return tunnel(packet, at: offset, number: number)
            case 44:
                guard bytes.count >= offset + 8 else { return .undecoded(.cutHeader) }
                let place = bytes.u16(offset + 2)
                // An atomic fragment is whole (RFC 6946).
                if place & 0xfff9 != 0 {
                    return fragment(
                        packet, at: offset + 8, isOffloaded: false,
                        Fragment(
                            key: FragmentKey(
                                source: source, destination: destination,
                                identification: bytes.u32(offset + 4), protocolNumber: 44),
                            number: bytes[offset], offset: Int(place & 0xfff8),
                            isLast: place & 1 == 0))
                }
                number = bytes[offset]
                offset += 8
            case 0, 43, 51, 60, 135, 139, 140:
                guard bytes.count >= offset + 2 else { return .undecoded(.cutHeader) }
                let units = Int(bytes[offset + 1])
                let length = number == 51 ? (units + 2) * 4 : (units + 1) * 8
                number = bytes[offset]
                offset += length
            default: return .other
            }
        }
        return .undecoded(.tooManyLayers)
    }

    /// Keeps a fragment, or goes on with the datagram that it makes whole.
    private mutating func fragment(
        _ packet: Packet, at start: Int, isOffloaded: Bool, _ fragment: Fragment
    ) -> Decoded {
        // A datagram that was joined holds no further fragments, save in a tunnel.
        guard !packet.isJoined, !isOffloaded else { return .undecoded(.malformedHeader) }
        switch fragment.number {
        case 6, 17, 4, 41, 47, 51, 0, 43, 60, 135, 139, 140: break
        default: return .other
        }
        let captured = min(packet.bytes.count, packet.end)
        guard captured >= start else { return .undecoded(.cutHeader) }
        let payload = UnsafeRawBufferPointer(rebasing: packet.bytes[start..<captured])
        if fragment.offset == 0, fragment.number == 17, payload.count >= 4,
            ports.kind(of: payload.u16(2)) == .none
        {
            fragments.ignore(fragment.key, time: packet.time)
            return .other
        }
        switch fragments.add(
            fragment, payload: payload, length: packet.end - start, time: packet.time)
        {
        case .none: return .fragment
        case .joined(let datagram, let length, let number):
            return transport(
                Packet(
                    bytes: datagram, end: length, time: packet.time, depth: packet.depth,
                    isJoined: true),
                at: 0, number: number, source: fragment.key.source,
                destination: fragment.key.destination)
        }
    }

    /// The packet's end is that of the payload, padding excluded.
    ///
    /// Source: RFC 9293, 3.1.
    @inline(__always)
    private mutating func tcp(
        _ packet: Packet, at offset: Int, source: Address, destination: Address
    ) -> Decoded {
        let bytes = packet.bytes
        guard bytes.count >= offset + 20 else { return .undecoded(.cutHeader) }
        let start = offset + Int(bytes[offset + 12] >> 4) * 4
        guard start >= offset + 20, packet.end >= start else {
            return .undecoded(.malformedHeader)
        }
        found.pointee.source = source
        found.pointee.destination = destination
        note(bytes, at: offset, payload: start, to: packet.end)
        return .segment
    }

    /// Notes what a TCP header says whose fixed part was captured, and the payload from `start` to
    /// `end`, as far as that was.
    @inline(__always)
    private func note(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, payload start: Int, to end: Int
    ) {
        let first = min(bytes.count, start)
        let captured = min(bytes.count, max(first, end))
        found.pointee.sourcePort = bytes.u16(offset)
        found.pointee.destinationPort = bytes.u16(offset + 2)
        found.pointee.sequence = bytes.u32(offset + 4)
        found.pointee.acknowledgement = bytes.u32(offset + 8)
        found.pointee.flags = TCPFlags(rawValue: bytes[offset + 13])
        found.pointee.payload = UnsafeRawBufferPointer(rebasing: bytes[first..<captured])
        found.pointee.length = end - start
    }
}
