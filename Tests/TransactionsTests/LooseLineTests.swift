import Testing

@testable import Transactions

private func answer(_ number: Int) -> String {
    "HTTP/1.1 20\(number) OK\r\nContent-Length: 12\r\n\r\n{\"code\":\"\(number)\"}"
}

private let next = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
private let chunked = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

@Suite("A request line with surplus space, or a minor version of several digits")
struct LooseLineTests {
    private static let lines = [
        "GET /a  HTTP/1.1", "GET  /a HTTP/1.1", "GET /a HTTP/1.1 ", "GET   /a   HTTP/1.1   ",
        "GET /a HTTP/1.10", "GET /a HTTP/1.01", "GET /a HTTP/1.100", "GET  /a HTTP/1.10 ",
    ]

    private static func pairs(_ segments: [TestSegment]) -> [String] {
        run(segments, apart: 200_000_000).exchanges.map { "\($0.target)-\($0.status)" }
    }

    @Test("is read by its words, and counted as suspicious, however it is cut", arguments: lines)
    func byWords(line: String) {
        let turns = [
            Turn.client(line + "\r\nHost: h\r\n\r\n" + next), .server(answer(0) + answer(1)),
            .client(line + "\n\n"), .server(answer(2)), .client(next), .server(answer(3)),
        ]
        let pieces = (1...4).map { Array(repeating: $0, count: 200) }
        for cut in pieces + (1...80).map({ [$0, Int.max] }) {
            let result = run(connection(turns) { _ in cut })
            let found = result.exchanges.map { "\($0.method) \($0.target)-\($0.status)" }
            #expect(
                found == ["GET /a-200", "GET /next-201", "GET /a-202", "GET /next-203"],
                "cut at \(cut[0])")
            #expect(result.counters.suspicious == 2)
            #expect(
                result.counters.suspiciousByReason[SuspiciousReason.looseRequestLine.rawValue] == 2)
            #expect(result.counters.malformedTotal == 0)
        }
    }

    @Test(
        "is malformed where the words are not three, or the last is no version of HTTP/1",
        arguments: [
            "GET /a b HTTP/1.1", "GET /a HTTP/1.1 x", "GET /a  HTTP/2.1", "GET /a  HTTP/1.",
            "GET /a HTTP/1.1000", "GET  HTTP/1.1", "GET /a  http/1.1", "GET /a HTTP/01.1",
            "GET /a  HTTP/1.1x", "GET /a HTTP/1.1\r", " GET /a HTTP/1.1", "GET  ",
            "G@T  /a HTTP/1.1",
        ])
    func malformed(line: String) {
        let result = run(connection([.client(line + "\r\n\r\n"), .server(answer(0))]))
        #expect(result.counters.malformed[MalformedReason.requestLine.rawValue] == 1)
        #expect(result.counters.suspicious == 0)
        #expect(result.exchanges.isEmpty)
    }

    @Test(
        "is of HTTP/1.0 where each digit of its minor version is 0",
        arguments: [
            ("HTTP/1.0 ", true), (" HTTP/1.0", true), ("HTTP/1.00", true), ("HTTP/1.10", false),
            ("HTTP/1.1 ", false), ("HTTP/1.01", false),
        ])
    func old(version: String, isOld: Bool) {
        let result = run(
            connection([.client("POST /a \(version)\r\n" + chunked), .server(answer(0))]))
        #expect(result.exchanges.map(\.target) == ["/a"])
        let reason = SuspiciousReason.transferCodingInOldVersion.rawValue
        #expect(result.counters.suspiciousByReason[reason] == (isOld ? 1 : 0))
        #expect(result.counters.suspicious == 1)
    }

    @Test("is text where the place is not known, however it is cut", arguments: lines)
    func searching(line: String) {
        let text = line + "\r\nHost: h\r\n\r\n"
        let rest = [Turn.server(answer(0)), .client(next), .server(answer(1))]
        for cut in 1...text.utf8.count {
            let (first, second) = (String(text.prefix(cut)), String(text.dropFirst(cut)))
            for before in [[Turn.client("the end of an upload")], []] {
                let turns = before + [.client(first), .client(second)] + rest
                #expect(
                    Self.pairs(connection(turns, hasSyn: false)) == ["/next-201"], "cut at \(cut)")
            }
        }
    }

    @Test("is text too where a response takes away the doubt about its first bytes")
    func searchingAcrossResponse() {
        let turns = [
            Turn.client("GET /a"), .server(answer(0)), .client("  HTTP/1.1\r\n\r\n"),
            .server(answer(1)), .client(next), .server(answer(2)),
        ]
        #expect(Self.pairs(connection(turns, hasSyn: false)) == ["/next-202"])
    }

    @Test("is text in a body behind a gap", arguments: lines)
    func behindGap(line: String) {
        var segments = connection([
            .client("POST /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            .client("50\r\nlost"), .client(line + "\r\n\r\n"), .client("\r\n0\r\n\r\n"),
            .server(answer(0)), .client(next), .server(answer(1)),
        ])
        segments.remove(at: 3)
        #expect(Self.pairs(segments) == ["/up-200", "/next-201"])
    }

    @Test("gives the same target in pieces, where that is whole in what is kept of the line")
    func longLines() {
        for length in 8170...8187 {
            let target = "/" + String(repeating: "a", count: length - 1)
            for line in ["GET \(target) HTTP/1.1", "GET \(target) HTTP/1.1 "] {
                let turns = [Turn.client(line + "\r\n\r\n"), .server(answer(0))]
                let whole = run(connection(turns)).exchanges
                #expect(whole.map(\.target) == [target])
                #expect(run(connection(turns) { [100, $0] }).exchanges == whole, "\(length)")
            }
        }
    }

    @Test("begins its target behind the space also where the line is cut")
    func cutLine() {
        let target = "/" + String(repeating: "a", count: 9000)
        let turns = [Turn.client("GET  \(target) HTTP/1.1\r\n\r\n"), .server(answer(0))]
        for size in [100, .max] {
            let result = run(connection(turns) { [size, $0] })
            #expect(result.exchanges.map { target.hasPrefix($0.target) } == [true])
            #expect(result.exchanges.allSatisfy { $0.target.utf8.count > 8000 })
            #expect(result.counters.suspicious == 1)
        }
    }
}
