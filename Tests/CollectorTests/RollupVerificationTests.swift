import Foundation
import GRDB
import Metering
import Store
import Testing

@testable import Collector

@Suite("Verify holds roll-ups to the records that they are of")
struct RollupVerificationTests {
    let directory: TemporaryDirectory
    private let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/a.db")
        for host in PlanFleet.hosts {
            let sent = try PlanFleet.records(of: host)
            try sent.signer.keep(sent.records, from: 1, under: sent.manifest, in: store)
        }
    }

    private func findings(after sql: String) throws -> [String] {
        try verification(after: sql).findings
    }

    private func verification(after sql: String) throws -> Verification {
        let sound = try Pipeline.verify(store)
        #expect(sound.findings == [] && sound.uncomparedRollups == nil)
        try store.close()
        let raw = try DatabaseQueue(path: directory.path + "/a.db")
        try raw.write { try $0.execute(sql: sql) }
        try raw.close()
        return try Pipeline.verify(SQLiteRecordStore(reading: directory.path + "/a.db"))
    }

    private static let host = "(SELECT id FROM agents WHERE name = 'a2')"
    private static let first = "(SELECT min(start_h) FROM rollup_hours)"
    private static let hour = "WHERE agent_id = \(host) AND start_h = \(first)"

    /// What is done to roll-ups, and what is said of it.
    static let cases: [(sql: String, title: String, words: String)] = [
        (
            "UPDATE rollup_hours SET bytes = (SELECT bytes FROM rollup_hours WHERE agent_id <> "
                + "\(host) AND start_h = \(first) AND bytes <> (SELECT bytes FROM rollup_hours "
                + "\(hour)) LIMIT 1) \(hour)",
            "the roll-up of the hour", "is not what its records say"
        ),
        (
            "DELETE FROM rollup_hours \(hour)",
            "the roll-up of the hour", "is not what its records say"
        ),
        (
            "UPDATE rollup_hours SET bytes = x'0100' \(hour)",
            "the roll-up of the hour", "is damaged"
        ),
        (
            "INSERT INTO rollup_hours SELECT start_h + 5000, agent_id, x'0100000000000000' "
                + "FROM rollup_hours \(hour)",
            "the roll-up of the hour", "has no record that it is of"
        ),
        (
            "DELETE FROM rollup_days WHERE agent_id = \(host)",
            "the roll-up of the day", "is not the sum of its hours"
        ),
        (
            "DELETE FROM rollup_months WHERE agent_id = \(host)",
            "the roll-up of the month", "is not the sum of its days"
        ),
        (
            "INSERT INTO rollup_days SELECT start_h - 24000, agent_id, bytes FROM rollup_days "
                + "WHERE agent_id = \(host) LIMIT 1",
            "1 roll-ups of a day", "have none of a hour"
        ),
    ]

    @Test(
        "an hour, a day or a month that was altered, taken out or added is named",
        arguments: cases.indices)
    func altered(index: Int) throws {
        let (sql, title, words) = Self.cases[index]
        let found = try findings(after: sql)
        #expect(
            found.contains { $0.contains(title) && $0.contains(words) }, "\(found.prefix(5))")
    }

    @Test(
        "a state that no rebuild has is named, and stops no comparison",
        arguments: [
            "upto = 0, through = -5", "upto = upto + 1000000", "through = through + 1, upto = 0",
            "upto = -1, through = -2",
        ])
    func strangeState(state: String) throws {
        let found = try verification(
            after: "UPDATE rollup_state SET \(state); DELETE FROM rollup_hours \(Self.hour)")
        #expect(found.uncomparedRollups == nil)
        #expect(found.findings.first?.hasPrefix("rollup_state (through ") == true)
        #expect(
            found.findings.contains { $0.contains("is not what its records say") },
            "\(found.findings.prefix(5))")
    }

    @Test("where roll-ups are not compared, verification says why")
    func uncompared() throws {
        try store.beginRebuild(.standard)
        let waiting = try #require(try Pipeline.verify(store).uncomparedRollups)
        #expect(waiting.hasPrefix("they are being made anew, with "))
        while try Pipeline.continueRebuild(store) {}
        let found = try verification(after: "UPDATE records SET start_ns = start_ns + 1")
        #expect(!found.findings.isEmpty)
        #expect(found.uncomparedRollups == "what was found comes before them")
    }

    @Test("rebuilt roll-ups are what records say again, and simulated ones are no finding")
    func rebuilt() throws {
        var sums = Rollup()
        sums[.records] = 1
        sums.flags = .simulated
        try store.add(simulated: [(agent: "a2", parts: [HourPart(hour: 500_000, sums: sums)])])
        #expect(try !findings(after: "DELETE FROM rollup_hours \(Self.hour)").isEmpty)
        let again = try SQLiteRecordStore(path: directory.path + "/a.db")
        try again.beginRebuild(.standard)
        #expect(try Pipeline.verify(again).findings == [])
        while try Pipeline.continueRebuild(again) {}
        #expect(try Pipeline.verify(again).findings == [])
    }
}
