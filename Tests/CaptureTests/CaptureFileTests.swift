import Glibc
import Metering
import Testing
import Traffic

@testable import Capture

@Suite("Capture files")
struct CaptureFileTests {
    @Test("are read in both byte orders, every unit and the modified format")
    func formats() {
        for file in Samples.pcaps {
            let reading = reading(file.bytes)
            #expect(reading.error == nil)
            #expect(reading.frames == file.frames(within: .max))
            #expect(reading.summary?.packets == 4)
            #expect(reading.summary?.bytes == 64)
            #expect(reading.summary?.truncatedAt == nil)
        }
    }

    @Test("are told by the bytes the specification gives")
    func golden() {
        let bytes: [UInt8] = [
            0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101,
            // 1 s and 2 ns, 2 bytes of 300.
            0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 1, 0x2c, 0x45, 0x46,
        ]
        #expect(
            reading(bytes).frames == [
                SeenFrame(
                    time: 1_000_000_002, bytes: [0x45, 0x46], wireLength: 300, linkType: .raw)
            ])
    }

    @Test("end with what they had wherever they are cut, and say where")
    func truncation() {
        for file in Samples.all {
            for length in 0..<file.bytes.count {
                let reading = reading(Array(file.bytes[..<length]))
                #expect(reading.frames == file.frames(within: length))
                guard length >= file.boundaries[0] else {
                    #expect(reading.position?.offset == 0)
                    continue
                }
                let last = file.boundaries.last { $0 <= length }
                #expect(
                    reading.summary?.truncatedAt?.offset
                        == (last == length ? nil : last.map { UInt64($0) }))
            }
        }
    }

    @Test("give the same however reads split them")
    func splits() {
        for file in Samples.all {
            let whole = reading(file.bytes)
            #expect(whole.frames == file.frames(within: .max))
            for size in 1..<40 {
                #expect(reading(file.bytes, sizes: [size]) == whole)
                #expect(reading(file.bytes, blockSize: size) == whole)
            }
            for place in 1..<file.bytes.count {
                #expect(reading(file.bytes, sizes: [place, .max]) == whole)
            }
        }
    }

    @Test("may hold the largest frame, and one byte more is refused")
    func largestFrame() {
        let largest = [UInt8](repeating: 7, count: Int(CaptureFile.maximumFrame))
        var file = CaptureBuilder.pcap(packets: [(1, 0, largest), (2, 0, largest), (3, 0, [1])])
        for blockSize in [4096, CaptureFile.blockSize] {
            #expect(reading(file.bytes, blockSize: blockSize).frames == file.frames(within: .max))
        }
        file = CaptureBuilder.pcap(packets: [(1, 0, [1]), (2, 0, largest + [1])])
        let refused = reading(file.bytes)
        #expect(refused.frames == file.frames(within: file.boundaries[1]))
        #expect(refused.fault == .packetTooLarge(length: CaptureFile.maximumFrame + 1))
        #expect(refused.position?.offset == UInt64(file.boundaries[1]))
    }

    @Test("never have frames that are longer than they were on the wire")
    func wireLength() {
        var bytes = CaptureBuilder.pcap(packets: [(1, 0, [1, 2, 3])]).bytes
        bytes[24 + 12] = 1
        #expect(reading(bytes).frames.map(\.wireLength) == [3])
    }

    @Test("whose link type says more than the type keep the type")
    func frameCheckSequence() {
        let file = CaptureBuilder.pcap(linkType: 0x4400_0001, packets: Samples.packets)
        #expect(reading(file.bytes).frames.map(\.linkType) == Array(repeating: .ethernet, count: 4))
        let raw = CaptureBuilder.pcap(linkType: 12, packets: Samples.packets)
        #expect(reading(raw.bytes).frames.map(\.linkType) == Array(repeating: .raw, count: 4))
    }

    @Test(
        "that are none are refused with what they are",
        arguments: [
            ([], .tooShort(bytes: 0, needed: 24)),
            ([0xd4, 0xc3, 0xb2], .tooShort(bytes: 3, needed: 24)),
            ([0xd4, 0xc3, 0xb2, 0xa1, 2], .tooShort(bytes: 5, needed: 24)),
            ([0x0a, 0x0d, 0x0d, 0x0a, 28], .tooShort(bytes: 5, needed: 28)),
            ([0x28, 0xb5, 0x2f, 0xfd, 0], .unsupportedCompression(name: "zstd")),
            ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], .unsupportedCompression(name: "xz")),
            ([0x42, 0x5a, 0x68, 0x39, 0x31], .unsupportedCompression(name: "bzip2")),
            ([0x04, 0x22, 0x4d, 0x18, 0], .unsupportedCompression(name: "lz4")),
            ([0x12, 0x34, 0x56, 0x78], .unknownFormat(magic: 0x7856_3412)),
            ([0x0a, 0x0d, 0x0d], .tooShort(bytes: 3, needed: 24)),
        ] as [([UInt8], CaptureFault)])
    func refusals(bytes: [UInt8], fault: CaptureFault) {
        let reading = reading(bytes)
        #expect(reading.fault == fault)
        #expect(reading.error?.description.contains("test, byte 0: ") == true)
    }

    @Test("of another version or link type are refused")
    func otherVersions() {
        var bytes = CaptureBuilder.pcap(packets: []).bytes
        bytes[6] = 3
        #expect(
            reading(bytes).fault == .unsupportedVersion(format: "pcap", major: 2, minor: 3))
        let unknown = CaptureBuilder.pcap(linkType: 105, packets: Samples.packets)
        #expect(reading(unknown.bytes).fault == .unknownLinkType(number: 105))
    }

    @Test("end with the system's error where reading fails, after what came before it")
    func readErrors() throws {
        let bytes = CaptureBuilder.pcap(packets: Samples.packets).bytes
        for content in [bytes, gzip(bytes)] {
            let some = reader(Array(content.dropLast(3)))
            var seen = 0
            #expect(throws: CaptureFileError.cannotRead(path: "test", errno: EIO)) {
                let file = try CaptureFile(name: "test") { buffer in
                    let count = some(buffer)
                    return count > 0 ? count : -Int(EIO)
                }
                _ = try file.forEach { _ in seen += 1 }
            }
            #expect(seen >= 3)
        }
    }

    @Test("say how much of them was used")
    func progress() throws {
        let bytes = CaptureBuilder.pcap(packets: Samples.packets).bytes
        for content in [bytes, gzip(bytes)] {
            var said: [UInt64] = []
            let file = try CaptureFile(name: "test", blockSize: 32, read: reader(content))
            _ = try file.forEach {
                said.append($0)
            } _: { _ in
            }
            #expect(said == said.sorted())
            #expect(said.count > 3)
            #expect(said.last == UInt64(content.count))
        }
    }
}
