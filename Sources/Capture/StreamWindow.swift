// Hot path: nothing here allocates after `init`.
import Glibc

/// The bytes at hand of a stream: a block at a time, and what is left of the one before it.
///
/// Indices count from the first byte at hand; one beyond the last is a fault of the caller and
/// traps.
struct StreamWindow: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private let blockSize: Int
    private var start = 0
    private var end = 0
    /// Place of the first byte at hand in the stream.
    private(set) var offset: UInt64 = 0
    /// Whether numbers are in the byte order that is not this machine's.
    var isSwapped = false

    /// A window on blocks of `blockSize` bytes that takes records of `largestRecord` as a whole.
    init(blockSize: Int, largestRecord: Int) {
        self.blockSize = blockSize
        capacity = blockSize + largestRecord
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Bytes at hand.
    var count: Int { end - start }

    func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        return base.load(fromByteOffset: start + index, as: UInt8.self)
    }

    func half(at index: Int) -> UInt16 {
        precondition(index >= 0 && index + 2 <= count)
        let half = base.loadUnaligned(fromByteOffset: start + index, as: UInt16.self)
        return isSwapped ? half.byteSwapped : half
    }

    func word(at index: Int) -> UInt32 {
        precondition(index >= 0 && index + 4 <= count)
        let word = base.loadUnaligned(fromByteOffset: start + index, as: UInt32.self)
        return isSwapped ? word.byteSwapped : word
    }

    func long(at index: Int) -> UInt64 {
        precondition(index >= 0 && index + 8 <= count)
        let long = base.loadUnaligned(fromByteOffset: start + index, as: UInt64.self)
        return isSwapped ? long.byteSwapped : long
    }

    /// Bytes in place; they end with the next change of the window.
    func bytes(at index: Int, count length: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && length >= 0 && index + length <= count)
        return UnsafeRawBufferPointer(start: base + (start + index), count: length)
    }

    /// Leaves the first `length` bytes behind.
    mutating func consume(_ length: Int) {
        precondition(length >= 0 && length <= count)
        start += length
        offset &+= UInt64(length)
    }

    /// Reads at most one block behind what is at hand; whether there was anything.
    mutating func fill(from source: inout ByteSource) throws(ReadFault) -> Bool {
        if start > 0 {
            memmove(base, base + start, count)
            end -= start
            start = 0
        }
        let room = min(blockSize, capacity - end)
        let length = try source.read(
            into: UnsafeMutableRawBufferPointer(start: base + end, count: room))
        end += length
        return length > 0
    }

    /// Reads until `needed` bytes are at hand or the stream ends.
    mutating func fill(
        atLeast needed: Int, from source: inout ByteSource
    ) throws(ReadFault) {
        while count < needed {
            guard try fill(from: &source) else { return }
        }
    }

    /// Goes on behind the decompression of everything that is at hand and will come.
    mutating func decompress(_ source: inout ByteSource) throws(ReadFault) {
        try source.decompress(beginningWith: bytes(at: 0, count: count))
        start = 0
        end = 0
        offset = 0
    }
}
