import CRC32C
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
    /// Source: RFC 3720, appendix B.4; the check value of the CRC catalogues for "123456789".
    @Test(
        "known answers",
        arguments: [
            ([], 0),
            (Array("123456789".utf8), 0xE306_9283),
            (Array(repeating: 0, count: 32), 0x8A91_36AA),
            (Array(repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0...31), 0x46DD_794E),
            (Array((0...31).reversed()), 0x113F_DB5C),
        ] as [([UInt8], UInt32)])
    func knownAnswers(bytes: [UInt8], expected: UInt32) {
        #expect(CRC32C.checksum(bytes) == expected)
    }

    @Test("pieces of every length give the value of the whole")
    func pieces() {
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        let whole = CRC32C.checksum(bytes)
        for cut in 0...bytes.count {
            var crc = CRC32C()
            crc.update(Array(bytes[..<cut]))
            crc.update(Array(bytes[cut...]))
            #expect(crc.value == whole)
        }
    }

    @Test("any single changed bit changes the value")
    func bitFlips() {
        let bytes = Array("a window's energy in microjoules".utf8)
        let whole = CRC32C.checksum(bytes)
        for bit in 0..<(bytes.count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(CRC32C.checksum(changed) != whole)
        }
    }
}
