import Assessment
import Foundation
import Logging
import Metering
import Records
import ServiceLifecycle
import Store
import Synchronization
import Testing

@testable import Collector

private func collector(_ arguments: String...) async throws -> Finished {
    try await offPool {
        try run(products.appending(path: "jouleflow-collector"), arguments)
    }
}

@Suite("Commands of the store: usage, imports, backup, rollups", .serialized)
struct StoreCareCommandTests {
    let directory: TemporaryDirectory
    var database: String { directory.path + "/records.db" }

    init() throws {
        directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore(path: database)
        let agent = try SampleAgent("a")
        try agent.signer.keep(agent.records(1...400), from: 1, under: agent.manifest, in: store)
        try store.close()
    }

    private func usage(_ more: String...) async throws -> Finished {
        let arguments =
            [
                "usage", "--store", database, "--from", "2026-11-21T00:00Z", "--to",
                "2026-11-22T00:00Z",
            ] + more
        return try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = directory.path + "/" + name
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("what is asked of the wrong file or with too few digits is answered with what to write")
    func wrongWords() async throws {
        let store = try await collector("verify", database)
        #expect(store.status == 5)
        #expect(
            store.errors.contains(
                "is no bundle but a store: jouleflow-collector verify --store \(database)"),
            "\(store.errors)")
        let digits = try await collector("report", "8c1", "--store", database)
        #expect(digits.status == 1)
        #expect(
            digits.errors.contains("8c1 is no beginning of a plan's hash: give 4 or more"),
            "\(digits.errors)")
        let config = try file(
            "c.yaml",
            """
            version: 1
            plaintext: true
            store: {sqlite: \(directory.path)}
            """)
        let folder = try await collector("verify", "--config", config)
        #expect(folder.status == 5)
        #expect(
            folder.errors.contains(
                "\(directory.path) is a folder: store.sqlite in \(config) names the store's file"),
            "\(folder.errors)")
    }

    @Test("usage prints what the records say, headed as no assessment")
    func figures() async throws {
        let agent = try SampleAgent("a")
        let energy = try (1...400 as ClosedRange<UInt64>).reduce(UInt64(0)) { sum, sequence in
            sum + (try RecordCodec.decode(agent.record(sequence)).energy.value?.rawValue ?? 0)
        }
        let json = try await usage("--format", "json", "--by", "hour", "--per", "host")
        #expect(json.status == 0)
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        let content = try #require(object as? [String: Any])
        #expect(content["assessment"] as? Bool == false)
        let total = try #require(content["total"] as? [String: Any])
        #expect(total["energy_microjoules"] as? UInt64 == energy)
        #expect(total["records"] as? Int == 400)
        #expect((content["lines"] as? [Any])?.count == 2)
        let table = try await usage()
        #expect(table.status == 0)
        #expect(table.output.hasPrefix("非评估结果 / not an assessment"))
        #expect(
            try await usage("--format", "csv", "--by", "day").output.contains(
                "no,yes,2026-11-21T00"))
        #expect(try await usage("--host", "b").status == 2)
        let cut = try await collector(
            "usage", "--store", database, "--from", "2026-11-21T00:00:10Z", "--to",
            "2026-11-22T00:00Z")
        #expect(cut.status == 2)
        #expect(cut.errors.contains("whole hours"))
    }

    @Test("rollups are made anew, with days of another zone")
    func rollups() async throws {
        let before = try await usage("--format", "json").output
        #expect(try await collector("rollups", "rebuild", "--store", database).status == 0)
        #expect(try await usage("--format", "json").output == before)
        let moved = try await collector(
            "rollups", "rebuild", "--store", database, "--day-offset", "-3")
        #expect(moved.status == 0)
        #expect(try await usage("--by", "day").output.contains("UTC−3"))
        #expect(
            try await collector("rollups", "rebuild", "--store", database, "--day-offset", "15")
                .status == 2)
    }

    @Test("imports are kept with their digest, revised, listed and shown")
    func imports() async throws {
        let text = "meter,from,to,kwh\nm,2026-11-01T00:00+08:00,2026-11-02T00:00+08:00,1.5\n"
        let path = try file("m.csv", text)
        let taken = try await collector(
            "import", "--store", database, "--meter", path, "--signed-by", "Li")
        #expect(taken.status == 0)
        #expect(taken.output.hasPrefix("import 1: 1 lines, SHA-256 "))
        let same = try await collector(
            "import", "--store", database, "--meter", path, "--signed-by", "Li")
        #expect(same.output.contains("nothing changed"))
        let newer = try file("n.csv", text.replacing("1.5", with: "1.6"))
        #expect(try await collector("import", "--store", database, "--meter", newer).status == 0)
        let cut = try file(
            "c.csv", text.replacing("m,2026-11-01T00", with: "m,2026-11-01T12"))
        let refused = try await collector("import", "--store", database, "--meter", cut)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("import 2"))
        let wrong = try file("w.csv", text + "m,yesterday,today,1\n")
        let broken = try await collector("import", "--store", database, "--meter", wrong)
        #expect(broken.status == 3)
        #expect(broken.errors.contains("w.csv:3:3:"))
        let list = try await collector("imports", "list", "--store", database)
        #expect(list.output.split(separator: "\n").count == 2)
        #expect(list.output.contains("\tLi\tm.csv"))
        let shown = try await collector("imports", "show", "2", "--store", database)
        #expect(
            shown.output
                == "meter,from_ns,to_ns,energy_uj\nm,1793462400000000000,1793548800000000000,"
                + "5760000000000\n")
        #expect(try await collector("imports", "show", "9", "--store", database).status == 1)
        #expect(try await collector("import", "--store", database).status == 2)
        #expect(
            try await collector("import", "--store", database, "--meter", "/nonexistent").status
                == 5)
    }

    @Test("a backup is verified and is a store; it never replaces a file")
    func backup() async throws {
        let copy = directory.path + "/copy.db"
        let made = try await collector("backup", "--store", database, copy)
        #expect(made.status == 0, "\(made.errors)")
        #expect(made.output.contains("400 records, verified"))
        #expect(try await collector("verify", "--store", copy).status == 0)
        #expect(try await collector("backup", "--store", database, copy).status == 5)
        let store = try SQLiteRecordStore(path: database)
        try Self.alter(database)
        try store.close()
        let unsound = try await collector("backup", "--store", database, copy + "2")
        #expect(unsound.status == 1)
        #expect(!FileManager.default.fileExists(atPath: copy + "2"))
    }

    private static func alter(_ database: String) throws {
        _ = try run(
            URL(fileURLWithPath: "/usr/bin/python3"),
            [
                "-c",
                "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); "
                    + "c.execute(\"UPDATE records SET bytes=x'00' WHERE sequence=7\"); c.commit()",
                database,
            ])
    }

    @Test("upkeep deletes by age, keeps what must stay, says it, and verify follows the chain")
    func upkeep() async throws {
        let path = directory.path + "/upkeep.db"
        let store = try SQLiteRecordStore(path: path)
        let agent = try SampleAgent("a")
        for first in stride(from: UInt64(1), to: 401, by: 40) {
            try agent.signer.keep(
                agent.records(first...first + 39), from: first, under: agent.manifest, in: store)
        }
        try store.beginRebuild(.standard)
        let now = Timestamp((origin + 2_000) * 1_000_000_000 + 86_400_000_000_000)
        let upkeep = StoreUpkeep(
            store, keepWindows: .seconds(86_400), pause: .zero, now: { now },
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { try await upkeep.run() }
        // 200 windows of 10 s are older than a day.
        try await Self.wait { try store.all().count <= 200 }
        task.cancel()
        try await task.value
        #expect(try store.all().count == 200)
        #expect(try store.rollupState().waiting == 0)
        try store.close()
        let verified = try await collector("verify", "--store", path)
        #expect(verified.status == 0, "\(verified.errors)")
        #expect(verified.output.contains("200 records were deleted by retention"))
        #expect(verified.output.contains("records 1 to 200 were deleted"))
    }

    @Test("upkeep leaves what a sealed plan needs, however old")
    func plannedWindows() async throws {
        let store = try SQLiteRecordStore(path: directory.path + "/planned.db")
        let agent = try SampleAgent("a")
        try agent.signer.keep(agent.records(1...40), from: 1, under: agent.manifest, in: store)
        try store.beginRebuild(.standard)
        _ = try PlanFleet.seal(in: store)
        let planned = try Pipeline.plannedTime(in: store)
        #expect(planned.map(\.start) == [Timestamp(PlanFleet.start)])
        #expect(planned.map(\.length) == [Nanoseconds(PlanFleet.length * 4)])
        let now = Timestamp((origin + 1_000 * 86_400) * 1_000_000_000)
        let asked = Mutex(0)
        let upkeep = StoreUpkeep(
            store, keepWindows: .seconds(86_400), pause: .zero, interval: .milliseconds(1),
            now: {
                asked.withLock { $0 += 1 }
                return now
            },
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { try await upkeep.run() }
        try await Self.wait { asked.withLock { $0 > 2 } }
        task.cancel()
        try await task.value
        #expect(try store.all().count == 40)
        try store.close()
    }

    private static func wait(until isTrue: () throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        while try !isTrue(), .now < deadline { try await Task.sleep(for: .milliseconds(10)) }
    }
}
