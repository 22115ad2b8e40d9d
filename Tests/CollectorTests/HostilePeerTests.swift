import Chain
import Foundation
import Glibc
import Metering
import Records
import Store
import Testing
import Wire

@testable import Collector

@Suite("A hostile peer harms itself alone", .serialized)
struct HostilePeerTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
    }

    @Test("a batch that its agent did not sign is kept as evidence, not as records")
    func unsigned() async throws {
        let (agent, store) = (try SampleAgent("a"), store)
        try await withServer(store) { port in
            let batch = try agent.signer.batch(agent.records(1...3), from: 1)
            var signature = batch.signature
            signature[5] ^= 1
            let changes = [
                Batch(
                    first: 1, records: batch.records, previous: batch.previous,
                    signature: signature),
                Batch(
                    first: 1, records: batch.records, previous: Array(batch.previous.reversed()),
                    signature: batch.signature),
                Batch(
                    first: 1, records: Array(batch.records.dropLast()), previous: batch.previous,
                    signature: batch.signature),
            ]
            for change in changes {
                var client = try agent.client(port)
                try client.send(manifest: agent.manifest)
                try client.send(change)
                #expect(try client.failure().code == .identity)
            }
            #expect(try store.all().isEmpty)
            #expect(try store.alerts().map(\.kind) == [.signature])
            #expect(try store.alerts().first?.count == 3)
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(1...3), from: 1) == 3)
        }
    }

    @Test("a process that was replaced does not come back, and both are named")
    func clone() async throws {
        let (agent, store) = (try SampleAgent("a"), store)
        try await withServer(store) { port in
            let first = try agent.client(port, instance: 1)
            var second = try agent.client(port, instance: 2)
            // The one before is closed.
            _ = try first.client.rest()
            #expect(throws: WireError.self) { try agent.client(port, instance: 1) }
            try second.send(manifest: agent.manifest)
            #expect(try second.deliver(agent.records(1...3), from: 1) == 3)
            let alert = try #require(try store.alerts().first)
            #expect(alert.kind == .clone)
            #expect(alert.text.contains("one at 127.0.0.1, now at 127.0.0.1"))
            // Nor does one whose spool is an old copy, which made fewer records than are stored.
            #expect(throws: WireError.self) { try agent.client(port, next: 2, instance: 3) }
            #expect(try store.alerts().count == 2)
        }
    }

    @Test("an agent whose state is an older copy is told so, and welcome with a new run")
    func restored() async throws {
        let (agent, store) = (try SampleAgent("a"), store)
        let copy = try SampleAgent("a", key: agent.signer.key)
        let other = try SampleAgent("a", run: RunID(8), key: agent.signer.key)
        try await withServer(store) { port in
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(1...7), from: 1) == 7)
            // It made fewer records than are stored.
            do {
                _ = try agent.client(port, next: 5)
                Issue.record("welcome with records that it did not make")
            } catch let error as WireError { #expect(error.code == .otherRecords) }
            // It made as many, and others.
            var diverged = try copy.client(port)
            try diverged.send(manifest: copy.manifest)
            _ = try copy.signer.batch(copy.records(1...7).map { Array($0.reversed()) }, from: 1)
            try diverged.send(copy.records(8...9), from: 8)
            #expect(try diverged.failure().code == .otherRecords)
            // The server sees the end of a connection in its own time.
            let deadline = ContinuousClock.now + .seconds(60)
            var renewed = try? other.client(port)
            while renewed == nil, ContinuousClock.now < deadline {
                renewed = try? other.client(port)
            }
            var last = try #require(renewed)
            try last.send(manifest: other.manifest)
            #expect(try last.deliver(other.records(1...2), from: 1) == 2)
        }
        #expect(try store.all().count == 9)
        #expect(try store.alerts().contains { $0.kind == .clone })
    }

    @Test("an agent that connects again and again takes one place, and shuts nobody out")
    func manyConnections() async throws {
        let (agent, other, store) = (try SampleAgent("a"), try SampleAgent("b"), store)
        var limits = ServerLimits()
        limits.connections = 4
        try await withServer(store, limits) { port in
            var held: [Any] = []
            for _ in 0..<20 { if let one = try? agent.client(port) { held.append(one) } }
            #expect(held.count >= 4)
            // Those that were closed leave in their own time.
            let deadline = ContinuousClock.now + .seconds(120)
            while ContinuousClock.now < deadline {
                guard var client = try? other.client(port) else { continue }
                try client.send(manifest: other.manifest)
                #expect(try client.deliver(other.records(1...3), from: 1) == 3)
                return
            }
            Issue.record("the other agent was not welcomed")
        }
    }

    @Test("a clock a year ahead is told of, and its records are kept")
    func clock() async throws {
        let (agent, store) = (try SampleAgent("a"), store)
        let ahead = (UInt64(time(nil)) + 366 * 86_400 - origin) / 10
        try await withServer(store) { port in
            var client = try agent.client(port, first: ahead, next: ahead + 9)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver([agent.record(ahead)], from: ahead) == ahead)
            #expect(
                try client.deliver([agent.record(ahead + 1)], from: ahead + 1) == ahead + 1)
        }
        #expect(try store.alerts().map(\.kind) == [.clock])
        #expect(try store.alerts().map(\.count) == [1])
    }

    @Test("silent connections close one another, and agents get in")
    func silent() async throws {
        var limits = ServerLimits()
        limits.strangers = 20
        let agent = try SampleAgent("a")
        try await withServer(store, limits) { port in
            let silent = try (0..<200).map { _ in try Client(port: port) }
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(1...3), from: 1) == 3)
            for one in silent.prefix(150) { _ = try one.rest() }
        }
    }

    @Test("frames that never end do not keep others' out")
    func unfinished() async throws {
        var limits = ServerLimits()
        limits.unfinishedFrames = 1
        limits.patience = .milliseconds(50)
        let agent = try SampleAgent("a")
        try await withServer(store, limits) { port in
            // Each says that a frame of 1 MiB comes; there is memory for one.
            let slow = try (0..<5).map { number in
                let other = try SampleAgent("slow \(number)").client(port)
                let length = UInt32(WireLimits.frame - 4).littleEndian
                try other.client.send(
                    withUnsafeBytes(of: length) { Array($0) } + [4]
                        + Array(repeating: 0, count: 500_000))
                return other
            }
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(1...400), from: 1) == 400)
            _ = slow
        }
    }

    @Test("a batch that drips is closed in time")
    func dripping() async throws {
        var limits = ServerLimits()
        // Also how soon a connection that was being worked on is looked at again.
        limits.handshake = .seconds(3)
        limits.silence = .milliseconds(300)
        let agent = try SampleAgent("a")
        try await withServer(store, limits) { port in
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            let frame = try client.frame(agent.records(1...50), from: 1)
            let start = ContinuousClock.now
            for byte in frame {
                guard (try? client.client.send([byte])) != nil else { break }
                usleep(20_000)
                if ContinuousClock.now - start > .seconds(30) { break }
            }
            #expect(ContinuousClock.now - start < .seconds(30))
        }
        #expect(try store.all().isEmpty)
    }
}
