// Hot path: allocates nothing.

/// SHA-256 of a text so far: a plain value, so that any number of texts can go on from one beginning.
/// What swift-crypto has for it is an object, which every copy allocates anew.
///
/// Source: FIPS 180-4, 5.1.1, 5.3.3 and 6.2.
struct SHA256Text {
    /// Bytes that are hashed at a time.
    static let blockLength = 64

    private var state = SHA256State()
    /// The latest bytes, which do not fill a block.
    private var rest = InlineArray<64, UInt8>(repeating: 0)
    private var length: UInt64 = 0

    /// The text goes on.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        var bytes = bytes
        while !bytes.isEmpty {
            let used = Int(length & 63)
            let part = min(bytes.count, Self.blockLength - used)
            withUnsafeMutableBytes(of: &rest) { rest in
                UnsafeMutableRawBufferPointer(rebasing: rest[used...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<part]))
                if used + part == Self.blockLength { state.take(UnsafeRawBufferPointer(rest)) }
            }
            length &+= UInt64(part)
            bytes = UnsafeRawBufferPointer(rebasing: bytes[part...])
        }
    }

    /// Ends the text: a one bit, zeros, and its length in bits.
    mutating func end() -> SHA256State {
        let used = Int(length & 63)
        withUnsafeMutableBytes(of: &rest) { rest in
            rest[used] = 0x80
            for index in (used + 1)..<Self.blockLength { rest[index] = 0 }
            if used >= 56 {
                state.take(UnsafeRawBufferPointer(rest))
                for index in 0..<56 { rest[index] = 0 }
            }
            rest.storeBytes(of: (length &<< 3).bigEndian, toByteOffset: 56, as: UInt64.self)
            state.take(UnsafeRawBufferPointer(rest))
        }
        return state
    }
}

/// What the blocks of a text are hashed to.
///
/// Source: FIPS 180-4, 4.1.2, 4.2.2, 5.3.3 and 6.2.2, whose names the words have.
struct SHA256State {
    private var a: UInt32 = 0x6a09_e667
    private var b: UInt32 = 0xbb67_ae85
    private var c: UInt32 = 0x3c6e_f372
    private var d: UInt32 = 0xa54f_f53a
    private var e: UInt32 = 0x510e_527f
    private var f: UInt32 = 0x9b05_688c
    private var g: UInt32 = 0x1f83_d9ab
    private var h: UInt32 = 0x5be0_cd19

    /// The digest's first eight bytes, as a big-endian number.
    var first: UInt64 { UInt64(a) &<< 32 | UInt64(b) }

    /// Lends the digest's 32 bytes.
    func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        var bytes = (
            a.bigEndian, b.bigEndian, c.bigEndian, d.bigEndian,
            e.bigEndian, f.bigEndian, g.bigEndian, h.bigEndian
        )
        withUnsafeBytes(of: &bytes) { body($0) }
    }

    fileprivate mutating func take(_ block: UnsafeRawBufferPointer) {
        // The latest 16 words of the message schedule.
        var words = InlineArray<16, UInt32>(repeating: 0)
        for index in 0..<16 {
            let word = block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
            words[index] = UInt32(bigEndian: word)
        }
        var next = self
        for index in 0..<64 {
            if index >= 16 {
                let early = words[(index &+ 1) & 15]
                let late = words[(index &+ 14) & 15]
                words[index & 15] &+=
                    (early.turned(7) ^ early.turned(18) ^ early &>> 3)
                    &+ words[(index &+ 9) & 15]
                    &+ (late.turned(17) ^ late.turned(19) ^ late &>> 10)
            }
            next.turn(Self.constants[index] &+ words[index & 15])
        }
        a &+= next.a
        b &+= next.b
        c &+= next.c
        d &+= next.d
        e &+= next.e
        f &+= next.f
        g &+= next.g
        h &+= next.h
    }

    @inline(__always)
    private mutating func turn(_ word: UInt32) {
        let choice = g ^ e & (f ^ g)
        let majority = a & b | c & (a | b)
        let first = h &+ (e.turned(6) ^ e.turned(11) ^ e.turned(25)) &+ choice &+ word
        let second = (a.turned(2) ^ a.turned(13) ^ a.turned(22)) &+ majority
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
    }

    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}

extension UInt32 {
    @inline(__always)
    fileprivate func turned(_ bits: UInt32) -> UInt32 { self &>> bits | self &<< (32 &- bits) }
}
