import Testing

@testable import Transactions

@Suite("A method where a connection is picked up in its middle")
struct PickedUpMethodTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\":\"0\"}"
    private static let next = "GET /a 200 whole 0/12 [\"0\"]"

    private static func turns(_ method: String, cut: Int) -> [Turn] {
        [
            Turn.client(String("\(method) /m HTTP/1.1\r\n\r\n".dropFirst(cut))), .server(ok),
            .client("GET /a HTTP/1.1\r\n\r\n"), .server(ok),
        ]
    }

    @Test(
        "is never what is left of one",
        arguments: ["POST", "DELETE", "OPTIONS", "PROPFIND", "CONNECT", "VISIT", "UNLINKED"])
    func cut(method: String) {
        for cut in 1...method.utf8.count {
            let left = String(method.dropFirst(cut))
            let result = run(connection(Self.turns(method, cut: cut), hasSyn: false))
            #expect(
                result.exchanges.map(\.description) == [Self.next], "\(left) of \(method)")
            #expect(result.counters.malformedTotal == 0)
        }
    }

    @Test("is known that is registered", arguments: ["GET", "POST", "PATCH", "REPORT", "QUERY"])
    func registered(method: String) {
        let result = run(connection(Self.turns(method, cut: 0), hasSyn: false))
        #expect(
            result.exchanges.map(\.description)
                == ["\(method) /m 200 whole 0/12 [\"0\"]", Self.next])
    }

    @Test("may be any on a connection that was followed from its beginning, or recognised")
    func others() {
        let whole = run(connection(Self.turns("VISIT", cut: 0)))
        #expect(
            whole.exchanges.map(\.description) == ["VISIT /m 200 whole 0/12 [\"0\"]", Self.next])
        let turns = Self.turns("GET", cut: 0) + Self.turns("VISIT", cut: 0)
        let picked = run(connection(turns, hasSyn: false))
        #expect(picked.exchanges.map(\.method) == ["GET", "GET", "VISIT", "GET"])
    }

    @Test("is told from the end of a longer one by its beginning")
    func words() {
        let words: [(String, MethodWord)] = [
            ("GET ", .registered), ("UPDATEREDIRECTREF ", .registered), ("ACL ", .registered),
            ("OST ", .end), ("T ", .end), ("REF ", .end), ("POSTS ", .other), ("GET", .other),
            ("POST GET ", .registered), ("VISIT ", .other), ("", .other), (" ", .end),
        ]
        for (text, word) in words {
            let bytes = Array(text.utf8)
            #expect(bytes.withUnsafeBytes { $0.methodWord } == word, "\(text)")
        }
    }
}
