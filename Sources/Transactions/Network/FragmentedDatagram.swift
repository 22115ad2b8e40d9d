// Hot path: allocates nothing.
import Glibc

/// What the fragments of one datagram have in common.
struct FragmentKey: Equatable {
    let source: Address
    let destination: Address
    let identification: UInt32
    /// The protocol of IPv4; 44 for IPv6, where it is no part of the key.
    let protocolNumber: UInt8

    var hash: UInt32 {
        var mixed = (source.low ^ source.high &* 0x9e37_79b9_7f4a_7c15) &* 0xc2b2_ae3d_27d4_eb4f
        mixed ^= destination.low ^ destination.high &* 0x9e37_79b9_7f4a_7c15
        mixed ^= UInt64(identification) << 8 | UInt64(protocolNumber)
        mixed = (mixed ^ mixed >> 33) &* 0xff51_afd7_ed55_8ccd
        return UInt32(truncatingIfNeeded: mixed ^ mixed >> 32)
    }
}

/// A fragment's header.
struct Fragment {
    let key: FragmentKey
    /// The protocol of the payload; of use in the first fragment only.
    let number: UInt8
    /// Bytes of the datagram before this fragment.
    let offset: Int
    let isLast: Bool
}

/// A fragment that waits; its captured bytes stand behind it in its block.
struct HeldFragment {
    var next: UnsafeMutablePointer<HeldFragment>?
    var offset: Int32
    var length: Int32
    var captured: Int32

    static let headerSize = MemoryLayout<HeldFragment>.stride
    var end: Int { Int(offset + length) }
    var blockSize: Int { Self.headerSize + Int(captured) }
}

extension UnsafeMutablePointer<HeldFragment> {
    /// The captured bytes.
    var bytes: UnsafeRawPointer { UnsafeRawPointer(self) + HeldFragment.headerSize }

    /// Whether a fragment has the same place, and the same bytes as far as both were captured.
    func isCopy(of fragment: Fragment, _ payload: UnsafeRawBufferPointer, length: Int) -> Bool {
        guard fragment.offset == Int(pointee.offset), length == Int(pointee.length) else {
            return false
        }
        guard let other = payload.baseAddress else { return true }
        return memcmp(bytes, other, Swift.min(Int(pointee.captured), payload.count)) == 0
    }
}

/// A datagram of which fragments have come.
struct Datagram {
    enum State: UInt8 {
        case waiting
        /// It was whole and is remembered.
        case joined
        /// Its fragments overlap, are too many or reach too far: none is taken any more.
        case refused
        /// It carries nothing of interest.
        case ignored
    }

    var key: FragmentKey
    var hash: UInt32
    var state = State.waiting
    /// The protocol, by the first fragment.
    var number: UInt8 = 0
    /// Fragments held, in the order of their places.
    var first: UnsafeMutablePointer<HeldFragment>?
    var last: UnsafeMutablePointer<HeldFragment>?
    var count: Int32 = 0
    /// Bytes of the held fragments.
    var length: Int32 = 0
    /// Bytes of the datagram; -1 until its last fragment has come.
    var total: Int32 = -1
    /// Of the first fragment.
    var digest: UInt64 = 0
    /// Packet time of the fragment that came first.
    var since: UInt64
    var chained: UnsafeMutablePointer<Datagram>?
    /// Neighbours in the order of time; `newer` also links free slots.
    var newer: UnsafeMutablePointer<Datagram>?
    var older: UnsafeMutablePointer<Datagram>?

    init(key: FragmentKey, hash: UInt32, since: UInt64, chained: UnsafeMutablePointer<Datagram>?) {
        self.key = key
        self.hash = hash
        self.since = since
        self.chained = chained
    }

    /// An unused slot.
    init() {
        let nobody = Address(high: 0, low: 0)
        self.init(
            key: FragmentKey(
                source: nobody, destination: nobody, identification: 0, protocolNumber: 0),
            hash: 0, since: 0, chained: nil)
    }

    /// Begins another datagram of the same key.
    mutating func restart(time: UInt64) {
        state = .waiting
        length = 0
        total = -1
        since = time
    }
}

extension UnsafeRawBufferPointer {
    /// Tells fragments with other bytes apart; no defence against those who seek equal ones.
    var digest: UInt64 {
        var digest = UInt64(count) &* 0x9e37_79b9_7f4a_7c15
        var offset = 0
        while offset + 8 <= count {
            digest = (digest ^ u64(offset)) &* 0xff51_afd7_ed55_8ccd
            digest ^= digest >> 32
            offset += 8
        }
        for byte in self[offset...] { digest = (digest ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        return digest
    }
}
