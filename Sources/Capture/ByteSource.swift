/// Fills a buffer with the next bytes and returns their number, 0 at the end, or -errno.
package typealias ReadFunction = (UnsafeMutableRawBufferPointer) -> Int

/// The bytes of a capture file as they are, or as they come out of gzip.
struct ByteSource {
    private let readFile: ReadFunction
    private var gzip: GzipStream?
    private var plainOffset: UInt64 = 0

    init(_ readFile: @escaping ReadFunction) { self.readFile = readFile }

    /// Bytes of the file that were used.
    var fileOffset: UInt64 { gzip?.fileOffset ?? plainOffset }
    var isDecompressed: Bool { gzip != nil }
    /// Whether compressed data ended before its own end.
    var isCutShort: Bool { gzip?.isCutShort ?? false }

    /// Reads at most `buffer.count` bytes, which is not 0, and returns how many; 0 at the end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(ReadFault) -> Int {
        if let gzip { return try gzip.read(into: buffer) }
        let length = readFile(buffer)
        guard length >= 0 else { throw .system(errno: Int32(clamping: -length)) }
        plainOffset &+= UInt64(length)
        return length
    }

    /// From now on reads what `beginning`, and the file after it, hold compressed.
    mutating func decompress(beginningWith beginning: UnsafeRawBufferPointer) throws(ReadFault) {
        gzip = try GzipStream(beginning: beginning, readFile: readFile)
    }
}
