import Testing
import Traffic

@testable import Transactions

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"

private func get(_ number: Int) -> String { "GET /n/\(number) HTTP/1.1\r\nHost: h\r\n\r\n" }

/// A response whose field says which request it answers.
private func answer(_ number: Int) -> String {
    let body = "{\"code\":\(number)}"
    return "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

private func numbered(_ count: Int) -> [Turn] {
    (0..<count).flatMap { [Turn.client(get($0)), .server(ok)] }
}

@Suite("TCP streams")
struct StreamTests {
    @Test(
        "A lost segment costs its own exchange at most, and never makes a false pair",
        arguments: 0..<200)
    func loss(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let turns = (0..<40).flatMap { [Turn.client(get($0)), .server(answer($0))] }
        let segments = connection(turns) { _ in Array(repeating: 20, count: 10) }
        let lost = Set((0..<3).map { _ in Int.random(in: 2..<segments.count, using: &random) })
        let kept = segments.indices.filter { !lost.contains($0) }.map { segments[$0] }
        let result = run(kept)
        for exchange in result.exchanges where exchange.isComplete && exchange.fields != ["?"] {
            #expect(exchange.target == "/n/\(exchange.fields[0])")
        }
        let targets = result.exchanges.map(\.target)
        #expect(Set(targets).count == targets.count)
        #expect(targets.count >= 40 - 2 * lost.count)
        #expect(result.counters.exchanges == UInt64(targets.count))
    }

    @Test("A hole in a body of known length is counted through, and its field is unread")
    func holeInBody() {
        let body = "{\"a\":\"" + String(repeating: "x", count: 3000) + "\",\"code\":\"0000\"}"
        let turns: [Turn] = [
            .client(get(1)),
            .server("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body),
            .client(get(2)), .server(ok),
        ]
        var segments = connection(turns) { $0 > 2000 ? [500, 1000, 5000] : [$0] }
        let hole = segments.firstIndex { $0.payload.count == 1000 }
        #expect(hole != nil)
        if let hole { segments.remove(at: hole) }
        let result = run(segments)
        #expect(
            result.exchanges.map(\.description) == [
                "GET /n/1 200 whole 0/\(body.utf8.count) [\"?\"]",
                "GET /n/2 200 whole 0/15 [\"0000\"]",
            ])
        #expect(result.counters.gaps == 1)
        #expect(result.counters.gapBytes == 1000)
    }

    @Test("Frames cut by the snapshot length count as gaps, and known lengths are passed over")
    func snapshotLength() {
        var segments = connection(numbered(5))
        for index in segments.indices
        where !segments[index].toServer && segments[index].payload.count > 40 {
            segments[index].captured = 40
        }
        let result = run(segments)
        #expect(result.exchanges.count == 5)
        #expect(result.exchanges.allSatisfy { $0.isComplete && $0.fields == ["?"] })
    }

    @Test("A connection met in its middle is followed from its next message on")
    func midStream() {
        let segments = connection(numbered(10), hasSyn: false).dropFirst(5)
        let result = run(Array(segments))
        #expect(result.exchanges.map(\.target) == (3..<10).map { "/n/\($0)" })
        #expect(result.counters.unpairedResponses == 1)
    }

    @Test("The same ends with a new SYN are a new connection")
    func portReuse() {
        let first = connection(numbered(2), hasFin: false)
        let second = connection(numbered(2), clientStart: 77_000_000, serverStart: 5)
        let result = run(first + second)
        #expect(result.exchanges.count == 4)
        #expect(result.counters.connections == 2)
    }

    @Test("A SYN that comes after the bytes it opens opens no second connection")
    func lateSYN() {
        var segments = connection(numbered(4))
        segments.swapAt(0, 2)
        let result = run(segments)
        #expect(result.exchanges.count == 4)
        #expect(result.counters.connections == 1)
        #expect(result.counters.gaps == 0)
    }

    @Test("Late packets of a closed connection open no new one")
    func latePackets() {
        let segments = connection(numbered(2))
        let result = run(segments + segments.suffix(4))
        #expect(result.exchanges.count == 2)
        #expect(result.counters.connections == 1)
        #expect(result.counters.unpairedResponses == 0)
    }

    @Test("A packet seen twice counts once, also in the whole")
    func everythingTwice() {
        let segments = connection(numbered(20)) { _ in Array(repeating: 33, count: 10) }
        let result = run(segments.flatMap { [$0, $0] })
        #expect(result.exchanges.count == 20)
    }

    @Test("Requests that never get a response are counted as unpaired when the traffic ends")
    func unpaired() {
        let result = run(connection([.client(get(1) + get(2))]))
        #expect(result.exchanges.isEmpty)
        #expect(result.counters.unpairedRequests == 2)
    }

    @Test("Beyond the limit of connections the one used longest ago is evicted and counted")
    func eviction() {
        var limits = EngineLimits()
        limits.connections = 10
        var segments: [TestSegment] = []
        for port in 0..<30 {
            segments += connection(
                [.client(get(port))], clientPort: UInt16(1000 + port), hasFin: false)
        }
        segments += connection(numbered(3), clientPort: 9)
        let result = run(segments, limits: limits)
        #expect(result.counters.evicted == 21)
        #expect(result.counters.unpairedRequests == 30)
        #expect(result.exchanges.count == 3)
    }

    @Test(
        "Memory for early segments and requests is bounded, and normal traffic beside it is exact")
    func memoryPressure() {
        var limits = EngineLimits()
        limits.memory = 64 << 10
        var segments: [TestSegment] = []
        for port in 0..<500 {
            var parts = connection(
                [.client(get(port) + get(port))], clientPort: UInt16(1000 + port)
            ) { _ in
                [10, 10, 100]
            }
            parts.remove(at: 2)
            segments += parts.dropLast(2)
        }
        segments += connection(numbered(50), clientPort: 9)
        let result = run(segments, limits: limits)
        #expect(result.exchanges.count == 50)
        #expect(result.counters.gaps > 0)
    }

    @Test("An idle connection is closed, and its waiting request counted")
    func idle() {
        var limits = EngineLimits()
        limits.idleTime = .seconds(1)
        let idle = connection([.client(get(1))], clientPort: 1, hasFin: false)
        let busy = connection(numbered(800), clientPort: 2)
        let result = run(idle + busy, limits: limits, finish: false)
        #expect(result.counters.unpairedRequests == 1)
        #expect(result.exchanges.count == 800)
    }

    @Test("Any bytes in any frame neither crash nor grow", arguments: 0..<40)
    func noise(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let seen = Seen()
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [.responseJSON(["data", "code"])])],
            sink: { seen.exchanges.append(SeenExchange($0)) })
        let good = connection(numbered(3)) { _ in Array(repeating: 25, count: 10) }.map(\.frame)
        let links: [LinkType] = [
            .ethernet, .null, .raw, .loop, .linuxSLL, .ipv4, .ipv6, .linuxSLL2,
        ]
        for step in 0..<3000 {
            var bytes = good[Int.random(in: 0..<good.count, using: &random)]
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            let length =
                Int.random(in: 0...3, using: &random) == 0
                ? Int.random(in: 0...bytes.count, using: &random) : bytes.count
            let link =
                Int.random(in: 0...9, using: &random) == 0
                ? links.randomElement(using: &random) ?? .raw : .ethernet
            bytes.withUnsafeBytes {
                engine.ingest(
                    Frame(
                        bytes: UnsafeRawBufferPointer(rebasing: $0[..<length]),
                        wireLength: bytes.count,
                        time: .init(UInt64(step) * 1_000_000), linkType: link))
            }
        }
        engine.finish()
        #expect(engine.openConnections == 0)
        #expect(engine.holding == 0)
        #expect(engine.counters.exchanges == UInt64(seen.exchanges.count))
    }
}
