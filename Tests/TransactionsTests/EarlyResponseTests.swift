import Testing

@testable import Transactions

@Suite("A response that comes before its request's end")
struct EarlyResponseTests {
    private static func get(_ number: Int) -> String {
        "GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n"
    }

    private static func answer(_ number: Int) -> String {
        "HTTP/1.1 40\(number) X\r\nContent-Length: 2\r\n\r\nok"
    }

    private static func rest(from number: Int) -> [Turn] {
        (number..<8).flatMap { [Turn.client(get($0)), .server(answer($0))] }
    }

    private static func pairs(_ turns: [Turn], hasSyn: Bool = true) -> [String] {
        run(connection(turns, hasSyn: hasSyn)).exchanges.map { "\($0.target)-\($0.status)" }
    }

    private static func pairs(from number: Int) -> [String] {
        (number..<8).map { "/\($0)-40\($0)" }
    }

    @Test("does not shift the pairs behind it where it comes inside the request line")
    func insideLine() {
        let request = Self.get(1)
        for cut in 1..<request.count {
            let turns =
                [
                    Turn.client(Self.get(0)), .server(Self.answer(0)),
                    .client(String(request.prefix(cut))), .server(Self.answer(1)),
                    .client(String(request.dropFirst(cut))),
                ] + Self.rest(from: 2)
            let first = cut <= "GET /1 HTTP/1.1".count ? [] : ["/1-401"]
            #expect(
                Self.pairs(turns) == ["/0-400"] + first + Self.pairs(from: 2), "cut at \(cut)")
        }
    }

    @Test(
        "answers no text that was met first and announces more than follows",
        arguments: [
            "Content-Length: 500", "Content-Length: 1000000000", "Transfer-Encoding: chunked",
        ])
    func textFirst(header: String) {
        let text = "POST /text HTTP/1.1\r\n\(header)\r\n\r\n"
        let turns = [Turn.client(text), .server(Self.answer(1))] + Self.rest(from: 2)
        #expect(Self.pairs(turns, hasSyn: false) == Self.pairs(from: 2))
        // The same behind an early response to the upload; the first request is taken for the rest.
        let behind =
            [Turn.client("the end of an upload"), .server(Self.answer(1)), .client(text)]
            + Self.rest(from: 2)
        #expect(Self.pairs(behind, hasSyn: false) == Self.pairs(from: 3))
    }

    @Test("and then text in the body of a request whose head was lost make no pair")
    func lostHead() {
        let text = "POST /text HTTP/1.1\r\nContent-Length: 30\r\n\r\n"
        let head = "POST /3 HTTP/1.1\r\nContent-Length: \(text.utf8.count)\r\n\r\n"
        let before = (0..<3).flatMap { [Turn.client(Self.get($0)), .server(Self.answer($0))] }
        let turns =
            before + [.client(head), .server(Self.answer(3)), .client(text)] + Self.rest(from: 4)
        let segments = connection(turns).enumerated().filter { $0.offset != 8 }.map(\.element)
        let pairs = run(segments, apart: 200_000_000).exchanges.map { "\($0.target)-\($0.status)" }
        #expect(pairs == ["/0-400", "/1-401", "/2-402"] + Self.pairs(from: 5))
    }

    @Test(
        "in one segment behind an interim one ends the doubt about the bytes before",
        arguments: ["100 Continue\r\n", "103 Early Hints\r\nLink: x\r\n"])
    func behindInterim(interim: String) {
        let answer = "HTTP/1.1 \(interim)\r\n\(Self.answer(1))"
        for first in ["the end of an upload", "x"] {
            let turns = [Turn.client(first), .server(answer)] + Self.rest(from: 2)
            let result = run(connection(turns, hasSyn: false))
            #expect(
                result.exchanges.map { "\($0.target)-\($0.status)" } == Self.pairs(from: 2))
            #expect(result.counters.unpairedResponses == 1)
            #expect(result.counters.unpairedRequests == 0)
        }
    }
}
