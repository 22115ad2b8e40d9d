/// CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, initial value and final exclusive-or
/// 0xFFFFFFFF. Finds every error of up to three bits in a record and every burst of 32 bits.
///
/// Source: RFC 3720, section 12.1 and appendix B.4.
package struct CRC32C: Sendable {
    private var state: UInt32 = .max

    package init() {}

    /// The checksum of all bytes so far.
    package var value: UInt32 { ~state }

    /// Adds `bytes` to the checksum. Pieces give the same value as the whole.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        state = Self.tables.withUnsafeBufferPointer { Self.advance(state, bytes, $0) }
    }

    /// Adds `bytes` to the checksum.
    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The checksum of `bytes`.
    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes)
        return crc.value
    }

    /// The checksum of `bytes`.
    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0) }
    }

    /// Eight bytes at a step: each goes through the table of its distance from the end.
    private static func advance(
        _ start: UInt32, _ bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>
    ) -> UInt32 {
        var state = start
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let mixed = word ^ UInt64(state)
            state = 0
            for step in 0..<8 {
                let byte = Int(truncatingIfNeeded: mixed &>> UInt64(8 &* step)) & 0xFF
                state ^= tables[(7 &- step) &* 256 &+ byte]
            }
            offset &+= 8
        }
        while offset < bytes.count {
            state = (state &>> 8) ^ tables[Int((state ^ UInt32(bytes[offset])) & 0xFF)]
            offset &+= 1
        }
        return state
    }

    /// Eight tables of 256: table `k` advances a byte by `k` further zero bytes.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = (0..<256).map { (byte: UInt32) in
            var value: UInt32 = byte
            for _ in 0..<8 {
                let isOdd = value & 1 == 1
                value = (value >> 1) ^ (isOdd ? 0x82F6_3B78 : 0)
            }
            return value
        }
        for index in 256..<2048 {
            let previous = tables[index - 256]
            tables.append((previous >> 8) ^ tables[Int(previous & 0xFF)])
        }
        return tables
    }()
}
