import Metering
import Testing
import Traffic

@testable import Capture

@Suite("pcapng files")
struct PcapngTests {
    @Test("are read across sections of either byte order, interfaces and kinds of blocks")
    func whole() {
        for isBigEndian in [false, true] {
            let file = Samples.pcapng(isBigEndian: isBigEndian)
            let reading = reading(file.bytes)
            #expect(reading.error == nil)
            #expect(reading.frames == file.frames(within: .max))
            #expect(reading.summary?.packets == 7)
            #expect(reading.summary?.unknownLinkType == 1)
            #expect(reading.summary?.untimed == 2)
            #expect(reading.summary?.clampedTimes == 0)
        }
    }

    @Test("are told by the bytes the specification gives")
    func golden() {
        let bytes: [UInt8] = [
            0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28,
            // An interface: raw IP, nanoseconds.
            0, 0, 0, 1, 0, 0, 0, 32, 0, 101, 0, 0, 0, 0, 0, 0,
            0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32,
            // A packet of 1 byte of 300 at 4294967298 ns.
            0, 0, 0, 6, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2,
            0, 0, 0, 1, 0, 0, 1, 0x2c, 0x45, 0, 0, 0, 0, 0, 0, 36,
        ]
        #expect(
            reading(bytes).frames == [
                SeenFrame(time: 4_294_967_298, bytes: [0x45], wireLength: 300, linkType: .raw)
            ])
    }

    @Test("skip blocks they do not know, larger than any that is read")
    func largeBlocks() {
        var file = CaptureBuilder()
        file.section()
        file.interface()
        file.packet([1], at: 1, expecting: 1000)
        let start = file.bytes.count
        file.block(5) { $0.bytes += [UInt8](repeating: 3, count: 3 << 20) }
        let end = file.bytes.count
        file.packet([2], at: 2, expecting: 2000)
        #expect(reading(file.bytes).frames == file.frames(within: .max))
        for length in [start + 9, start + 400_000, end - 4, end - 1] {
            let cut = reading(Array(file.bytes[..<length]))
            #expect(cut.frames.count == 1)
            #expect(cut.summary?.truncatedAt?.offset == UInt64(start))
        }
    }

    /// A section with an interface, then a block of these bytes.
    private func fault(_ type: UInt32, _ content: [UInt32]) -> CaptureFault? {
        var file = CaptureBuilder()
        file.section()
        file.interface(snapLength: 100)
        let start = UInt64(file.bytes.count)
        file.block(type) { for word in content { $0.word(word) } }
        let reading = reading(file.bytes)
        #expect(reading.position?.offset == start)
        return reading.fault
    }

    @Test("with impossible packets are refused where they begin")
    func faults() {
        #expect(fault(6, [1, 0, 0, 0, 0]) == .unknownInterface(1, described: 1))
        #expect(fault(6, [0, 0, 0, 9, 9, 0, 0]) == .capturedLength(9, available: 8))
        #expect(
            fault(6, [0, 0, 0, .max, 0, 0, 0])
                == .packetTooLarge(length: .max))
        #expect(fault(6, [0, 0, 0, 0]) == .blockLength(type: 6, length: 28))
        #expect(fault(2, [9 << 16 | 1, 0, 0, 0, 0]) == .unknownInterface(1, described: 1))
        #expect(fault(3, []) == .blockLength(type: 3, length: 12))
        #expect(fault(3, [99, 0]) == .capturedLength(99, available: 4))
        #expect(fault(1, [1]) == .blockLength(type: 1, length: 16))
        #expect(fault(1, [1, 0, 9 << 16 | 14]) == .option(code: 14, length: 9))
        #expect(fault(1, [1, 0, 2 << 16 | 9, 6]) == .option(code: 9, length: 2))
        #expect(fault(1, [1, 0, 8 << 16 | 2, 6]) == .option(code: 2, length: 8))
        #expect(fault(0x0a0d_0d0a, [0x1a2b_3c4d]) == .blockLength(type: 0x0a0d_0d0a, length: 16))
        #expect(
            fault(0x0a0d_0d0a, [0x1a2b_3c4d, 2, 0, 0])
                == .unsupportedVersion(format: "pcapng", major: 2, minor: 0))
        #expect(fault(0x0a0d_0d0a, [7, 1, 0, 0]) == .byteOrderMagic(7))
    }

    @Test("with lengths that do not fit are refused, also behind skipped blocks")
    func lengths() {
        for type in [UInt32(6), 5] {
            var file = CaptureBuilder()
            file.section()
            file.interface()
            let start = file.bytes.count
            file.packet([1, 2, 3], at: 1, expecting: 1000)
            file.packet([4, 5, 6], at: 1, expecting: 1000)
            var bytes = file.bytes
            bytes[start] = UInt8(type)
            bytes[start + 32] = 40
            #expect(reading(bytes).fault == .blockTrailer(type: type, length: 36, repeated: 40))
            bytes[start + 4] = 35
            #expect(reading(bytes).fault == .blockLength(type: type, length: 35))
            bytes[start + 4] = 8
            #expect(reading(bytes).fault == .blockLength(type: type, length: 8))
        }
        var file = CaptureBuilder()
        file.section()
        file.append {
            $0.word(1)
            $0.word(CaptureFile.maximumBlock + 4)
        }
        file.append { $0.word(0) }
        #expect(
            reading(file.bytes).fault
                == .blockTooLarge(type: 1, length: CaptureFile.maximumBlock + 4))
    }

    @Test("describe a limited number of interfaces in each section")
    func interfaces() {
        var file = CaptureBuilder()
        for _ in 0..<2 {
            file.section()
            for _ in 0..<CaptureFile.maximumInterfaces { file.interface() }
        }
        file.packet([1], interface: 4095, at: 1, expecting: 1000)
        #expect(reading(file.bytes).frames == file.frames(within: .max))
        file.interface()
        #expect(reading(file.bytes).fault == .tooManyInterfaces)
    }

    @Test("give a simple packet the time of the packet before it, and 1970 where there is none")
    func simplePackets() {
        var file = CaptureBuilder()
        file.section()
        file.interface(snapLength: 0)
        file.simplePacket([1, 2], wireLength: 2, expecting: 0)
        file.packet([3], at: 9, expecting: 9000)
        file.simplePacket([], wireLength: 0, expecting: 9000)
        let reading = reading(file.bytes)
        #expect(reading.frames == file.frames(within: .max))
        #expect(reading.summary?.untimed == 2)
    }
}

@Suite("An interface's clock")
struct InterfaceClockTests {
    @Test(
        "counts in any power of ten and of two",
        arguments: [
            (6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
            (9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
            (0, 0, 1_700_000_000, 1_700_000_000_000_000_000),
            (3, 5, 1500, 6_500_000_000), (6, -1, 1_500_000, 500_000_000),
            (12, 0, 1_999_999, 1999), (19, 0, .max, 1_844_674_407), (28, 0, .max, 1),
            (29, 7, .max, 7_000_000_000), (127, 0, .max, 0),
            (0x80, 0, 3, 3_000_000_000), (0x80 | 1, 0, 3, 1_500_000_000),
            (0x80 | 20, 0, 1 << 20 | 1, 1_000_000_953),
            (0x80 | 32, 0, 0x6000_0000_8000_0000, 1_610_612_736_500_000_000),
            (0x80 | 63, 0, 1 << 63, 1_000_000_000), (0x80 | 94, 0, .max, 0),
            (0x80 | 127, 1, .max, 1_000_000_000),
        ] as [(UInt8, Int64, UInt64, UInt64)])
    func resolutions(resolution: UInt8, offset: Int64, count: UInt64, expected: UInt64) {
        let (value, isClamped) = InterfaceClock(resolution: resolution, offset: offset)
            .nanoseconds(count)
        #expect(value == expected)
        #expect(!isClamped)
    }

    @Test("stays between 1970 and 2262, and says where it had to")
    func range() {
        for resolution in UInt8.min...UInt8.max {
            for offset in [Int64.min, -1, 0, 1, .max] {
                for count in [UInt64.min, 1, 1 << 63, .max] {
                    let (value, isClamped) = InterfaceClock(
                        resolution: resolution, offset: offset
                    ).nanoseconds(count)
                    #expect(value <= InterfaceClock.latest)
                    #expect(!isClamped || value == 0 || value == InterfaceClock.latest)
                }
            }
        }
        let seconds = InterfaceClock(resolution: 0)
        #expect(seconds.nanoseconds(.max) == (InterfaceClock.latest, true))
        #expect(InterfaceClock(offset: -1).nanoseconds(999_999) == (0, true))
        #expect(InterfaceClock(offset: -1).nanoseconds(1_000_000) == (0, false))
        var file = CaptureBuilder()
        file.section()
        file.interface(resolution: 0)
        file.packet([1], at: .max, expecting: InterfaceClock.latest)
        #expect(reading(file.bytes).frames == file.frames(within: .max))
        #expect(reading(file.bytes).summary?.clampedTimes == 1)
    }
}
