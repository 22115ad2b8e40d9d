import Metering
import Testing
import Traffic

@testable import Transactions

/// Attackers, each with its own way to take memory, and honest clients whose responses are slow, by
/// packet time.
private final class SlowTraffic {
    /// What an attacker sends, by its round.
    typealias Attack = (_ round: Int) -> [UInt8]

    private static let start: UInt64 = 1_800_000_000_000_000_000
    private let seen: Seen
    private(set) var engine: TransactionEngine
    private let attack: Attack
    private var time = start
    private var positions: [UInt32]
    private var random = SeededGenerator(seed: 11)
    /// Exchanges of honest clients.
    private(set) var honest = 0
    private(set) var mostMemory = 0

    init(
        attackers: Int, selectors: [FieldSelector] = [.responseJSON(["code"])],
        limits: EngineLimits = .init(), attack: @escaping Attack
    ) {
        let seen = Seen()
        self.seen = seen
        engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: selectors)], limits: limits,
            sink: { if $0.client.port < 20_000 { seen.exchanges.append(.init($0)) } })
        self.attack = attack
        positions = Array(repeating: 1001, count: attackers)
    }

    private func ingest(_ segment: TestSegment, at time: UInt64) {
        self.time = max(time, self.time + 1)
        segment.frame.withUnsafeBytes {
            engine.ingest(
                Frame(
                    bytes: $0, wireLength: $0.count, time: Timestamp(self.time),
                    linkType: .ethernet))
        }
        mostMemory = max(mostMemory, engine.accountedMemory)
    }

    /// A packet of an attacker; `hole` bytes before it are never sent.
    private func ingestAttack(_ number: Int, round: Int, hole: Int, at time: UInt64) {
        let attacker = number % positions.count
        let port = UInt16(20_000 + attacker)
        if round == 0 {
            let opening = connection([], clientPort: port, hasFin: false)
            opening.forEach { ingest($0, at: time) }
        }
        let payload = attack(round)
        var segment = TestSegment(
            toServer: true, sequence: positions[attacker] &+ UInt32(hole), payload: payload)
        segment.acknowledged = 9001
        segment.clientPort = port
        positions[attacker] = segment.sequence &+ UInt32(payload.count)
        ingest(segment, at: time)
    }

    /// Lets so many seconds pass, with so many packets of attackers and twenty honest requests in each,
    /// whose responses come after 1 to 3 s.
    func run(seconds: Int, packets: Int, hole: Int = 0) {
        let request = "POST /n HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{\"k\":\"v\"}"
        let response = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"
        var events: [(time: UInt64, segment: TestSegment)] = []
        for number in 0..<(20 * seconds) {
            let asked = Self.start + UInt64(number) * 50_000_000 + 7
            let delay = UInt64.random(in: 1_000_000_000...3_000_000_000, using: &random)
            let turns: [Turn] = [.client(request), .server(response)]
            for segment in connection(turns, clientPort: UInt16(1000 + number), hasFin: false) {
                let isResponse = !segment.toServer && !segment.payload.isEmpty
                events.append((isResponse ? asked + delay : asked, segment))
            }
            honest += 1
        }
        let order = events.indices.sorted { (events[$0].time, $0) < (events[$1].time, $1) }
        var next = 0
        for number in 0..<(seconds * packets) {
            let now = Self.start + UInt64(number) * 1_000_000_000 / UInt64(packets)
            while next < order.count, events[order[next]].time <= now {
                ingest(events[order[next]].segment, at: events[order[next]].time)
                next += 1
            }
            ingestAttack(number, round: number / positions.count, hole: hole, at: now)
        }
        for index in order[next...] { ingest(events[index].segment, at: events[index].time) }
    }

    /// Honest exchanges that were seen whole.
    var exact: Int { seen.exchanges.filter { $0.isComplete && $0.fields == ["0000"] }.count }
}

@Suite("Under attack, requests that wait for a slow response keep their room")
struct SlowResponseTests {
    @Test(
        "beside header lines that never end", arguments: [0, 20, 90, 700],
        [(400, 400), (500, 1000)])
    func endlessLines(more: Int, load: (attackers: Int, packets: Int)) {
        var limits = EngineLimits()
        limits.memory = (2 << 20) + (more << 10)
        let piece = String(repeating: "a", count: 1400)
        let traffic = SlowTraffic(attackers: load.attackers, limits: limits) { round in
            Array(((round == 0 ? "GET /x HTTP/1.1\r\nX: " : "") + piece).utf8)
        }
        traffic.run(seconds: 10, packets: load.packets)
        #expect(traffic.exact == traffic.honest)
        #expect(traffic.engine.counters.evicted > 0)
        #expect(traffic.mostMemory <= limits.memory)
    }

    @Test("beside requests in rows that are never answered")
    func pipelined() {
        var limits = EngineLimits()
        limits.memory = 2 << 20
        let query = String(repeating: "q", count: 1300)
        let traffic = SlowTraffic(attackers: 500, limits: limits) { round in
            Array("GET /x\(round)?\(query) HTTP/1.1\r\n\r\n".utf8)
        }
        traffic.run(seconds: 10, packets: 1000)
        #expect(traffic.exact == traffic.honest)
        #expect(traffic.engine.counters.evicted > 0)
    }

    @Test("beside holes that are never filled")
    func holes() {
        var limits = EngineLimits()
        limits.memory = 2 << 20
        let part = Array(repeating: UInt8(0x7a), count: 1400)
        let traffic = SlowTraffic(attackers: 1000, limits: limits) { _ in part }
        traffic.run(seconds: 8, packets: 3000, hole: 1)
        #expect(traffic.exact == traffic.honest)
        #expect(traffic.engine.counters.evicted > 0)
    }

    @Test("beside tens of thousands of connections that say nothing, or the first of a line")
    func idle() {
        var limits = EngineLimits()
        limits.connections = 2048
        let traffic = SlowTraffic(attackers: 16_000, limits: limits) { _ in [0x47] }
        traffic.run(seconds: 8, packets: 2000)
        #expect(traffic.exact == traffic.honest)
        #expect(traffic.engine.counters.evicted > 10_000)
    }

    @Test("and so do long heads, beside what takes no more than there is")
    func longHeads() {
        var limits = EngineLimits()
        limits.memory = 1 << 20
        let cookie = String(repeating: "c", count: 3000)
        let turns = (0..<4).flatMap { number in
            [
                Turn.client("GET /\(number) HTTP/1.1\r\nCookie: \(cookie)\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ]
        }
        let connections = (0..<600).map {
            connection(turns, clientPort: UInt16(1000 + $0)) { [$0 / 2, $0] }
        }
        // All ask, one after the other, before the first is answered; what the line of each took is
        // more than there is.
        var segments = connections.flatMap { $0.prefix(2) }
        for turn in 0..<4 {
            let first = 2 + 4 * turn
            segments += connections.flatMap { $0[first..<(first + 2)] }
            segments += connections.flatMap { $0[(first + 2)..<(first + 4)] }
        }
        let result = run(segments, limits: limits)
        #expect(result.exchanges.count == 4 * 600)
        #expect(result.exchanges.allSatisfy { $0.isComplete })
        #expect(result.counters.evicted == 0)
    }
}
