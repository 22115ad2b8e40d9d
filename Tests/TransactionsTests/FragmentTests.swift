import Metering
import Testing
import Traffic

@testable import Transactions

private let refused = UndecodedReason.refusedFragment.rawValue
private let lost = UndecodedReason.lostFragment.rawValue

/// A datagram of TCP, and a piece of it as a frame.
private struct Pieces {
    let packet: TestPacket
    let identification: UInt32

    init(identification: UInt32 = 7, isIPv6: Bool = false, payload: Int = 2000) {
        var wrapper = Wrapper(seed: 1)
        let turn = "GET /n HTTP/1.1\r\nX: " + String(repeating: "x", count: payload) + "\r\n\r\n"
        let segment = TestSegment(toServer: true, sequence: 1, payload: Array(turn.utf8))
        packet = wrapper.packet(segment, isIPv6: isIPv6)
        self.identification = identification
    }

    func frame(_ range: Range<Int>, isLast: Bool = false) -> TestFrame {
        let part = Wrapper.fragment(
            of: packet, range, isLast: isLast, identification: identification)
        return TestFrame(bytes: part.bytes, linkType: .raw)
    }
}

@Suite("Fragments")
struct FragmentTests {
    @Test("Overlapping fragments refuse their datagram", arguments: [false, true])
    func overlap(isIPv6: Bool) {
        let pieces = Pieces(isIPv6: isIPv6)
        // Teardrop: the second lies within the first, or runs into it from either side.
        for second in [8..<24, 40..<72, 0..<56, 0..<40, 32..<40] {
            let result = run([
                pieces.frame(0..<48), pieces.frame(second), pieces.frame(48..<96, isLast: true),
            ])
            #expect(result.counters.undecodedByReason[refused] == 3)
            #expect(result.counters.connections == 0)
        }
        // Beyond the end, another end, and the same place with other bytes.
        let last = pieces.frame(40..<48, isLast: true)
        var other = pieces.frame(0..<40)
        other.bytes[other.bytes.count - 1] ^= 1
        for second in [pieces.frame(48..<56), pieces.frame(40..<72, isLast: true)] {
            let result = run([last, second, pieces.frame(0..<40)])
            #expect(result.counters.undecodedByReason[refused] == 3)
        }
        let result = run([pieces.frame(0..<40), other, last])
        #expect(result.counters.undecodedByReason[refused] == 3)
        #expect(result.counters.fragments.joined == 0)
    }

    @Test("Impossible fragments are refused")
    func impossible() {
        let pieces = Pieces()
        // Beyond the largest datagram, as the ping of death, and a middle one of odd length.
        var far = pieces.frame(0..<80, isLast: true)
        far.bytes.replaceSubrange(6..<8, with: big(UInt16(8190)))
        let result = run([far, pieces.frame(0..<13), pieces.frame(16..<16)])
        #expect(result.counters.undecodedByReason[refused] == 3)
        // More than one datagram may have.
        let many = (0...FragmentTable.maximumFragments).map { index in
            Pieces(payload: 4000).frame(Int(index) * 8..<Int(index) * 8 + 8)
        }
        let flood = run(many)
        #expect(flood.counters.undecodedByReason[refused] == UInt64(many.count))
    }

    @Test("A first fragment that ends inside the TCP header is counted, and joined")
    func tiny() {
        let pieces = Pieces()
        let end = pieces.packet.bytes.count - 20
        for cut in [8, 16, 24] {
            let result = run([
                pieces.frame(0..<cut), pieces.frame(cut..<end, isLast: true),
            ])
            #expect(result.counters.fragments.tiny == (cut < 20 ? 1 : 0))
            #expect(result.counters.fragments.received == 2)
            #expect(result.counters.fragments.joined == 1)
            #expect(result.counters.connections == 1)
        }
    }

    @Test("Fragments whose rest does not come in time are let go of, and counted once")
    func time() {
        let pieces = Pieces()
        let end = pieces.packet.bytes.count - 20
        let frames = [
            pieces.frame(0..<800), pieces.frame(808..<1600), pieces.frame(800..<end, isLast: true),
        ]
        #expect(run(Array(frames[..<2])).counters.undecodedByReason[lost] == 2)
        let late = run(frames, apart: 600_000_000)
        #expect(late.counters.undecodedByReason[lost] == 3)
        #expect(late.counters.connections == 0)
        var limits = EngineLimits()
        limits.fragmentTime = .seconds(2)
        #expect(
            run(
                Array(frames[..<1]) + [pieces.frame(800..<end, isLast: true)],
                apart: 1_600_000_000, limits: limits
            ).counters.connections == 1)
    }

    @Test(
        "Of cut fragments the datagram has what was captured before the first hole",
        arguments: 0..<40)
    func cut(seed: Int) {
        var wrapper = Wrapper(seed: seed)
        let payload = (0..<1500).map { _ in UInt8.random(in: 0...255, using: &wrapper.random) }
        let segment = TestSegment(toServer: true, sequence: 5, payload: payload)
        let packet = wrapper.packet(segment, isIPv6: false)
        let frames = Wrapper.fragments(of: packet, at: [504, 1008], identification: 1).map {
            TestFrame(
                bytes: $0.bytes, linkType: .raw,
                captured: Bool.random(using: &wrapper.random)
                    ? $0.bytes.count : Int.random(in: 60..<$0.bytes.count, using: &wrapper.random))
        }
        // Bytes of headers: IP has `start`, TCP 20.
        let start = packet.bytes.count - payload.count - 20
        var captured = (frames[0].captured ?? 0) - start - 20
        if frames[0].captured == frames[0].bytes.count {
            captured += (frames[1].captured ?? 0) - start
            if frames[1].captured == frames[1].bytes.count {
                captured += (frames[2].captured ?? 0) - start
            }
        }
        var decoder = PacketDecoder(limits: .init(), ports: .init())
        for frame in frames.shuffled(using: &wrapper.random) {
            frame.bytes.withUnsafeBytes {
                let part = UnsafeRawBufferPointer(rebasing: $0[..<(frame.captured ?? 0)])
                guard
                    case .segment = decoder.decode(
                        Frame(
                            bytes: part, wireLength: $0.count, time: .init(1), linkType: .raw))
                else { return }
                #expect(decoder.segment.length == payload.count)
                #expect(decoder.segment.payload.elementsEqual(payload[..<captured]))
            }
        }
        #expect(decoder.fragments.counters.joined == 1)
    }

    @Test("An identification that comes again begins another datagram; a copy does not")
    func identification() {
        let first = connection(talk(20), clientPort: 1)
        var wrapper = Wrapper(seed: 1)
        let frames = first.flatMap { segment -> [TestFrame] in
            let packet = wrapper.packet(segment, isIPv6: false)
            return Wrapper.fragments(of: packet, at: [8, 24], identification: 0).map {
                wrapper.frame($0, link: .raw, tags: [])
            }
        }
        let once = run(frames)
        #expect(once.exchanges == run(first).exchanges)
        // Every fragment twice on the spot: what is left over of the copies waits for nothing.
        let twice = run(frames.flatMap { [$0, $0] })
        #expect(twice.exchanges == once.exchanges)
        #expect(twice.counters.fragments.joined == once.counters.fragments.joined)
        #expect(twice.counters.undecoded == 0)
    }

    @Test(
        "A flood of fragments stays within its bounds, and traffic beside it is exact",
        arguments: [8, 1480, 8000], [false, true])
    func flood(size: Int, isFirst: Bool) {
        let segments = connection(talk(60)) { _ in Array(repeating: 500, count: 10) }
        let bare = run(segments)
        var wrapper = Wrapper(seed: size)
        var limits = EngineLimits()
        limits.fragmentedDatagrams = 256
        let seen = Seen()
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
            limits: limits, sink: { seen.exchanges.append(SeenExchange($0)) })
        var identification: UInt32 = 1 << 31
        var time: UInt64 = 1_000_000_000
        let source = Pieces(payload: 60_000).packet
        var count: UInt64 = 0
        for (index, segment) in segments.enumerated() {
            let layers: [Layer] = index % 3 == 0 ? [] : [.vxlan(port: 4789, tags: []), .fragments]
            let packet = wrapper.packet(segment, isIPv6: false)
            for frame in wrapper.frames(packet, layers: layers, link: .ethernet) {
                for _ in 0..<4 {
                    identification &+= 1
                    let start = isFirst ? 0 : 800
                    let part = Wrapper.fragment(
                        of: source, start..<(start + size), isLast: false,
                        identification: identification)
                    var bytes = part.bytes
                    // The address changes too, so that an identification of 16 bits is enough.
                    bytes.replaceSubrange(12..<16, with: big(identification))
                    time += 1000
                    count += 1
                    engine.ingest(TestFrame(bytes: bytes, linkType: .raw), at: time)
                }
                time += 1000
                engine.ingest(frame, at: time)
                #expect(engine.decoder.fragments.waiting <= limits.fragmentedDatagrams)
                #expect(engine.decoder.fragments.allocated <= limits.fragmentMemory)
            }
        }
        engine.finish()
        #expect(seen.exchanges == bare.exchanges)
        #expect(engine.counters.undecodedByReason[lost] == count)
        #expect(engine.counters.gaps == 0)
    }

    @Test("Fragments of UDP that carries no tunnel are of no interest")
    func otherUDP() {
        var wrapper = Wrapper(seed: 1)
        let payload = big(UInt16(50_000)) + big(UInt16(53)) + [UInt8](repeating: 0, count: 1000)
        let packet = wrapper.ip(17, payload, isIPv6: false)
        let frames = Wrapper.fragments(of: packet, at: [400, 800], identification: 5).map {
            wrapper.frame($0, link: .raw, tags: [])
        }
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            #expect(run(order.map { frames[$0] }).counters.undecoded == 0)
        }
    }
}
