import CZlib
import Metering
import Traffic

@testable import Capture

/// What reading gave: frames, and how it ended.
struct Reading: Equatable {
    var frames: [SeenFrame] = []
    var summary: CaptureFileSummary?
    var error: CaptureFileError?

    /// The fault of the content, where that ended it.
    var fault: CaptureFault? {
        if case .content(_, _, let fault)? = error { fault } else { nil }
    }
    var position: CapturePosition? {
        if case .content(_, let position, _)? = error { position } else { nil }
    }
}

/// A read function that gives `bytes` in pieces of the sizes that `sizes` gives, one after the
/// other and again from the first.
func reader(_ bytes: [UInt8], sizes: [Int] = [.max]) -> ReadFunction {
    var at = 0
    var turn = 0
    return { buffer in
        let count = min(sizes[turn % sizes.count], buffer.count, bytes.count - at)
        turn += 1
        bytes.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[at..<(at + count)])) }
        at += count
        return count
    }
}

/// Reads a file that holds `bytes`, which come in pieces of `sizes`.
func reading(
    _ bytes: [UInt8], sizes: [Int] = [.max], blockSize: Int = CaptureFile.blockSize
) -> Reading {
    var reading = Reading()
    do throws(CaptureFileError) {
        let file = try CaptureFile(
            name: "test", blockSize: blockSize, read: reader(bytes, sizes: sizes))
        reading.summary = try file.forEach { frame in
            reading.frames.append(
                SeenFrame(
                    time: frame.time.rawValue, bytes: Array(frame.bytes),
                    wireLength: frame.wireLength, linkType: frame.linkType,
                    interface: frame.interface))
        }
    } catch {
        reading.error = error
    }
    return reading
}

/// One gzip member that holds `bytes`.
func gzip(_ bytes: [UInt8], level: Int32 = 6) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
    let count = input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            deflate(&stream, Z_FINISH)
            return output.count - Int(stream.avail_out)
        }
    }
    deflateEnd(&stream)
    return Array(output[..<count])
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Small files of every kind.
enum Samples {
    static let packets: [(seconds: UInt32, fraction: UInt32, bytes: [UInt8])] = [
        (10, 5, [1, 2, 3]), (10, 6, []), (11, 999_999, Array(0..<60)), (.max, 0, [4]),
    ]

    static var pcaps: [CaptureBuilder] {
        CaptureBuilder.PcapKind.allCases.flatMap { kind in
            [false, true].map {
                CaptureBuilder.pcap(kind, isBigEndian: $0, packets: packets)
            }
        }
    }

    /// Two sections, the second in the other byte order; several interfaces; every kind of block.
    static func pcapng(isBigEndian: Bool) -> CaptureBuilder {
        var file = CaptureBuilder()
        file.section(isBigEndian: isBigEndian)
        file.block(0x0bad) { $0.word(7) }
        file.interface()
        file.interface(linkType: 101, resolution: 9)
        file.interface(linkType: 113, resolution: 0x80 | 10, offset: -3)
        file.interface(linkType: 9999)
        file.packet([1, 2, 3], at: 5_000_001, expecting: 5_000_001_000)
        file.packet(
            [4, 5, 6, 7], interface: 1, at: 5_000_001, expecting: 5_000_001, linkType: .raw,
            comment: "six")
        file.block(4) { $0.bytes += Array(repeating: 1, count: 33) }
        file.packet(
            [8], interface: 2, at: 5 << 10 | 1, expecting: 2_000_976_562, linkType: .linuxSLL,
            isObsolete: true)
        file.packet([9, 9], interface: 3, at: 1, expecting: 0, linkType: nil)
        file.simplePacket([9, 8, 7, 6, 5], wireLength: 5, expecting: 1000)
        file.section(isBigEndian: !isBigEndian, minor: 2)
        file.interface(linkType: 276, snapLength: 4, resolution: 3)
        file.simplePacket([3, 2, 1, 0], wireLength: 9, expecting: 1000, linkType: .linuxSLL2)
        file.packet(
            [1, 1], at: 77, expecting: 77_000_000, linkType: .linuxSLL2, comment: "")
        return file
    }

    static var all: [CaptureBuilder] {
        pcaps + [pcapng(isBigEndian: false), pcapng(isBigEndian: true)]
    }
}
