// Hot path: `forEach` allocates nothing per packet.
import Glibc
package import Traffic

/// How reading a capture file went.
package struct CaptureFileSummary: Sendable, Hashable {
    /// Whole packets, those of `unknownLinkType` included.
    package var packets: UInt64 = 0
    /// Captured bytes of the packets.
    package var bytes: UInt64 = 0
    /// Packets of pcapng interfaces whose link type is not one this version decodes: counted, and
    /// not handed over.
    package var unknownLinkType: UInt64 = 0
    /// Simple packets, which have no time: they got that of the packet before them, or 1970.
    package var untimed: UInt64 = 0
    /// Packets whose time was moved to the nearest one between 1970 and 2262.
    package var clampedTimes: UInt64 = 0
    /// Where the record begins that the file does not hold to its end; `nil` where it holds all.
    /// What came before it was handed over.
    package var truncatedAt: CapturePosition?

    package init() {}
}

/// Reads a pcap or pcapng file, or either compressed with gzip, in bounded blocks: from a file, a
/// pipe or standard input, and never mapped whole.
///
/// What is wrong in the file ends it with an error that names the place; a file that ends too early
/// is no error and is told by the summary.
package struct CaptureFile: ~Copyable {
    /// Bytes read at once.
    package static let blockSize = 256 << 10
    /// The largest frame in bytes; one that claims more is refused.
    package static let maximumFrame: UInt32 = 1 << 20
    /// The largest pcapng block in bytes that is looked into, options included; a longer one is
    /// refused. Blocks of other types are skipped, whatever their length.
    package static let maximumBlock: UInt32 = maximumFrame + (256 << 10)
    /// Interfaces of one section of a pcapng file; one more is refused.
    package static let maximumInterfaces = 4096
    /// The path that stands for standard input.
    package static let standardInput = "-"

    package let path: String
    /// Bytes of the file when it was opened; `nil` where it is a pipe.
    package let size: UInt64?
    /// `nil` where there is nothing to close.
    private let descriptor: Int32?
    private var source: ByteSource
    private var window: StreamWindow
    /// `nil` where the file is a pcapng file.
    private let pcap: PcapReader?
    private var pcapng = PcapngReader()

    /// Opens the file at `path`, `-` for standard input, and reads its header.
    package init(path: String) throws(CaptureFileError) {
        let isStandardInput = path == Self.standardInput
        let descriptor =
            isStandardInput ? STDIN_FILENO : Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, errno: errno) }
        do throws(CaptureFileError) {
            try self.init(
                path: path, size: try Self.size(of: descriptor, path: path),
                descriptor: isStandardInput ? nil : descriptor, blockSize: Self.blockSize
            ) { buffer in
                while true {
                    let length = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                    if length >= 0 { return length }
                    if errno != EINTR { return -Int(errno) }
                }
            }
        } catch {
            if !isStandardInput { close(descriptor) }
            throw error
        }
    }

    /// Reads what `read` gives, in blocks of at most `blockSize` bytes, and the header of it.
    package init(
        name: String, blockSize: Int = Self.blockSize, read: @escaping ReadFunction
    ) throws(CaptureFileError) {
        try self.init(path: name, size: nil, descriptor: nil, blockSize: blockSize, read: read)
    }

    private init(
        path: String, size: UInt64?, descriptor: Int32?, blockSize: Int,
        read: @escaping ReadFunction
    ) throws(CaptureFileError) {
        var source = ByteSource(read)
        var window = StreamWindow(blockSize: blockSize, largestRecord: Int(Self.maximumBlock))
        do throws(ReadFault) {
            pcap = try Self.readHeader(&window, &source)
        } catch {
            throw Self.error(error, path: path, window, source)
        }
        self.path = path
        self.size = size
        self.descriptor = descriptor
        self.source = source
        self.window = window
    }

    deinit {
        if let descriptor { close(descriptor) }
    }

    /// Hands over every frame in file order and says how it went. Bytes end with the call.
    ///
    /// - Parameter progress: receives, after each block, how many bytes of the file were used.
    package consuming func forEach(
        progress: (UInt64) -> Void = { _ in }, _ body: (Frame) -> Void
    ) throws(CaptureFileError) -> CaptureFileSummary {
        var summary = CaptureFileSummary()
        try forEach(into: &summary, progress: progress, body)
        return summary
    }

    /// The same, with a summary that also tells what came before an error.
    package consuming func forEach(
        into summary: inout CaptureFileSummary, progress: (UInt64) -> Void = { _ in },
        _ body: (Frame) -> Void
    ) throws(CaptureFileError) {
        do throws(ReadFault) {
            repeat {
                try handOver(&summary, body)
                progress(source.fileOffset)
            } while try window.fill(from: &source)
        } catch {
            throw Self.error(error, path: path, window, source)
        }
        summary.truncatedAt = truncation
    }

    private mutating func handOver(
        _ summary: inout CaptureFileSummary, _ body: (Frame) -> Void
    ) throws(ReadFault) {
        do throws(CaptureFault) {
            if let pcap {
                try pcap.handOver(from: &window, summary: &summary, body)
            } else {
                try pcapng.handOver(from: &window, summary: &summary, body)
            }
        } catch {
            throw .record(error)
        }
    }

    /// Where the record begins whose end the file does not hold.
    private var truncation: CapturePosition? {
        guard window.count > 0 || source.isCutShort || pcapng.skippedBlockStart != nil else {
            return nil
        }
        return CapturePosition(
            offset: pcapng.skippedBlockStart ?? window.offset,
            isDecompressed: source.isDecompressed)
    }
}

// MARK: Opening

extension CaptureFile {
    /// The size of a regular file, `nil` for a pipe; folders and disks are refused.
    private static func size(
        of descriptor: Int32, path: String
    ) throws(CaptureFileError) -> UInt64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .cannotRead(path: path, errno: errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return UInt64(clamping: status.st_size)
        case S_IFDIR, S_IFBLK: throw .notFile(path: path)
        default: return nil
        }
    }

    /// Finds the format by its magic and reads a pcap file's header; `nil` for a pcapng file.
    private static func readHeader(
        _ window: inout StreamWindow, _ source: inout ByteSource
    ) throws(ReadFault) -> PcapReader? {
        try window.fill(atLeast: 4, from: &source)
        if window.count >= 2, window.byte(at: 0) == 0x1f, window.byte(at: 1) == 0x8b {
            try window.decompress(&source)
            try window.fill(atLeast: 4, from: &source)
        }
        guard window.count >= 4 else {
            throw .record(.tooShort(bytes: window.count, needed: PcapReader.fileHeaderLength))
        }
        let magic = window.word(at: 0)
        let format = PcapReader.Format(magic: magic)
        guard format != nil || magic == PcapngReader.magic else { throw .record(unknown(magic)) }
        let needed = format != nil ? PcapReader.fileHeaderLength : PcapngReader.sectionHeaderLength
        try window.fill(atLeast: needed, from: &source)
        guard window.count >= needed else {
            throw .record(.tooShort(bytes: window.count, needed: needed))
        }
        guard let format else { return nil }
        do throws(CaptureFault) {
            return try PcapReader(format, &window)
        } catch {
            throw .record(error)
        }
    }

    private static func unknown(_ magic: UInt32) -> CaptureFault {
        let bytes = UInt32(bigEndian: magic)
        switch bytes {
        case 0x28b5_2ffd: return .unsupportedCompression(name: "zstd")
        case 0xfd37_7a58: return .unsupportedCompression(name: "xz")
        case 0x0422_4d18: return .unsupportedCompression(name: "lz4")
        case _ where bytes >> 8 == 0x42_5a68: return .unsupportedCompression(name: "bzip2")
        case _ where bytes >> 16 == 0x1f8b: return .unsupportedCompression(name: "gzip twice")
        default: return .unknownFormat(magic: magic)
        }
    }

    private static func error(
        _ fault: ReadFault, path: String, _ window: borrowing StreamWindow, _ source: ByteSource
    ) -> CaptureFileError {
        switch fault {
        case .system(let code): .cannotRead(path: path, errno: code)
        case .compressed(let fault):
            .content(
                path: path, CapturePosition(offset: source.fileOffset, isDecompressed: false),
                fault)
        case .record(let fault):
            .content(
                path: path,
                CapturePosition(offset: window.offset, isDecompressed: source.isDecompressed),
                fault)
        }
    }
}
