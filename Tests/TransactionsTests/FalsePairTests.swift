import Metering
import Testing
import Traffic

@testable import Transactions

/// Segments written down by hand; sequence numbers count from the first byte of each stream.
private struct Script {
    var segments: [TestSegment] = []

    init(handshake: Bool = true) {
        guard handshake else { return }
        segments = Array(connection([], hasFin: false))
    }

    mutating func client(_ sequence: Int, _ text: String, acknowledging number: Int) {
        add(true, 1001 + sequence, text, 9001 + number)
    }

    mutating func server(_ sequence: Int, _ text: String, acknowledging number: Int) {
        add(false, 9001 + sequence, text, 1001 + number)
    }

    mutating func add(
        _ toServer: Bool, _ sequence: Int, _ text: String, _ acknowledged: Int,
        _ flags: TCPFlags = [.ack]
    ) {
        segments.append(
            TestSegment(
                toServer: toServer, sequence: UInt32(sequence), acknowledged: UInt32(acknowledged),
                payload: Array(text.utf8), flags: flags))
    }
}

/// A request of 25 bytes.
private func get(_ number: Int) -> String { "GET /\(number) HTTP/1.1\r\nA: b\r\n\r\n" }

/// The response to it: status 400 and its number, 52 bytes.
private func answer(_ number: Int) -> String {
    "HTTP/1.1 40\(number) X\r\nContent-Length: 12\r\n\r\n{\"code\":\"\(number)\"}"
}

private func pairs(_ segments: [TestSegment], limits: EngineLimits = .init()) -> [String] {
    run(segments, limits: limits).exchanges.map { "\($0.target)-\($0.status)" }
}

@Suite("Pairs after a loss")
struct FalsePairTests {
    private let request = get(0).utf8.count
    private let response = answer(0).utf8.count

    @Test("are not shifted by requests for which there was no room", arguments: [2, 3])
    func pendingLimit(most: Int16) {
        var limits = EngineLimits()
        limits.pendingRequests = most
        let asked = (0..<5).map(get).joined()
        let answered = (0..<5).map(answer).joined()
        let segments = connection([.client(asked), .server(answered)])
        #expect(pairs(segments, limits: limits) == (0..<Int(most)).map { "/\($0)-40\($0)" })
        let result = run(segments, limits: limits)
        #expect(result.counters.unpairedRequests == 5 - UInt64(most))
        #expect(result.counters.unpairedResponses == 5 - UInt64(most))
    }

    @Test("are not shifted where a connection is met as its packets change places")
    func pickUp() {
        var script = Script(handshake: false)
        script.server(0, answer(0), acknowledging: request)
        script.client(0, get(0), acknowledging: 0)
        script.client(request, get(1), acknowledging: response)
        script.server(response, answer(1), acknowledging: 2 * request)
        let result = run(script.segments)
        #expect(pairs(script.segments) == ["/1-401"])
        #expect(result.counters.unpairedResponses == 1)
    }

    @Test("are not made with a text in a body where all before it is missing")
    func missingStart() {
        var script = Script()
        script.segments.removeFirst()
        script.client(60, get(1), acknowledging: 0)
        script.server(0, answer(0), acknowledging: 60 + request)
        #expect(pairs(script.segments) == [])
    }

    @Test("leave the field of a response that was cut short unread", arguments: [true, false])
    func cutBody(hasFin: Bool) {
        let cut = "HTTP/1.1 400 X\r\nContent-Length: 140\r\n\r\n{\"a\":1,"
        let result = run(connection([.client(get(0)), .server(cut)], hasFin: hasFin))
        #expect(result.exchanges.map(\.fields) == [["?"]])
        #expect(result.exchanges.map(\.isComplete) == [false])
        // The value itself came: its end is the string's, whatever follows.
        let enough = "HTTP/1.1 400 X\r\nContent-Length: 140\r\n\r\n{\"code\":\"7\","
        let whole = run(connection([.client(get(0)), .server(enough)], hasFin: hasFin))
        #expect(whole.exchanges.map(\.fields) == [["7"]])
    }

    @Test("are not shifted by a hole among requests that are sent ahead")
    func holeInRequests() {
        var script = Script()
        script.client(request, get(1) + get(2), acknowledging: 0)
        script.server(0, (0..<3).map(answer).joined(), acknowledging: 3 * request)
        let result = run(script.segments)
        #expect(pairs(script.segments) == [])
        // They were sent before anything was answered.
        #expect(result.counters.unpairedRequests == 2)
        #expect(result.counters.unpairedResponses == 3)
        // The same in segments of their own, answered one by one.
        script = Script()
        script.client(request, get(1), acknowledging: 0)
        script.client(2 * request, get(2), acknowledging: 0)
        for number in 0..<3 {
            script.server(number * response, answer(number), acknowledging: 3 * request)
        }
        #expect(pairs(script.segments) == [])
    }

    @Test("count captured responses to lost requests, and as missing what is missing")
    func lostRequests() {
        var script = Script()
        script.add(true, 1001 + 102, "", 9001 + 2 * response, [.fin, .ack])
        script.add(false, 9001 + 2 * response, "", 1001 + 103, [.fin, .ack])
        script.server(0, answer(0) + answer(1), acknowledging: 102)
        let result = run(script.segments)
        #expect(result.exchanges.isEmpty)
        #expect(result.counters.gaps == 1)
        #expect(result.counters.gapBytes == 102)
        #expect(result.counters.unpairedResponses == 2)
    }

    @Test(
        "count as a response only what begins with a status",
        arguments: [
            "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1HTTP/1.1 200", "HTTP/1.1 2x0 OK", "HTTP/1.1 099 OK",
            "HTTP/1.1 2000",
        ])
    func textLikeResponse(_ text: String) {
        var script = Script()
        script.client(0, get(0), acknowledging: 0)
        script.server(0, "HTTP/1.1 400 x", acknowledging: request)
        script.server(97, text, acknowledging: request)
        let end = 97 + text.utf8.count
        script.client(request, get(1), acknowledging: end)
        script.server(end, answer(1), acknowledging: 2 * request)
        let result = run(script.segments)
        #expect(pairs(script.segments) == ["/0-400", "/1-401"])
        #expect(result.counters.unpairedResponses == 0)
    }

    @Test("end no earlier than what was seen of the response, also at the capture's end")
    func endOfCutResponse() {
        let seen = Seen()
        var spans: [UInt64] = []
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: [])],
            sink: {
                seen.exchanges.append(SeenExchange($0))
                spans.append($0.end.rawValue - $0.start.rawValue)
            })
        var script = Script()
        script.client(0, get(0), acknowledging: 0)
        script.server(0, "HTTP/1.1 400 X\r\nContent-Len", acknowledging: request)
        for (index, segment) in script.segments.enumerated() {
            segment.frame.withUnsafeBytes {
                engine.ingest(
                    Frame(
                        bytes: $0, wireLength: $0.count,
                        time: Timestamp(1_800_000_000_000_000_000 + UInt64(index) * 1_000_000),
                        linkType: .ethernet))
            }
        }
        engine.finish()
        #expect(seen.exchanges.map(\.target) == ["/0"])
        #expect(spans == [1_000_000])
    }

    @Test("count as a request only what begins with a request line")
    func textLikeRequest() {
        let request = "CONNECT mail:25 / HTTP/1.0\r\n\r\n"
        let result = run(
            connection([
                .client(request), .server("HTTP/1.0 200 Connection established\r\n\r\n"),
                .server("220 mail\r\n"), .client("HELO 192.0.2.1\r\n"), .server("250 mail\r\n"),
                .client("MAIL FROM:<a@example.com>\r\n"), .server("250 OK\r\n"),
            ]))
        #expect(result.exchanges.isEmpty)
        #expect(result.counters.unpairedRequests == 0)
        #expect(result.counters.unpairedResponses == 1)
        #expect(result.counters.malformedTotal == 1)
    }

    @Test("are the same beside segments that lie as far from the stream as numbers go")
    func farAway() {
        let far = Int(Int32.max) - 30 << 20
        for behind in [64 << 20, 65 << 20, far, far + 20 << 20, Int(Int32.max), 1 << 31] {
            var script = Script()
            script.client(60 << 20, get(9), acknowledging: 0)
            let sequence = UInt32(truncatingIfNeeded: 1001 - behind)
            script.segments.append(
                TestSegment(
                    toServer: true, sequence: sequence, acknowledged: 9001,
                    payload: Array(get(8).utf8)))
            script.client(0, get(0), acknowledging: 0)
            script.server(0, answer(0), acknowledging: request)
            #expect(pairs(script.segments) == ["/0-400"], "\(behind) behind")
        }
    }

    @Test("are not shifted by a request that comes after the hole in which its response lies")
    func lateRequest() {
        var script = Script()
        script.client(0, get(0), acknowledging: 0)
        script.server(0, String(answer(0).prefix(46)), acknowledging: request)
        script.client(2 * request, get(2), acknowledging: 2 * response)
        script.server(2 * response, answer(2), acknowledging: 3 * request)
        script.client(3 * request, get(3), acknowledging: 3 * response)
        script.server(3 * response, answer(3), acknowledging: 4 * request)
        let late = TestSegment(
            toServer: true, sequence: UInt32(1001 + request),
            acknowledged: UInt32(9001 + response), payload: Array(get(1).utf8))
        for index in 4...script.segments.count {
            var segments = script.segments
            segments.insert(late, at: index)
            for pair in pairs(segments) {
                #expect(
                    ["/0-400", "/2-402", "/3-403"].contains(pair), "late request at \(index)")
            }
        }
    }
}
