import Metering
import Traffic

@testable import Transactions

/// A frame as a capture has it.
struct TestFrame {
    var bytes: [UInt8]
    var linkType = LinkType.ethernet
    /// Bytes captured; `nil`: all.
    var captured: Int?
}

/// A packet on its way to a frame; `type` is its EtherType, 0x6558 for an Ethernet frame.
struct TestPacket {
    var type: UInt16
    var bytes: [UInt8]
}

/// The big-endian bytes of a number.
func big(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

/// What a packet is wrapped in, inner to outer.
enum Layer {
    /// IP-in-IP, 6in4, 4in6 or 6in6, by the packet and the outer version.
    case inIP
    case gre(hasChecksum: Bool, hasKey: Bool, hasSequence: Bool, isEthernet: Bool)
    case erspan(type: Int)
    case pptp(hasAcknowledgement: Bool)
    case vxlan(port: UInt16, tags: [UInt16])
    case geneve(options: Int, isEthernet: Bool)
    case authentication
    case fragments

    static func random(using random: inout SeededGenerator) -> Layer {
        func coin() -> Bool { Bool.random(using: &random) }
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: return .inIP
        case 2:
            return .gre(
                hasChecksum: coin(), hasKey: coin(), hasSequence: coin(), isEthernet: coin())
        case 3: return .erspan(type: Int.random(in: 1...3, using: &random))
        case 4: return .pptp(hasAcknowledgement: coin())
        case 5:
            return .vxlan(port: coin() ? 4789 : 8472, tags: Wrapper.tags(using: &random))
        default:
            return .geneve(
                options: Int.random(in: 0...63, using: &random), isEthernet: coin())
        }
    }
}

/// Wraps packets as networks do: every header is made here, byte by byte.
struct Wrapper {
    var random: SeededGenerator
    private var identification: UInt32 = 0

    init(seed: Int) { random = SeededGenerator(seed: UInt64(seed)) }

    static func tags(using random: inout SeededGenerator) -> [UInt16] {
        let kinds: [UInt16] = [0x8100, 0x88a8, 0x9100]
        return (0..<Int.random(in: 0...3, using: &random)).map { _ in
            kinds[Int.random(in: 0..<3, using: &random)]
        }
    }

    /// A segment in IPv4 or, with extension headers, in IPv6.
    mutating func packet(_ segment: TestSegment, isIPv6: Bool) -> TestPacket {
        let plain = Array(segment.frame.dropFirst(14))
        guard isIPv6 else { return TestPacket(type: 0x0800, bytes: plain) }
        return ip(
            6, Array(plain.dropFirst(20)), isIPv6: true, from: plain[15], to: plain[19])
    }

    /// The frames of packets that were wrapped in layers and put on a link.
    mutating func frames(
        _ packet: TestPacket, layers: [Layer], link: LinkType, outer: [UInt16] = []
    ) -> [TestFrame] {
        var packets = [packet]
        for layer in layers {
            if case .fragments = layer {
                packets = packets.flatMap { fragments(of: $0) }
            } else {
                packets = packets.map { wrap($0, in: layer) }
            }
        }
        return packets.map { frame($0, link: link, tags: outer) }
    }

    mutating func wrap(_ packet: TestPacket, in layer: Layer) -> TestPacket {
        let isIPv6 = Bool.random(using: &random)
        func inner(_ isEthernet: Bool, _ tags: [UInt16] = []) -> TestPacket {
            isEthernet
                ? TestPacket(type: 0x6558, bytes: Self.ethernet(packet, tags: tags)) : packet
        }
        switch layer {
        case .inIP: return ip(packet.type == 0x0800 ? 4 : 41, packet.bytes, isIPv6: isIPv6)
        case .gre(let hasChecksum, let hasKey, let hasSequence, let isEthernet):
            let inside = inner(isEthernet)
            var header = big(
                UInt16(
                    (hasChecksum ? 0x8000 : 0) | (hasKey ? 0x2000 : 0)
                        | (hasSequence ? 0x1000 : 0)))
            header += big(inside.type)
            for isThere in [hasChecksum, hasKey, hasSequence] where isThere {
                header += big(UInt32(0x0102_0304))
            }
            return ip(47, header + inside.bytes, isIPv6: isIPv6)
        case .erspan(let type):
            let inside = Self.ethernet(packet, tags: [])
            let header: [UInt8] =
                switch type {
                case 1: big(UInt16(0)) + big(UInt16(0x88be))
                case 2: big(UInt16(0x1000)) + big(UInt16(0x88be)) + big(UInt32(9)) + big(UInt64(1))
                default:
                    big(UInt16(0x1000)) + big(UInt16(0x22eb)) + big(UInt32(9)) + big(UInt64(2))
                        + big(UInt32(isIPv6 ? 1 : 0)) + (isIPv6 ? big(UInt64(3)) : [])
                }
            return ip(47, header + inside, isIPv6: isIPv6)
        case .pptp(let hasAcknowledgement):
            let flags: UInt16 = hasAcknowledgement ? 0x3081 : 0x3001
            return ip(
                47,
                big(flags) + big(UInt16(0x880b)) + big(UInt32(0)) + big(UInt32(1))
                    + (hasAcknowledgement ? big(UInt32(7)) : []) + Self.ppp(packet),
                isIPv6: isIPv6)
        case .vxlan(let port, let tags):
            return udp(
                port, [0x08, 0, 0, 0, 0, 0, 7, 0] + inner(true, tags).bytes, isIPv6: isIPv6)
        case .geneve(let options, let isEthernet):
            let inside = inner(isEthernet)
            return udp(
                6081,
                [UInt8(options), 0] + big(inside.type) + big(UInt32(0x700))
                    + [UInt8](repeating: 0xee, count: options * 4) + inside.bytes, isIPv6: isIPv6)
        case .authentication:
            let number: UInt8 = packet.type == 0x0800 ? 4 : 41
            return ip(
                51, [number, 4] + [UInt8](repeating: 0xaa, count: 22) + packet.bytes,
                isIPv6: isIPv6)
        case .fragments: return packet
        }
    }

    private mutating func udp(_ port: UInt16, _ payload: [UInt8], isIPv6: Bool) -> TestPacket {
        ip(
            17,
            big(UInt16(50_000)) + big(port) + big(UInt16(payload.count + 8)) + [0, 0] + payload,
            isIPv6: isIPv6)
    }

    /// An Internet packet between two made-up hosts.
    mutating func ip(
        _ number: UInt8, _ payload: [UInt8], isIPv6: Bool, from: UInt8 = 1, to: UInt8 = 2
    ) -> TestPacket {
        identification &+= 1
        guard isIPv6 else {
            let options = Int.random(in: 0...2, using: &random) == 0 ? 8 : 0
            let header =
                [UInt8(0x45 + options / 4), 0] + big(UInt16(20 + options + payload.count))
                + big(UInt16(truncatingIfNeeded: identification)) + [0, 0, 64, number, 0, 0]
                + [192, 0, 2, from, 192, 0, 2, to] + [UInt8](repeating: 1, count: options)
            return TestPacket(type: 0x0800, bytes: header + payload)
        }
        var next = number
        var rest = payload
        for kind in [UInt8(43), 60, 60] where Bool.random(using: &random) {
            let units = Int.random(in: 0...3, using: &random)
            rest = [next, UInt8(units)] + [UInt8](repeating: 0, count: units * 8 + 6) + rest
            next = kind
        }
        let prefix: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11)
        return TestPacket(
            type: 0x86dd,
            bytes: [0x60, 0, 0, 0] + big(UInt16(rest.count)) + [next, 64]
                + prefix + [from] + prefix + [to] + rest)
    }

    /// An Internet packet cut into fragments anywhere, in any order, some of them twice.
    mutating func fragments(of packet: TestPacket) -> [TestPacket] {
        let isIPv6 = packet.type == 0x86dd
        let start = isIPv6 ? 40 : Int(packet.bytes[0] & 15) * 4
        let units = (packet.bytes.count - start + 7) / 8
        let pieces = Int.random(in: 1...5, using: &random)
        let isTiny = units <= 20 && Int.random(in: 0...2, using: &random) == 0
        let cuts =
            isTiny
            ? Array(0..<units)
            : (1..<pieces).map { _ in
                Int.random(in: 0..<units, using: &random)
            }
        var made = Self.fragments(
            of: packet, at: Set(cuts).map { $0 * 8 }, identification: identification)
        identification &+= 1
        if let again = made.randomElement(using: &random), Bool.random(using: &random) {
            made.append(again)
        }
        return made.shuffled(using: &random)
    }

    /// Fragments that begin at the offsets `cuts`, which are multiples of 8, and at 0.
    static func fragments(
        of packet: TestPacket, at cuts: [Int], identification: UInt32
    ) -> [TestPacket] {
        let isIPv6 = packet.type == 0x86dd
        let start = isIPv6 ? 40 : Int(packet.bytes[0] & 15) * 4
        let payload = packet.bytes[start...]
        let starts = Array(Set(cuts + [0])).sorted().filter { $0 == 0 || $0 < payload.count }
        return starts.indices.map { index in
            let end = index + 1 < starts.count ? starts[index + 1] : payload.count
            return fragment(
                of: packet, starts[index]..<end, isLast: end == payload.count,
                identification: identification)
        }
    }

    /// A fragment with the bytes `range` of a packet's payload.
    static func fragment(
        of packet: TestPacket, _ range: Range<Int>, isLast: Bool, identification: UInt32
    ) -> TestPacket {
        let isIPv6 = packet.type == 0x86dd
        let start = isIPv6 ? 40 : Int(packet.bytes[0] & 15) * 4
        let part = packet.bytes[(start + range.lowerBound)..<(start + range.upperBound)]
        var header = Array(packet.bytes[..<start])
        if isIPv6 {
            let place = UInt16(range.lowerBound) | (isLast ? 0 : 1)
            let fragment = [header[6], 0] + big(place) + big(identification)
            header[6] = 44
            header.replaceSubrange(4..<6, with: big(UInt16(part.count + 8)))
            return TestPacket(type: packet.type, bytes: header + fragment + part)
        }
        header.replaceSubrange(2..<4, with: big(UInt16(start + part.count)))
        header.replaceSubrange(4..<6, with: big(UInt16(truncatingIfNeeded: identification)))
        header.replaceSubrange(
            6..<8, with: big(UInt16(range.lowerBound / 8) | (isLast ? 0 : 0x2000)))
        return TestPacket(type: packet.type, bytes: header + part)
    }
}

/// Links.
extension Wrapper {
    static let links: [LinkType] = [
        .ethernet, .linuxSLL, .linuxSLL2, .raw, .null, .loop, .ppp, .pppHDLC, .pppoe,
    ]

    /// A frame with tags where the link has an EtherType, and padding where it is Ethernet.
    mutating func frame(_ packet: TestPacket, link: LinkType, tags: [UInt16]) -> TestFrame {
        let type = tags.first ?? packet.type
        let tagged = Self.tagged(packet, tags: tags)
        let bytes: [UInt8] =
            switch link {
            case .ethernet:
                Self.ethernet(packet, tags: tags)
                    + [UInt8](repeating: 0x50, count: Int.random(in: 0...9, using: &random))
            case .linuxSLL: [0, 0, 0, 1] + big(UInt16(6)) + big(UInt64(1)) + big(type) + tagged
            case .linuxSLL2: big(type) + [UInt8](repeating: 0, count: 18) + tagged
            case .null, .loop: [2, 0, 0, 0] + packet.bytes
            case .raw, .ipv4, .ipv6: packet.bytes
            case .ppp: Self.ppp(packet)
            case .pppHDLC: [0xff, 0x03] + Self.ppp(packet)
            case .pppoe: Self.pppoe(packet).bytes
            }
        return TestFrame(bytes: bytes, linkType: link)
    }

    static func ethernet(_ packet: TestPacket, tags: [UInt16]) -> [UInt8] {
        [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2] + big(tags.first ?? packet.type)
            + tagged(packet, tags: tags)
    }

    /// The packet behind its tags but for the first one's EtherType.
    private static func tagged(_ packet: TestPacket, tags: [UInt16]) -> [UInt8] {
        tags.indices.flatMap {
            big(UInt16(100 + $0)) + big($0 + 1 < tags.count ? tags[$0 + 1] : packet.type)
        } + packet.bytes
    }

    /// A packet in PPP without address and control; the protocol's first byte may be left out.
    static func ppp(_ packet: TestPacket) -> [UInt8] {
        let isIPv4 = packet.type == 0x0800
        let isShort = packet.bytes.count % 2 == 0
        return (isShort ? [] : [0]) + [isIPv4 ? 0x21 : 0x57] + packet.bytes
    }

    static func pppoe(_ packet: TestPacket) -> TestPacket {
        let inside = ppp(packet)
        return TestPacket(
            type: 0x8864, bytes: [0x11, 0, 0, 9] + big(UInt16(inside.count)) + inside)
    }
}

/// Runs frames through a new engine and returns what it saw.
func run(
    _ frames: [TestFrame], apart: UInt64 = 20_000, limits: EngineLimits = .init()
) -> (exchanges: [SeenExchange], counters: EngineCounters) {
    let seen = Seen()
    var engine = TransactionEngine(
        services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
        limits: limits, sink: { seen.exchanges.append(SeenExchange($0)) })
    var time: UInt64 = 1_800_000_000_000_000_000
    for frame in frames {
        time += apart
        engine.ingest(frame, at: time)
    }
    engine.finish()
    return (seen.exchanges, engine.counters)
}

extension TransactionEngine {
    mutating func ingest(_ frame: TestFrame, at time: UInt64) {
        frame.bytes.withUnsafeBytes { bytes in
            let captured = frame.captured ?? bytes.count
            ingest(
                Frame(
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[..<captured]),
                    wireLength: bytes.count, time: Timestamp(time), linkType: frame.linkType))
        }
    }
}
