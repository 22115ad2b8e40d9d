/// A gzip member whose data is stored, not compressed: what a client that accepts gzip must read.
///
/// Source: RFC 1952 for the member, RFC 1951 3.2.4 for the stored block.
enum StoredGzip {
    /// The member of at most 65,535 bytes of data; `nil` for more, which one block cannot hold.
    static func member(_ data: [UInt8]) -> [UInt8]? {
        guard let length = UInt16(exactly: data.count) else { return nil }
        // Deflate, no flags, no time, no hint, made on Unix; then a last block that is stored.
        var bytes: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1]
        bytes += little(length)
        bytes += little(~length)
        bytes += data
        bytes += little(checksum(data))
        bytes += little(UInt32(length))
        return bytes
    }

    /// The data of a member as `member` makes it, or `nil`. The checksum is not looked at.
    static func data(_ member: [UInt8]) -> ArraySlice<UInt8>? {
        let head = 15, tail = 8
        guard member.count >= head + tail, member[..<3].elementsEqual([0x1f, 0x8b, 8]),
            member[10] == 1
        else { return nil }
        let length = Int(member[11]) | Int(member[12]) << 8
        return length == member.count - head - tail ? member[head..<(head + length)] : nil
    }

    private static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        (0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    /// CRC-32 of ISO 3309, bit by bit: bodies are short.
    private static func checksum(_ data: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in data {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xedb8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
