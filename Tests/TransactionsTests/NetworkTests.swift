import Metering
import Testing
import Traffic

@testable import Transactions

/// Requests and responses of several sizes, with bodies.
func talk(_ count: Int, size: Int = 700) -> [Turn] {
    (0..<count).flatMap { number -> [Turn] in
        let filler = String(repeating: "x", count: number % 3 * size)
        let body = "{\"data\":\"\(filler)\",\"code\":\"\(number)\"}"
        return [
            .client(
                "POST /n/\(number) HTTP/1.1\r\nHost: h\r\nContent-Length: \(filler.utf8.count)\r\n"
                    + "\r\n\(filler)"),
            .server("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"),
        ]
    }
}

/// A stack of layers with up to three tunnels, fragments anywhere between them.
private func layers(_ wrapper: inout Wrapper) -> [Layer] {
    var layers: [Layer] = []
    for _ in 0..<Int.random(in: 0...3, using: &wrapper.random) {
        if Int.random(in: 0...3, using: &wrapper.random) == 0 { layers.append(.fragments) }
        layers.append(.random(using: &wrapper.random))
    }
    if layers.count < 4, Bool.random(using: &wrapper.random) { layers.append(.authentication) }
    if Bool.random(using: &wrapper.random) { layers.append(.fragments) }
    return layers
}

/// The segments, each behind its own stack of headers.
private func wrapped(_ segments: [TestSegment], seed: Int) -> [TestFrame] {
    var wrapper = Wrapper(seed: seed)
    let isIPv6 = seed % 2 == 0
    return segments.flatMap { segment -> [TestFrame] in
        let layers = layers(&wrapper)
        let packet = wrapper.packet(segment, isIPv6: isIPv6)
        let link = Wrapper.links.randomElement(using: &wrapper.random) ?? .ethernet
        let tags = Wrapper.tags(using: &wrapper.random)
        let frames = wrapper.frames(packet, layers: layers, link: link, outer: tags)
        guard link == .ethernet, Bool.random(using: &wrapper.random) else { return frames }
        // The same in PPPoE behind the tags.
        return wrapper.frames(packet, layers: layers, link: .raw).map {
            let isIPv4 = $0.bytes[0] >> 4 == 4
            let inside = TestPacket(type: isIPv4 ? 0x0800 : 0x86dd, bytes: $0.bytes)
            return wrapper.frame(Wrapper.pppoe(inside), link: .ethernet, tags: tags)
        }
    }
}

@Suite("Frames and packets")
struct NetworkTests {
    @Test(
        "Any stack of tags, PPPoE, tunnels and fragments around a packet changes nothing",
        arguments: 0..<150)
    func stacks(seed: Int) {
        let segments = connection(talk(6)) { _ in Array(repeating: 300 + seed, count: 10) }
        let bare = run(segments)
        #expect(bare.exchanges.count == 6)
        let result = run(wrapped(segments, seed: seed))
        #expect(result.exchanges == bare.exchanges)
        #expect(result.counters.undecoded == 0)
        #expect(result.counters.gaps == 0)
        #expect(result.counters.connections == 1)
    }

    @Test("A frame cut anywhere gives its segment with a shorter payload, or says that it is cut")
    func truncation() {
        var wrapper = Wrapper(seed: 3)
        let segment = connection(talk(1)).filter { !$0.payload.isEmpty }[0]
        for seed in 0..<60 {
            let layers = layers(&wrapper).filter { if case .fragments = $0 { false } else { true } }
            let packet = wrapper.packet(segment, isIPv6: seed % 2 == 0)
            let link = Wrapper.links[seed % Wrapper.links.count]
            for frame in wrapper.frames(packet, layers: layers, link: link) {
                var decoder = PacketDecoder(limits: .init(), ports: .init())
                var lengths: [Int] = []
                for cut in 0...frame.bytes.count {
                    frame.bytes.withUnsafeBytes { bytes in
                        switch decoder.decode(
                            Frame(
                                bytes: UnsafeRawBufferPointer(rebasing: bytes[..<cut]),
                                wireLength: bytes.count, time: .init(0), linkType: link))
                        {
                        case .segment:
                            #expect(decoder.segment.sequence == segment.sequence)
                            #expect(decoder.segment.length == segment.payload.count)
                            #expect(segment.payload.starts(with: decoder.segment.payload))
                            lengths.append(decoder.segment.payload.count)
                        case .undecoded(let reason): #expect(reason == .cutHeader)
                        case .other, .fragment: Issue.record("cut at \(cut): neither")
                        }
                    }
                }
                // From the end of the headers on every byte counts, and padding does not.
                #expect(lengths == lengths.sorted())
                #expect(Set(lengths) == Set(0...segment.payload.count))
            }
        }
    }

    @Test("A segment whose frame was cut leaves a hole of known size", arguments: 0..<20)
    func cutFrames(seed: Int) {
        let body = String(repeating: "x", count: 1200)
        let turns: [Turn] = (0..<5).flatMap { number -> [Turn] in
            [
                .client("GET /n/\(number) HTTP/1.1\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 1200\r\n\r\n" + body),
            ]
        }
        var wrapper = Wrapper(seed: seed)
        // Fragments too: what is missing behind the first cut is the rest of the datagram.
        let layers: [Layer] = seed % 2 == 0 ? [.inIP] : [.vxlan(port: 4789, tags: []), .fragments]
        let frames = connection(turns).flatMap { segment in
            wrapper.frames(wrapper.packet(segment, isIPv6: false), layers: layers, link: .ethernet)
                .map { TestFrame(bytes: $0.bytes, captured: min($0.bytes.count, 340)) }
        }
        let result = run(frames)
        #expect(result.exchanges.map(\.target) == (0..<5).map { "/n/\($0)" })
        #expect(result.exchanges.allSatisfy { $0.isComplete && $0.responseBody == 1200 })
        #expect(result.counters.unpairedRequests == 0)
    }

    @Test("Flipped bytes in any stack neither trap nor grow", arguments: 0..<40)
    func noise(seed: Int) {
        let segments = connection(talk(6)) { _ in Array(repeating: 400, count: 10) }
        var wrapper = Wrapper(seed: 1000 + seed)
        var limits = EngineLimits()
        limits.fragmentedDatagrams = 32
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [])], limits: limits, sink: { _ in })
        var time: UInt64 = 1_000_000_000
        for round in 0..<10 {
            for var frame in wrapped(segments, seed: seed * 100 + round) {
                for _ in 0..<Int.random(in: 0...3, using: &wrapper.random) {
                    let place = Int.random(
                        in: 0..<min(90, frame.bytes.count), using: &wrapper.random)
                    frame.bytes[place] = UInt8.random(in: 0...255, using: &wrapper.random)
                }
                if Int.random(in: 0...4, using: &wrapper.random) == 0 {
                    frame.captured = Int.random(in: 0...frame.bytes.count, using: &wrapper.random)
                }
                if Int.random(in: 0...9, using: &wrapper.random) == 0 {
                    frame.linkType = Wrapper.links.randomElement(using: &wrapper.random) ?? .raw
                }
                time += 50_000
                engine.ingest(frame, at: time)
            }
        }
        #expect(engine.decoder.fragments.allocated <= limits.fragmentMemory)
        engine.finish()
        #expect(engine.openConnections == 0)
        #expect(engine.decoder.fragments.waiting == 0)
    }

    @Test("More layers than are followed are counted as such", arguments: [4, 5])
    func depth(count: Int) {
        var wrapper = Wrapper(seed: 1)
        let segment = TestSegment(toServer: true, sequence: 1, payload: [1, 2, 3])
        let packet = wrapper.packet(segment, isIPv6: false)
        let reason = UndecodedReason.tooManyLayers.rawValue
        let expected: UInt64 = count > 4 ? 1 : 0
        let tunnels = wrapper.frames(
            packet, layers: Array(repeating: .inIP, count: count), link: .raw)
        #expect(run(tunnels).counters.undecodedByReason[reason] == expected)
        let tags = wrapper.frames(
            packet, layers: [], link: .ethernet, outer: Array(repeating: 0x8100, count: count))
        #expect(run(tags).counters.undecodedByReason[reason] == expected)
        var rest = Array(packet.bytes.dropFirst(20))
        for index in 0..<(count * 2) {
            rest = [index == 0 ? 6 : 60, 0, 0, 0, 0, 0, 0, 0] + rest
        }
        let extensions = TestPacket(
            type: 0x86dd,
            bytes: [0x60, 0, 0, 0] + big(UInt16(rest.count)) + [60, 64]
                + [UInt8](repeating: 1, count: 32) + rest)
        let result = run([wrapper.frame(extensions, link: .raw, tags: [])])
        #expect(result.counters.undecodedByReason[reason] == expected)
    }

    @Test("A packet of segmentation offload without a length reaches to the end of its frame")
    func offload() {
        let body = String(repeating: "x", count: 200_000)
        let turns: [Turn] = [
            .client("GET /big HTTP/1.1\r\n\r\n"),
            .server("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body),
        ]
        let segments = connection(turns)
        var wrapper = Wrapper(seed: 1)
        for isIPv6 in [false, true] {
            let frames = segments.map { segment -> TestFrame in
                guard isIPv6 else {
                    var bytes = segment.frame
                    bytes.replaceSubrange(16..<18, with: [0, 0])
                    return TestFrame(bytes: bytes)
                }
                let rest = Array(segment.frame.dropFirst(34))
                let packet = TestPacket(
                    type: 0x86dd,
                    bytes: [0x60, 0, 0, 0, 0, 0, 6, 64]
                        + [UInt8](repeating: segment.toServer ? 1 : 2, count: 16)
                        + [UInt8](repeating: segment.toServer ? 2 : 1, count: 16) + rest)
                return wrapper.frame(packet, link: .raw, tags: [])
            }
            let result = run(frames)
            #expect(result.exchanges.map(\.responseBody) == [200_000])
            #expect(result.counters.gaps == 0)
            let cut = frames.map {
                TestFrame(
                    bytes: $0.bytes, linkType: $0.linkType, captured: min($0.bytes.count, 128))
            }
            #expect(run(cut).exchanges.map(\.responseBody) == [200_000])
        }
    }

    @Test("What a port or a header does not announce as a tunnel is none")
    func noTunnel() {
        var wrapper = Wrapper(seed: 1)
        let segment = connection(talk(1))[2]
        let packet = wrapper.packet(segment, isIPv6: false)
        let other = wrapper.frames(packet, layers: [.vxlan(port: 4790, tags: [])], link: .raw)
        #expect(run(other).counters.connections == 0)
        #expect(run(other).counters.undecoded == 0)
        var ports = TunnelPorts()
        ports.vxlan = [4790]
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [])], tunnels: ports, sink: { _ in })
        engine.ingest(other[0], at: 1)
        #expect(engine.counters.connections == 1)
    }
}
