import Testing
import Traffic

@testable import Transactions

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"
private let get = "GET /next HTTP/1.1\r\n\r\n"

/// A message of ambiguous framing, and how it is read.
struct Ambiguity: CustomTestStringConvertible, Sendable {
    let name: String
    let turns: [Turn]
    let reasons: [SuspiciousReason]
    var exchanges: [String] = ["POST /s 200 whole 3/15 [\"0000\"]", getNext]
    var testDescription: String { name }

    static let getNext = "GET /next 200 whole 0/15 [\"0000\"]"

    init(_ name: String, request: String, _ reasons: [SuspiciousReason]) {
        self.name = name
        turns = [
            .client("POST /s HTTP/1.1\r\n" + request), .server(ok), .client(get), .server(ok),
        ]
        self.reasons = reasons
    }

    init(_ name: String, response: String, _ reasons: [SuspiciousReason], _ first: String) {
        self.name = name
        turns = [.client("GET /r HTTP/1.1\r\n\r\n"), .server(response), .client(get), .server(ok)]
        self.reasons = reasons
        exchanges = [first, Self.getNext]
    }
}

private let ambiguities = [
    Ambiguity(
        "transfer coding and length",
        request: "Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        [.transferCodingAndLength]),
    Ambiguity(
        "transfer coding and a length that is none",
        request: "Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        [.transferCodingAndLength]),
    Ambiguity(
        "the same length twice", request: "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        [.repeatedLength]),
    Ambiguity(
        "the same length in a list", request: "Content-Length: 3, 3\r\n\r\nabc",
        [.repeatedLength]),
    Ambiguity(
        "a folded field that frames nothing",
        request: "X: a\r\n Content-Length: 9\r\nContent-Length: 3\r\n\r\nabc", [.foldedHeader]),
    Ambiguity(
        "a folded transfer coding",
        request: "Transfer-Encoding:\r\n\tchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", [.foldedHeader]),
    Ambiguity(
        "a folded length", request: "Content-Length:\r\n 3\r\n\r\nabc", [.foldedHeader]),
    Ambiguity(
        "white space before the first field",
        request: " Content-Length: 9\r\n\tX: y\r\nContent-Length: 3\r\n\r\nabc", [.foldedHeader]),
    Ambiguity(
        "a tab before the colon",
        request: "Transfer-Encoding\t: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", [.spaceBeforeColon]),
    Ambiguity(
        "space before the colon", request: "Content-Length : 3\r\n\r\nabc", [.spaceBeforeColon]),
    Ambiguity(
        "a bare CR", request: "X: y\rContent-Length: 9\r\nContent-Length: 3\r\n\r\nabc", [.bareCR]),
    Ambiguity(
        "CR before a line end", request: "X: y\r\r\nContent-Length: 3\r\n\r\nabc", [.bareCR]),
    Ambiguity(
        "NUL, and CR beside it", request: "Content-Length: 3\r\nX: a\0\r\u{1}\r\n\r\nabc",
        [.bareCR, .nul]),
    Ambiguity(
        "NUL in a name of a response",
        response: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX\0: y\r\n\r\na", [.nul],
        "GET /r 200 whole 0/1 [\"-\"]"),
    Ambiguity(
        "transfer coding in HTTP/1.0",
        response: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        [.transferCodingInOldVersion], "GET /r 200 whole 0/1 [\"-\"]"),
    Ambiguity(
        "several reasons are one message",
        response: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nX: y\r\n z\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        [.transferCodingAndLength, .foldedHeader, .transferCodingInOldVersion],
        "GET /r 200 whole 0/1 [\"-\"]"),
]

@Suite("Ambiguous framing")
struct FramingTests {
    @Test("is read as the standard says, counted, and not malformed", arguments: ambiguities)
    func ambiguous(_ item: Ambiguity) {
        let result = run(connection(item.turns))
        #expect(result.exchanges.map(\.description) == item.exchanges)
        #expect(result.counters.suspicious == 1)
        let reasons = SuspiciousReason.allCases.filter {
            result.counters.suspiciousByReason[$0.rawValue] > 0
        }
        #expect(reasons == item.reasons)
        #expect(result.counters.malformedTotal == 0)
    }

    @Test("Every cut in two of an ambiguous message gives the same", arguments: ambiguities)
    func everyCut(_ item: Ambiguity) {
        for cut in 1..<(item.turns.map(\.bytes.count).max() ?? 1) {
            let result = run(connection(item.turns) { cut < $0 ? [cut, $0 - cut] : [$0] })
            #expect(result.exchanges.map(\.description) == item.exchanges, "cut at \(cut)")
            #expect(result.counters.suspicious == 1, "cut at \(cut)")
        }
    }

    @Test(
        "A long line is as suspect in any pieces", arguments: ["\0", "\rb", "\0\0", "\r\r"])
    func longLine(end: String) {
        let pad = String(repeating: "p", count: 9000)
        let head = "POST /s HTTP/1.1\r\nX: \(pad)"
        let clean = head + "\r\n\r\n"
        for cut in [10, 8189, 8209, 8210, 8211, 8212, 8213, 8214, 9018, 9019, 9020, 9021, 9022] {
            for (text, count) in [(head + end + "\r\n\r\n", 1), (clean, 0)] as [(String, UInt64)] {
                let result = run(
                    connection([.client(text), .server(ok)]) { cut < $0 ? [cut, $0 - cut] : [$0] })
                #expect(result.exchanges.count == 1)
                #expect(result.counters.suspicious == count, "cut at \(cut)")
            }
        }
    }

    @Test(
        "A head is read the same, wherever its line ends lie among 64 bytes",
        arguments: [true, false])
    func lineEnds(isPair: Bool) {
        let end = isPair ? "\r\n" : "\n"
        for length in 0..<140 {
            let pad = "X: a\tb" + String(repeating: "p", count: length)
            let head = [
                "POST /s HTTP/1.1", pad, "Content-Length: 3", "Y: \u{1}\u{b}\u{f}", "", "abc",
            ]
            let result = run(
                connection([
                    .client(head.joined(separator: end)), .server(ok), .client(get), .server(ok),
                ]))
            #expect(
                result.exchanges.map(\.description)
                    == ["POST /s 200 whole 3/15 [\"0000\"]", Ambiguity.getNext], "\(length)")
            #expect(result.counters.suspicious == 0, "\(length)")
        }
    }

    @Test(
        "A length that no stream reaches is framed as it says, and suspect",
        arguments: [
            "Content-Length: 99999999999999999999\r\n\r\nabc",
            "Content-Length: 18446744073709551615\r\n\r\nabc",
            "Content-Length: 1125899906842624\r\n\r\nabc",
            "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc",
            "Transfer-Encoding: chunked\r\n\r\n4000000000000\r\nabc",
        ])
    func huge(_ request: String) {
        let result = run(
            connection([
                .client("POST /s HTTP/1.1\r\n" + request), .server(ok), .client(get), .server(ok),
            ]))
        // What follows is body still; the second response answers no request that is known.
        #expect(result.exchanges.map(\.description) == ["POST /s 200 whole 3/15 [\"0000\"]"])
        #expect(result.counters.suspicious == 1)
        #expect(result.counters.suspiciousByReason[SuspiciousReason.hugeLength.rawValue] == 1)
        #expect(result.counters.malformedTotal == 0)
        #expect(result.counters.unpairedResponses == 1)
    }

    @Test("A chunk size with leading zeros is an ordinary one")
    func leadingZeros() {
        let chunk = "\(String(repeating: "0", count: 40))3;x=\"y\"\r\nabc\r\n0\r\n\r\n"
        let result = run(
            connection([
                .client("POST /s HTTP/1.1\r\nTransfer-Encoding: ,chunked\r\n\r\n" + chunk + get),
                .server(ok + ok),
            ]))
        #expect(result.exchanges.count == 2)
        #expect(result.counters.suspicious == 0)
        #expect(result.counters.malformedTotal == 0)
    }

    @Test("A response without body may say of its length what it likes")
    func noBody() {
        let result = run(
            connection([
                .client("HEAD /h HTTP/1.1\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), .client(get),
                .server("HTTP/1.1 304 Not Modified\r\nContent-Length: -1\r\n\r\n"), .client(get),
                .server(ok),
            ]))
        #expect(result.exchanges.map(\.status) == [200, 304, 200])
        #expect(result.counters.malformedTotal == 0)
    }

    @Test(
        "Empty elements behind chunked are none",
        arguments: ["chunked,", "chunked, ", "chunked ,, ,", "gzip, chunked,"])
    func emptyElements(value: String) {
        let result = run(
            connection([
                .client(get),
                .server(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: \(value)\r\n\r\n1\r\na\r\n0\r\n\r\n"),
                .client(get), .server(ok),
            ]))
        #expect(result.exchanges.map(\.isComplete) == [true, true])
        #expect(result.exchanges.first?.responseBody == 1)
    }

    @Test("A transfer coding that does not end in chunked frames a response by its stream")
    func untilEnd() {
        let result = run(
            connection([
                .client(get),
                .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, x-y\r\n\r\n" + ok),
            ]))
        #expect(result.exchanges.map(\.responseBody) == [UInt64(ok.utf8.count)])
        #expect(result.exchanges.map(\.fields) == [["?"]])
    }

    @Test("An upgrade that is refused, and a CONNECT, leave the connection as it is")
    func refused() {
        let result = run(
            connection([
                .client("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), .server(ok),
                .client("CONNECT h:1 HTTP/1.1\r\n\r\n"),
                .server("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), .client(get),
                .server(ok),
            ]))
        #expect(result.exchanges.map(\.status) == [200, 403, 200])
    }

    @Test("A target in absolute form is given as it was sent")
    func absolute() {
        let result = run(
            connection([.client("GET http://h/api?x=1 HTTP/1.1\r\n\r\n"), .server(ok)]))
        #expect(result.exchanges.map(\.target) == ["http://h/api?x=1"])
    }

    @Test("A request that its client gives up in the body is answered all the same")
    func aborted() {
        var segments = connection([
            .client("POST /s HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"), .server(ok),
        ])
        segments.swapAt(segments.count - 3, segments.count - 2)
        let fin = segments.count - 3
        #expect(segments[fin].flags.contains(.fin) && segments[fin].toServer)
        segments[fin].acknowledged = 9001
        let result = run(segments)
        #expect(result.exchanges.map(\.description) == ["POST /s 200 whole 3/15 [\"0000\"]"])
    }
}
