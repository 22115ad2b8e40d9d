import Metering
import Traffic

/// A frame as it was handed over, its bytes copied.
struct SeenFrame: Equatable {
    var time: UInt64
    var bytes: [UInt8]
    var wireLength: Int
    var linkType = LinkType.ethernet
    var interface: UInt32 = 0
}

/// Numbers in one byte order.
struct ByteWriter {
    let isBigEndian: Bool
    var bytes: [UInt8] = []

    init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

    mutating func half(_ value: UInt16) { write(UInt64(value), count: 2) }
    mutating func word(_ value: UInt32) { write(UInt64(value), count: 4) }
    mutating func long(_ value: UInt64) { write(value, count: 8) }
    mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

    private mutating func write(_ value: UInt64, count: Int) {
        let little = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        bytes += isBigEndian ? little.reversed() : little
    }
}

/// A capture file that is made record by record, with what a reader must find in it.
struct CaptureBuilder {
    private(set) var bytes: [UInt8] = []
    /// Where records end, the first header included.
    private(set) var boundaries: [Int] = []
    /// Each frame, and where the record ends that holds it.
    private(set) var frames: [(frame: SeenFrame, end: Int)] = []
    private var isBigEndian = false

    /// The frames that lie whole in the first `length` bytes.
    func frames(within length: Int) -> [SeenFrame] {
        frames.filter { $0.end <= length }.map(\.frame)
    }

    mutating func append(_ build: (inout ByteWriter) -> Void) {
        var writer = ByteWriter(isBigEndian: isBigEndian)
        build(&writer)
        bytes += writer.bytes
        boundaries.append(bytes.count)
    }

    // MARK: pcap

    enum PcapKind: UInt32, CaseIterable {
        case microseconds = 0xa1b2_c3d4
        case nanoseconds = 0xa1b2_3c4d
        case modified = 0xa1b2_cd34
    }

    static func pcap(
        _ kind: PcapKind = .microseconds, isBigEndian: Bool = false, linkType: UInt32 = 1,
        packets: [(seconds: UInt32, fraction: UInt32, bytes: [UInt8])]
    ) -> CaptureBuilder {
        var file = CaptureBuilder()
        file.isBigEndian = isBigEndian
        file.append {
            $0.word(kind.rawValue)
            $0.half(2)
            $0.half(4)
            $0.long(0)
            $0.word(262_144)
            $0.word(linkType)
        }
        for (index, packet) in packets.enumerated() {
            file.append {
                $0.word(packet.seconds)
                $0.word(packet.fraction)
                $0.word(UInt32(packet.bytes.count))
                $0.word(UInt32(packet.bytes.count + 7))
                if kind == .modified {
                    $0.word(UInt32(index + 3))
                    $0.word(0)
                }
                $0.bytes += packet.bytes
            }
            let scale: UInt64 = kind == .nanoseconds ? 1 : 1000
            file.expect(
                SeenFrame(
                    time: UInt64(packet.seconds) * 1_000_000_000 + UInt64(packet.fraction) * scale,
                    bytes: packet.bytes, wireLength: packet.bytes.count + 7,
                    linkType: LinkType(rawValue: linkType) ?? .ethernet,
                    interface: kind == .modified ? UInt32(index + 3) : 0))
        }
        return file
    }

    // MARK: pcapng

    /// Begins a section; what follows is in its byte order.
    mutating func section(isBigEndian: Bool = false, minor: UInt16 = 0) {
        self.isBigEndian = isBigEndian
        block(0x0a0d_0d0a) {
            $0.word(0x1a2b_3c4d)
            $0.half(1)
            $0.half(minor)
            $0.long(.max)
        }
    }

    mutating func interface(
        linkType: UInt16 = 1, snapLength: UInt32 = 262_144, resolution: UInt8? = nil,
        offset: Int64? = nil
    ) {
        block(1) {
            $0.half(linkType)
            $0.half(0)
            $0.word(snapLength)
            guard resolution != nil || offset != nil else { return }
            // if_name, with padding, before those that matter.
            Self.option(2, Array("eth01".utf8), &$0)
            if let resolution { Self.option(9, [resolution], &$0) }
            if let offset {
                $0.half(14)
                $0.half(8)
                $0.long(UInt64(bitPattern: offset))
            }
            Self.option(0, [], &$0)
        }
    }

    static func option(_ code: UInt16, _ value: [UInt8], _ writer: inout ByteWriter) {
        writer.half(code)
        writer.half(UInt16(value.count))
        writer.bytes += value
        writer.pad()
    }

    /// An enhanced packet block, or an obsolete packet block.
    mutating func packet(
        _ bytes: [UInt8], interface: UInt32 = 0, at units: UInt64, expecting time: UInt64,
        linkType: LinkType? = .ethernet, isObsolete: Bool = false, comment: String? = nil
    ) {
        block(isObsolete ? 2 : 6) {
            if isObsolete {
                $0.half(UInt16(interface))
                $0.half(9)
            } else {
                $0.word(interface)
            }
            $0.word(UInt32(truncatingIfNeeded: units >> 32))
            $0.word(UInt32(truncatingIfNeeded: units))
            $0.word(UInt32(bytes.count))
            $0.word(UInt32(bytes.count + 7))
            $0.bytes += bytes
            $0.pad()
            if let comment {
                Self.option(1, Array(comment.utf8), &$0)
                Self.option(0, [], &$0)
            }
        }
        guard let linkType else { return }
        expect(
            SeenFrame(
                time: time, bytes: bytes, wireLength: bytes.count + 7, linkType: linkType,
                interface: interface))
    }

    /// A simple packet block of a packet that was `wireLength` long.
    mutating func simplePacket(
        _ bytes: [UInt8], wireLength: Int, expecting time: UInt64, linkType: LinkType = .ethernet
    ) {
        block(3) {
            $0.word(UInt32(wireLength))
            $0.bytes += bytes
            $0.pad()
        }
        expect(SeenFrame(time: time, bytes: bytes, wireLength: wireLength, linkType: linkType))
    }

    mutating func block(_ type: UInt32, _ content: (inout ByteWriter) -> Void) {
        var body = ByteWriter(isBigEndian: isBigEndian)
        content(&body)
        body.pad()
        append {
            $0.word(type)
            $0.word(UInt32(body.bytes.count + 12))
            $0.bytes += body.bytes
            $0.word(UInt32(body.bytes.count + 12))
        }
    }

    private mutating func expect(_ frame: SeenFrame) { frames.append((frame, bytes.count)) }
}
