import CAllocationCounter
import Metering
import Testing
import Traffic

@testable import Transactions

@Suite("The hot path", .serialized)
struct AllocationTests {
    @Test("allocates nothing per packet and exchange once it is warm")
    func noAllocation() {
        let frames = Self.frames()
        var count: UInt64 = 0
        withUnsafeMutablePointer(to: &count) { exchanges in
            var engine = TransactionEngine(
                services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
                sink: { _ in exchanges.pointee += 1 })
            var time: UInt64 = 1_000_000_000_000
            Self.pass(frames, through: &engine, time: &time)
            allocation_count_reset()
            for _ in 0..<5 { Self.pass(frames, through: &engine, time: &time) }
            let allocations = allocation_count()
            #expect(allocations == 0)
        }
        #expect(count == 6 * 40 * 8)
    }

    @Test(
        "allocates nothing for packets in tunnels and fragments either",
        arguments: [
            [.vxlan(port: 4789, tags: [0x8100])], [.geneve(options: 3, isEthernet: true)],
            [.gre(hasChecksum: false, hasKey: true, hasSequence: true, isEthernet: true)],
            [.inIP, .vxlan(port: 8472, tags: [])], [.fragments], [.inIP, .fragments],
        ] as [[Layer]])
    func noAllocationInLayers(layers: [Layer]) {
        var wrapper = Wrapper(seed: 9)
        let frames = (0..<10).flatMap { port -> [[UInt8]] in
            connection(talk(8), clientPort: UInt16(2000 + port)) { _ in
                Array(repeating: 600, count: 10)
            }.flatMap { segment in
                wrapper.frames(
                    wrapper.packet(segment, isIPv6: false), layers: layers, link: .ethernet)
            }.map(\.bytes)
        }
        var count: UInt64 = 0
        withUnsafeMutablePointer(to: &count) { exchanges in
            var engine = TransactionEngine(
                services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
                sink: { _ in exchanges.pointee += 1 })
            var time: UInt64 = 1_000_000_000_000
            Self.pass(frames, through: &engine, time: &time)
            allocation_count_reset()
            for _ in 0..<3 { Self.pass(frames, through: &engine, time: &time) }
            let allocations = allocation_count()
            #expect(allocations == 0)
            #expect(engine.counters.undecoded == 0)
        }
        #expect(count == 4 * 10 * 8)
    }

    @Test(
        "allocates nothing for fields of all kinds, and keeps no more memory from pass to pass",
        arguments: everySelector.map { [$0] } + [everySelector])
    func noAllocationForFields(selectors: [FieldSelector]) {
        let sendings = [Sending.plain, Sending(chunk: 20), Sending(bits: 31)]
        let frames = (0..<30).flatMap { number -> [[UInt8]] in
            let pairs = everyPair
            let sending = sendings[number % 3]
            let pipelined =
                pairs.map { $0.request(sending) } + pairs.map { $0.response(sending) }
            var segments = connection(
                pipelined + pairs.flatMap { [$0.request(sending), $0.response(sending)] },
                clientPort: UInt16(2000 + number)
            ) { Array(repeating: 90, count: $0 / 90 + 1) }
            // Of some connections a segment is lost.
            if number % 5 == 4 { segments.remove(at: 3 + number) }
            return segments.map(\.frame)
        }
        var count: UInt64 = 0
        withUnsafeMutablePointer(to: &count) { values in
            var engine = TransactionEngine(
                services: [EngineService(ports: [8080], selectors: selectors)],
                sink: { exchange in
                    for field in exchange.fields { if case .value = field { values.pointee += 1 } }
                })
            var time: UInt64 = 1_000_000_000_000
            for _ in 0..<2 { Self.pass(frames, through: &engine, time: &time) }
            let memory = engine.accountedMemory
            allocation_count_reset()
            for _ in 0..<5 { Self.pass(frames, through: &engine, time: &time) }
            let allocations = allocation_count()
            #expect(allocations == 0)
            #expect(engine.accountedMemory == memory)
        }
        #expect(count > 5 * 24 * 4)
    }

    /// Forty connections with eight exchanges each: cut, reordered, doubled, chunked.
    private static func frames() -> [[UInt8]] {
        var random = SeededGenerator(seed: 7)
        let request = "POST /api/x/12345 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        let body = "{\"data\":{\"x\":[1,2]},\"code\":\"0000\""
        let answer =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + String(body.utf8.count, radix: 16) + "\r\n\(body)\r\n1\r\n}\r\n0\r\n\r\n"
        return (0..<40).flatMap { port -> [[UInt8]] in
            var segments = connection(
                (0..<8).flatMap { _ in [Turn.client(request), .server(answer)] },
                clientPort: UInt16(2000 + port)
            ) { _ in Array(repeating: 37, count: 10) }
            for index in stride(from: segments.count - 2, through: 4, by: -7) {
                segments.swapAt(index, index - 1)
                if Bool.random(using: &random) { segments.insert(segments[index], at: index) }
            }
            return segments.map(\.frame)
        }
    }

    private static func pass(
        _ frames: [[UInt8]], through engine: inout TransactionEngine, time: inout UInt64
    ) {
        for index in frames.indices {
            time += 100_000
            frames[index].withUnsafeBytes {
                engine.ingest(
                    Frame(
                        bytes: $0, wireLength: $0.count, time: Timestamp(time), linkType: .ethernet)
                )
            }
        }
        // Beyond the time that closed connections are remembered.
        time += 3_000_000_000
    }
}
