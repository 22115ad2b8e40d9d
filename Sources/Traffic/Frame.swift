package import Metering

/// The kind of header a captured frame begins with. Raw values are libpcap's LINKTYPE numbers.
///
/// Source: pcap-linktype(7).
package enum LinkType: UInt32, Sendable, Hashable {
    case null = 0
    case ethernet = 1
    case ppp = 9
    case pppHDLC = 50
    case pppoe = 51
    case raw = 101
    case loop = 108
    case linuxSLL = 113
    case ipv4 = 228
    case ipv6 = 229
    case linuxSLL2 = 276
}

/// One captured frame. The bytes are borrowed: they end with the closure that received them.
package struct Frame {
    package let bytes: UnsafeRawBufferPointer
    /// Length on the wire; `bytes` is shorter where capture cut the frame.
    package let wireLength: Int
    package let time: Timestamp
    package let linkType: LinkType
    /// The interface that saw the frame: the kernel's index of a live one, the number within its
    /// section in a pcapng file, 0 where nothing is known of it.
    package let interface: UInt32

    @inlinable @inline(__always)
    package init(
        bytes: UnsafeRawBufferPointer, wireLength: Int, time: Timestamp, linkType: LinkType,
        interface: UInt32 = 0
    ) {
        self.bytes = bytes
        self.wireLength = wireLength
        self.time = time
        self.linkType = linkType
        self.interface = interface
    }
}
