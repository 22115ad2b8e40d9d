import Metering
import Testing
import Traffic

@testable import Transactions

private func get(_ number: Int) -> String { "GET /\(number) HTTP/1.1\r\n\r\n" }
private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

private func segment(
    _ toServer: Bool, _ sequence: Int, _ text: String, acknowledging number: Int = 9001,
    _ flags: TCPFlags = [.ack]
) -> TestSegment {
    TestSegment(
        toServer: toServer, sequence: UInt32(sequence), acknowledged: UInt32(number),
        payload: Array(text.utf8), flags: flags)
}

/// SYN, SYN with ACK, and then a client's bytes from 1101 on: 100 bytes before them are missing.
private func afterHole(_ pieces: Int, size: Int = 10) -> [TestSegment] {
    connection([], hasFin: false)
        + (0..<pieces).map {
            segment(true, 1101 + $0 * size, String(repeating: "x", count: size))
        }
}

@Suite("Bounds of a stream's patience")
struct StreamBoundTests {
    @Test("A hole is given up when more segments, or bytes, wait for it than may")
    func capacity() {
        var limits = EngineLimits()
        limits.heldSegments = 8
        #expect(run(afterHole(8), limits: limits, finish: false).counters.gaps == 0)
        let many = run(afterHole(9), limits: limits, finish: false).counters
        #expect((many.gaps, many.gapBytes) == (1, 100))
        limits = EngineLimits()
        limits.heldBytes = 1000
        #expect(run(afterHole(10, size: 100), limits: limits, finish: false).counters.gaps == 0)
        #expect(run(afterHole(11, size: 100), limits: limits, finish: false).counters.gaps == 1)
    }

    @Test(
        "A hole is given up after a time, and sooner when its bytes were acknowledged",
        arguments: [false, true])
    func age(isAcknowledged: Bool) {
        var limits = EngineLimits()
        limits.heldTime = .milliseconds(500)
        limits.acknowledgedTime = .milliseconds(50)
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [])], limits: limits,
            sink: { _ in })
        var time: UInt64 = 1_800_000_000_000_000_000
        func take(_ segment: TestSegment) {
            segment.frame.withUnsafeBytes {
                engine.ingest(
                    Frame(
                        bytes: $0, wireLength: $0.count, time: Timestamp(time),
                        linkType: .ethernet))
            }
        }
        afterHole(1).forEach(take)
        // What acknowledges the missing bytes waits for them too, behind that which came first.
        if isAcknowledged { take(segment(false, 9001, ok, acknowledging: 1111)) }
        var patience = 0
        while engine.counters.gaps == 0, patience < 2000 {
            patience += 10
            time += 10_000_000
            engine.advance(to: Timestamp(time))
        }
        #expect((isAcknowledged ? 60...80 : 510...530).contains(patience), "\(patience) ms")
        #expect(engine.counters.gapBytes == 100)
        #expect(engine.holding == 0)
    }

    @Test("Of overlapping bytes those that came first count", arguments: [false, true])
    func overlap(isEarly: Bool) {
        let request = "GET /first HTTP/1.1\r\nX: yyyyyyyyyy\r\n\r\n"
        let other = "GET /other HTTP/1.1\r\nX: zz"
        var segments = connection([], hasFin: false)
        if isEarly {
            // The path comes before the bytes in front of it; then all of it again, changed.
            segments.append(segment(true, 1001 + 5, String(request.dropFirst(5).prefix(5))))
            segments.append(segment(true, 1001, other))
            segments.append(
                segment(true, 1001 + other.utf8.count, String(request.dropFirst(other.count))))
        } else {
            segments.append(segment(true, 1001, String(request.prefix(12))))
            segments.append(segment(true, 1001, other))
            segments.append(segment(true, 1001 + 12, String(request.dropFirst(12))))
        }
        segments.append(segment(false, 9001, ok, acknowledging: 1001 + request.utf8.count))
        #expect(run(segments).exchanges.map(\.target) == ["/first"])
    }

    @Test("Data on a SYN is read, whether its SYN is captured first or late", arguments: [0, 1])
    func fastOpen(late: Int) {
        let request = get(1)
        let end = 1001 + request.utf8.count
        var segments = [
            segment(true, 1000, request, acknowledging: 0, [.syn]),
            segment(false, 9000, "", acknowledging: end, [.syn, .ack]),
            segment(false, 9001, ok, acknowledging: end),
            segment(true, end, get(2), acknowledging: 9001 + ok.utf8.count),
            segment(
                false, 9001 + ok.utf8.count, ok, acknowledging: end + get(2).utf8.count),
        ]
        segments.swapAt(0, late)
        let result = run(segments)
        #expect(result.exchanges.map(\.target) == ["/1", "/2"])
        #expect(result.counters.connections == 1)
        #expect(result.counters.gaps == 0)
    }

    @Test("A server goes on answering a client that has closed its half")
    func halfClose() {
        let end = 1001 + get(1).utf8.count
        let body = String(repeating: "b", count: 3000)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"
        let result = run(
            connection([], hasFin: false) + [
                segment(true, 1001, get(1)),
                segment(true, end, "", acknowledging: 9001, [.fin, .ack]),
                segment(false, 9001, head, acknowledging: end + 1),
                segment(
                    false, 9001 + head.utf8.count, String(body.prefix(1400)),
                    acknowledging: end + 1),
                segment(
                    false, 9001 + head.utf8.count + 1400, String(body.dropFirst(1400)),
                    acknowledging: end + 1),
                segment(
                    false, 9001 + head.utf8.count + 3000, "", acknowledging: end + 1,
                    [.fin, .ack]),
            ])
        #expect(result.exchanges.map(\.isComplete) == [true])
        #expect(result.exchanges.map(\.responseBody) == [3000])
    }

    @Test("A RST ends its connection, and one that lies elsewhere does not")
    func reset() {
        let whole = connection([.client(get(1)), .server(ok)], hasFin: false)
        let answer = whole[whole.count - 1]
        let asked = Array(whole.dropLast())
        let believed = segment(false, 9001, "", acknowledging: 1001, [.rst, .ack])
        #expect(run(asked + [believed, answer]).exchanges.isEmpty)
        #expect(run(asked + [believed, answer]).counters.unpairedRequests == 1)
        var forged = believed
        forged.sequence &+= 5_000_000
        #expect(run(asked + [forged, answer]).exchanges.map(\.target) == ["/1"])
    }

    @Test("A connection takes five lines of 64 bytes")
    func size() {
        #expect(ConnectionPointer.slotSize == 5 * 64)
    }

    @Test("The connections used longest ago make room, not those in use")
    func leastRecentlyUsed() {
        var limits = EngineLimits()
        limits.connections = 64
        let busy = connection(
            (0..<200).flatMap { [Turn.client(get($0)), .server(ok)] }, clientPort: 9)
        var segments: [TestSegment] = []
        for (index, segment) in busy.enumerated() {
            segments.append(segment)
            segments += connection(
                [.client(get(1))], clientPort: UInt16(1000 + index), hasFin: false)
        }
        let result = run(segments, limits: limits)
        #expect(result.exchanges.count == 200)
        #expect(result.counters.evicted == UInt64(busy.count) + 1 - 64)
    }
}
