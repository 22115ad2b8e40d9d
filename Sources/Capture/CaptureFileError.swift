import Glibc

/// A place in a capture file.
package struct CapturePosition: Sendable, Hashable, CustomStringConvertible {
    /// Bytes before it.
    package let offset: UInt64
    /// Whether `offset` counts what came out of a compressed file, not the file's own bytes.
    package let isDecompressed: Bool

    package var description: String {
        "byte \(offset)" + (isDecompressed ? " of its decompressed content" : "")
    }
}

/// Why a capture file cannot be read. What came before the place was handed over.
package enum CaptureFileError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, errno: Int32)
    case cannotRead(path: String, errno: Int32)
    /// A folder or a disk.
    case notFile(path: String)
    case content(path: String, CapturePosition, CaptureFault)

    /// Whether another user might read the file.
    package var isPermission: Bool {
        switch self {
        case .cannotOpen(_, let code), .cannotRead(_, let code): code == EACCES || code == EPERM
        case .notFile, .content: false
        }
    }

    package var description: String {
        switch self {
        case .cannotOpen(let path, let code):
            "cannot open \(path): \(String(cString: strerror(code)))"
        case .cannotRead(let path, let code):
            "cannot read \(path): \(String(cString: strerror(code)))"
        case .notFile(let path): "\(path) is neither a file nor a pipe"
        case .content(let path, let position, let fault):
            "\(path == CaptureFile.standardInput ? "standard input" : path), \(position): \(fault)"
        }
    }
}

/// What is wrong in a capture file.
package enum CaptureFault: Error, Equatable, CustomStringConvertible {
    /// The file ends inside its first header.
    case tooShort(bytes: Int, needed: Int)
    case unknownFormat(magic: UInt32)
    /// A compression that is known by its magic and not read by this version.
    case unsupportedCompression(name: String)
    case unsupportedVersion(format: String, major: UInt16, minor: UInt16)
    case unknownLinkType(number: UInt32)
    /// A packet longer than `CaptureFile.maximumFrame`.
    case packetTooLarge(length: UInt32)
    /// A pcapng block that must be read as a whole, longer than `CaptureFile.maximumBlock`.
    case blockTooLarge(type: UInt32, length: UInt32)
    /// A pcapng block's length is no multiple of four, or less than its fields take.
    case blockLength(type: UInt32, length: UInt32)
    /// A pcapng block's length is not repeated at its end.
    case blockTrailer(type: UInt32, length: UInt32, repeated: UInt32)
    case byteOrderMagic(UInt32)
    /// A packet claims more captured bytes than its pcapng block holds.
    case capturedLength(UInt32, available: UInt32)
    case unknownInterface(UInt32, described: Int)
    /// More than `CaptureFile.maximumInterfaces` in one section.
    case tooManyInterfaces
    /// An option of an interface's description is longer than its block, or than its meaning.
    case option(code: UInt16, length: UInt16)
    /// zlib's own words.
    case compression(String)
    /// Bytes after compressed data that are neither another gzip member nor zeros.
    case afterCompression

    package var description: String {
        switch self {
        case .tooShort(let bytes, let needed):
            "ends after \(bytes) bytes, inside the header of \(needed) that a capture file begins with"
        case .unknownFormat(let magic):
            "neither a pcap nor a pcapng file: it begins with \(hex(magic))"
        case .unsupportedCompression(let name):
            "compressed with \(name), which this version does not read: decompress it first"
        case .unsupportedVersion(let format, let major, let minor):
            "version \(major).\(minor) of \(format) is not one this version reads"
        case .unknownLinkType(let number):
            "frames have link type \(number), which this version cannot decode"
        case .packetTooLarge(let length):
            "a packet claims \(length) captured bytes, more than \(CaptureFile.maximumFrame)"
        case .blockTooLarge(let type, let length):
            "a block of type \(hex(type)) claims \(length) bytes, more than \(CaptureFile.maximumBlock)"
        case .blockLength(let type, let length):
            "a block of type \(hex(type)) has an impossible length of \(length) bytes"
        case .blockTrailer(let type, let length, let repeated):
            "a block of type \(hex(type)) says \(length) bytes at its start, \(repeated) at its end"
        case .byteOrderMagic(let magic):
            "a section's byte order magic is \(hex(magic))"
        case .capturedLength(let length, let available):
            "a packet claims \(length) captured bytes, its block holds \(available)"
        case .unknownInterface(let number, let described):
            "a packet names interface \(number) of a section with \(described)"
        case .tooManyInterfaces:
            "a section describes more than \(CaptureFile.maximumInterfaces) interfaces"
        case .option(let code, let length):
            "option \(code) of an interface has an impossible length of \(length) bytes"
        case .compression(let words): "the compressed data is damaged: \(words)"
        case .afterCompression: "what follows the compressed data is not gzip"
        }
    }

    private func hex(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }
}

/// Why reading ends, before it has a path and a place.
enum ReadFault: Error, Equatable {
    case system(errno: Int32)
    /// The compressed bytes are wrong.
    case compressed(CaptureFault)
    /// What they hold, or a plain file, is wrong.
    case record(CaptureFault)
}
