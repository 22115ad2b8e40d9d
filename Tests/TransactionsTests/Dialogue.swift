import Traffic

@testable import Transactions

/// How a client and a server take turns, and what they send.
enum DialogueKind: CaseIterable, Sendable {
    /// A response before the next request; bodies by length.
    case plain
    /// Chunked bodies, HEAD and 204.
    case chunked
    /// Bodies that are HTTP messages themselves, and begin segments.
    case text
    /// 100 Continue before the request's body.
    case continued
    /// Responses before the end of the request's body.
    case early
    /// Several requests, then all their responses.
    case bursts
    /// Always two requests ahead.
    case sliding

    var isPipelined: Bool { self == .bursts || self == .sliding }
}

/// One exchange of a dialogue. Its number is in the target, the status and the body, so that a
/// response that is taken for another's is found out.
struct NumberedExchange {
    let number: Int
    var method = "GET"
    var request: [String] = []
    var response: [String] = []
    /// Bytes of the streams in which the two heads lie.
    var requestHead = 0..<0
    var responseHead = 0..<0

    /// 205 to 294: none of them without a body.
    var status: UInt16 { UInt16(205 + number % 90) }
    var target: String { "/n/\(number)" }
    private var code: String { "{\"x\":[1,\"\\\"\"],\"code\":\(number)}" }

    init(_ number: Int, _ kind: DialogueKind, using random: inout SeededGenerator) {
        self.number = number
        let pad = String(repeating: "p", count: Int.random(in: 0...300, using: &random))
        let answer = "HTTP/1.1 \(status) OK\r\nX: \(pad)\r\n"
        response = [answer + "Content-Length: \(code.utf8.count)\r\n\r\n\(code)"]
        func post(_ body: String, _ more: String = "") -> String {
            method = "POST"
            return "POST \(target) HTTP/1.1\r\n\(more)Content-Length: \(body.utf8.count)\r\n\r\n"
        }
        let get = "GET \(target) HTTP/1.1\r\nX: \(pad)\r\n\r\n"
        switch kind {
        case .plain, .bursts, .sliding:
            request = number % 3 == 0 ? [post(pad) + pad] : [get]
        case .chunked:
            if number % 4 == 1 {
                method = "HEAD"
                request = ["HEAD \(target) HTTP/1.1\r\n\r\n"]
                response = [answer + "Content-Length: 5000\r\n\r\n"]
            } else {
                method = "PUT"
                let size = String(pad.utf8.count + 1, radix: 16)
                request = [
                    "PUT \(target) HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "\(size);a=b\r\n\(pad)x\r\n0\r\n\r\n"
                ]
                let part = code.prefix(4)
                response = [
                    answer + "Transfer-Encoding: chunked\r\n\r\n4\r\n\(part)\r\n"
                        + String(code.utf8.count - 4, radix: 16) + "\r\n\(code.dropFirst(4))\r\n",
                    "0\r\nT: u\r\n\r\n",
                ]
            }
        case .text:
            let fake = "GET /n/999999 HTTP/1.1\r\nContent-Length: 40\r\n\r\n"
            let reply = "HTTP/1.1 299 OK\r\nContent-Length: 400\r\n\r\n{\"code\":1}"
            request = [post(fake + fake), fake, fake]
            response = [
                answer + "Content-Length: \(code.utf8.count + 2 * reply.utf8.count)\r\n\r\n\(code)",
                reply, reply,
            ]
        case .continued: request = [post(pad + "y", "Expect: 100-continue\r\n"), pad + "y"]
        case .early: request = [post(pad + pad + "z"), pad, pad + "z"]
        }
    }
}

/// A connection of numbered exchanges, in segments that were all captured, in their order.
struct Dialogue {
    let exchanges: [NumberedExchange]
    let segments: [TestSegment]
    let kind: DialogueKind

    private static let clientStart: UInt32 = .max - 5000
    private static let serverStart: UInt32 = .max - 9000

    init(_ kind: DialogueKind, count: Int, segmentSize: Int, seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var exchanges = (0..<count).map { NumberedExchange($0, kind, using: &random) }
        var turns: [Turn] = []
        var lengths: [Bool: Int] = [true: 0, false: 0]
        func add(_ isClient: Bool, _ text: String) {
            turns.append(Turn(toServer: isClient, bytes: Array(text.utf8)))
            lengths[isClient, default: 0] += text.utf8.count
        }
        func head(_ isClient: Bool, _ text: String) -> Range<Int> {
            let start = lengths[isClient] ?? 0
            var ends = 0
            var length = 0
            for byte in text.utf8 where ends < 4 {
                ends = byte == (ends % 2 == 0 ? 0x0d : 0x0a) ? ends + 1 : 0
                length += 1
            }
            return start..<(start + length)
        }
        func ask(_ index: Int) {
            exchanges[index].requestHead = head(true, exchanges[index].request.joined())
            exchanges[index].request.forEach { add(true, $0) }
        }
        func answer(_ index: Int) {
            exchanges[index].responseHead = head(false, exchanges[index].response.joined())
            exchanges[index].response.forEach { add(false, $0) }
        }
        switch kind {
        case .plain, .chunked, .text:
            for index in exchanges.indices {
                ask(index)
                answer(index)
            }
        case .continued, .early:
            for index in exchanges.indices {
                let parts = exchanges[index].request
                exchanges[index].requestHead = head(true, parts[0])
                add(true, parts[0])
                if kind == .continued { add(false, "HTTP/1.1 100 Continue\r\n\r\n") }
                if kind == .early { answer(index) }
                parts.dropFirst().forEach { add(true, $0) }
                if kind == .continued { answer(index) }
            }
        case .bursts:
            var next = 0
            while next < count {
                let burst = next..<min(count, next + Int.random(in: 1...5, using: &random))
                burst.forEach { ask($0) }
                burst.forEach { answer($0) }
                next = burst.upperBound
            }
        case .sliding:
            for index in 0..<(count + 2) {
                if index < count { ask(index) }
                if index >= 2 { answer(index - 2) }
            }
        }
        self.kind = kind
        self.exchanges = exchanges
        segments = connection(
            turns, clientStart: Self.clientStart, serverStart: Self.serverStart
        ) { Array(repeating: segmentSize, count: $0 / segmentSize + 1) }
    }

    /// The bytes of its stream that a segment carries.
    func range(_ segment: TestSegment) -> Range<Int> {
        let start = segment.toServer ? Self.clientStart : Self.serverStart
        let offset = Int(segment.sequence &- start &- 1)
        return offset..<(offset + segment.payload.count)
    }

    /// Exchanges of which both heads are whole when some segments are lost.
    func intact(without lost: [TestSegment]) -> [NumberedExchange] {
        exchanges.filter { exchange in
            !lost.contains {
                range($0).overlaps($0.toServer ? exchange.requestHead : exchange.responseHead)
            }
        }
    }

    /// What is wrong with an exchange that was seen, or `nil`.
    func fault(_ seen: SeenExchange) -> String? {
        guard let number = Int(seen.target.dropFirst(3)), exchanges.indices.contains(number) else {
            return "no such request: \(seen)"
        }
        let wanted = exchanges[number]
        guard seen.method == wanted.method, seen.status == wanted.status,
            ["?", "-", "\(number)"].contains(seen.fields[0])
        else { return "another's response: \(seen)" }
        return nil
    }
}
