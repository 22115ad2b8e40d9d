import Assessment
import Foundation
import GRDB
import Imports
import Metering
import Store
import Testing

@testable import Collector

@Suite("Verification of a store holds plans, imports and revisions against their digests")
struct DocumentVerificationTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore
    let plan: SealedPlan

    /// A plan whose four rounds are closed, the first with a total of the ledger.
    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/a.db")
        plan = try PlanFleet.seal(in: store)
        for host in PlanFleet.hosts {
            let sent = try PlanFleet.records(of: host)
            try sent.signer.keep(
                sent.records, from: 1, under: sent.manifest, in: store,
                at: Timestamp(PlanFleet.start))
        }
        let end = PlanFleet.start + PlanFleet.length
        let totals = ImportContent.ledger([
            LedgerTotal(
                scenario: .credit,
                interval: Interval(start: Timestamp(PlanFleet.start), end: Timestamp(end)),
                flows: 1)
        ])
        _ = try Pipeline.keep(
            totals, file: "l.csv", signedBy: nil, signature: nil,
            at: Timestamp(PlanFleet.start), in: store)
        let kept = try Pipeline.closeRounds(
            of: plan, in: store, factors: .builtIn(), software: .init(name: "x", version: "1"),
            at: Timestamp(end + 3600 * 1_000_000_000))
        #expect(kept.count == 4)
    }

    private func verification(after sql: String) throws -> Verification {
        let before = try Pipeline.verify(store)
        #expect(before.findings == [])
        #expect(before.plans == 1 && before.imports == 1 && before.revisions == 4)
        try store.close()
        let raw = try DatabaseQueue(path: directory.path + "/a.db")
        try raw.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA foreign_keys = OFF")
            for trigger in try String.fetchAll(
                db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'")
            {
                try db.execute(sql: "DROP TRIGGER \(trigger)")
            }
            try db.execute(sql: sql)
        }
        try raw.close()
        return try Pipeline.verify(SQLiteRecordStore(reading: directory.path + "/a.db"))
    }

    private static let a2 = """
        (SELECT runs.id FROM runs JOIN agents ON agents.id = agent_id WHERE name = 'a2')
        """
    private static let records = "DELETE FROM records WHERE (run_id = \(a2) AND sequence"
    private static let statements = "DELETE FROM statements WHERE (run_id = \(a2) AND last"

    /// With a `#` where the plan's hash stands.
    static let cases: [(sql: String, finding: String)] = [
        ("UPDATE plans SET document = x'7b7d'", "plan # was altered: its text has another hash"),
        (
            "UPDATE plans SET start_ns = 5",
            "plan # has a start_ns that is not its first round's, which begins at "
                + Timestamp(PlanFleet.start).rfc3339
        ),
        (
            "INSERT INTO lodgings (plan_id, lodged_ns, kind, proof) VALUES (1, 1, 'oath', x'00')",
            "proof 1 of lodging is of no kind"
        ),
        (
            "INSERT INTO lodgings (plan_id, lodged_ns, kind, proof) VALUES (7, 1, 'note', x'00')",
            "proof 1 of lodging is of no plan"
        ),
        (
            "UPDATE imports SET bytes = CAST(bytes || x'0a' AS BLOB)",
            "import 1 was altered: its lines have another digest"
        ),
        ("UPDATE imports SET kind = 'meters'", "import 1 is of no kind"),
        ("UPDATE imports SET kind = 'assets'", "import 1 is no list of kind assets"),
        (
            "DELETE FROM imports",
            "revision 1 of round 1 of plan # rests on what is not in the store: imports: "
        ),
        (
            "UPDATE revisions SET bytes = zeroblob(9) WHERE round = 3",
            "revision 1 of round 3 of plan # was altered: its figures have another digest"
        ),
        (
            "UPDATE revisions SET round = 9 WHERE round = 3",
            "revision 1 of round 9 of plan # is of round 3 of plan #"
        ),
        (
            "UPDATE revisions SET revision = 2 WHERE round = 2",
            "revision 1 of round 2 of plan # is missing"
        ),
        (
            "\(records) > 150); \(statements) > 150); UPDATE runs SET durable = 150 WHERE id = \(a2)",
            "revision 1 of round 4 of plan # rests on what is not in the store: "
                + "47 of records 148 to 197 of a2, run abcd0001"
        ),
        (
            "\(records) > 0); \(statements) > 0); DELETE FROM runs WHERE id = \(a2)",
            "revision 1 of round 1 of plan # rests on what is not in the store: "
                + "records 1 to 50 of a2, run abcd0001, with all of that run"
        ),
        ("DELETE FROM plans", "revision 1 of round 1 is of no plan"),
        ("VACUUM", "trigger plans_are_once is missing"),
        (
            "CREATE TRIGGER plans_are_once BEFORE INSERT ON plans BEGIN SELECT 1; END",
            "trigger plans_are_once is not defined as Jouleflow defines it"
        ),
        ("CREATE VIEW v AS SELECT 1", "view v is not Jouleflow's"),
    ]

    @Test("and names what was changed behind its back, once", arguments: cases)
    func findings(sql: String, finding: String) throws {
        let found = try verification(after: sql).findings
        let expected = finding.replacing("#", with: plan.hash.description)
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test("an altered import is named wherever it is read")
    func altered() throws {
        _ = try verification(after: "UPDATE imports SET bytes = CAST(bytes || x'0a' AS BLOB)")
        let store = try SQLiteRecordStore(reading: directory.path + "/a.db")
        #expect(throws: StoreError.importAltered(id: 1)) { try PlanImports(store) }
    }

    @Test("and no backup is made of it", arguments: cases)
    func backup(sql: String, finding: String) async throws {
        let found = try verification(after: sql)
        #expect(!found.findings.isEmpty)
        let (path, copy) = (directory.path + "/a.db", directory.path + "/copy.db")
        let end = try await offPool {
            try run(
                products.appending(path: "jouleflow-collector"),
                ["backup", "--store", path, copy])
        }
        #expect(end.status == 1 && end.errors.contains("the copy is not sound, and was removed"))
        #expect(!FileManager.default.fileExists(atPath: copy))
    }
}
