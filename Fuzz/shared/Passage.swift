/// The input, byte after byte; zeros behind its end.
struct Script {
    private var bytes: ArraySlice<UInt8>
    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }
    var isAtEnd: Bool { bytes.isEmpty }
    mutating func next() -> Int { bytes.popFirst().map(Int.init) ?? 0 }
    mutating func next(below limit: Int) -> Int { limit > 0 ? (next() << 8 | next()) % limit : 0 }
    mutating func take(_ count: Int) -> [UInt8] {
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }
}

/// Bytes in pieces of these lengths, over and over.
func pieces(_ bytes: [UInt8], _ lengths: [Int]) -> [ArraySlice<UInt8>] {
    var (rest, pieces) = (bytes[...], [ArraySlice<UInt8>]())
    while !rest.isEmpty {
        let part = rest.prefix(max(1, lengths[pieces.count % lengths.count]))
        pieces.append(part)
        rest = rest.dropFirst(part.count)
    }
    return pieces
}

/// Hands over a piece in memory of its own size, so that a byte read beyond it is found.
func withOwnMemory<Result>(
    _ piece: ArraySlice<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result
) -> Result {
    let own = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
    defer { own.deallocate() }
    own.copyBytes(from: piece)
    return body(UnsafeRawBufferPointer(own))
}

/// Alters what was sent, up to three times: a bit, or a stretch that is lost, doubled, cleared or
/// changes place. That few bits a checksum of 32 bits always finds.
///
/// Source: Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications": CRC-32C has a
/// Hamming distance of 4 or more to lengths of 2³¹ bits.
func altered(_ bytes: [UInt8], _ script: inout Script) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<script.next() % 4 where !bytes.isEmpty {
        let kind = script.next()
        let start = script.next(below: bytes.count)
        let end = min(bytes.count, start + 1 + script.next())
        switch kind % 6 {
        case 0: bytes[start] ^= 1 << UInt8(kind >> 4 & 7)
        case 1: bytes.removeSubrange(start..<end)
        case 2: bytes.insert(contentsOf: Array(bytes[start..<end]), at: end)
        case 3:
            for index in start..<end { bytes[index] = 0 }
        case 4:
            let part = Array(bytes[start..<end])
            bytes.removeSubrange(start..<end)
            bytes.insert(contentsOf: part, at: script.next(below: bytes.count + 1))
        default: bytes.removeSubrange(start...)
        }
    }
    return bytes
}
