import CAllocationCounter
import Metering
import Testing
import Traffic

@testable import Capture

@Suite("Compressed capture files")
struct GzipTests {
    @Test("give what the plain files give, in one member and in several")
    func members() {
        for file in Samples.all {
            let plain = reading(file.bytes)
            let middle = file.bytes.count / 2
            let several =
                gzip(Array(file.bytes[..<middle])) + gzip([]) + gzip(Array(file.bytes[middle...]))
            for compressed in [
                gzip(file.bytes), gzip(file.bytes, level: 0), several, several + [0, 0, 0],
            ] {
                #expect(reading(compressed) == plain)
                for size in [1, 2, 3, 7, 64] {
                    #expect(reading(compressed, sizes: [size]) == plain)
                    #expect(reading(compressed, blockSize: size) == plain)
                }
                for place in 1..<compressed.count {
                    #expect(reading(compressed, sizes: [place, .max]) == plain)
                }
            }
        }
    }

    @Test("end with what they had wherever they are cut, and say so")
    func truncation() {
        for file in Samples.all {
            let compressed = gzip(file.bytes, level: 1)
            let all = file.frames(within: .max)
            var most = 0
            for length in 0..<compressed.count {
                let reading = reading(Array(compressed[..<length]))
                #expect(reading.frames == Array(all.prefix(reading.frames.count)))
                #expect(reading.frames.count >= most)
                most = reading.frames.count
                if let summary = reading.summary {
                    #expect(summary.truncatedAt?.isDecompressed == true)
                    #expect(summary.truncatedAt.map { $0.offset <= file.bytes.count } == true)
                } else if case .tooShort? = reading.fault {
                    #expect(most == 0)
                } else {
                    Issue.record("cut at \(length): \(String(describing: reading.error))")
                }
            }
            #expect(most == all.count)
        }
    }

    @Test("with damage are refused at the place in the file, after what came before it")
    func damage() {
        let file = CaptureBuilder.pcap(packets: Samples.packets)
        let good = gzip(file.bytes)
        var bytes = good
        bytes[bytes.count - 6] ^= 1
        var damaged = reading(bytes)
        #expect(damaged.frames == file.frames(within: .max))
        #expect(damaged.fault == .compression("incorrect data check"))
        #expect(damaged.position?.isDecompressed == false)
        damaged = reading(good + [1, 2, 3])
        #expect(damaged.frames == file.frames(within: .max))
        #expect(damaged.fault == .afterCompression)
        #expect(damaged.position?.offset == UInt64(good.count))
        #expect(reading(good + [0, 0, 0x1f, 0x8b]).fault == .afterCompression)
        #expect(reading(gzip(good)).fault == .unsupportedCompression(name: "gzip twice"))
    }

    @Test("that grow without end hold one block and no more")
    func bomb() throws {
        // A block that says it has 4 GB, of which 64 MB come, as 64 KB.
        var file = CaptureBuilder()
        file.section()
        file.append {
            $0.word(5)
            $0.word(0xffff_fff0)
        }
        let zeros = gzip([UInt8](repeating: 0, count: 1 << 20), level: 9)
        let compressed = gzip(file.bytes) + Array(repeatElement(zeros, count: 64).joined())
        #expect(compressed.count < 1 << 17)
        let capture = try CaptureFile(name: "test", read: reader(compressed))
        var blocks = 0
        var allocations: UInt64 = 0
        let summary = try capture.forEach { _ in
            blocks += 1
            // zlib takes its window with the first block.
            if blocks == 2 { allocation_count_reset() }
            allocations = allocation_count()
        } _: { _ in
        }
        #expect(summary.truncatedAt?.offset == 28)
        #expect(blocks > 64 << 20 / CaptureFile.blockSize)
        #expect(allocations == 0)
    }
}
