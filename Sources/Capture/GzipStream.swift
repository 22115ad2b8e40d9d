// Hot path: nothing here allocates after `init`.
import CZlib
import Glibc

/// Decompresses gzip members one after the other. Holds one block of input and zlib's window of
/// 32 KiB, whatever the data grows to.
///
/// Zeros behind the last member are padding, as in gzip(1); anything else there is damage.
///
/// Source: RFC 1952, 2.2 and 2.3.1.
final class GzipStream {
    /// Compressed bytes read at once.
    static let blockSize = 256 << 10
    /// Window bits of 15 for the largest window; 16 more ask for gzip and its checksum.
    private static let windowBits: Int32 = 15 + 16

    private enum Place { case member, between, padding }

    /// Stays where it is: zlib keeps a pointer to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private let readFile: ReadFunction
    private var place = Place.member
    private var fileEnded = false
    /// Thrown by the next read, once what came before it was given out.
    private var pending: ReadFault?
    private var bytesRead: UInt64
    /// Whether the file ended inside a member.
    private(set) var isCutShort = false

    /// A stream of `beginning`, at most `blockSize` bytes, and what `readFile` gives after it.
    init(
        beginning: UnsafeRawBufferPointer, readFile: @escaping ReadFunction
    ) throws(ReadFault) {
        let capacity = max(Self.blockSize, beginning.count)
        input = .allocate(byteCount: capacity, alignment: 16)
        input.copyMemory(from: beginning)
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        self.readFile = readFile
        bytesRead = UInt64(beginning.count)
        let status = inflateInit2_(
            stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            throw .compressed(.compression("zlib does not start, status \(status)"))
        }
        present(beginning.count)
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Bytes of the file that were used.
    var fileOffset: UInt64 { bytesRead &- UInt64(stream.pointee.avail_in) }

    /// Decompresses at most `buffer.count` bytes and returns how many; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadFault) -> Int {
        if let pending { throw pending }
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: buffer.count)
        do throws(ReadFault) {
            while stream.pointee.avail_out > 0, try step() {}
        } catch {
            pending = error
        }
        let length = buffer.count - Int(stream.pointee.avail_out)
        if length == 0, let pending { throw pending }
        return length
    }

    /// Uses input or gives output; whether there may be more.
    private func step() throws(ReadFault) -> Bool {
        if stream.pointee.avail_in == 0 && !fileEnded { try refill() }
        guard place == .member else { return try stepBetweenMembers() }
        switch inflate(stream, Z_NO_FLUSH) {
        case Z_OK: return true
        case Z_STREAM_END:
            place = .between
            return true
        case Z_BUF_ERROR where stream.pointee.avail_in == 0:
            isCutShort = fileEnded
            return !fileEnded
        case let status: throw .compressed(.compression(words(status)))
        }
    }

    private func stepBetweenMembers() throws(ReadFault) -> Bool {
        guard stream.pointee.avail_in > 0, let next = stream.pointee.next_in else { return false }
        if next.pointee == 0 {
            place = .padding
            stream.pointee.next_in += 1
            stream.pointee.avail_in -= 1
        } else if place == .between && next.pointee == 0x1f && inflateReset(stream) == Z_OK {
            place = .member
        } else {
            throw .compressed(.afterCompression)
        }
        return true
    }

    private func refill() throws(ReadFault) {
        let length = readFile(input)
        guard length >= 0 else { throw .system(errno: Int32(clamping: -length)) }
        fileEnded = length == 0
        bytesRead &+= UInt64(length)
        present(length)
    }

    private func present(_ length: Int) {
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(clamping: length)
    }

    private func words(_ status: Int32) -> String {
        if let message = stream.pointee.msg { return String(cString: message) }
        return status == Z_MEM_ERROR ? "no memory for it" : "zlib's status \(status)"
    }
}
