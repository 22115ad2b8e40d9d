import Testing

@testable import Capture

@Suite("Damaged capture files")
struct CaptureDamageTests {
    /// Values at which lengths, counts and times turn.
    private static let edges: [UInt8] = [0, 1, 0x1f, 0x7f, 0x80, 0xfe, 0xff]

    private static func damage(_ bytes: [UInt8], _ random: inout Seeded) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[at] = edges.randomElement(using: &random) ?? 0
            case 2: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + 4))
            case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 16)], at: at)
            default: bytes.removeLast(bytes.count - at)
            }
        }
        return bytes
    }

    @Test("neither trap nor hang, and end the same however reads split them", arguments: 0..<8)
    func mutations(seed: Int) {
        var random = Seeded(UInt64(seed))
        let plain = Samples.all.map(\.bytes)
        let samples = plain + plain.map { gzip($0, level: 0) } + plain.map { gzip($0) }
        var ends = (whole: 0, truncated: 0, refused: 0)
        for _ in 0..<1500 {
            guard let sample = samples.randomElement(using: &random) else { continue }
            let bytes = Self.damage(sample, &random)
            let atOnce = reading(bytes)
            let size = Int.random(in: 1...50, using: &random)
            #expect(reading(bytes, sizes: [size]) == atOnce)
            #expect(reading(bytes, blockSize: size) == atOnce)
            if let summary = atOnce.summary {
                #expect(summary.packets == UInt64(atOnce.frames.count) + summary.unknownLinkType)
                if summary.truncatedAt == nil { ends.whole += 1 } else { ends.truncated += 1 }
            } else {
                #expect(atOnce.error?.description.isEmpty == false)
                ends.refused += 1
            }
        }
        // The damage reached every way to end.
        #expect(ends.whole > 50 && ends.truncated > 50 && ends.refused > 50, "\(ends)")
    }
}
