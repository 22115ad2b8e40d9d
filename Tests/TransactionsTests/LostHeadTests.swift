import Testing

@testable import Transactions

@Suite("A response whose request was lost")
struct LostHeadTests {
    private static let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let head = "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\":\"0\"}"
    /// What the head of a response to HEAD may say of a body that is not there.
    static let headers = [
        "Transfer-Encoding: chunked", "Content-Length: 5000", "Content-Type: text/html",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 7",
    ]

    private static let exchange = "GET /a 200 whole 0/12 [\"0\"]"

    private static func answer(_ headers: String) -> String {
        "HTTP/1.1 200 OK\r\n\(headers)\r\n\r\n"
    }

    /// Segments of turns of which one is cut in two, without those of some turns.
    private static func segments(
        _ turns: [Turn], without lost: Set<Int>, cutting index: Int, at cut: Int
    ) -> [TestSegment] {
        let whole = turns[index].bytes
        let parts = [whole[..<cut], whole[cut...]].map {
            Turn(toServer: turns[index].toServer, bytes: Array($0))
        }
        let all = Array(turns[..<index]) + parts + Array(turns[(index + 1)...])
        // Behind the two SYN.
        let gone = Set(lost.map { $0 > index ? $0 + 3 : $0 + 2 })
        return connection(all).enumerated().filter { !gone.contains($0.offset) }.map(\.element)
    }

    @Test(
        "that may have been HEAD is followed by the next one, whatever it says of a body",
        arguments: headers)
    func sequential(headers: String) {
        let turns = [
            Turn.client(Self.get), .server(Self.ok),
            .client(Self.head), .server(Self.answer(headers)),
            .client(Self.get), .server(Self.ok), .client(Self.get), .server(Self.ok),
        ]
        for lost in [[2], [2, 4], [0, 2, 4]] as [Set<Int>] {
            for cut in 1..<Self.answer(headers).utf8.count {
                let result = run(
                    Self.segments(turns, without: lost, cutting: 3, at: cut), apart: 200_000_000)
                let what = "\(headers), without \(lost.sorted()), cut at \(cut)"
                #expect(result.counters.malformedTotal == 0, "\(what)")
                #expect(
                    result.exchanges.map(\.description)
                        == Array(repeating: Self.exchange, count: 4 - lost.count), "\(what)")
                #expect(result.counters.unpairedResponses > 0, "\(what)")
                #expect(result.counters.unpairedRequests == 0, "\(what)")
            }
        }
    }

    @Test(
        "is read to the end of its body where one follows, and text in that is no response",
        arguments: [true, false])
    func body(isChunked: Bool) {
        let text = "x" + String(repeating: "HTTP/1.1 299 OK\r\nContent-Length: 0\r\n\r\n", count: 3)
        let size = text.utf8.count
        let framed =
            isChunked
            ? "Transfer-Encoding: chunked\r\n\r\n\(String(size, radix: 16))\r\n\(text)\r\n0\r\n\r\n"
            : "Content-Length: \(size)\r\n\r\n\(text)"
        let turns = [
            Turn.client(Self.get), .server("HTTP/1.1 200 OK\r\n" + framed),
            .client(Self.get), .server(Self.ok),
        ]
        for cut in 1..<turns[1].bytes.count {
            let result = run(
                Self.segments(turns, without: [0], cutting: 1, at: cut), apart: 200_000_000)
            #expect(result.counters.malformedTotal == 0, "cut at \(cut)")
            #expect(result.counters.unpairedResponses == 1, "cut at \(cut)")
            #expect(
                result.exchanges.map(\.description) == [Self.exchange], "cut at \(cut)")
        }
    }
}
