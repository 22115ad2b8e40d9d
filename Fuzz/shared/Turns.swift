import CRC32C
import SwiftProtobuf

@testable import Wire

/// A message's frame, under a right checksum.
func framed(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let body = [type] + payload
    return littleEndian(UInt32(body.count + Frame.checksumSize)) + body
        + littleEndian(CRC32C.checksum(body))
}

private func littleEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

/// What one side says of the input: messages of any content in right frames, frames that are wrong,
/// and bytes that are none, in turns that end where it waits for the other side.
func turns(_ script: inout Script) -> [[UInt8]] {
    var turns: [[UInt8]] = [[]]
    while !script.isAtEnd {
        let kind = script.next()
        if kind & 0x0F == 0 {
            turns.append([])
            continue
        }
        let payload = script.take((kind >> 4) << 8 | script.next())
        turns[turns.count - 1] += said(UInt8(kind & 0x0F), payload)
    }
    return turns
}

private func said(_ kind: UInt8, _ payload: [UInt8]) -> [UInt8] {
    switch kind {
    case 8: return payload
    case 9: return framed(payload.first ?? 0, Array(payload.dropFirst()))
    case 10: return framed(MessageType.batch.rawValue, compressed(payload))
    case 11: return framed(MessageType.batch.rawValue, payload).map { $0 ^ 1 }
    case 12...15:
        var frame = framed(kind & 7, payload)
        frame[frame.count - 1] ^= 0x80
        return frame
    default: return framed(kind, payload)
    }
}

/// A batch whose `deflated` bytes are compressed first, where it is one.
private func compressed(_ payload: [UInt8]) -> [UInt8] {
    guard var batch = try? Jouleflow_Wire_V1_Batch(serializedBytes: payload) else { return payload }
    let plain = Array(batch.deflated)
    guard let deflated = Deflation.deflate(plain, atMost: plain.count + 64) else { return payload }
    batch.deflated = .init(deflated)
    batch.inflatedLength = UInt32(plain.count) &+ batch.inflatedLength
    return (try? batch.serializedBytes()) ?? payload
}

/// The frames of bytes that a session made: each is whole, and no longer than may be sent.
func frames(_ bytes: [UInt8]) -> [Frame] {
    var decoder = FrameDecoder()
    bytes.withUnsafeBytes { decoder.append($0) }
    var frames: [Frame] = []
    do throws(WireError) {
        while let frame = try decoder.next(limit: WireLimits.frame) { frames.append(frame) }
    } catch {
        check(false, "a session makes frames: \(error)")
    }
    check(decoder.unfinished == 0, "a session makes whole frames")
    return frames
}
