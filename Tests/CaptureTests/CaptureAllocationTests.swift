import CAllocationCounter
import Testing

@testable import Capture

@Suite("Reading a capture file")
struct CaptureAllocationTests {
    private static let count = 20_000

    private static var files: [(name: String, bytes: [UInt8])] {
        let packet = [UInt8](repeating: 0x45, count: 61)
        let pcap = CaptureBuilder.pcap(
            .nanoseconds, isBigEndian: true,
            packets: (0..<UInt32(count)).map { ($0, $0, packet) })
        var pcapng = CaptureBuilder()
        pcapng.section()
        pcapng.interface()
        pcapng.interface(linkType: 113, resolution: 0x80 | 20, offset: 4)
        for index in 0..<UInt64(count) {
            pcapng.packet(
                packet, interface: UInt32(index % 2), at: index, expecting: 0,
                isObsolete: index % 5 == 0)
            if index % 7 == 0 { pcapng.block(5) { $0.word(0) } }
        }
        return [
            ("pcap", pcap.bytes), ("pcapng", pcapng.bytes), ("pcap, gzip", gzip(pcap.bytes)),
            ("pcapng, gzip", gzip(pcapng.bytes)),
        ]
    }

    @Test("allocates nothing after the first packet")
    func nothing() throws {
        for (name, bytes) in Self.files {
            // The block is smaller than the file by far, so that it is filled again and again.
            let file = try CaptureFile(
                name: name, blockSize: 16 << 10, read: reader(bytes, sizes: [4096]))
            var seen = 0
            var allocations: UInt64 = 0
            _ = try file.forEach { _ in
                seen += 1
                if seen == 1 { allocation_count_reset() }
                allocations = allocation_count()
            }
            #expect(seen == Self.count)
            #expect(allocations == 0, "\(name)")
        }
    }
}
