import CertificateAuthority
import Foundation
import LogDiary
import Metering
import NIOCore
import NIOPosix
import Store
import Synchronization
import Testing
import TransportSecurity
import Wire

@testable import Collector

@Suite("The server with TLS", .serialized)
final class TLSServerTests {
    private let directory: TemporaryDirectory
    private let store: SQLiteRecordStore
    private let authority: String
    private let diary = Diary()

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
        authority = directory.path + "/ca"
        _ = try CertificateAuthority.make(named: "test", in: authority)
    }

    // MARK: Certificates

    private static func files(_ issued: IssuedFiles, of authority: String) -> CredentialFiles {
        CredentialFiles(
            authorities: "\(authority)/ca.pem", certificate: issued.certificate, key: issued.key)
    }

    private static func agentFiles(
        _ id: String, by authority: String, at now: Date = Date()
    ) throws -> CredentialFiles {
        files(
            try CertificateAuthority(in: authority).issueAgent(
                id, to: "\(authority)-\(UUID().uuidString)", at: now), of: authority)
    }

    private func agentFiles(_ id: String, at now: Date = Date()) throws -> CredentialFiles {
        try Self.agentFiles(id, by: authority, at: now)
    }

    private func collector() throws -> LiveCredentials {
        let issued = try CertificateAuthority(in: authority).issueCollector(
            hosts: ["127.0.0.1"], to: "\(directory.path)/\(UUID().uuidString)")
        return LiveCredentials(
            Self.files(issued, of: authority), side: .collector, log: diary.log)
    }

    // MARK: Connections

    /// Runs a server while `script` talks to it on its port, and until it has logged `words`: a
    /// server that stops says no more.
    @discardableResult
    private func serve<T: Sendable>(
        _ credentials: LiveCredentials?, _ limits: ServerLimits = ServerLimits(),
        now: @escaping @Sendable () -> Timestamp = { .now }, untilLogged words: [String] = [],
        _ script: @escaping @Sendable (Int) async throws -> T
    ) async throws -> T {
        let (ports, found) = AsyncStream<Int>.makeStream()
        let server = Server(
            host: "127.0.0.1", port: 0, store: store, credentials: credentials, limits: limits,
            now: now, log: diary.log, listening: { found.yield($0.port ?? 0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: OwnThreads.shared) { try await server.run() }
            defer { group.cancelAll() }
            for await port in ports {
                let result = try await script(port)
                for words in words { await diary.wait(for: words) }
                return result
            }
            throw Client.Closed()
        }
    }

    /// Connects under a certificate, says Hello as `agent`, and gives what the collector answers
    /// until `enough`.
    private static func greet(
        _ files: CredentialFiles, _ agent: SampleAgent, port: Int,
        until enough: @escaping @Sendable (AgentEvent) -> Bool = { _ in true }
    ) async throws -> [AgentEvent] {
        let credentials = LiveCredentials(files, side: .agent, log: Diary().log)
        let (channel, verified) = try await ClientBootstrap(
            group: MultiThreadedEventLoopGroup.singleton
        ).connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                let verified = try credentials.connect(
                    channel, host: "127.0.0.1", within: .seconds(60))
                return (
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel), verified
                )
            }
        }
        let hello = try agent.signer.hello()
        return try await channel.executeThenClose { inbound, outbound in
            _ = try await verified.get()
            var session = AgentSession(hello: hello)
            // Where the connection has ended by now, the reading side knows why.
            do {
                try await outbound.write(ByteBuffer(bytes: try session.open()))
            } catch is ChannelError {}
            var events: [AgentEvent] = []
            for try await buffer in inbound {
                events += session.receive(Array(buffer.readableBytesView))
                if events.contains(where: enough) { return events }
            }
            return events
        }
    }

    private static func refusal(_ events: [AgentEvent]) -> (RefusalCode, String)? {
        for case .failed(.refused(let code, let text)) in events { return (code, text) }
        return nil
    }

    // MARK: Tests

    @Test("lets an agent in under its own certificate, and refuses it under another's")
    func identity() async throws {
        let own = try agentFiles("a"), other = try agentFiles("b")
        let agent = try SampleAgent("a")
        try await serve(collector(), untilLogged: ["error agent refused"]) { port in
            guard case .welcomed? = try await Self.greet(own, agent, port: port).first else {
                Issue.record("not welcomed")
                return
            }
            let answer = try await Self.greet(other, agent, port: port)
            let refusal = try #require(Self.refusal(answer))
            #expect(refusal.0 == .identity)
            #expect(refusal.1.contains("is of agent b, not of agent a"))
        }
        #expect(diary.count(of: "error agent refused") == 1)
        #expect(diary.count(of: "is of agent b, not of agent a") == 1)
    }

    @Test("tells a peer without TLS in the clear that it takes TLS only")
    func plainPeer() async throws {
        let agent = try SampleAgent("a")
        try await serve(collector(), untilLogged: ["the peer speaks no TLS"]) { port in
            let answer = try await offPool {
                let client = try Client(port: port)
                var session = AgentSession(hello: try agent.signer.hello())
                try client.send(session.open())
                return session.receive(try client.rest())
            }
            let refusal = try #require(Self.refusal(answer))
            #expect(refusal.0 == .identity && refusal.1.contains("TLS only"))
        }
        #expect(diary.count(of: "the peer speaks no TLS") == 1)
    }

    @Test("without TLS names a peer that speaks it")
    func plainPort() async throws {
        let own = try agentFiles("a")
        let agent = try SampleAgent("a")
        try await serve(nil, untilLogged: ["the peer speaks TLS and this port does not"]) { port in
            await #expect(throws: TLSFailure.peerIsPlain) {
                try await Self.greet(own, agent, port: port)
            }
        }
        #expect(diary.count(of: "the peer speaks TLS and this port does not") == 1)
    }

    @Test("names an expired certificate, and lets others in beside it")
    func expired() async throws {
        // The authority is older than what it issued.
        let past = Date() - 3 * 366 * 86_400
        try FileManager.default.removeItem(atPath: authority)
        _ = try CertificateAuthority.make(named: "old", in: authority, at: past)
        let old = try agentFiles("a", at: past), good = try agentFiles("b")
        let agents = try (SampleAgent("a"), SampleAgent("b"))
        try await serve(collector(), untilLogged: ["the peer's certificate expired on"]) { port in
            await #expect(throws: TLSFailure.self) {
                try await Self.greet(old, agents.0, port: port)
            }
            guard case .welcomed? = try await Self.greet(good, agents.1, port: port).first else {
                Issue.record("not welcomed")
                return
            }
        }
        #expect(diary.count(of: "the peer's certificate expired on 20") == 1)
    }

    @Test("closes a connection whose certificate ends while it is open")
    func ending() async throws {
        let own = try agentFiles("a")
        let agent = try SampleAgent("a")
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(100)
        // The certificate is for two years, and the server's clock is three ahead once it has let
        // the agent in.
        let ahead = Mutex<UInt64>(0)
        let now = { @Sendable in
            Timestamp(Timestamp.now.rawValue + ahead.withLock { $0 } * 1_000_000_000)
        }
        let events = try await serve(
            collector(), limits, now: now, untilLogged: ["connection closed"]
        ) { port in
            try await Self.greet(own, agent, port: port) {
                if case .welcomed = $0 { ahead.withLock { $0 = 3 * 366 * 86_400 } }
                return if case .failed = $0 { true } else { false }
            }
        }
        guard case .welcomed? = events.first else {
            Issue.record("not welcomed: \(events)")
            return
        }
        #expect(Self.refusal(events)?.0 == .identity)
        #expect(diary.count(of: "the peer's certificate expired on") == 1)
    }

    @Test("gives up a handshake that does not go on")
    func slow() async throws {
        var limits = ServerLimits()
        limits.handshake = .milliseconds(200)
        try await serve(collector(), limits) { port in
            // A handshake record that never ends.
            let answer = try await offPool {
                let client = try Client(port: port)
                try client.send([22, 3, 1, 1, 0])
                return try client.rest()
            }
            #expect(answer.isEmpty)
        }
    }

    // MARK: An independent peer

    @Test(
        "is met by OpenSSL with TLS 1.3 and a certificate, and refuses TLS 1.2 and no certificate",
        .enabled("openssl is missing: apt-get install openssl") {
            FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")
        })
    func openSSL() async throws {
        let own = try agentFiles("a")
        let trust = ["-CAfile", own.authorities, "-verify_return_error"]
        let identity = ["-cert", own.certificate, "-key", own.key]
        var limits = ServerLimits()
        limits.handshake = .seconds(3)
        try await serve(collector(), limits, untilLogged: ["showed no certificate"]) { port in
            let connect = { (options: [String]) in
                try await offPool { try Self.openssl(port, options) }
            }
            let good = try await connect(
                trust + identity + ["-verify_ip", "127.0.0.1", "-tls1_3"])
            #expect(good.contains("Verify return code: 0 (ok)"), "\(good)")
            #expect(good.contains("New, TLSv1.3"), "\(good)")
            let otherName = try await connect(trust + identity + ["-verify_ip", "127.0.0.2"])
            #expect(otherName.contains("IP address mismatch"), "\(otherName)")
            let old = try await connect(trust + identity + ["-tls1_2"])
            #expect(old.contains("protocol version"), "\(old)")
            let nobody = try await connect(trust)
            #expect(nobody.contains("certificate required"), "\(nobody)")
        }
        #expect(diary.count(of: "the peer speaks no TLS 1.3") == 1, "\(diary.text)")
        #expect(diary.count(of: "the peer showed no certificate") == 1, "\(diary.text)")
    }

    /// All that `openssl s_client` prints; it stays until the server ends the connection.
    private static func openssl(_ port: Int, _ options: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/timeout")
        process.arguments =
            [
                "-s", "KILL", "20", "openssl", "s_client", "-connect", "127.0.0.1:\(port)",
                "-ign_eof",
            ] + options
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
