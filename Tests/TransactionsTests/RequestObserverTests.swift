import CAllocationCounter
import Metering
import Testing
import Traffic

@testable import Transactions

/// What an observer heard, in the order of hearing.
private final class Diary {
    enum Entry: Equatable {
        case began(Int, UInt64)
        case answered(String, RequestMark)
        case unanswered(String, RequestMark, [String])
    }

    var entries: [Entry] = []
    private var next: UInt64 = 0

    var observer: RequestObserver {
        RequestObserver(
            began: { service, time in
                self.entries.append(.began(service, time.rawValue))
                self.next += 1
                return RequestMark(self.next)
            },
            unanswered: {
                self.entries.append(.unanswered(Self.target($0), $0.mark, SeenExchange($0).fields))
            })
    }

    func sink(_ exchange: Exchange) {
        entries.append(.answered(Self.target(exchange), exchange.mark))
    }

    static func target(_ exchange: Exchange) -> String {
        String(decoding: exchange.target, as: UTF8.self)
    }
}

private func engine(_ diary: Diary, _ selectors: [FieldSelector] = []) -> TransactionEngine {
    var engine = TransactionEngine(
        services: [EngineService(ports: [8080], selectors: selectors)],
        sink: { diary.sink($0) })
    engine.observer = diary.observer
    return engine
}

private func pass(
    _ segments: [TestSegment], through engine: inout TransactionEngine, from start: UInt64 = 1
) {
    for (index, segment) in segments.enumerated() {
        let frame = segment.frame
        frame.withUnsafeBytes { bytes in
            engine.ingest(
                Frame(
                    bytes: bytes, wireLength: frame.count,
                    time: Timestamp((start + UInt64(index)) * 1000), linkType: .ethernet))
        }
    }
}

private let request = "POST /a HTTP/1.1\r\nx-k: v\r\nContent-Length: 0\r\n\r\n"
private let second = "GET /b HTTP/1.1\r\n\r\n"
private let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

@Suite("An observer of requests") struct RequestObserverTests {
    @Test("hears of each request once when it begins, and has its mark with the exchange")
    func pairs() {
        let diary = Diary()
        var engine = engine(diary)
        pass(
            connection([.client(request), .server(answer), .client(second), .server(answer)]),
            through: &engine)
        engine.finish()
        #expect(
            diary.entries == [
                .began(0, 3000), .answered("/a", RequestMark(1)),
                .began(0, 5000), .answered("/b", RequestMark(2)),
            ])
    }

    @Test("hears of requests that will have no response, with what they say themselves")
    func unanswered() {
        let diary = Diary()
        var engine = engine(diary, [.requestHeader("x-k"), .responseHeader("x-r")])
        pass(connection([.client(request), .client(second)]), through: &engine)
        engine.finish()
        #expect(
            diary.entries == [
                .began(0, 3000), .began(0, 4000),
                .unanswered("/a", RequestMark(1), ["v", "?"]),
                .unanswered("/b", RequestMark(2), ["-", "?"]),
            ])
        #expect(engine.counters.unpairedRequests == 2)
    }

    @Test("is told which requests wait, and what it notes on them is kept") func waiting() {
        let diary = Diary()
        var engine = engine(diary)
        let segments = connection(
            [.client(request), .client(second), .server(answer), .server(answer)])
        pass(Array(segments.prefix(4)), through: &engine)
        var seen: [String: RequestMark] = [:]
        engine.forEachWaiting { waits in
            #expect(!waits.isComplete && waits.end == Timestamp(4000))
            seen[Diary.target(waits)] = waits.mark
            return Diary.target(waits) == "/a" ? RequestMark(70) : .none
        }
        #expect(seen == ["/a": RequestMark(1), "/b": RequestMark(2)])
        pass(Array(segments.dropFirst(4)), through: &engine, from: 5)
        engine.finish()
        #expect(
            diary.entries.suffix(2) == [
                .answered("/a", RequestMark(70)), .answered("/b", .none),
            ])
        var count = 0
        engine.forEachWaiting { _ in
            count += 1
            return .none
        }
        #expect(count == 0)
    }

    @Test("hears of each request's end once, whatever is lost", arguments: 0..<40 as Range<UInt64>)
    func balance(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var open: Set<UInt64> = []
        var next: UInt64 = 0
        func end(_ mark: RequestMark) { #expect(open.remove(mark.rawValue) != nil) }
        var limits = EngineLimits()
        limits.connections = 5
        limits.pendingRequests = 3
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
            limits: limits, sink: { end($0.mark) })
        engine.observer = RequestObserver(
            began: { _, _ in
                next += 1
                open.insert(next)
                return RequestMark(next)
            }, unanswered: { end($0.mark) })
        var segments: [TestSegment] = []
        for port in 0..<8 {
            let turns: [Turn] = (0..<6).flatMap { _ -> [Turn] in
                Bool.random(using: &random)
                    ? [.client(request), .server(answer)]
                    : [.client(request), .client(second), .server(answer), .server(answer)]
            }
            segments += connection(turns, clientPort: UInt16(2000 + port)) {
                Array(repeating: 23, count: $0 / 23 + 1)
            }
        }
        for index in segments.indices.reversed() where random.next() % 12 == 0 {
            segments.remove(at: index)
        }
        pass(segments, through: &engine)
        if seed % 2 == 0 { engine.shed(parts: 100) }
        if seed % 3 == 0 { engine.change(services: [], localAddresses: []) }
        var waiting: Set<UInt64> = []
        engine.forEachWaiting { waits in
            waiting.insert(waits.mark.rawValue)
            return waits.mark
        }
        #expect(waiting == open)
        engine.finish()
        #expect(open.isEmpty)
        #expect(next > 10)
    }
}

@Suite("An observer on the hot path", .serialized) struct ObserverAllocationTests {
    @Test("costs no allocation") func none() {
        let frames = (0..<40).flatMap { port in
            connection(
                (0..<8).flatMap { _ in [Turn.client(request), .server(answer)] }
                    + [.client(second)],
                clientPort: UInt16(2000 + port)
            ).map(\.frame)
        }
        var counts = (began: UInt64(0), lost: UInt64(0))
        withUnsafeMutablePointer(to: &counts) { counts in
            var engine = TransactionEngine(
                services: [EngineService(ports: [8080], selectors: [.responseJSON(["code"])])],
                sink: { _ in })
            engine.observer = RequestObserver(
                began: { _, time in
                    counts.pointee.began += 1
                    return RequestMark(time.rawValue)
                }, unanswered: { _ in counts.pointee.lost += 1 })
            var time: UInt64 = 1_000_000_000_000
            Self.pass(frames, through: &engine, time: &time)
            allocation_count_reset()
            for _ in 0..<3 { Self.pass(frames, through: &engine, time: &time) }
            let allocations = allocation_count()
            #expect(allocations == 0)
        }
        #expect(counts.began == 4 * 40 * 9)
        #expect(counts.lost >= 3 * 40)
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
        time += 3_000_000_000
    }
}
