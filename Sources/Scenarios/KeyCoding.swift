// Hot path: decoding allocates, copies and retains nothing.
import Traffic

/// How a flow's key is written where it stands: one key is one flow, however it is written.
enum KeyCoding: BitwiseCopyable {
    case plain
    /// In a path (RFC 3986, 2.1).
    case percent
    /// In JSON, where the word `null` is no key.
    case json

    init(_ field: MessageField?) {
        self =
            switch field {
            case .path: .percent
            case .message(.requestJSON), .message(.responseJSON): .json
            default: .plain
            }
    }

    /// Calls `body` with the key that is written so: empty where there is none, `nil` where it is
    /// longer than `DecodedValue.maximum`.
    func withKey<Result>(
        _ written: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Result
    ) -> Result {
        switch self {
        // Each byte of a key takes three at most.
        case .percent
        where written.count <= 3 * DecodedValue.maximum && written.contains(UInt8(ascii: "%")):
            return withUnsafeTemporaryAllocation(byteCount: written.count, alignment: 1) { room in
                let count = Self.decodePercent(written, into: room)
                guard count <= DecodedValue.maximum else { return body(nil) }
                return body(UnsafeRawBufferPointer(rebasing: room[..<count]))
            }
        case .json where written.elementsEqual("null".utf8):
            return body(UnsafeRawBufferPointer(start: nil, count: 0))
        default: return body(written.count <= DecodedValue.maximum ? written : nil)
        }
    }

    /// `%` without two digits behind it is itself.
    private static func decodePercent(
        _ written: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
    ) -> Int {
        var (index, count) = (0, 0)
        while index < written.count {
            var byte = written[index]
            if byte == UInt8(ascii: "%"), let value = hexadecimal(written, index + 1, 2) {
                byte = UInt8(truncatingIfNeeded: value)
                index += 2
            }
            room[count] = byte
            count += 1
            index += 1
        }
        return count
    }

    private static func hexadecimal(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ count: Int
    ) -> UInt32? {
        guard start + count <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[start..<(start + count)] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: return nil
            }
        }
        return value
    }
}
