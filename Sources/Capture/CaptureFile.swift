// Hot path: `forEach` allocates its block once and nothing per packet.
import Glibc
import Metering
package import Traffic

/// Why a capture file cannot be read.
package enum CaptureFileError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, errno: Int32)
    case cannotRead(path: String, errno: Int32)
    case notRegular(path: String)
    case tooShort(path: String, bytes: Int)
    case unknownFormat(path: String, magic: UInt32)
    /// pcapng and compressed files are known by their magic and not read by this version.
    case unsupportedFormat(path: String, name: String, remedy: String)
    case unknownLinkType(path: String, number: UInt32)
    /// A packet's header is impossible: what comes after it cannot be found.
    case corrupt(path: String, packet: UInt64, length: UInt32)

    package var description: String {
        switch self {
        case .cannotOpen(let path, let code):
            "cannot open \(path): \(String(cString: strerror(code)))"
        case .cannotRead(let path, let code):
            "cannot read \(path): \(String(cString: strerror(code)))"
        case .notRegular(let path): "\(path) is not a regular file"
        case .tooShort(let path, let bytes):
            "\(path) has \(bytes) bytes: a pcap file begins with a header of 24"
        case .unknownFormat(let path, let magic):
            "\(path) is no pcap file: it begins with 0x\(String(magic, radix: 16))"
        case .unsupportedFormat(let path, let name, let remedy):
            "\(path) is \(name), which this version does not read: \(remedy)"
        case .unknownLinkType(let path, let number):
            "frames of \(path) have link type \(number), which this version cannot decode"
        case .corrupt(let path, let packet, let length):
            """
            \(path) is corrupt: packet \(packet) claims \(length) captured bytes, more than \
            \(CaptureFile.maximumFrame); what came before it was counted
            """
        }
    }
}

/// How reading a capture file went.
package struct CaptureFileSummary: Sendable, Hashable {
    package var packets: UInt64 = 0
    /// Captured bytes of the packets.
    package var bytes: UInt64 = 0
    /// The file ends inside a packet; what came before it was handed over.
    package var isTruncated = false

    package init() {}
}

/// Reads a pcap file in bounded blocks, never mapped whole.
///
/// | offset | file header (24 bytes)      | offset | packet header (16 bytes) |
/// |--------|-----------------------------|--------|--------------------------|
/// | 0      | magic, tells order and unit | 0      | seconds                  |
/// | 4      | version                     | 4      | micro- or nanoseconds    |
/// | 16     | snapshot length             | 8      | captured length          |
/// | 20     | link type in the low 28 bits| 12     | length on the wire       |
///
/// Source: draft-ietf-opsawg-pcap, sections 4 and 5.
package struct CaptureFile: ~Copyable {
    /// Bytes read at once.
    package static let blockSize = 256 << 10
    /// The largest frame; a packet header that claims more is corrupt.
    package static let maximumFrame: UInt32 = 1 << 20

    package let path: String
    private let descriptor: Int32
    private let header: Header

    /// Opens `path` and reads its header.
    package init(path: String) throws(CaptureFileError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, errno: errno) }
        let header: Header
        do throws(CaptureFileError) {
            header = try Header(descriptor: descriptor, path: path)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        self.header = header
    }

    /// Size of the file in bytes when it was opened.
    package var size: UInt64 { header.fileSize }

    deinit { close(descriptor) }

    /// Hands over every frame in file order and says how it went. Bytes end with the call.
    package func forEach(_ body: (Frame) -> Void) throws(CaptureFileError) -> CaptureFileSummary {
        var summary = CaptureFileSummary()
        let capacity = Self.blockSize + Int(Self.maximumFrame)
        let block = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        defer { block.deallocate() }
        var end = 0
        while true {
            let consumed = try handOver(
                UnsafeRawBufferPointer(start: block, count: end), summary: &summary, body)
            // What is left of a packet moves to the front, so that it is whole after the next read.
            end -= consumed
            memmove(block, block + consumed, end)
            let count = read(descriptor, block + end, min(Self.blockSize, capacity - end))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .cannotRead(path: path, errno: errno) }
            guard count > 0 else {
                summary.isTruncated = end > 0
                return summary
            }
            end += count
        }
    }

    /// Hands over the whole packets at the front of `bytes` and returns their length.
    private func handOver(
        _ bytes: UnsafeRawBufferPointer, summary: inout CaptureFileSummary, _ body: (Frame) -> Void
    ) throws(CaptureFileError) -> Int {
        var offset = 0
        while bytes.count - offset >= 16 {
            let captured = word(bytes, offset + 8)
            guard captured <= Self.maximumFrame else {
                throw .corrupt(path: path, packet: summary.packets + 1, length: captured)
            }
            guard bytes.count - offset - 16 >= Int(captured) else { break }
            let seconds = UInt64(word(bytes, offset)) &* 1_000_000_000
            let fraction = UInt64(word(bytes, offset + 4)) &* header.fractionScale
            summary.packets += 1
            summary.bytes += UInt64(captured)
            body(
                Frame(
                    bytes: UnsafeRawBufferPointer(
                        rebasing: bytes[(offset + 16)..<(offset + 16 + Int(captured))]),
                    wireLength: Int(word(bytes, offset + 12)),
                    time: Timestamp(seconds &+ fraction), linkType: header.linkType))
            offset += 16 + Int(captured)
        }
        return offset
    }

    private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return header.isSwapped ? word.byteSwapped : word
    }
}

extension CaptureFile {
    fileprivate struct Header {
        let fileSize: UInt64
        let isSwapped: Bool
        /// Nanoseconds in one unit of a packet's fraction of a second.
        let fractionScale: UInt64
        let linkType: LinkType

        init(descriptor: Int32, path: String) throws(CaptureFileError) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else {
                throw .cannotRead(path: path, errno: errno)
            }
            guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular(path: path) }
            fileSize = UInt64(clamping: status.st_size)
            var bytes = [UInt8](repeating: 0, count: 24)
            let count = read(descriptor, &bytes, 24)
            guard count >= 0 else { throw .cannotRead(path: path, errno: errno) }
            (isSwapped, fractionScale) = try Self.format(bytes, count: count, path: path)
            guard count == 24 else { throw .tooShort(path: path, bytes: count) }
            let word = bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: 20, as: UInt32.self)
            }
            let number = (isSwapped ? word.byteSwapped : word) & 0x0fff_ffff
            // 12 is DLT_RAW as some programs write it in place of LINKTYPE_RAW.
            guard let type = LinkType(rawValue: number == 12 ? 101 : number) else {
                throw .unknownLinkType(path: path, number: number)
            }
            linkType = type
        }

        private static func format(
            _ header: [UInt8], count: Int, path: String
        ) throws(CaptureFileError) -> (isSwapped: Bool, fractionScale: UInt64) {
            guard count >= 4 else { throw .tooShort(path: path, bytes: count) }
            let magic = header.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
            switch magic {
            case 0xa1b2_c3d4: return (false, 1000)
            case 0xd4c3_b2a1: return (true, 1000)
            case 0xa1b2_3c4d: return (false, 1)
            case 0x4d3c_b2a1: return (true, 1)
            case 0x0a0d_0d0a:
                throw .unsupportedFormat(
                    path: path, name: "pcapng",
                    remedy: "convert it with `tcpdump -r \(path) -w OUT.pcap`")
            case _ where magic & 0xffff == 0x8b1f:
                throw .unsupportedFormat(
                    path: path, name: "gzip-compressed", remedy: "decompress it with `gunzip -k`")
            default: throw .unknownFormat(path: path, magic: magic)
            }
        }
    }
}
