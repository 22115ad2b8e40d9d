import Testing
import Traffic

@testable import Transactions

@Suite("A client that asks again before it was answered")
struct SentAheadTests {
    /// Requests and responses by number, each in a segment, with so many under way at a time. A server
    /// acknowledges all that it has, or no more than it answers.
    private static func segments(
        _ count: Int, ahead: Int, acknowledgesAll: Bool, request: (Int) -> [String]
    ) -> [TestSegment] {
        var segments = Array(connection([], hasFin: false))
        var (sent, answered) = (UInt32(1001), UInt32(9001))
        var ends: [UInt32] = []
        func ask(_ number: Int) {
            for part in request(number) {
                segments.append(
                    TestSegment(
                        toServer: true, sequence: sent, acknowledged: answered,
                        payload: Array(part.utf8), flags: [.ack]))
                sent += UInt32(part.utf8.count)
            }
            ends.append(sent)
        }
        for number in 0..<ahead { ask(number) }
        for number in 0..<count {
            let text = "HTTP/1.1 \(400 + number) X\r\nContent-Length: 3\r\n\r\nabc"
            segments.append(
                TestSegment(
                    toServer: false, sequence: answered,
                    acknowledged: acknowledgesAll ? sent : ends[number],
                    payload: Array(text.utf8), flags: [.ack]))
            answered += UInt32(text.utf8.count)
            if number + ahead < count { ask(number + ahead) }
        }
        return segments
    }

    private static func get(_ number: Int, _ more: String = "") -> String {
        "GET /\(number)\(more) HTTP/1.1\r\nHost: a\r\n\r\n"
    }

    private static func falsePairs(_ seen: [SeenExchange]) -> [SeenExchange] {
        seen.filter { exchange in
            let number = exchange.target.dropFirst().prefix { $0.isNumber }
            return Int(number).map { 400 + $0 } != Int(exchange.status)
        }
    }

    @Test(
        "is in no false pair where one of its segments is lost",
        arguments: [2, 3], [true, false])
    func lost(ahead: Int, acknowledgesAll: Bool) {
        let whole = Self.segments(20, ahead: ahead, acknowledgesAll: acknowledgesAll) {
            [Self.get($0)]
        }
        #expect(run(whole).exchanges.count == 20)
        // Of one whose first requests were lost with what tells that it is ahead, nothing would tell.
        for index in whole.indices where whole[index].toServer && !whole[index].payload.isEmpty {
            var segments = whole
            segments.remove(at: index)
            let seen = run(segments).exchanges
            #expect(Self.falsePairs(seen) == [], "without segment \(index)")
            let before = whole[..<index].count { $0.toServer && !$0.payload.isEmpty }
            #expect(seen.count >= before - (before > 0 ? 1 : 0), "without segment \(index)")
        }
    }

    @Test(
        "is in no false pair where a part of a request is lost", arguments: 0..<3, [true, false])
    func cut(part: Int, acknowledgesAll: Bool) {
        let long = Self.get(1, "/" + String(repeating: "p", count: 300))
        let whole = Self.segments(8, ahead: 2, acknowledgesAll: acknowledgesAll) { number in
            guard number == 1 else { return [Self.get(number)] }
            let text = Array(long)
            return [String(text[..<2]), String(text[2..<250]), String(text[250...])]
        }
        #expect(run(whole).exchanges.count == 8)
        let places = whole.indices.filter { whole[$0].toServer && !whole[$0].payload.isEmpty }
        var segments = whole
        segments.remove(at: places[1 + part])
        let seen = run(segments).exchanges
        #expect(Self.falsePairs(seen) == [])
        #expect(seen.first?.target == "/0")
    }

    @Test("is not taken for one that waits, nor that for it")
    func waiting() {
        let whole = Self.segments(12, ahead: 1, acknowledgesAll: true) { [Self.get($0)] }
        let own = whole.indices.filter { !whole[$0].payload.isEmpty }
        for first in own {
            for second in own where second >= first {
                var segments = whole
                segments.remove(at: second)
                if second > first { segments.remove(at: first) }
                let seen = run(segments).exchanges
                #expect(Self.falsePairs(seen) == [])
                let lost = Set([first, second].map { own.firstIndex(of: $0).map { $0 / 2 } })
                #expect(seen.count >= 12 - lost.count - 1, "without \(first) and \(second)")
            }
        }
    }
}
