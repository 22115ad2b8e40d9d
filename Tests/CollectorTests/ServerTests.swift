import Foundation
import Metering
import Records
import Store
import Testing
import Wire

@testable import Collector

@Suite("The server keeps what agents deliver, exactly once", .serialized)
struct ServerTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
    }

    @Test("it acknowledges what is in the store already")
    func acknowledged() async throws {
        let agent = try SampleAgent("a")
        let store = store
        try await withServer(store) { port in
            var client = try agent.client(port)
            #expect(client.durable == 0)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(1...20), from: 1) == 20)
            #expect(try store.all().map(\.bytes) == agent.records(1...20))
        }
    }

    @Test("connections that break and repeat leave each record once", arguments: [1, 2, 3])
    func broken(seed: UInt64) async throws {
        let agent = try SampleAgent("a")
        let store = store
        try await withServer(store) { port in
            var random = seed
            var delivered: UInt64 = 0
            for _ in 0..<12 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                var client = try agent.client(port)
                #expect(client.durable >= delivered)
                try client.send(manifest: agent.manifest)
                let first = client.durable + 1
                let last = first + (random >> 33) % 30
                // Every other connection breaks without waiting for the acknowledgement.
                if random >> 62 & 1 == 0 {
                    try client.send(agent.records(first...last), from: first)
                } else {
                    delivered = try client.deliver(agent.records(first...last), from: first)
                    #expect(delivered == last)
                }
            }
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            let first = client.durable + 1
            #expect(try client.deliver(agent.records(first...400), from: first) == 400)
        }
        #expect(try store.all().map(\.bytes) == agent.records(1...400))
        #expect(try store.losses() == [])
        #expect(try store.integrityProblems() == [])
    }

    @Test("what the agent no longer has is a loss, not a wait")
    func lost() async throws {
        let agent = try SampleAgent("a")
        let store = store
        try await withServer(store) { port in
            var client = try agent.client(port, first: 4)
            #expect(client.durable == 3)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(4...5), from: 4) == 5)
            #expect(try client.deliver(agent.records(8...9), from: 8) == 9)
        }
        #expect(try store.losses().map { [$0.first, $0.last] } == [[1, 3], [6, 7]])
    }

    @Test("after a restart it knows what is durable")
    func restarted() async throws {
        let agent = try SampleAgent("a")
        for expected: UInt64 in [0, 10, 20] {
            let store = try SQLiteRecordStore(path: directory.path + "/records.db")
            try await withServer(store) { port in
                var client = try agent.client(port)
                #expect(client.durable == expected)
                try client.send(manifest: agent.manifest)
                _ = try client.deliver(
                    agent.records(expected + 1...expected + 10), from: expected + 1)
            }
        }
        #expect(try store.all().map(\.sequence) == Array(1...30))
    }

    @Test("garbage ends that connection and no other")
    func garbage() async throws {
        let agent = try SampleAgent("a")
        let store = store
        try await withServer(store) { port in
            var good = try agent.client(port)
            try good.send(manifest: agent.manifest)
            for bytes in [
                Array("GET / HTTP/1.1\r\n\r\n".utf8), Array(repeating: 0xFF, count: 9_000),
                Array(repeating: 0, count: 64),
            ] {
                let bad = try Client(port: port)
                try? bad.send(bytes)
                _ = try bad.rest()
            }
            #expect(try good.deliver(agent.records(1...3), from: 1) == 3)
        }
        #expect(try store.agents() == ["a"])
    }

    @Test("a second agent with the id of a connected one is refused; after the first it is welcome")
    func sharedID() async throws {
        let agent = try SampleAgent("a")
        let store = store
        try await withServer(store) { port in
            var first = try agent.client(port)
            try first.send(manifest: agent.manifest)
            #expect(try first.deliver(agent.records(1...2), from: 1) == 2)
            let second = try Client(port: port)
            var session = AgentSession(hello: try Signer("a", run: RunID(77)).hello())
            try second.send(session.open())
            let refusal = session.receive(try second.rest()).last
            // The first is there until here.
            withExtendedLifetime(first) {}
            guard case .failed(.refused(let code, _))? = refusal else {
                Issue.record("not refused: \(String(describing: refusal))")
                return
            }
            #expect(code == .connectedAlready)
            // The same run again: an agent whose old link is still half open.
            var again = try agent.client(port)
            try again.send(manifest: agent.manifest)
            #expect(try again.deliver(agent.records(3...3), from: 3) == 3)
        }
    }

    @Test("a peer that sends no hello is closed in time")
    func mute() async throws {
        var limits = ServerLimits()
        limits.handshake = .milliseconds(100)
        try await withServer(store, limits) { port in
            let mute = try Client(port: port)
            _ = try mute.rest()
            let dripping = try Client(port: port)
            try dripping.send([0])
            _ = try dripping.rest()
        }
    }

    @Test("an agent that falls silent is closed in time, and told why")
    func silent() async throws {
        var limits = ServerLimits()
        limits.silence = .milliseconds(200)
        let agent = try SampleAgent("a")
        try await withServer(store, limits) { port in
            var silent = try agent.client(port)
            guard case .refused(_, let text) = try silent.failure() else {
                Issue.record("not refused")
                return
            }
            #expect(text == "silent for too long")
        }
    }

    @Test("heartbeats keep a quiet connection open")
    func heartbeats() async throws {
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(20)
        let agent = try SampleAgent("a")
        try await withServer(store, limits) { port in
            let client = try Client(port: port)
            var session = AgentSession(hello: try agent.signer.hello())
            try client.send(session.open())
            var beats = 0
            while beats < 3 {
                let bytes = try client.receive()
                try #require(!bytes.isEmpty)
                beats += session.receive(bytes).filter { $0 == .heartbeat }.count
            }
        }
    }

    @Test("a peer that reads is kept, however late the collector's own tasks go on")
    func late() async throws {
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(20)
        // A peer that takes nothing for so long is closed.
        limits.handshake = .seconds(2)
        let agent = try SampleAgent("a")
        let late = OwnThreads()
        let beats = try await withServer(store, limits, on: late) { port in
            let client = try Client(port: port)
            var session = AgentSession(hello: try agent.signer.hello())
            try client.send(session.open())
            var beats = 0
            defer { late.delay.withLock { $0 = .zero } }
            while beats < 2 {
                let bytes = try client.receive()
                if bytes.isEmpty { break }
                beats += session.receive(bytes).filter { $0 == .heartbeat }.count
                if beats > 0 { late.delay.withLock { $0 = .milliseconds(2_200) } }
            }
            return beats
        }
        #expect(beats >= 2, "closed while it read")
    }

    @Test("beyond the limit a connection is turned away, and there is room again later")
    func crowded() async throws {
        var limits = ServerLimits()
        limits.connections = 1
        let (first, second) = (try SampleAgent("a"), try SampleAgent("b"))
        try await withServer(store, limits) { port in
            var kept: AgentClient? = try first.client(port)
            #expect(throws: WireError.self) {
                _ = try second.client(port)
            }
            withExtendedLifetime(kept) {}
            kept = nil
            // The place is free once the server has seen the close.
            let end = ContinuousClock.now + .seconds(10)
            var entered = false
            while !entered, ContinuousClock.now < end {
                entered = (try? second.client(port)) != nil
            }
            #expect(entered)
        }
    }

    @Test("records that are not what they were sent as are refused whole")
    func identity() async throws {
        let (agent, other) = (try SampleAgent("a"), try SampleAgent("b"))
        let never = try SampleAgent("never sent")
        let store = store
        try await withServer(store) { port in
            var wrongManifest = try agent.client(port)
            try wrongManifest.send(manifest: other.manifest)
            #expect(try Self.code(wrongManifest.failure()) == .identity)

            var wrongNumber = try agent.client(port)
            try wrongNumber.send(manifest: agent.manifest)
            try wrongNumber.send([agent.record(1), agent.record(3)], from: 1)
            #expect(try Self.code(wrongNumber.failure()) == .malformed)

            var altered = try agent.client(port)
            try altered.send(manifest: agent.manifest)
            var bytes = try agent.record(1)
            bytes[bytes.count - 1] ^= 1
            try altered.send([bytes], from: 1)
            #expect(try Self.code(altered.failure()) == .malformed)

            var borrowed = try other.client(port)
            try borrowed.send(manifest: other.manifest)
            try borrowed.send([agent.record(1)], from: 1)
            #expect(try Self.code(borrowed.failure()) == .identity)

            var unknown = try other.client(port)
            try unknown.send(manifest: other.manifest)
            try unknown.send([never.record(1)], from: 1)
            #expect(try Self.code(unknown.failure()) == .malformed)
        }
        #expect(try store.all().isEmpty)
    }

    private static func code(_ error: WireError) -> RefusalCode { error.code }

    @Test("a store that fails is told to the agent, which keeps its records")
    func failing() async throws {
        let agent = try SampleAgent("a")
        let reader = try SQLiteRecordStore(reading: directory.path + "/records.db")
        try await withServer(reader) { port in
            let client = try Client(port: port)
            var session = AgentSession(hello: try agent.signer.hello())
            try client.send(session.open())
            let events = session.receive(try client.rest())
            guard case .failed(let error) = events.last else {
                Issue.record("not refused")
                return
            }
            #expect(error.code == .storeFailed)
        }
    }
}
