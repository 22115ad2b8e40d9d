// Hot path: allocates nothing.
import Traffic

/// An Internet address: IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
struct Address: Hashable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(ipv4 address: UInt32) {
        high = 0
        low = 0x0000_ffff_0000_0000 | UInt64(address)
    }

    /// The address in 16 bytes of network order, or `nil` for another length.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.init(
            high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) },
            low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) })
    }
}

struct TCPFlags: OptionSet {
    let rawValue: UInt8
    static let fin = TCPFlags(rawValue: 0x01)
    static let syn = TCPFlags(rawValue: 0x02)
    static let rst = TCPFlags(rawValue: 0x04)
    static let ack = TCPFlags(rawValue: 0x10)
}

/// A TCP segment inside a captured frame; the payload is borrowed from it.
struct Segment {
    var source: Address
    var destination: Address
    var sourcePort: UInt16
    var destinationPort: UInt16
    var sequence: UInt32
    var acknowledgement: UInt32
    var flags: TCPFlags
    /// The payload that was captured.
    var payload: UnsafeRawBufferPointer
    /// The payload's length on the wire, at least `payload.count`.
    var length: Int
}

enum Decoded {
    case segment(Segment)
    /// Not TCP: of no interest.
    case other
    /// A fragment, a cut header or a header this version does not decode.
    case undecoded
}

/// Finds the TCP segment in a frame. Checksums are not verified: offload leaves them unset.
enum PacketDecoder {
    /// VLAN tags passed over at most.
    static let maximumTags = 4

    static func decode(_ frame: Frame) -> Decoded {
        let bytes = frame.bytes
        switch frame.linkType {
        case .ethernet: return ethernet(frame, typeAt: 12)
        case .linuxSLL: return ethernet(frame, typeAt: 14)
        case .linuxSLL2:
            guard bytes.count >= 20 else { return .undecoded }
            return network(frame, at: 20, type: bytes.u16(0))
        case .null, .loop:
            guard bytes.count > 4 else { return .undecoded }
            return version(frame, at: 4)
        case .raw, .ipv4, .ipv6: return version(frame, at: 0)
        }
    }

    /// Ethernet and cooked frames: an EtherType, behind VLAN tags (IEEE 802.1Q, 802.1ad).
    private static func ethernet(_ frame: Frame, typeAt first: Int) -> Decoded {
        let bytes = frame.bytes
        var offset = first
        for _ in 0...maximumTags {
            guard bytes.count >= offset + 2 else { return .undecoded }
            let type = bytes.u16(offset)
            switch type {
            case 0x8100, 0x88a8, 0x9100: offset += 4
            default: return network(frame, at: offset + 2, type: type)
            }
        }
        return .undecoded
    }

    private static func network(_ frame: Frame, at offset: Int, type: UInt16) -> Decoded {
        switch type {
        case 0x0800: ipv4(frame, at: offset)
        case 0x86dd: ipv6(frame, at: offset)
        default: .other
        }
    }

    private static func version(_ frame: Frame, at offset: Int) -> Decoded {
        guard frame.bytes.count > offset else { return .undecoded }
        switch frame.bytes[offset] >> 4 {
        case 4: return ipv4(frame, at: offset)
        case 6: return ipv6(frame, at: offset)
        default: return .undecoded
        }
    }

    /// Source: RFC 791, 3.1.
    private static func ipv4(_ frame: Frame, at offset: Int) -> Decoded {
        let bytes = frame.bytes
        guard bytes.count >= offset + 20 else { return .undecoded }
        let headerLength = Int(bytes[offset] & 0x0f) * 4
        guard bytes[offset] >> 4 == 4, headerLength >= 20 else { return .undecoded }
        guard bytes[offset + 9] == 6 else { return .other }
        // More-fragments bit or a fragment offset.
        guard bytes.u16(offset + 6) & 0x3fff == 0 else { return .undecoded }
        // Segmentation offload leaves the total length 0 where it would not fit.
        let total = Int(bytes.u16(offset + 2))
        let length = total == 0 ? frame.wireLength - offset : total
        return tcp(
            frame, at: offset + headerLength, length: length - headerLength,
            source: Address(ipv4: bytes.u32(offset + 12)),
            destination: Address(ipv4: bytes.u32(offset + 16)))
    }

    /// Source: RFC 8200, 3 and 4.
    private static func ipv6(_ frame: Frame, at offset: Int) -> Decoded {
        let bytes = frame.bytes
        guard bytes.count >= offset + 40, bytes[offset] >> 4 == 6 else { return .undecoded }
        let payloadLength = Int(bytes.u16(offset + 4))
        let end = payloadLength == 0 ? frame.wireLength : offset + 40 + payloadLength
        var next = bytes[offset + 6]
        var at = offset + 40
        while next == 0 || next == 43 || next == 60 {
            guard bytes.count >= at + 2 else { return .undecoded }
            next = bytes[at]
            at += 8 + Int(bytes[at + 1]) * 8
        }
        guard next != 44 else { return .undecoded }
        guard next == 6 else { return .other }
        return tcp(
            frame, at: at, length: end - at,
            source: Address(high: bytes.u64(offset + 8), low: bytes.u64(offset + 16)),
            destination: Address(high: bytes.u64(offset + 24), low: bytes.u64(offset + 32)))
    }

    /// `length` is that of header and payload by the Internet header, padding excluded.
    ///
    /// Source: RFC 9293, 3.1.
    private static func tcp(
        _ frame: Frame, at offset: Int, length: Int, source: Address, destination: Address
    ) -> Decoded {
        let bytes = frame.bytes
        guard bytes.count >= offset + 20 else { return .undecoded }
        let headerLength = Int(bytes[offset + 12] >> 4) * 4
        guard headerLength >= 20, length >= headerLength else { return .undecoded }
        let payloadLength = length - headerLength
        let start = min(bytes.count, offset + headerLength)
        let captured = min(bytes.count - start, payloadLength)
        return .segment(
            Segment(
                source: source, destination: destination, sourcePort: bytes.u16(offset),
                destinationPort: bytes.u16(offset + 2), sequence: bytes.u32(offset + 4),
                acknowledgement: bytes.u32(offset + 8),
                flags: TCPFlags(rawValue: bytes[offset + 13]),
                payload: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + captured)]),
                length: payloadLength))
    }
}

extension UnsafeRawBufferPointer {
    /// Big-endian integers. The caller has checked the bounds.
    @inline(__always) func u16(_ offset: Int) -> UInt16 {
        UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    @inline(__always) func u32(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    @inline(__always) func u64(_ offset: Int) -> UInt64 {
        UInt64(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
