import Metering
import Testing
import Traffic

@testable import Transactions

@Suite("Other services and fields while traffic runs")
struct ServiceChangeTests {
    private static let compressed: [UInt8] =
        [
            // {"data":{"x":1},"code":"0000"} in a stored block of deflate.
            0x01, 0x1e, 0x00, 0xe1, 0xff,
        ] + Array("{\"data\":{\"x\":1},\"code\":\"0000\"}".utf8)

    /// Three connections at once, each with bodies by length, in chunks and compressed.
    private static func segments() -> [TestSegment] {
        let body = "{\"data\":{\"x\":[1,2]},\"no\":7,\"code\":\"E1001\"}"
        let size = String(body.utf8.count - 20, radix: 16)
        let turns: [Turn] = [
            .client("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
            .server("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"),
            .client("GET /b?c=1 HTTP/1.1\r\n\r\n"),
            .server(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n\(body.prefix(20))\r\n"
                    + "\(size)\r\n\(body.dropFirst(20))\r\n0\r\n\r\n"),
            .client("GET /c HTTP/1.1\r\n\r\n"),
            Turn(
                toServer: false,
                bytes: Array(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: \(compressed.count)\r\n\r\n"
                        .utf8) + compressed),
        ]
        let connections = (0..<3).map { number in
            connection(turns, clientPort: UInt16(3000 + number)) { length in
                Array(repeating: 17 + number, count: length / 17 + 1)
            }
        }
        let longest = connections.map(\.count).max() ?? 0
        return (0..<longest).flatMap { index in
            connections.compactMap { index < $0.count ? $0[index] : nil }
        }
    }

    /// What is seen of the segments when the services change before each of some of them.
    private static func exchanges(
        changes: [Int: [EngineService]], from first: [EngineService]
    ) -> (exchanges: [SeenExchange], services: [Int], counters: EngineCounters) {
        var exchanges: [SeenExchange] = []
        var services: [Int] = []
        var engine = TransactionEngine(services: first) {
            exchanges.append(SeenExchange($0))
            services.append($0.service)
        }
        for (index, segment) in segments().enumerated() {
            if let services = changes[index] {
                engine.change(services: services, localAddresses: [])
            }
            let frame = segment.frame
            frame.withUnsafeBytes { bytes in
                engine.ingest(
                    Frame(
                        bytes: bytes, wireLength: frame.count,
                        time: Timestamp(1_800_000_000_000_000_000 + UInt64(index) * 1_000_000),
                        linkType: .ethernet))
            }
        }
        engine.finish()
        return (exchanges, services, engine.counters)
    }

    private static func service(_ ports: [UInt16], _ fields: [[String]]) -> EngineService {
        EngineService(ports: ports, selectors: fields.map { .responseJSON($0) })
    }

    @Test("lose and double nothing, at whatever packet they come and however often")
    func everyMoment() {
        let first = [Self.service([8080], [["code"]])]
        let other = [
            Self.service([9000], [["no"]]),
            Self.service([8080], [["no"], ["code"], ["data", "x"]]),
        ]
        let whole = Self.exchanges(changes: [:], from: first)
        #expect(whole.exchanges.count == 9)
        let count = Self.segments().count
        for moment in 0..<count {
            let one = Self.exchanges(changes: [moment: other], from: first)
            let there = one.exchanges.indices.map { index in
                var exchange = one.exchanges[index]
                if one.services[index] == 1 { exchange.fields = [exchange.fields[1]] }
                return exchange
            }
            #expect(there == whole.exchanges, "changed before segment \(moment)")
            let back = Self.exchanges(
                changes: [moment: other, moment + 2: first, moment + 3: first], from: first)
            let rest = back.exchanges.filter { $0.fields.count == 1 }
            #expect(back.exchanges.count == 9)
            #expect(rest.allSatisfy(whole.exchanges.contains))
            #expect(back.counters.unpairedRequests + back.counters.unpairedResponses == 0)
        }
    }

    @Test(
        "give a new field only where a body was read from its beginning, and never another's value")
    func newFields() {
        let first = [Self.service([8080], [])]
        let then = [Self.service([8080], [["code"]])]
        for moment in 0..<Self.segments().count {
            let seen = Self.exchanges(changes: [moment: then], from: first).exchanges
            #expect(seen.count == 9)
            for exchange in seen where !exchange.fields.isEmpty {
                let code = exchange.target == "/c" ? "0000" : "E1001"
                #expect(exchange.fields == [code] || exchange.fields == ["?"])
            }
            #expect(seen.filter { $0.fields == ["?"] }.count <= 3, "one body of each connection")
        }
    }

    @Test("may be fewer or ask for more fields, while connections of all are open")
    func otherSizes() {
        let plans: [[EngineService]] = [
            [Self.service([9000], (0..<60).map { ["field\($0)"] })],
            [Self.service([1], []), Self.service([2], []), Self.service([8080], [["code"]])],
            [Self.service([2], [["a"], ["b"]])], [Self.service([8080], [])],
            [Self.service([8080], (0..<60).map { ["field\($0)"] } + [["code"]])],
        ]
        for first in plans {
            for moment in stride(from: 0, to: Self.segments().count, by: 3) {
                for (index, second) in plans.enumerated() {
                    let seen = Self.exchanges(
                        changes: [moment: second, moment + 3: plans[(index + 1) % plans.count]],
                        from: first)
                    #expect(seen.exchanges.count <= 9)
                    let fields = Set(seen.exchanges.flatMap(\.fields))
                    #expect(fields.isSubset(of: ["E1001", "0000", "-", "?"]))
                }
            }
        }
    }

    @Test(
        "are told from connections that are left out: those as a whole, and each packet is counted")
    func shed() {
        let segments = (0..<200).flatMap { number in
            connection(talk(4), clientPort: UInt16(3000 + number))
        }
        for parts in [0, 64, 128, 256] as [UInt16] {
            var exchanges: [UInt16: Int] = [:]
            var engine = TransactionEngine(services: [Self.service([8080], [["code"]])]) {
                exchanges[$0.client.port, default: 0] += 1
            }
            engine.shed(parts: parts)
            for segment in segments {
                let frame = segment.frame
                frame.withUnsafeBytes {
                    engine.ingest(
                        Frame(
                            bytes: $0, wireLength: $0.count,
                            time: Timestamp(1_800_000_000_000_000_000), linkType: .ethernet))
                }
            }
            #expect(exchanges.values.allSatisfy { $0 == 4 })
            #expect(abs(exchanges.count - 200 * (256 - Int(parts)) / 256) <= 40)
            let followed = engine.counters.services[0].packets
            #expect(followed + engine.counters.shed == UInt64(segments.count))
            #expect((engine.counters.shed == 0) == (parts == 0))
        }
    }

    @Test("let go of the connections of a port that is no service's any more, uncounted")
    func removedPort() {
        let first = [Self.service([8080], [["code"]])]
        for moment in 0..<Self.segments().count {
            let seen = Self.exchanges(changes: [moment: [Self.service([81], [])]], from: first)
            #expect(seen.exchanges.count <= 9)
            #expect(seen.counters.unpairedRequests + seen.counters.unpairedResponses == 0)
            #expect(seen.counters.evicted == 0)
        }
    }
}
