// Hot path: allocates nothing.
import Traffic

/// The bytes of a field's value, as many as tell it from others: how many, then they themselves.
struct FieldText {
    /// The longest value that is told apart from others; longer ones equal none that a rule names.
    static let maximum = 64
    /// Bytes of memory: one more than `maximum` tells a longer value.
    static let size = maximum + 2

    let start: UnsafeMutablePointer<UInt8>

    var count: Int { Int(start[0]) }

    func clear() { start[0] = 0 }

    @inline(__always)
    func append(_ byte: UInt8) {
        let count = count
        guard count <= Self.maximum else { return }
        start[count + 1] = byte
        start[0] = UInt8(truncatingIfNeeded: count + 1)
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        let count = count
        let taken = min(bytes.count, Self.maximum + 1 - count)
        guard taken > 0, let first = bytes.baseAddress else { return }
        UnsafeMutableRawPointer(start + count + 1).copyMemory(from: first, byteCount: taken)
        start[0] = UInt8(truncatingIfNeeded: count + taken)
    }

    /// Lets go of what is behind the first bytes.
    func cut(to length: Int) { start[0] = UInt8(truncatingIfNeeded: min(count, length)) }

    /// The value, borrowed.
    var value: FieldValue { .value(UnsafeRawBufferPointer(start: start + 1, count: count)) }
}
