import Metering
import Testing
import Traffic

@testable import Transactions

/// A frame whose numbers are changed in place, so that millions of packets can be made quickly.
private struct PacketTemplate {
    private(set) var bytes: [UInt8]

    init(_ payload: [UInt8], toServer: Bool, flags: TCPFlags = [.ack]) {
        bytes =
            TestSegment(toServer: toServer, sequence: 0, payload: payload, flags: flags).frame
    }

    /// Makes the packet that of a client by its number, each with its own address and port.
    mutating func setClient(_ number: Int, toServer: Bool) {
        let address = toServer ? 26 : 30
        bytes[address + 1] = UInt8(number >> 16 & 0xff)
        bytes[address + 2] = UInt8(number >> 8 & 0xff)
        bytes[address + 3] = UInt8(number & 0xff)
    }

    mutating func setSequence(_ sequence: UInt32, acknowledged: UInt32) {
        set(sequence, at: 38)
        set(acknowledged, at: 42)
    }

    private mutating func set(_ value: UInt32, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value >> 24)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 16)
        bytes[offset + 2] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[offset + 3] = UInt8(truncatingIfNeeded: value)
    }
}

/// An engine under attack, and one connection of honest exchanges beside it.
private final class Flood {
    static let honestPort: UInt16 = 9

    let seen: Seen
    var engine: TransactionEngine
    private var time: UInt64 = 1_800_000_000_000_000_000
    private let honest: [[UInt8]]
    private var next = 0
    private(set) var mostMemory = 0
    private(set) var mostConnections = 0
    private let step: UInt64

    /// Packets come `step` nanoseconds apart; honest requests have a query and a cookie of so many bytes.
    init(
        limits: EngineLimits = .init(), honest count: Int, step: UInt64 = 1000, query: Int = 0,
        cookie: Int = 0
    ) {
        self.step = step
        let more =
            (query > 0 ? "?" + String(repeating: "q", count: query) : "") + " HTTP/1.1\r\n"
            + (cookie > 0 ? "Cookie: \(String(repeating: "c", count: cookie))\r\n" : "") + "\r\n"
        let seen = Seen()
        self.seen = seen
        engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
            limits: limits,
            sink: { if $0.client.port == Self.honestPort { seen.exchanges.append(.init($0)) } })
        let turns = (0..<count).flatMap { number in
            [
                Turn.client("GET /n/\(number)" + more),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"),
            ]
        }
        honest = connection(turns, clientPort: Self.honestPort) { [$0 / 2, $0] }.map(\.frame)
    }

    /// Packets of the honest connection that have not gone through.
    var honestLeft: Int { honest.count - next }

    /// Takes a packet.
    func ingest(_ bytes: [UInt8]) {
        time += step
        bytes.withUnsafeBytes {
            engine.ingest(
                Frame(
                    bytes: $0, wireLength: $0.count, time: Timestamp(time), linkType: .ethernet))
        }
    }

    /// Takes the honest connection's next packet, if there is one, and looks at what is in use.
    func continueHonest() {
        mostMemory = max(mostMemory, engine.accountedMemory)
        mostConnections = max(mostConnections, engine.openConnections)
        guard next < honest.count else { return }
        ingest(honest[next])
        next += 1
    }

    /// Whether every honest exchange was seen, whole and once.
    func isHonestExact() -> Bool {
        while honestLeft > 0 { continueHonest() }
        engine.finish()
        let count = (honest.count - 4) / 4
        let targets = seen.exchanges.map { String($0.target.prefix { $0 != "?" }) }
        return targets == (0..<count).map { "/n/\($0)" }
            && seen.exchanges.allSatisfy { $0.isComplete && $0.fields == ["0000"] }
    }
}

@Suite("Under attack the engine stays within its bounds, and traffic beside is exact")
struct FloodTests {
    private let limits = EngineLimits()

    @Test("with a million connections that only a SYN opens")
    func halfOpen() {
        let flood = Flood(honest: 250)
        var packet = PacketTemplate([], toServer: true, flags: [.syn])
        let count = 1_000_000
        for number in 0..<count {
            packet.setClient(number, toServer: true)
            flood.ingest(packet.bytes)
            if number % 1000 == 0 { flood.continueHonest() }
        }
        #expect(flood.mostConnections <= limits.connections)
        #expect(flood.mostMemory <= limits.memory)
        #expect(flood.engine.counters.connections == UInt64(count + 1))
        let open = UInt64(flood.engine.openConnections)
        #expect(flood.engine.counters.evicted == UInt64(count + 1) - open)
        #expect(flood.isHonestExact())
    }

    @Test("with 100,000 connections that each have a hole")
    func holes() {
        let flood = Flood(honest: 500)
        let payload = Array("X-Part: \(String(repeating: "p", count: 400))\r\n".utf8)
        var opening = PacketTemplate([], toServer: true, flags: [.syn])
        var early = PacketTemplate(payload, toServer: true)
        early.setSequence(101, acknowledged: 0)
        let count = 100_000
        for number in 0..<count {
            opening.setClient(number, toServer: true)
            flood.ingest(opening.bytes)
            early.setClient(number, toServer: true)
            flood.ingest(early.bytes)
            if number % 50 == 0 { flood.continueHonest() }
        }
        #expect(flood.mostConnections <= limits.connections)
        #expect(flood.mostMemory <= limits.memory)
        #expect(flood.mostMemory > limits.memory / 2)
        #expect(flood.engine.counters.evicted > 0)
        #expect(flood.isHonestExact())
        // Each hole is given up, or goes with its connection.
        let counters = flood.engine.counters
        #expect(counters.gaps + counters.evicted >= UInt64(count))
        #expect(counters.gapBytes == counters.gaps * 100)
    }

    @Test(
        "with holes that are smaller than an honest request",
        arguments: [100, 1400], [(0, 1500), (0, 2500), (700, 0), (700, 2500)])
    func smallHoles(size: Int, honest: (query: Int, cookie: Int)) {
        let flood = Flood(
            honest: 600, step: 50_000, query: honest.query, cookie: honest.cookie)
        var opening = PacketTemplate([], toServer: true, flags: [.syn])
        var early = PacketTemplate(Array(repeating: 0x61, count: size), toServer: true)
        early.setSequence(101, acknowledged: 0)
        for number in 0..<60_000 {
            opening.setClient(number, toServer: true)
            flood.ingest(opening.bytes)
            early.setClient(number, toServer: true)
            flood.ingest(early.bytes)
            if number % 25 == 0 { flood.continueHonest() }
        }
        #expect(flood.mostMemory <= limits.memory)
        #expect(flood.engine.counters.evicted > 0)
        #expect(flood.isHonestExact())
    }

    @Test("with a body of 10 GB by its length, whose end is found")
    func longBody() {
        let length = 10_000_000_000
        let flood = Flood(honest: 500)
        let ends = connection(
            [
                .client("GET /big HTTP/1.1\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n"),
            ], hasFin: false)
        ends.forEach { flood.ingest($0.frame) }
        let piece = 64_000
        var packet = PacketTemplate(Array(repeating: 0x20, count: piece), toServer: false)
        var sequence = (ends.last?.sequence ?? 0) &+ UInt32(ends.last?.payload.count ?? 0)
        let acknowledged = 1001 + UInt32("GET /big HTTP/1.1\r\n\r\n".utf8.count)
        for number in 0..<(length / piece) {
            packet.setSequence(sequence, acknowledged: acknowledged)
            flood.ingest(packet.bytes)
            sequence &+= UInt32(piece)
            if number % 50 == 0 { flood.continueHonest() }
        }
        let next = "GET /next HTTP/1.1\r\n\r\n"
        flood.ingest(
            TestSegment(
                toServer: true, sequence: acknowledged, acknowledged: sequence,
                payload: Array(next.utf8)
            ).frame)
        #expect(flood.engine.counters.exchanges == UInt64(flood.seen.exchanges.count) + 1)
        #expect(flood.mostMemory <= 64 << 10)
        #expect(flood.isHonestExact())
        #expect(flood.engine.counters.unpairedRequests == 1)
        #expect(flood.engine.counters.gaps == 0)
    }

    @Test("an active connection stays, however few others fit into memory")
    func fewInMemory() {
        var limits = EngineLimits()
        limits.memory = 1 << 20
        let flood = Flood(limits: limits, honest: 300)
        var opening = PacketTemplate([], toServer: true, flags: [.syn])
        let start = Array("GET /".utf8) + Array(repeating: 0x61, count: 1400)
        var first = PacketTemplate(start, toServer: true)
        first.setSequence(1, acknowledged: 0)
        var second = PacketTemplate(Array(repeating: 0x61, count: 1400), toServer: true)
        second.setSequence(UInt32(1 + start.count), acknowledged: 0)
        for number in 0..<3000 {
            opening.setClient(number, toServer: true)
            first.setClient(number, toServer: true)
            second.setClient(number, toServer: true)
            flood.ingest(opening.bytes)
            flood.ingest(first.bytes)
            flood.ingest(second.bytes)
            if number % 10 == 0 { flood.continueHonest() }
        }
        #expect(flood.engine.counters.evicted > 2000)
        #expect(flood.isHonestExact())
    }

    @Test(
        "with lines and headers that never end, whatever the bound",
        arguments: [0, 20, 90, 700, 3000])
    func endlessHeads(more: Int) {
        var limits = EngineLimits()
        limits.memory += more << 10
        let flood = Flood(limits: limits, honest: 500)
        let start = Array("GET /".utf8)
        let count = 2000
        var opening = PacketTemplate([], toServer: true, flags: [.syn])
        var first = PacketTemplate(start, toServer: true)
        first.setSequence(1, acknowledged: 0)
        var line = PacketTemplate(Array(repeating: 0x61, count: 1400), toServer: true)
        for number in 0..<count {
            opening.setClient(number, toServer: true)
            first.setClient(number, toServer: true)
            flood.ingest(opening.bytes)
            flood.ingest(first.bytes)
        }
        for round in 0..<7 {
            line.setSequence(UInt32(1 + start.count + 1400 * round), acknowledged: 0)
            for number in 0..<count {
                line.setClient(number, toServer: true)
                flood.ingest(line.bytes)
                if number % 10 == 0 { flood.continueHonest() }
            }
        }
        // 2000 lines of 8 KiB do not go into 8 MiB.
        #expect(flood.engine.counters.evicted > 0)
        #expect(flood.mostMemory <= limits.memory)
        // One that is the last to come goes on to where a head is given up.
        opening.setClient(count, toServer: true)
        first.setClient(count, toServer: true)
        line.setClient(count, toServer: true)
        flood.ingest(opening.bytes)
        flood.ingest(first.bytes)
        for round in 0..<800 {
            line.setSequence(UInt32(1 + start.count + 1400 * round), acknowledged: 0)
            flood.ingest(line.bytes)
        }
        #expect(flood.engine.counters.malformed[MalformedReason.headTooLong.rawValue] == 1)
        #expect(flood.mostMemory <= limits.memory)
        #expect(flood.isHonestExact())
    }
}
