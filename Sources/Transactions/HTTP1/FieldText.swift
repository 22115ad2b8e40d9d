// Hot path: plain values.
import Traffic

/// The bytes of a field's value, as many as tell it from others.
struct FieldText {
    /// The longest value that is told apart from others; longer ones equal none that a rule names.
    static let maximum = 64

    /// One more than `maximum` tells a longer value.
    private(set) var count: UInt8 = 0
    private var bytes: InlineArray<65, UInt8> = .init(repeating: 0)

    var isFull: Bool { count > UInt8(Self.maximum) }

    mutating func clear() { count = 0 }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        guard count <= UInt8(Self.maximum) else { return }
        bytes[Int(count)] = byte
        count += 1
    }

    /// Lets go of what is behind the first bytes.
    mutating func cut(to length: UInt8) { count = min(count, length) }

    /// The value, its bytes copied to `room`, which has room for `maximum + 1`.
    func copy(to room: UnsafeMutablePointer<UInt8>) -> FieldValue {
        // All of them: that takes fewer instructions than those that count.
        UnsafeMutableRawPointer(room).storeBytes(of: bytes, as: InlineArray<65, UInt8>.self)
        return .value(UnsafeRawBufferPointer(start: room, count: Int(count)))
    }
}
