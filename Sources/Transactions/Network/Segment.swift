// Hot path: plain values.
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

extension Endpoint {
    @inline(__always)
    init(_ address: Address, port: UInt16) {
        self.init(high: address.high, low: address.low, port: port)
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
    var source = Address(high: 0, low: 0)
    var destination = Address(high: 0, low: 0)
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    var sequence: UInt32 = 0
    var acknowledgement: UInt32 = 0
    var flags: TCPFlags = []
    /// The payload that was captured.
    var payload = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The payload's length on the wire, at least `payload.count`.
    var length = 0
}

/// A segment in place: it is handed on for each packet, and is too large to be copied for each.
typealias SegmentPointer = UnsafeMutablePointer<Segment>

enum Decoded {
    /// The decoder's `segment`.
    case segment
    /// A fragment, whose table knows what became of it.
    case fragment
    /// Not TCP: of no interest.
    case other
    case undecoded(UndecodedReason)
}

/// Why a frame, or a fragment of a datagram, could not be decoded.
package enum UndecodedReason: Int, Sendable, CaseIterable {
    /// The capture, or the packet itself, ends inside a header.
    case cutHeader
    /// A header that no sender means: a version or a length that cannot be.
    case malformedHeader
    /// More VLAN tags, MPLS labels, extension headers or tunnels in one another than are followed.
    case tooManyLayers
    /// Fragments that overlap each other or the datagram's end (teardrop), reach beyond the
    /// largest datagram, or are more than one datagram may have.
    case refusedFragment
    /// Fragments whose datagram was not whole in time, or had to make room for others.
    case lostFragment

    /// The reason's key in machine-readable output.
    package var name: String {
        switch self {
        case .cutHeader: "cut_header"
        case .malformedHeader: "malformed_header"
        case .tooManyLayers: "too_many_layers"
        case .refusedFragment: "refused_fragment"
        case .lostFragment: "lost_fragment"
        }
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
