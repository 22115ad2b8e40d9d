import Testing

@testable import Transactions

@Suite("A connection that is picked up in its middle")
struct PickUpTests {
    private static let body = String(repeating: "the end of an upload ", count: 40)
    private static let text = "GET /text HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let next = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"

    private static func answer(_ number: Int) -> String {
        "HTTP/1.1 20\(number) OK\r\nContent-Length: 12\r\n\r\n{\"code\":\"\(number)\"}"
    }

    private static func pairs(_ turns: [Turn]) -> [String] {
        run(connection(turns, hasSyn: false)).exchanges.map { "\($0.target)-\($0.status)" }
    }

    @Test("gives text at the end of an upload no response, and is exact behind it")
    func text() {
        let rest = [
            Turn.server(Self.answer(0)), .client(Self.next), .server(Self.answer(1)),
            .client(Self.next), .server(Self.answer(2)),
        ]
        let wanted = ["/next-201", "/next-202"]
        let result = run(
            connection([.client(Self.body), .client(Self.text)] + rest, hasSyn: false))
        #expect(result.exchanges.map { "\($0.target)-\($0.status)" } == wanted)
        #expect(result.counters.unpairedRequests == 1)
        #expect(result.counters.unpairedResponses == 1)
        // The same behind an interim response, and with a head of which the end alone was captured.
        let ends = [
            [Turn.client("/upload HTTP/1.1\r\nContent-Length: 9\r\n\r\n")],
            [
                .client("OST /upload HTTP/1.1\r\nExpect: 100-continue\r\n\r\n"),
                .server("HTTP/1.1 100 Continue\r\n\r\n"),
            ],
            [.client(Self.body), .client("OK")],
        ]
        for end in ends {
            #expect(Self.pairs(end + [.client(Self.text)] + rest) == wanted)
        }
    }

    @Test(
        "gives text that announces a body, or ends in its head, no response",
        arguments: [
            "POST /text HTTP/1.1\r\nContent-Length: 500\r\n\r\n",
            "POST /text HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /text HTTP/1.1\r\nHost", "GET /te",
        ])
    func announced(text: String) {
        let turns = [
            Turn.client(Self.body), .client(text), .server(Self.answer(0)),
            .client(Self.next), .server(Self.answer(1)),
        ]
        #expect(Self.pairs(turns) == ["/next-201"])
        // Nor where the connection ends, or the server goes on, before its client.
        #expect(Self.pairs(Array(turns.prefix(3))) == [])
        #expect(Self.pairs(turns.prefix(3) + [.server(Self.answer(2))]) == [])
    }

    @Test("gives text no response where more of its body follows, also as the first that is seen")
    func middle() {
        for first in [[Turn.client(Self.body)], []] {
            let turns =
                first + [
                    .client(Self.text), .client("{\"more\": [of, it]}"), .server(Self.answer(0)),
                    .client(Self.next), .server(Self.answer(1)),
                ]
            #expect(Self.pairs(turns) == ["/next-201"])
        }
    }

    @Test("pairs the request with a response before its end once the rest of it follows")
    func early() {
        let turns = [
            Turn.client(Self.body),
            .client("POST /early HTTP/1.1\r\nContent-Length: 20\r\n\r\n"),
            .server(Self.answer(0)), .client(String(repeating: "p", count: 20)),
            .client(Self.next), .server(Self.answer(1)),
        ]
        for size in [3, 7, 20, 1000] {
            let result = run(
                connection(turns, hasSyn: false) {
                    Array(repeating: size, count: $0 / size + 1)
                })
            #expect(
                result.exchanges.map(\.description) == [
                    "POST /early 200 whole 0/12 [\"0\"]", "GET /next 201 whole 0/12 [\"1\"]",
                ], "in pieces of \(size)")
        }
    }

    @Test("is exact from a first request on whose lines, or whose response's, are cut anywhere")
    func cutLines() {
        let turns = [
            Turn.client("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
            .server(Self.answer(0)), .client(Self.next), .server(Self.answer(1)),
        ]
        let whole = run(connection(turns, hasSyn: false))
        #expect(whole.exchanges.count == 2)
        func expectSame(_ what: String, _ cuts: (Int) -> [Int]) {
            let result = run(connection(turns, hasSyn: false, cuts: cuts))
            #expect(result.exchanges == whole.exchanges, "\(what)")
            #expect(result.counters.unpairedRequests == 0, "\(what)")
            #expect(result.counters.unpairedResponses == 0, "\(what)")
            #expect(result.counters.malformedTotal == 0, "\(what)")
        }
        for first in 1...40 {
            expectSame("cut at \(first)") { [first, $0] }
            for second in 1...8 { expectSame("at \(first), \(second)") { [first, second, $0] } }
        }
        for size in 1...5 {
            expectSame("in pieces of \(size)") { Array(repeating: size, count: $0 / size + 1) }
        }
    }

    @Test("counts a response to no request that was seen once, however it is cut")
    func cutUnknownResponse() {
        let turns = [
            Turn.server(Self.answer(0)), .client(Self.next), .server(Self.answer(1)),
        ]
        for first in 1...20 {
            let result = run(connection(turns, hasSyn: false) { [first, $0] })
            #expect(result.exchanges.map(\.status) == [201], "cut at \(first)")
            #expect(result.counters.unpairedResponses == 1, "cut at \(first)")
        }
    }

    @Test(
        "takes no end of a body for a method's beginning",
        arguments: ["OK", "X", "UNTIL", "A", "P"])
    func shortEnd(end: String) {
        let turns = [
            Turn.client(Self.body + "x"), .client(end), .server(Self.answer(0)),
            .client(Self.next), .server(Self.answer(1)),
        ]
        #expect(Self.pairs(turns) == ["/next-201"])
        // The response was not captured.
        let segments = connection(turns, hasSyn: false).enumerated().filter { $0.offset != 2 }
        let result = run(segments.map(\.element), apart: 200_000_000)
        #expect(result.exchanges.map(\.target) == ["/next"])
    }
}
