import Assessment
import Foundation
import GRDB
import Metering
import Report
import Rounds
import SCI
import Store
import Testing

@testable import Collector

@Suite("No figures are kept that rest on records which are not what came")
struct DamagedRecordsTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore
    let plan: SealedPlan
    /// When the last round has closed and settled.
    private let closed = Timestamp(Deliveries.end(3) + 70_000_000_000)
    private let software = PlanReportContent.Software(name: "Jouleflow", version: "test")

    /// A store with all records of a plan's four rounds.
    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/a.db")
        plan = try PlanFleet.seal(in: store)
        let deliveries = try Deliveries(seed: 8)
        for one in deliveries.all { try deliveries.deliver(one, to: store) }
    }

    private func close() throws -> [NewRevision] {
        try Pipeline.closeRounds(
            of: plan, in: store, factors: .builtIn(), software: software, at: closed)
    }

    private func report() throws -> PlanReportContent {
        try Pipeline.report(
            PlanReportRequest(
                plan: PlanFleet.plan, sealed: plan, factors: .builtIn(), now: closed,
                software: software), from: store
        ) {
            try store.keep($0, of: plan.hash).count == $0.count
        }
    }

    private func damage(_ sql: String) throws {
        let raw = try DatabaseQueue(path: directory.path + "/a.db")
        try raw.write { try $0.execute(sql: sql) }
        try raw.close()
    }

    /// Record 9 of a2, which lies in round 1.
    private static let record = """
        run_id = (SELECT runs.id FROM runs JOIN agents ON agents.id = agent_id WHERE name = 'a2')
        AND sequence = 9
        """

    @Test(
        "what was destroyed or altered in the store is named, and never kept as late data",
        arguments: [
            "UPDATE records SET bytes = zeroblob(length(bytes)) WHERE \(record)",
            "UPDATE records SET bytes = (SELECT bytes FROM records WHERE sequence = 10) WHERE \(record)",
            "DELETE FROM records WHERE \(record)",
        ])
    func late(sql: String) throws {
        #expect(try close().count == 4)
        try damage(sql)
        let kept = try store.revisions(of: plan.hash)
        #expect(throws: DamagedRecords.self) {
            try Pipeline.reviseRounds(
                of: plan, in: store, factors: .builtIn(), software: software, at: closed)
        }
        let content = try report()
        #expect(try store.revisions(of: plan.hash) == kept)
        #expect(try store.comparedArrivals(of: plan.hash) == nil)
        let shown = try #require(content.revisions.first { !$0.isKept })
        #expect(shown.round == 1 && shown.revision == 2)
        #expect(
            shown.reason.en
                == "stored records of a2 were altered or destroyed: restore the store from a backup; "
                + "verify names the places")
        #expect(!content.table(.english).contains("late records"))
        try expectMarked(content)
        #expect(try Pipeline.verify(store).findings.contains { $0.contains("a2, run abcd0001: ") })
    }

    /// No assessment, said at the head of each form; and nothing is exported.
    private func expectMarked(_ content: PlanReportContent) throws {
        guard case .incomplete(let reason) = content.standing else {
            Issue.record("a report on altered records is an assessment")
            return
        }
        #expect(reason == content.damage)
        #expect(content.table(.english).prefix(400).contains("restored from a backup"))
        #expect(content.table(.chinese).prefix(400).contains("须从备份恢复存储"))
        #expect(throws: DamagedRecords.self) {
            try Pipeline.export(
                PlanReportRequest(
                    plan: PlanFleet.plan, sealed: plan, factors: .builtIn(), now: closed,
                    software: software), from: store
            ) { _ in }
        }
    }

    @Test("records under a manifest that was altered are none: their columns may be another's")
    func manifest() throws {
        #expect(try close().count == 4)
        // Read as before, with a digest that is another: an unknown field stands behind the last.
        try damage("UPDATE manifests SET bytes = CAST(bytes || X'F83F01' AS BLOB)")
        let kept = try store.revisions(of: plan.hash)
        try expectMarked(try report())
        #expect(try store.revisions(of: plan.hash) == kept)
    }

    @Test("a record under another host's name is none of its")
    func otherHost() throws {
        try damage(
            """
            UPDATE records SET agent_id = (SELECT id FROM agents WHERE name = 'a1')
            WHERE \(Self.record)
            """)
        let error = #expect(throws: DamagedRecords.self) { try close() }
        #expect(
            error?.description.hasPrefix("1 record cannot be read (a1, run abcd0001: record 9): ")
                == true)
        try expectMarked(report())
    }

    private static let day = 86_400_000_000_000
    private static let away = "start_ns = start_ns - \(day), end_ns = end_ns - \(day)"
    private static let ofHost = """
        run_id = (SELECT runs.id FROM runs JOIN agents ON agents.id = agent_id WHERE name = 'a2')
        """

    @Test(
        "records that were put at another time are missed where they belong",
        arguments: [
            ("SET \(away) WHERE \(record)", 1, "9"),
            ("SET \(away) WHERE \(ofHost) AND sequence = 1", 1, "1"),
            ("SET \(away) WHERE \(ofHost) AND sequence = 197", 1, "197"),
            ("SET \(away) WHERE \(ofHost) AND sequence BETWEEN 40 AND 60", 21, "40"),
            ("SET \(away) WHERE \(ofHost)", 197, "1"),
            ("SET \(away), agent_id = 1 + agent_id % 2 WHERE \(record)", 1, "9"),
        ] as [(String, UInt64, String)])
    func moved(change: String, count: UInt64, first: String) throws {
        try damage("UPDATE records \(change)")
        #expect(throws: DamagedRecords.self) { try close() }
        let kept = try store.revisions(of: plan.hash)
        let content = try report()
        #expect(try store.revisions(of: plan.hash) == kept)
        let place = "a2, run abcd0001: record \(first), kept as of another time"
        #expect(
            content.damage?.en.hasPrefix(
                "\(count) record\(count == 1 ? "" : "s") cannot be read (\(place)") == true,
            "\(content.damage?.en ?? "nothing")")
        try expectMarked(content)
        let factor = try #require(try FactorTable.builtIn()["全国-2023-average"])
        let period = try Period(
            from: Timestamp(PlanFleet.start), to: Timestamp(Deliveries.end(3)),
            roundLength: Nanoseconds(PlanFleet.length))
        let plain = try Pipeline.report(
            ReportRequest(period: period, factor: factor), from: store)
        #expect(plain.unreadable == count)
        #expect(plain.table().contains("Records that cannot be read, not counted: \(count)"))
    }

    @Test("an entry of no kind is named in place of figures")
    func noKind() throws {
        try damage("UPDATE records SET kind = 9 WHERE \(Self.record)")
        let error = #expect(throws: StoreError.self) { try close() }
        #expect(error?.description.contains("of the records of a2 is of no kind") == true)
        #expect(throws: StoreError.self) { try report() }
    }

    @Test("nor rows of completions that no record tells of")
    func completions() throws {
        try damage(
            """
            INSERT INTO digest_scopes (secret, scenario) VALUES (7, 'credit');
            INSERT INTO completions (scope_id, digest, record_id, position, flows)
              SELECT 1, 5, id, 0, 1 FROM records WHERE \(Self.record);
            """)
        let error = #expect(throws: DamagedRecords.self) { try close() }
        #expect(
            error?.description.hasPrefix("rows of completions are not what the records' bytes say")
                == true)
        let content = try report()
        #expect(try store.revisions(of: plan.hash).isEmpty)
        #expect(content.html(.english).contains("rows of completions are not what the records say"))
        try expectMarked(content)
    }

    @Test("no round closes on records that cannot be read; the report names them")
    func unreadable() throws {
        try damage("UPDATE records SET bytes = zeroblob(40) WHERE \(Self.record)")
        let error = #expect(throws: DamagedRecords.self) { try close() }
        #expect(
            error?.description.hasPrefix(
                "1 record cannot be read (a2, run abcd0001: record 9): no figures are kept")
                == true)
        let content = try report()
        #expect(try store.revisions(of: plan.hash).isEmpty)
        #expect(content.revisions.allSatisfy { !$0.isKept })
        #expect(
            content.html(.english).contains(
                "records that cannot be read and are left out: 1 (a2, run abcd0001: record 9)"))
    }
}
