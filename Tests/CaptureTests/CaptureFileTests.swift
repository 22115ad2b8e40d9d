import Glibc
import Metering
import Testing
import Traffic

@testable import Capture

/// A pcap file with the given packets, in either byte order and unit.
private func pcap(
    _ packets: [(seconds: UInt32, fraction: UInt32, bytes: [UInt8])], magic: UInt32 = 0xa1b2_c3d4,
    isBigEndian: Bool = false, linkType: UInt32 = 1
) -> [UInt8] {
    func word(_ value: UInt32) -> [UInt8] {
        let little = (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
        return isBigEndian ? little.reversed() : little
    }
    var file = word(magic) + word(0x0004_0002) + word(0) + word(0) + word(65535) + word(linkType)
    for packet in packets {
        file += word(packet.seconds) + word(packet.fraction)
        file += word(UInt32(packet.bytes.count)) + word(UInt32(packet.bytes.count + 7))
        file += packet.bytes
    }
    return file
}

private struct SeenFrame: Equatable {
    let time: UInt64
    let bytes: [UInt8]
    let wireLength: Int
}

/// Reads a file of these bytes.
private func read(_ bytes: [UInt8]) throws -> (frames: [SeenFrame], CaptureFileSummary) {
    var name = Array("/tmp/jouleflow-capture-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        close(descriptor)
        unlink(path)
    }
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
    let file = try CaptureFile(path: path)
    var frames: [SeenFrame] = []
    let summary = try file.forEach {
        frames.append(
            SeenFrame(time: $0.time.rawValue, bytes: Array($0.bytes), wireLength: $0.wireLength))
    }
    return (frames, summary)
}

@Suite("Capture files")
struct CaptureFileTests {
    private let packets: [(UInt32, UInt32, [UInt8])] = [
        (10, 5, [1, 2, 3]), (10, 6, []), (11, 999_999, Array(repeating: 9, count: 300_000)),
        (12, 0, [4]),
    ]

    @Test(
        "are read in both byte orders and both units",
        arguments: [
            (0xa1b2_c3d4, false, 1000), (0xa1b2_c3d4, true, 1000), (0xa1b2_3c4d, false, 1),
            (0xa1b2_3c4d, true, 1),
        ] as [(UInt32, Bool, UInt64)])
    func formats(magic: UInt32, isBigEndian: Bool, scale: UInt64) throws {
        let (frames, summary) = try read(pcap(packets, magic: magic, isBigEndian: isBigEndian))
        #expect(
            frames
                == packets.map {
                    SeenFrame(
                        time: UInt64($0.0) * 1_000_000_000 + UInt64($0.1) * scale, bytes: $0.2,
                        wireLength: $0.2.count + 7)
                })
        #expect(summary.packets == 4)
        #expect(summary.bytes == 300_004)
        #expect(!summary.isTruncated)
    }

    @Test("end with what they had where they are cut, and say so")
    func truncation() throws {
        let whole = pcap([(1, 1, [1, 2, 3]), (2, 2, [4, 5])])
        for length in 24..<whole.count {
            let (frames, summary) = try read(Array(whole[..<length]))
            let complete = length >= 43 ? 1 : 0
            #expect(frames.count == complete)
            #expect(summary.isTruncated == (length != 24 && length != 43))
        }
    }

    @Test("that are none are refused with what they are")
    func refusals() {
        for length in 0..<24 {
            #expect(throws: CaptureFileError.self) { try read(Array(pcap([]).prefix(length))) }
        }
        for magic: UInt32 in [0x0a0d_0d0a, 0x0808_8b1f, 0x1234_5678] {
            #expect(throws: CaptureFileError.self) { try read(pcap([], magic: magic)) }
        }
        #expect(throws: CaptureFileError.self) { try read(pcap([], linkType: 105)) }
        #expect(throws: CaptureFileError.cannotOpen(path: "/none/x", errno: ENOENT)) {
            _ = try CaptureFile(path: "/none/x")
        }
        #expect(throws: CaptureFileError.notRegular(path: "/tmp")) {
            _ = try CaptureFile(path: "/tmp")
        }
    }

    @Test("with an impossible packet length are corrupt, after what came before it")
    func corrupt() throws {
        var bytes = pcap([(1, 1, [1, 2, 3]), (2, 2, [4])])
        bytes.replaceSubrange(43 + 8..<43 + 12, with: [0xff, 0xff, 0xff, 0xff])
        #expect {
            try read(bytes)
        } throws: { error in
            guard case .corrupt(_, packet: 2, length: .max)? = error as? CaptureFileError else {
                return false
            }
            return true
        }
    }
}

@Suite("The kernel filter")
struct CaptureFilterTests {
    @Test("names every port behind zero, one and two tags")
    func expression() {
        let expression = CaptureFilter.expression(ports: [80, 8080])
        #expect(
            expression
                == "(tcp and (port 80 or port 8080)) or (vlan and ((tcp and (port 80 or port 8080)) or (vlan and (tcp and (port 80 or port 8080)))))"
        )
    }
}
