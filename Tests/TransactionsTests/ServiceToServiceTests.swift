import Testing
import Traffic

@testable import Transactions

private func get(_ number: Int) -> String { "GET /n/\(number) HTTP/1.1\r\n\r\n" }
private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"code\":\"0000\"}"

private func turns(_ numbers: Range<Int>) -> [Turn] {
    numbers.flatMap { [Turn.client(get($0)), .server(ok)] }
}

private func targets(_ numbers: Range<Int>) -> [String] { numbers.map { "/n/\($0)" } }

@Suite("Between two services' ports")
struct ServiceToServiceTests {
    private func conversation(
        client: UInt16, server: UInt16, _ numbers: Range<Int>
    ) -> [TestSegment] {
        connection(turns(numbers), clientPort: client).map {
            var segment = $0
            segment.serverPort = server
            return segment
        }
    }

    @Test(
        "the one that sent the SYN is the client",
        arguments: [(8080, 9090), (9090, 8080), (8080, 8080)] as [(UInt16, UInt16)])
    func direction(client: UInt16, server: UInt16) {
        let result = run(
            conversation(client: client, server: server, 0..<5), ports: [8080, 9090])
        #expect(result.exchanges.map(\.target) == targets(0..<5))
        #expect(result.counters.connections == 1)
        #expect(result.counters.gaps == 0)
    }

    @Test(
        "the one that sends a request is the client where no SYN was captured", arguments: [2, 3],
        [(8080, 9090), (9090, 8080), (8080, 8080)] as [(UInt16, UInt16)])
    func pickUp(first: Int, ports: (UInt16, UInt16)) {
        let segments = conversation(client: ports.0, server: ports.1, 0..<5)
        let result = run(Array(segments[first...]), ports: [8080, 9090])
        #expect(result.exchanges.map(\.target) == targets((first - 2)..<5))
    }
}
