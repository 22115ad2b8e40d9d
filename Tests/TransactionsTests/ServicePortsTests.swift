import Testing
import Traffic

@testable import Transactions

@Suite("A connection's service")
struct ServicePortsTests {
    private static let here: [[UInt8]] = [address(1), address(2)]

    private static func address(_ last: UInt8) -> [UInt8] {
        Array(repeating: 0, count: 10) + [0xff, 0xff, 10, 0, 0, last]
    }

    private func service(
        _ client: UInt8, _ server: UInt8, port: UInt16, host: [[UInt8]] = here
    ) -> Int? {
        let ports = ServicePorts(
            [
                EngineService(ports: [80, 81], selectors: []),
                EngineService(ports: [81, 443], isOutgoing: true, selectors: []),
            ], localAddresses: host)
        return ports.service(
            of: ConnectionKey(
                client: Address(ipv4: 0x0a00_0000 | UInt32(client)),
                server: Address(ipv4: 0x0a00_0000 | UInt32(server)), clientPort: 5000,
                serverPort: port))
    }

    @Test("is the one that is offered where others connect, the called one where this host does")
    func directions() {
        #expect(service(9, 1, port: 80) == 0)
        #expect(service(9, 1, port: 81) == 0)
        #expect(service(1, 9, port: 81) == 1)
        #expect(service(1, 9, port: 443) == 1)
        // Of a container behind an interface of this host, neither end is this host.
        #expect(service(8, 9, port: 80) == 0)
        #expect(service(8, 9, port: 81) == 0)
    }

    @Test("is none where the direction is not wanted")
    func unwanted() {
        #expect(service(1, 9, port: 80) == nil)
        #expect(service(9, 1, port: 443) == nil)
        #expect(service(8, 9, port: 443) == nil)
        #expect(service(9, 1, port: 82) == nil)
    }

    @Test("is the one that is offered where this host connects to itself, if its port is offered")
    func loopback() {
        #expect(service(1, 2, port: 81) == 0)
        #expect(service(1, 1, port: 80) == 0)
        #expect(service(1, 2, port: 443) == 1)
    }

    @Test("goes by the port alone where the host is not known, as in a file")
    func unknownHost() {
        #expect(service(1, 9, port: 80, host: []) == 0)
        #expect(service(1, 9, port: 81, host: []) == 0)
        #expect(service(9, 1, port: 443, host: []) == 1)
    }
}
