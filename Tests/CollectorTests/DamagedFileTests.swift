import Foundation
import GRDB
import Metering
import Store
import Testing

@testable import Collector

@Suite("A store whose file is damaged")
struct DamagedFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> String { directory.path + "/" + name }

    private func collector(_ arguments: [String]) async throws -> Finished {
        try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
    }

    private func fill() throws {
        let store = try SQLiteRecordStore(path: path("a.db"))
        let agent = try SampleAgent("a")
        let records = try (1...40).map { try agent.record(UInt64($0)) }
        try agent.signer.keep(records, from: 1, under: agent.manifest, in: store)
        try store.close()
    }

    @Test("is said to be damaged, and what to do, without statements and controls")
    func damaged() async throws {
        try fill()
        let raw = try DatabaseQueue(path: path("a.db"))
        let (root, size) = try await raw.read { db in
            (
                try Int.fetchOne(
                    db, sql: "SELECT rootpage FROM sqlite_master WHERE name = 'records'") ?? 0,
                try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
            )
        }
        try raw.close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path("a.db")))
        try #require(root > 1 && bytes.count >= root * size)
        bytes.replaceSubrange(
            (root - 1) * size..<root * size, with: Data(repeating: 7, count: size))
        try bytes.write(to: URL(fileURLWithPath: path("a.db")))
        let end = try await collector([
            "report", "--store", path("a.db"), "--from", "2026-11-21T00:00:00Z", "--to",
            "2026-11-21T00:01:00Z", "--round", "60s", "--factor", "全国-2023-average",
        ])
        #expect(end.status == 5)
        #expect(end.errors.contains("the store is damaged (SQLite error 11: "), "\(end.errors)")
        #expect(end.errors.contains(": restore the store from a backup; "), "\(end.errors)")
        #expect(!end.errors.contains("SELECT") && end.errors.filter(\.isNewline).count == 1)
        let verified = try await collector(["verify", "--store", path("a.db")])
        #expect(verified.status == 1, "\(verified.errors)")
        #expect(verified.output.contains("nothing further can be read: the store is damaged"))
        #expect(StoreError.tamed("a\u{1B}[31m\u{202E}b\n") == "a\u{FFFD}[31m\u{FFFD}b\u{FFFD}")
    }
}
