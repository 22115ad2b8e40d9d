// Hot path: decoding allocates, copies and retains nothing.
import Traffic

/// How a flow's key is written where it stands: one key is one flow, however it is written.
enum KeyCoding: BitwiseCopyable {
    case plain
    /// In a path (RFC 3986, 2.1).
    case percent
    /// In a JSON string (RFC 8259, 7). The word `null` is no key.
    case json

    init(_ field: MessageField?) {
        self =
            switch field {
            case .path: .percent
            case .message(.requestJSON), .message(.responseJSON): .json
            default: .plain
            }
    }

    /// Calls `body` with the key that is written so, which is empty where there is none.
    func withKey<Result>(
        _ written: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        switch self {
        case .percent where written.contains(UInt8(ascii: "%")):
            return withUnsafeTemporaryAllocation(byteCount: written.count, alignment: 1) { room in
                let count = Self.decodePercent(written, into: room)
                return body(UnsafeRawBufferPointer(rebasing: room[..<count]))
            }
        case .json where written.elementsEqual("null".utf8):
            return body(UnsafeRawBufferPointer(start: nil, count: 0))
        case .json where written.contains(UInt8(ascii: "\\")):
            return withUnsafeTemporaryAllocation(byteCount: written.count, alignment: 1) { room in
                let count = Self.decodeJSON(written, into: room)
                return body(UnsafeRawBufferPointer(rebasing: room[..<count]))
            }
        default: return body(written)
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

    /// What is no escape is itself. An escape is never shorter than its bytes in UTF-8.
    private static func decodeJSON(
        _ written: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
    ) -> Int {
        var (index, count) = (0, 0)
        while index < written.count {
            guard written[index] == UInt8(ascii: "\\"), index + 1 < written.count else {
                room[count] = written[index]
                count += 1
                index += 1
                continue
            }
            if written[index + 1] == UInt8(ascii: "u"),
                let scalar = scalar(written, index, &index)
            {
                for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                    room[count] = byte
                    count += 1
                }
            } else {
                room[count] = short(written[index + 1])
                count += 1
                index += 2
            }
        }
        return count
    }

    private static func short(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        default: letter
        }
    }

    /// The character of `\uXXXX`, or of two that are halves of one.
    private static func scalar(
        _ written: UnsafeRawBufferPointer, _ start: Int, _ index: inout Int
    ) -> Unicode.Scalar? {
        guard let first = hexadecimal(written, start + 2, 4) else { return nil }
        if let scalar = Unicode.Scalar(first) {
            index = start + 6
            return scalar
        }
        guard first < 0xdc00, start + 7 < written.count,
            written[start + 6] == UInt8(ascii: "\\"), written[start + 7] == UInt8(ascii: "u"),
            let second = hexadecimal(written, start + 8, 4), (0xdc00...0xdfff).contains(second)
        else { return nil }
        index = start + 12
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
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
