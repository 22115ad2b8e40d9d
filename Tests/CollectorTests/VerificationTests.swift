import Foundation
import GRDB
import Metering
import Store
import Testing

@testable import Collector

@Suite("Verification holds every column against the bytes it was read from")
struct VerificationTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    /// Windows 1 to 3 of two agents, and one more that was cut off: entries 1 to 12 of each.
    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
        for name in ["a", "b"] {
            let agent = try FleetAgent(name)
            for window: UInt64 in 1...4 {
                let digests = [window, window + 100, window << 60]
                for entry in try agent.entries(window, digests, cutOff: window == 4) {
                    try agent.keep(entry, in: store)
                }
            }
        }
    }

    private func findings(after sql: String) throws -> [String] {
        #expect(try Pipeline.verify(store).findings == [])
        let queue = try DatabaseQueue(path: directory.path + "/records.db")
        try queue.write { try $0.execute(sql: sql) }
        let verification = try Pipeline.verify(store)
        #expect(verification.runs == 2 && verification.records == 24)
        return verification.findings
    }

    /// Entry 5 of b: the second half of window 2's digests.
    private static let entry = "(SELECT id FROM records WHERE sequence = 5 AND agent_id = 2)"

    @Test(
        "and names what was changed behind its back",
        arguments: [
            ("UPDATE records SET start_ns = start_ns + 1 WHERE id = #", "5: the column start_ns"),
            ("UPDATE records SET end_ns = end_ns + 1 WHERE id = #", "5: the column end_ns"),
            ("UPDATE records SET kind = 0 WHERE id = #", "5: the column kind"),
            ("UPDATE records SET counts = 0 WHERE id = #", "5: the column counts"),
            ("UPDATE records SET agent_id = 1 WHERE id = #", "5: the column agent_id"),
            (
                "UPDATE completions SET flows = 9 WHERE record_id = # AND position = 1",
                "5: the row of its completion 1 is not what its bytes say"
            ),
            (
                "UPDATE completions SET digest = digest + 1 WHERE record_id = # AND position = 0",
                "5: the row of its completion 0 is not what its bytes say"
            ),
            (
                "DELETE FROM completions WHERE record_id = # AND position = 1",
                "5: the row of its completion 1 is missing"
            ),
            (
                """
                INSERT INTO completions SELECT scope_id, 77, record_id, 2, 1 FROM completions
                WHERE record_id = # AND position = 0
                """,
                "5: its bytes have no completion 2, and a row has"
            ),
            (
                """
                INSERT INTO completions SELECT scope_id, 77, record_id, 1, 1 FROM completions
                WHERE record_id = # AND position = 0
                """,
                "5: two rows are its completion 1"
            ),
            (
                """
                INSERT INTO completions SELECT scope_id, 77, # + 1, 0, 1 FROM completions
                WHERE record_id = # AND position = 0
                """,
                "6: its bytes have no completion 0, and a row has"
            ),
        ])
    func place(sql: String, words: String) throws {
        let findings = try findings(after: sql.replacing("#", with: Self.entry))
        #expect(
            findings.contains { $0.hasPrefix("b, run abcd: record \(words)") }, "\(findings)")
    }

    @Test(
        "and what it keeps of a run as a whole",
        arguments: [
            ("UPDATE runs SET longest = 1", "the column longest"),
            ("UPDATE runs SET first_sequence = 2", "the column first_sequence"),
            ("UPDATE digest_scopes SET secret = 5", "the row of its completion 0"),
            ("UPDATE digest_scopes SET scenario = 'query'", "the row of its completion 0"),
            (
                """
                UPDATE runs SET durable = 6, head = (
                  SELECT previous FROM statements WHERE run_id = runs.id AND first = 7)
                """,
                "record 7 follows those that were acknowledged"
            ),
        ])
    func run(sql: String, words: String) throws {
        let findings = try findings(after: sql)
        for name in ["a", "b"] {
            #expect(
                findings.contains { $0.hasPrefix("\(name), run") && $0.contains(words) },
                "\(findings)")
        }
    }

    @Test("with as many findings told as there is room for, and the rest counted")
    func many() throws {
        let agent = try FleetAgent("c")
        let digests = (1...1_200).map { UInt64($0) }
        for entry in try agent.entries(1, digests) { try agent.keep(entry, in: store) }
        #expect(try Pipeline.verify(store).findings == [])
        let queue = try DatabaseQueue(path: directory.path + "/records.db")
        try queue.write { try $0.execute(sql: "UPDATE completions SET flows = flows + 1") }
        let verification = try Pipeline.verify(store)
        #expect(verification.findings.count == Verification.most && verification.more > 0)
    }
}
