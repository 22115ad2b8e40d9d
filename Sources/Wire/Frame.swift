import CRC32C
import SwiftProtobuf

/// A message's frame.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | length of what follows, little-endian: 5 + payload |
/// | 4 | 1 | type |
/// | 5 | length − 5 | payload: the message of that type |
/// | 4 + length − 4 | 4 | CRC-32C of type and payload, little-endian |
struct Frame {
    static let lengthSize = 4
    static let checksumSize = 4
    /// Bytes of a frame beside its payload.
    static let overhead = lengthSize + 1 + checksumSize

    let type: MessageType
    let payload: [UInt8]

    static func encode(
        _ type: MessageType, _ message: some SwiftProtobuf.Message
    ) throws(WireError) -> [UInt8] {
        let payload: [UInt8]
        do { payload = try message.serializedBytes() } catch { throw .malformed(type) }
        let size = payload.count + overhead
        guard size <= WireLimits.frame else {
            throw .frameTooLong(length: size, limit: WireLimits.frame)
        }
        var checksum = CRC32C()
        checksum.update([type.rawValue])
        checksum.update(payload)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        bytes.append(littleEndian: UInt32(size - lengthSize))
        bytes.append(type.rawValue)
        bytes += payload
        bytes.append(littleEndian: checksum.value)
        return bytes
    }

    func message<Message: SwiftProtobuf.Message>(
        _ type: Message.Type = Message.self
    ) throws(WireError) -> Message {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        do {
            return try Message(serializedBytes: payload, options: options)
        } catch { throw .malformed(self.type) }
    }
}

/// Cuts a stream of bytes into frames, whatever pieces it comes in.
struct FrameDecoder {
    /// Bytes received and not yet consumed begin at `start`; at most one unfinished frame stays.
    private var buffer: [UInt8] = []
    private var start = 0

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += bytes
    }

    /// Bytes of the frame whose length has come and whose end has not; 0 where there is none.
    var unfinished: Int {
        guard buffer.count - start >= Frame.lengthSize else { return 0 }
        return min(Int(buffer.littleEndian(at: start)) + Frame.lengthSize, WireLimits.frame)
    }

    /// The next whole frame, or `nil` where more bytes are needed. A wrong length or type is an
    /// error as soon as its bytes are there.
    ///
    /// - Parameter limit: bytes of the whole frame.
    mutating func next(limit: Int) throws(WireError) -> Frame? {
        let available = buffer.count - start
        guard available >= Frame.lengthSize else { return nil }
        let size = Int(buffer.littleEndian(at: start)) + Frame.lengthSize
        guard size <= limit else { throw .frameTooLong(length: size, limit: limit) }
        guard size >= Frame.overhead else { throw .frameTooShort(length: size) }
        guard available > Frame.lengthSize else { return nil }
        let number = buffer[start + Frame.lengthSize]
        guard let type = MessageType(rawValue: number) else { throw .unknownType(number) }
        guard available >= size else {
            // No more than the frame takes: doubling would hold up to twice as much.
            buffer.reserveCapacity(start + size)
            return nil
        }
        let (body, end) = (start + Frame.lengthSize, start + size - Frame.checksumSize)
        let stored = buffer.littleEndian(at: end)
        let computed = buffer.withUnsafeBytes {
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[body..<end]))
        }
        guard stored == computed else { throw .checksum(stored: stored, computed: computed) }
        start += size
        return Frame(type: type, payload: Array(buffer[(body + 1)..<end]))
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian value: UInt32) {
        for shift in [0, 8, 16, 24] as [UInt32] {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    fileprivate func littleEndian(at offset: Int) -> UInt32 {
        self[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
