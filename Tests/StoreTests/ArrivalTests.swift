import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let manifest = ManifestDigest(7)

private func entries(_ number: UInt64, _ digests: [UInt64]) -> [IncomingRecord] {
    let start = Timestamp(1_000_000_000_000 + number * 10_000_000_000)
    let window = Window(start: start, end: start + .seconds(10), duration: .seconds(10))
    return [
        IncomingRecord(
            sequence: number * 2 - 1, window: window, manifest: manifest, kind: .completions,
            completions: digests.map {
                IncomingCompletion(secret: 1, scenario: "credit", digest: $0, flows: 1)
            }, bytes: [1, 0]),
        IncomingRecord(sequence: number * 2, window: window, manifest: manifest, bytes: [2, 0]),
    ]
}

/// What a reading tells: the entries, and the places of flows that have several among them.
private struct Told: Equatable {
    var entries: [String] = []
    var places: Set<String> = []

    init(_ store: SQLiteRecordStore, receivedBy: UInt64) throws {
        var found: [UInt64: [String]] = [:]
        try store.forEachRecord(
            from: Timestamp(0), to: Timestamp(.max), receivedBy: Timestamp(receivedBy),
            { entries.append("\($0.agent) \($0.sequence)") },
            repeated: {
                found[$0.digest, default: []].append("\($0.digest) \($0.agent) \($0.sequence)")
            })
        places = Set(found.values.filter { $0.count > 1 }.joined())
    }
}

@Suite("What had been received by a time")
struct ArrivalTests {
    private static func fill(_ path: String, seed: UInt64) throws {
        var random = Seeded(seed)
        let store = try SQLiteRecordStore(path: path)
        try store.store(manifest: manifest, bytes: [1, 2, 3])
        for agent in ["a", "b"] {
            for number: UInt64 in 1...8 {
                let digests = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                    UInt64.random(in: 0...20, using: &random)
                }
                _ = try store.keep(entries(number, digests), of: agent, run: commonRun) {
                    [$0 % 2 == 1 ? 1 : 2, 0]
                }
            }
        }
        try store.close()
    }

    private static func change(_ path: String, _ sql: String...) throws {
        let database = try DatabaseQueue(path: path)
        try database.write { db in
            for one in sql { try db.execute(sql: one) }
        }
        try database.close()
    }

    @Test("is read as if nothing else had ever come", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func law(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        // Each entry came at another time, in no order.
        let times = "UPDATE records SET received_ns = (id * 7919) % 101"
        try Self.fill(directory.store, seed: seed)
        try Self.change(directory.store, times)
        let whole = try SQLiteRecordStore(path: directory.store)
        for cutoff in stride(from: UInt64(0), through: 101, by: 9) {
            let other = try TemporaryDirectory()
            try Self.fill(other.store, seed: seed)
            try Self.change(
                other.store, times,
                """
                DELETE FROM completions WHERE record_id IN
                  (SELECT id FROM records WHERE received_ns > \(cutoff))
                """, "DELETE FROM records WHERE received_ns > \(cutoff)")
            let part = try SQLiteRecordStore(path: other.store)
            #expect(try Told(whole, receivedBy: cutoff) == Told(part, receivedBy: .max))
            try part.close()
        }
        #expect(try Told(whole, receivedBy: 101).entries.count == 32)
        #expect(try !Told(whole, receivedBy: 101).places.isEmpty)
    }

    @Test("and what came since is found by its number, before a time alone")
    func since() throws {
        let directory = try TemporaryDirectory()
        try Self.fill(directory.store, seed: 9)
        let store = try SQLiteRecordStore(path: directory.store)
        let now = try store.arrivals()
        let far = Timestamp(UInt64(Int64.max))
        #expect(try !store.hasArrivals(after: now, before: far))
        _ = try store.keep(entries(9, []), of: "a", run: commonRun) { [$0 % 2 == 1 ? 1 : 2, 0] }
        #expect(try store.hasArrivals(after: now, before: far))
        let start = Timestamp(1_090_000_000_000)
        #expect(try !store.hasArrivals(after: now, before: start))
        #expect(try store.hasArrivals(after: now, before: start + Nanoseconds(1)))
        // A number that was given anew.
        let later = Arrivals(record: now.record + 1_000, imported: now.imported)
        #expect(try store.hasArrivals(after: later, before: Timestamp(0)))
    }
}
