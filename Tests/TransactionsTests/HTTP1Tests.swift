import Testing
import Traffic

@testable import Transactions

/// A conversation and what must be seen of it.
struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let turns: [Turn]
    let exchanges: [String]
    var testDescription: String { name }

    init(_ name: String, _ turns: [Turn], _ exchanges: [String]) {
        self.name = name
        self.turns = turns
        self.exchanges = exchanges
    }
}

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"
private let get = "GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
private let long =
    "{\"p\":\"" + String(repeating: "x\\\"", count: 1332) + "\",\"code\":\"1\"}"
private let getOK = "GET /a?x=1 200 whole 0/15 [\"0000\"]"

let cases: [Case] = [
    Case("one exchange", [.client(get), .server(ok)], [getOK]),
    Case(
        "keep-alive",
        [
            .client(get), .server(ok), .client("POST /b HTTP/1.1\r\ncontent-length:3\r\n\r\nabc"),
            .server(ok),
        ],
        [getOK, "POST /b 200 whole 3/15 [\"0000\"]"]),
    Case("pipelining", [.client(get + get + get), .server(ok + ok + ok)], [getOK, getOK, getOK]),
    Case(
        "chunked response with extension and trailer",
        [
            .client(get + get),
            .server(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8;a=b\r\n{\"code\":\r\n"
                    + "00A\r\n\"E1001\", 1\r\n0\r\nX: y\r\n\r\n" + ok),
        ],
        ["GET /a?x=1 200 whole 0/18 [\"E1001\"]", getOK]),
    Case(
        "chunked request",
        [
            .client(
                "PUT /c HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                    + get),
            .server(ok + ok),
        ],
        ["PUT /c 200 whole 5/15 [\"0000\"]", getOK]),
    Case(
        "HEAD has no body whatever its length says",
        [
            .client("HEAD /h HTTP/1.1\r\n\r\n" + get),
            .server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + ok),
        ],
        ["HEAD /h 200 whole 0/0 [\"-\"]", getOK]),
    Case(
        "100-continue is not a response of its own",
        [
            .client("POST /u HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
            .server("HTTP/1.1 100 Continue\r\n\r\n"), .client("hi"), .server(ok),
        ],
        ["POST /u 200 whole 2/15 [\"0000\"]"]),
    Case(
        "204 and 304 have no body",
        [
            .client(get + get + get),
            .server(
                "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"
                    + ok),
        ],
        ["GET /a?x=1 204 whole 0/0 [\"-\"]", "GET /a?x=1 304 whole 0/0 [\"-\"]", getOK]),
    Case(
        "a body to the end of the connection",
        [.client("GET /z HTTP/1.0\r\n\r\n"), .server("HTTP/1.0 200 OK\r\n\r\n{\"code\": 7}")],
        ["GET /z 200 whole 0/11 [\"7\"]"]),
    Case(
        "a request inside a body is not one",
        [
            .client("POST /b HTTP/1.1\r\nContent-Length: \(get.utf8.count)\r\n\r\n" + get),
            .server(ok),
        ],
        ["POST /b 200 whole \(get.utf8.count)/15 [\"0000\"]"]),
    Case("empty lines before a request", [.client("\r\n\r\n" + get), .server(ok)], [getOK]),
    Case(
        "line feeds alone end lines",
        [.client("GET /a?x=1 HTTP/1.1\nHost: h\n\n"), .server(ok)], [getOK]),
    Case(
        "an upgraded connection carries no more messages",
        [
            .client("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
            .server("HTTP/1.1 101 Switching Protocols\r\n\r\n"), .client(get), .server(ok),
        ],
        ["GET /ws 101 whole 0/0 [\"-\"]"]),
    Case(
        "CONNECT makes a tunnel",
        [
            .client("CONNECT h:443 HTTP/1.1\r\n\r\n"), .server("HTTP/1.1 200 OK\r\n\r\n"),
            .client(get), .server(ok),
        ],
        ["CONNECT h:443 200 whole 0/0 [\"-\"]"]),
    Case(
        "a response before the end of the request's body",
        [
            .client("POST /e HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc"),
            .server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), .client("def" + get),
            .server(ok),
        ],
        ["POST /e 413 whole 3/0 [\"-\"]", getOK]),
    Case(
        "a compressed body has no readable field",
        [
            .client(get),
            .server("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nzz"),
        ],
        ["GET /a?x=1 200 whole 0/2 [\"?\"]"]),
    Case(
        "transfer coding wins over length",
        [
            .client(
                "POST /s HTTP/1.1\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                    + get),
            .server(ok + ok),
        ],
        ["POST /s 200 whole 0/15 [\"0000\"]", getOK]),
    Case(
        "targets in absolute form",
        [.client("GET http://h/a HTTP/1.1\r\n\r\nOPTIONS * HTTP/1.1\r\n\r\n"), .server(ok + ok)],
        [
            "GET http://h/a 200 whole 0/15 [\"0000\"]", "OPTIONS * 200 whole 0/15 [\"0000\"]",
        ]),
    Case(
        "several interim responses",
        [
            .client("POST /i HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi" + get),
            .server(
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok
                    + ok),
        ],
        ["POST /i 200 whole 2/15 [\"0000\"]", getOK]),
    Case(
        "a response inside a body is not one",
        [
            .client(get + get),
            .server("HTTP/1.1 200 OK\r\nContent-Length: \(ok.utf8.count)\r\n\r\n" + ok + ok),
        ],
        ["GET /a?x=1 200 whole 0/\(ok.utf8.count) [\"-\"]", getOK]),
    Case(
        "a response cut by the end of its connection is not whole",
        [
            .client(get),
            .server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"code\":\"0000\"}"),
        ],
        ["GET /a?x=1 200 cut 0/15 [\"0000\"]"]),
    Case(
        "the field stands last in a long body",
        [
            .client(get),
            .server("HTTP/1.1 200 OK\r\nContent-Length: \(long.utf8.count)\r\n\r\n" + long),
        ],
        ["GET /a?x=1 200 whole 0/\(long.utf8.count) [\"1\"]"]),
]

@Suite("HTTP/1 messages")
struct HTTP1Tests {
    @Test("A conversation gives its exchanges", arguments: cases)
    func conversation(_ item: Case) {
        let result = run(connection(item.turns))
        #expect(result.exchanges.map(\.description) == item.exchanges)
        #expect(result.counters.unpairedRequests == 0)
        #expect(result.counters.unpairedResponses == 0)
        #expect(result.counters.malformedTotal == 0)
    }

    @Test("Every cut in two gives the same exchanges", arguments: cases)
    func everyCut(_ item: Case) {
        let longest = item.turns.map(\.bytes.count).max() ?? 0
        for cut in 1..<max(2, longest) {
            let result = run(connection(item.turns) { cut < $0 ? [cut, $0 - cut] : [$0] })
            #expect(result.exchanges.map(\.description) == item.exchanges, "cut at \(cut)")
        }
    }

    @Test("Every truncation gives the exchanges that had come to their end", arguments: cases)
    func everyTruncation(_ item: Case) {
        let whole = run(connection(item.turns)).exchanges
        var complete = 0
        for turn in item.turns.indices {
            for length in 0...item.turns[turn].bytes.count {
                let cut = Turn(
                    toServer: item.turns[turn].toServer,
                    bytes: Array(item.turns[turn].bytes[..<length]))
                let found = run(connection(item.turns[..<turn] + [cut], hasFin: false)).exchanges
                let ended = found.prefix { $0.isComplete }
                #expect(found.count - ended.count <= 1)
                #expect(ended.count >= complete, "\(length) bytes of turn \(turn)")
                complete = ended.count
                #expect(found.count <= whole.count)
                for (here, there) in zip(found, whole) {
                    #expect(here == there || here.isBeginning(of: there), "\(length) of \(turn)")
                }
            }
        }
        // A body to the end of its stream has no end here.
        let endsWithStream = item.name == "a body to the end of the connection"
        #expect(complete == (endsWithStream ? 0 : whole.count { $0.isComplete }))
    }

    @Test("A body to the end of its stream is whole only where its server closed that")
    func endOfStream() {
        let segments = connection([
            .client("GET /z HTTP/1.0\r\n\r\n"), .server("HTTP/1.0 200 OK\r\n\r\n{\"code\": 7}"),
        ])
        var reset = segments
        reset[reset.count - 1].flags = [.rst, .ack]
        #expect(run(segments).exchanges.map(\.isComplete) == [true])
        #expect(run(reset).exchanges.map(\.isComplete) == [false])
        #expect(run(segments.dropLast()).exchanges.map(\.isComplete) == [false])
        #expect(run(segments.dropLast()).exchanges.map(\.fields) == [["7"]])
    }

    @Test("Any segmentation, duplication and reordering gives the same exchanges", arguments: cases)
    func anySegmentation(_ item: Case) {
        for seed in 0..<60 {
            var random = SeededGenerator(seed: UInt64(seed))
            var segments = connection(
                item.turns, clientStart: .max - UInt32(seed), serverStart: .max - 3
            ) { total in
                (0..<total).map { _ in Int.random(in: 1...max(1, total / 3), using: &random) }
            }
            for index in stride(from: segments.count - 1, through: 3, by: -1) {
                if Int.random(in: 0..<5, using: &random) == 0 {
                    segments.insert(segments[index], at: index)
                }
                // Neighbours of one direction change places.
                if segments[index].toServer == segments[index - 1].toServer,
                    Int.random(in: 0..<3, using: &random) == 0
                {
                    segments.swapAt(index, index - 1)
                }
            }
            let result = run(segments)
            #expect(result.exchanges.map(\.description) == item.exchanges, "seed \(seed)")
        }
    }

    @Test(
        "Framing that cannot be known is malformed, with its reason",
        arguments: [
            ("POST /m HTTP/1.1\r\nContent-Length: -1\r\n\r\n", MalformedReason.contentLength),
            ("POST /m HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .contentLength),
            ("POST /m HTTP/1.1\r\nContent-Length:\r\n\r\n", .contentLength),
            ("POST /m HTTP/1.1\r\nContent-Length: 5 5\r\n\r\n", .contentLength),
            ("POST /m HTTP/1.1\r\nContent-Length: 5\r\n 5\r\n\r\n", .contentLength),
            ("POST /m HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", .contentLength),
            ("POST /m HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", .transferCoding),
            (
                "POST /m HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
                .transferCoding
            ),
            ("POST /m HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", .transferCoding),
            ("POST /m HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .chunkSize),
            ("POST /m HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", .chunkEnd),
            ("this is no request\r\n", .requestLine),
            ("GET  HTTP/1.1\r\n\r\n", .requestLine),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .otherProtocol),
            ("\u{1}\u{2}\u{3}", .requestLine),
        ])
    func malformed(_ text: String, reason: MalformedReason) {
        let result = run(connection([.client(text), .server(ok)]))
        #expect(result.counters.malformed[reason.rawValue] == 1)
        #expect(result.counters.malformedTotal == 1)
        // Where the request ends is not known; that it was answered is.
        let isAnswered = text.hasPrefix("POST /m ")
        #expect(result.exchanges.map(\.target) == (isAnswered ? ["/m"] : []))
    }

    @Test("After a malformed message the next one that begins a segment is found")
    func findsThePlaceAgain() {
        let result = run(
            connection([
                .client("POST /m HTTP/1.1\r\nContent-Length: x\r\n\r\n"), .server(ok), .client(get),
                .server(ok),
            ]))
        #expect(
            result.exchanges.map(\.description) == ["POST /m 200 whole 0/15 [\"0000\"]", getOK])
        #expect(result.counters.unpairedResponses == 0)
        #expect(result.counters.unpairedRequests == 0)
    }

    @Test("A head that never ends is given up within the limit and memory stays bounded")
    func endlessHead() {
        let line = "X-Filler: " + String(repeating: "y", count: 1400) + "\r\n"
        let turns =
            [Turn.client("GET /a HTTP/1.1\r\n")] + Array(repeating: .client(line), count: 1000)
        let result = run(connection(turns))
        #expect(result.counters.malformed[MalformedReason.headTooLong.rawValue] == 1)
    }

    @Test("A line without end keeps no more than its limit")
    func endlessLine() {
        let turns =
            [Turn.client("GET /")]
            + Array(repeating: .client(String(repeating: "a", count: 1400)), count: 1000)
        let result = run(connection(turns))
        #expect(result.counters.malformed[MalformedReason.headTooLong.rawValue] == 1)
        #expect(result.exchanges.isEmpty)
    }

    @Test("TLS is counted as encrypted and never as malformed")
    func encrypted() {
        let hello = Turn(toServer: true, bytes: [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5])
        let answer = Turn(toServer: false, bytes: [0x16, 3, 3, 0, 5, 1, 2, 3, 4, 5])
        let result = run(connection([hello, answer, .client(get), .server(ok)]))
        #expect(result.counters.encryptedConnections == 1)
        #expect(result.counters.services[0].readablePackets == 0)
        #expect(result.counters.services[0].encryptedPackets == 4)
        #expect(result.counters.malformedTotal == 0)
        #expect(result.exchanges.isEmpty)
    }
}
