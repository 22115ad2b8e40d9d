import Foundation
import NIOCore
import NIOPosix
import Prometheus
import Testing

@Suite("Metrics for Prometheus")
struct MetricsTests {
    @Test("are written as its text format says")
    func text() {
        var text = MetricsText()
        text.add(
            "a_total", .counter, "What a is.",
            [.init(3, (name: "to", value: "a\\b\"c\nd")), .init(UInt64.max)])
        text.add("b_seconds", .gauge, "What b is.", [.init(0.5)])
        #expect(
            text.text == """
                # HELP a_total What a is.
                # TYPE a_total counter
                a_total{to="a\\\\b\\"c\\nd"} 3
                a_total 18446744073709551615
                # HELP b_seconds What b is.
                # TYPE b_seconds gauge
                b_seconds 0.5

                """)
    }

    @Test("leave out what is unknown, and are never 0 in its place")
    func unknown() {
        var text = MetricsText()
        text.add("a", .gauge, "a", [.init(Int?.none), .init(Double.nan), .init(Double?.none)])
        #expect(text.text == "")
    }

    @Test("are served to whoever asks for /metrics, made anew each time")
    func served() async throws {
        let served = Served()
        try await withServer({ await served.next() }) { port in
            for number in 1...3 {
                let answer = try await ask("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", port)
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(answer.contains("content-type: text/plain; version=0.0.4"))
                #expect(answer.hasSuffix("\r\n\r\nx \(number)\n"))
            }
            let answer = try await ask("GET /metrics?a=b HTTP/1.0\r\n\r\n", port)
            #expect(answer.hasSuffix("\r\n\r\nx 4\n"))
        }
    }

    @Test(
        "answer anything else with an error, and end the connection",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "405"),
            ("PUT /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde", "413"),
            ("\u{16}\u{3}\u{1}\u{2}", nil), ("GARBAGE\r\n\r\n", "400"),
        ] as [(String, String?)])
    func refused(request: String, status: String?) async throws {
        try await withServer({ "x 1\n" }) { port in
            let answer = try await ask(request, port)
            if let status { #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)") }
            #expect(!answer.contains("x 1"))
        }
    }

    @Test("name what to do where their address cannot be taken")
    func fix() {
        let taken = MetricsServer.fix(EADDRINUSE, port: 80, of: "agent")
        #expect(taken.contains("ss -ltnp 'sport = :80'") && taken.contains("as root"), "\(taken)")
        #expect(MetricsServer.fix(EACCES, port: 80, of: "agent").contains("1024"))
        for code in [EADDRINUSE, EACCES, EADDRNOTAVAIL, nil] {
            let fix = MetricsServer.fix(code, port: 80, of: "collector")
            #expect(fix.contains("listen.metrics"), "\(fix)")
            #expect(fix.hasSuffix(", then restart the collector"), "\(fix)")
        }
    }

    @Test("hold few connections, and serve again once those have ended")
    func crowded() async throws {
        try await withServer({ "x 1\n" }) { port in
            try await waitUntil {
                let answer = try? await offPool {
                    let idle = try (0..<16).map { _ in try Peer(port) }
                    return try withExtendedLifetime(idle) {
                        try Peer(port).answer(to: "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
                    }
                }
                return answer == ""
            }
            try await waitUntil {
                (try? await ask("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", port))?.contains("x 1")
                    == true
            }
        }
    }

    private func waitUntil(_ isTrue: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        while !(await isTrue()) {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func withServer(
        _ content: @escaping @Sendable () async -> String, _ body: (Int) async throws -> Void
    ) async throws {
        let server = try await MetricsServer(
            host: "127.0.0.1", port: 0, group: MultiThreadedEventLoopGroup.singleton,
            content: content)
        try await body(try #require(server.address?.port))
        await server.close()
    }

    private func ask(_ request: String, _ port: Int) async throws -> String {
        try await offPool { try Peer(port).answer(to: request) }
    }

    /// Works on a thread of its own: the server needs those of the tests.
    private func offPool<T: Sendable>(
        _ work: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result(catching: work)) }
        }
    }
}

private actor Served {
    private var number = 0

    func next() -> String {
        number += 1
        return "x \(number)\n"
    }
}

/// A blocking client, with a time limit.
private final class Peer {
    private let descriptor: Int32

    init(_ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
    }

    deinit { close(descriptor) }

    /// All that comes until the server ends the connection.
    func answer(to request: String) throws -> String {
        let bytes = Array(request.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        shutdown(descriptor, Int32(SHUT_WR))
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == ECONNRESET { break }
            try #require(count >= 0)
            if count == 0 { break }
            all += buffer[..<count]
        }
        return String(decoding: all, as: UTF8.self)
    }
}
