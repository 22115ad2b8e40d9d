import Testing
import Traffic

@testable import Transactions

private func get(_ number: Int) -> String { "GET /n/\(number) HTTP/1.1\r\n\r\n" }
private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"

private func turns(_ numbers: Range<Int>) -> [Turn] {
    numbers.flatMap { [Turn.client(get($0)), .server(ok)] }
}

private func targets(_ numbers: Range<Int>) -> [String] { numbers.map { "/n/\($0)" } }

/// What each end of a connection sends next, after a number of its segments.
private struct Ends {
    var client: UInt32 = 0
    var server: UInt32 = 0

    init(_ segments: some Sequence<TestSegment>) {
        for segment in segments {
            let control: TCPFlags = [.syn, .fin]
            let end =
                segment.sequence &+ UInt32(segment.payload.count)
                &+ (segment.flags.isDisjoint(with: control) ? 0 : 1)
            if segment.toServer { client = end } else { server = end }
        }
    }

    /// A segment of the client, away from where it goes on.
    func fromClient(
        _ offset: UInt32, _ text: String = "", acknowledging ahead: UInt32 = 0,
        _ flags: TCPFlags = [.ack]
    ) -> TestSegment {
        TestSegment(
            toServer: true, sequence: client &+ offset,
            acknowledged: flags.contains(.ack) ? server &+ ahead : 0, payload: Array(text.utf8),
            flags: flags)
    }

    func fromServer(_ offset: UInt32, _ flags: TCPFlags) -> TestSegment {
        TestSegment(
            toServer: false, sequence: server &+ offset, acknowledged: client, payload: [],
            flags: flags)
    }

    /// What TCP answers to a SYN or RST that cannot be (RFC 5961, 3 and 4).
    var challenge: TestSegment { fromServer(0, [.ack]) }
}

/// What somebody who is neither end sends into a connection.
enum Forgery: CaseIterable, Sendable {
    case syn, nearSYN, synBehind, synAnswer, manySYNs
    case reset, serverReset, resetBehind
    case farData, farFIN, farFINOfServer, farAcknowledgement, farAcknowledgementAlone, farRequest
    case acknowledgementAhead

    fileprivate func segments(_ ends: Ends) -> [TestSegment] {
        switch self {
        case .syn: [ends.fromClient(0x7777_7777, [.syn]), ends.challenge]
        case .nearSYN: [ends.fromClient(1000, [.syn]), ends.challenge]
        case .synBehind: [ends.fromClient(0 &- 100, [.syn]), ends.challenge]
        case .synAnswer: [ends.fromServer(0x1234_5678, [.syn, .ack])]
        case .manySYNs: (1...9).map { ends.fromClient($0 << 28, [.syn]) }
        case .reset: [ends.fromClient(500_000, [.rst]), ends.challenge]
        case .serverReset: [ends.fromServer(0 &- 1_000_000, [.rst])]
        case .resetBehind: [ends.fromClient(0 &- 1, [.rst])]
        case .farData: (0..<3).map { ends.fromClient(0x5555_5555 + $0, "x") }
        case .farFIN: [ends.fromClient(30_000_000, [.fin, .ack])]
        case .farFINOfServer: [ends.fromServer(30_000_000, [.fin, .ack])]
        case .farAcknowledgement: [ends.fromClient(0, "x", acknowledging: 60_000_000)]
        case .farAcknowledgementAlone: [ends.fromClient(0, acknowledging: 60_000_000)]
        case .acknowledgementAhead: [ends.fromClient(0, acknowledging: 500_000)]
        case .farRequest: [ends.fromClient(30_000_000, get(99))]
        }
    }

    /// Exchanges that it may cost: what was being read where it came, and for segments that go on
    /// far away, those until it is known which stream is the true one.
    var cost: Int {
        switch self {
        case .syn, .nearSYN, .synBehind, .synAnswer, .manySYNs: 0
        case .reset, .serverReset, .resetBehind: 0
        case .farFIN, .farFINOfServer, .farAcknowledgement: 2
        case .farAcknowledgementAlone, .acknowledgementAhead: 2
        case .farData, .farRequest: 3
        }
    }
}

extension Ends {
    fileprivate func fromClient(_ offset: UInt32, _ flags: TCPFlags) -> TestSegment {
        fromClient(offset, "", flags)
    }
}

@Suite("Segments that TCP itself would not believe")
struct ForgedSegmentTests {
    private static let count = 300

    /// A long conversation, and one forgery after a number of its segments.
    private static func attacked(_ forgery: Forgery, after place: Int) -> [TestSegment] {
        let segments = connection(turns(0..<count))
        return segments[..<place] + forgery.segments(Ends(segments[..<place])) + segments[place...]
    }

    @Test(
        "cost what was being read at most, wherever they come", arguments: Forgery.allCases,
        [2, 3, 4, 101, 102, 300])
    func once(forgery: Forgery, place: Int) {
        // Packets are 7 ms apart: the stream goes on within every grace.
        let result = run(Self.attacked(forgery, after: place), apart: 7_000_000)
        let seen = Set(result.exchanges.map(\.target))
        let missed = targets(0..<Self.count).filter { !seen.contains($0) }
        #expect(missed.count <= forgery.cost, "\(missed)")
        #expect(seen.count == result.exchanges.count)
        // Nothing is missed without a count.
        let counters = result.counters
        let declared = counters.unpairedRequests + counters.unpairedResponses + counters.gaps
        #expect(missed.isEmpty || declared >= missed.count)
        if forgery.cost == 0 {
            #expect(declared == 0)
            #expect(counters.connections == 1)
        }
    }

    @Test(
        "cost the same where the connection is silent after them for longer than any grace",
        arguments: Forgery.allCases)
    func silence(forgery: Forgery) {
        let limits = EngineLimits()
        let segments = connection(turns(0..<Self.count))
        let forged = forgery.segments(Ends(segments[..<100]))
        let seen = Seen()
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [])], limits: limits,
            sink: { seen.exchanges.append(SeenExchange($0)) })
        var time: UInt64 = 1_800_000_000_000_000_000
        func take(_ segment: TestSegment) {
            time += 1_000_000
            segment.frame.withUnsafeBytes {
                engine.ingest(
                    Frame(
                        bytes: $0, wireLength: $0.count, time: .init(time), linkType: .ethernet))
            }
        }
        (segments[..<100] + forged).forEach(take)
        for _ in 0..<100 {
            time += 100_000_000
            engine.advance(to: .init(time))
        }
        segments[100...].forEach(take)
        engine.finish()
        #expect(Set(seen.exchanges.map(\.target)).count >= Self.count - forgery.cost)
    }

    @Test(
        "never make a false pair, also where segments are lost",
        arguments: DialogueKind.allCases, [true, false])
    func falsePairs(kind: DialogueKind, isLossy: Bool) {
        // Bytes in order that are forged are read; and where a stream is met in its middle, nothing
        // tells text from a message.
        let forgeries = Forgery.allCases.filter {
            $0 != .farAcknowledgement && ($0 != .farData || kind != .text)
        }
        for seed in 0..<100 {
            let dialogue = Dialogue(
                kind, count: 30, segmentSize: [1460, 100][seed % 2], seed: seed)
            var random = SeededGenerator(seed: UInt64(seed))
            var segments = dialogue.segments
            for _ in 0..<3 {
                let place = Int.random(in: 2..<segments.count, using: &random)
                let forgery = forgeries.randomElement(using: &random) ?? .syn
                let ends = Ends(dialogue.segments[..<min(place, dialogue.segments.count)])
                segments.insert(contentsOf: forgery.segments(ends), at: place)
            }
            // Of a client that is always ahead nothing tells if its first requests are all lost.
            let spared = kind == .sliding ? 30 : 0
            let kept = segments.enumerated().filter {
                !isLossy || $0.offset < spared || Int.random(in: 0..<30, using: &random) > 0
            }.map(\.element)
            let step: UInt64 = seed % 3 == 0 ? 1_000_000 : 60_000_000
            let seen = run(kept, apart: step).exchanges.filter { $0.target != "/n/99" }
            #expect(seen.compactMap(dialogue.fault) == [], "seed \(seed)")
            #expect(Set(seen.map(\.target)).count == seen.count, "seed \(seed)")
        }
    }

    @Test("are not what a port that is used again looks like", arguments: [1, 2, 3, 4, 5])
    func realReuse(lost: Int) {
        // The first connection's end is not captured, and of the second's first packets one.
        for start: UInt32 in [77_000_000, 260_000, 3_000_000_000] {
            let first = connection(turns(0..<20), hasFin: false)
            var second = connection(turns(20..<40), clientStart: start, serverStart: start / 3)
            second.insert(Ends(second.prefix(2)).fromClient(0), at: 2)
            if lost < 4 { second.remove(at: lost - 1) }
            let result = run(first + second)
            #expect(result.exchanges.map(\.target) == targets(0..<40), "\(start)")
            #expect(result.counters.connections == 2)
            #expect(result.counters.unpairedRequests == 0)
            #expect(result.counters.gaps == 0)
        }
    }

    @Test(
        "are told from a port that is used again in one direction alone too",
        arguments: [true, false])
    func oneDirection(toServer: Bool) {
        let first = connection(turns(0..<20), hasFin: false)
        let second = connection(turns(20..<40), clientStart: 77_000_000, serverStart: 50_000_000)
        let seen = (first + second).filter { $0.toServer == toServer }
        let result = run(seen).counters
        #expect(result.connections == 2)
        #expect(result.unpairedRequests == (toServer ? 40 : 0))
        #expect(result.unpairedResponses == (toServer ? 0 : 40))
    }

    @Test("are copies of a reset, where its port is used again at once", arguments: 0...9)
    func copiedReset(late: Int) {
        var segments: [TestSegment] = []
        for number in 0..<5 {
            let start = UInt32(1000 + 25_000 * number)
            segments += connection(
                turns((number * 3)..<(number * 3 + 3)), clientStart: start,
                serverStart: start + 4000, hasFin: false)
            segments.append(Ends(segments).fromClient(0, "", [.rst, .ack]))
        }
        var timed = segments.enumerated().map { (2 * $0.offset, $0.element) }
        timed += segments.enumerated().map { (2 * ($0.offset + late) + 1, $0.element) }
        let doubled = timed.sorted { $0.0 < $1.0 }.map { $0.1 }
        let result = run(doubled)
        #expect(result.exchanges.map(\.target) == targets(0..<15))
        #expect(result.counters.connections == 5)
        #expect(result.counters.gaps == 0)
    }

    @Test("Of a connection that a RST has ended, what comes in sequence is counted as a gap")
    func afterReset() {
        let segments = connection(turns(0..<3), hasFin: false)
        let ends = Ends(segments)
        let late = ends.fromClient(0, get(3))
        let result = run(segments + [ends.fromClient(0, "", [.rst]), late, late])
        #expect(result.exchanges.count == 3)
        #expect(result.counters.gaps == 1)
        #expect(result.counters.gapBytes == UInt64(get(3).utf8.count))
    }

    @Test("A forged SYN before everything else costs nothing either", arguments: [true, false])
    func first(isNear: Bool) {
        let segments = connection(turns(0..<20))
        var forged = segments[0]
        forged.sequence = isNear ? 1500 : 0x7777_7777
        let result = run([forged] + segments)
        #expect(result.exchanges.map(\.target) == targets(0..<20))
        #expect(result.counters.gaps == 0)
    }

    @Test("A RST that is captured before the last bytes in front of it ends its connection too")
    func earlyReset() {
        let segments = connection(turns(0..<3) + [.client(get(3))], hasFin: false)
        let reset = Ends(segments).fromClient(0, "", [.rst])
        let other = connection(turns(4..<24), clientPort: 3)
        let result = run(
            segments.dropLast() + [reset, segments[segments.count - 1]] + other,
            apart: 200_000_000, finish: false)
        #expect(result.counters.unpairedRequests == 1)
        #expect(result.exchanges.count == 23)
    }

    @Test("A RST where a hole is ends its connection within the time it is remembered")
    func resetAfterHole() {
        let segments = connection(turns(0..<3) + [.client(get(3))], hasFin: false)
        let reset = Ends(segments).fromClient(100, "", [.rst])
        let other = connection(turns(4..<24), clientPort: 3)
        // 200 ms from packet to packet: the other connection shows that time passes.
        let result = run(segments + [reset] + other, apart: 200_000_000, finish: false)
        #expect(result.counters.unpairedRequests == 1)
        #expect(result.exchanges.count == 23)
    }
}
