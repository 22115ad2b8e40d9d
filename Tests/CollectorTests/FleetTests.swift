import Foundation
import GRDB
import Metering
import Records
import Report
import Rounds
import SCI
import Store
import Testing
import Wire

@testable import Collector

@Suite("Flows that two hosts counted are one in the report", .serialized)
struct FleetTests {
    let directory: TemporaryDirectory
    var database: String { directory.path + "/records.db" }

    init() throws { directory = try TemporaryDirectory() }

    /// Digests by host and window, from 1: each flow comes up once or twice on any host.
    private func load(_ seed: UInt64) -> [String: [[UInt64]]] {
        var random = SeededNumbers(seed)
        var load = ["a": [[UInt64]](repeating: [], count: 18)]
        load["b"] = load["a"]
        for number: UInt64 in 1...120 {
            let digest = number &* 0x9E37_79B9_7F4A_7C15
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let host = Bool.random(using: &random) ? "a" : "b"
                let window = Int.random(in: 0..<18, using: &random)
                // A host counts a flow once, unless it forgot its key in between.
                if load[host]?[window].contains(digest) == false {
                    load[host]?[window].append(digest)
                }
            }
        }
        return load
    }

    /// Each flow in the minute in which it was counted first.
    private func truth(_ load: [String: [[UInt64]]]) -> [Int] {
        var seen: Set<UInt64> = []
        var flows = [0, 0, 0]
        for window in 0..<18 {
            for host in ["a", "b"] {
                for digest in load[host]?[window] ?? [] where seen.insert(digest).inserted {
                    flows[window / 6] += 1
                }
            }
        }
        return flows
    }

    private func credit(_ report: [String: Any]) throws -> [[String: Any]] {
        let rounds = try #require(report["rounds"] as? [[String: Any]])
        return try rounds.map { round in
            try #require((round["scenarios"] as? [String: [String: Any]])?["credit"])
        }
    }

    @Test("with the figures of the truth and of the script, in any order of arrival")
    func anyOrder() async throws {
        guard Recomputation.isPossible else { return }
        let load = load(5)
        let truth = truth(load)
        var reports: [NSDictionary] = []
        for seed: UInt64 in 1...3 {
            let database = directory.path + "/\(seed).db"
            let store = try SQLiteRecordStore(path: database)
            var entries: [(FleetAgent, [UInt8])] = []
            for (name, windows) in load {
                let agent = try FleetAgent(name)
                let made = try windows.enumerated().flatMap { index, digests in
                    try agent.entries(UInt64(index + 1), digests)
                }
                // Signed in the order of their making, whatever the order of their arrival.
                _ = try agent.base.signer.batch(made, from: 1)
                entries += made.map { (agent, $0) }
            }
            var random = SeededNumbers(seed)
            for (agent, entry) in entries.shuffled(using: &random) {
                try agent.keep(entry, in: store)
            }
            let report = try await Recomputation.expectEqual(database, minutes: 3)
            #expect(try credit(report).map { $0["ta"] as? Int } == truth)
            reports.append(report as NSDictionary)
        }
        #expect(reports[0] == reports[1] && reports[0] == reports[2])
        let report = try #require(reports[0] as? [String: Any])
        #expect(report["records"] as? Int == 36)
        let rounds = try #require(report["rounds"] as? [[String: Any]])
        #expect(rounds.map { $0["valid"] as? Bool } == [true, true, true])
        let whole = load.values.joined().joined().count
        let repeated = whole - truth.reduce(0, +)
        #expect(repeated > 20)
        let credit = try credit(report)
        #expect(
            credit.reduce(0) { $0 + ($1["duplicates_across_hosts"] as? Int ?? 0) } == repeated)
        #expect(credit.map { $0["duplicates"] as? Int } == [42, 114, 186])
        #expect(credit[0]["deduplication"] as? [String] == ["fleet"])
    }

    @Test(
        "unless rows of completions were taken out of the store or altered, which is said",
        arguments: [
            "DELETE FROM completions WHERE digest = 1",
            "UPDATE completions SET flows = flows + 1 WHERE position = 0",
            "UPDATE completions SET digest = digest + 1 WHERE position = 0",
            "UPDATE digest_scopes SET secret = secret + 1",
        ])
    func altered(sql: String) async throws {
        let store = try SQLiteRecordStore(path: database)
        for name in ["b", "a"] {
            let agent = try FleetAgent(name)
            for entry in try agent.entries(1, [1, 2]) { try agent.keep(entry, in: store) }
        }
        let before = try await Recomputation.report(database, minutes: 1)
        #expect(before["altered_completions"] as? Bool == false)
        let raw = try DatabaseQueue(path: database)
        try await raw.write { try $0.execute(sql: sql) }
        try raw.close()
        let after = try await Recomputation.report(database, minutes: 1)
        #expect(after["altered_completions"] as? Bool == true)
    }

    @Test("whatever the column says that repeats which windows were counted")
    func counts() async throws {
        let store = try SQLiteRecordStore(path: database)
        for (name, isCutOff) in [("b", false), ("a", false), ("c", true)] {
            let agent = try FleetAgent(name)
            for entry in try agent.entries(1, [1, 2], cutOff: isCutOff) {
                try agent.keep(entry, in: store)
            }
        }
        let before = try await Recomputation.report(database, minutes: 1)
        let flows = try credit(before)[0]["duplicates_across_hosts"] as? Int
        #expect(flows == 2)
        let raw = try DatabaseQueue(path: database)
        try await raw.write { try $0.execute(sql: "UPDATE records SET counts = 1 - counts") }
        try raw.close()
        let after = try await Recomputation.report(database, minutes: 1)
        #expect(after as NSDictionary == before as NSDictionary)
        let found = try Pipeline.verify(SQLiteRecordStore(reading: database)).findings
        let columns = found.filter { $0.hasSuffix("the column counts is not what its bytes say") }
        #expect(columns.count == 9)
    }

    private func secondMinute() throws -> ReportContent {
        let store = try SQLiteRecordStore(reading: database)
        let factor = try #require(try FactorTable.builtIn()["全国-2023-average"])
        let start = Timestamp((origin + 60) * 1_000_000_000)
        let period = try Period(from: start, to: start + .seconds(60), roundLength: .seconds(60))
        return try Pipeline.report(ReportRequest(period: period, factor: factor), from: store)
    }

    @Test("unless the record of such a window is not what its row says, which is said")
    func otherRecord() async throws {
        let store = try SQLiteRecordStore(path: database)
        // The flows of window 1, in minute 1, come again in window 7, in minute 2.
        for (name, digests) in [("a", [1, 2]), ("b", [])] as [(String, [UInt64])] {
            let agent = try FleetAgent(name)
            for number: UInt64 in 1...7 {
                let told = number == 1 ? digests : number == 7 && name == "b" ? [1, 2] : []
                for entry in try agent.entries(number, told) { try agent.keep(entry, in: store) }
            }
        }
        #expect(try !secondMinute().hasAlteredCompletions)
        let raw = try DatabaseQueue(path: database)
        try await raw.write {
            try $0.execute(
                sql: """
                    UPDATE records SET bytes = zeroblob(length(bytes)) WHERE kind = 0 AND agent_id =
                      (SELECT id FROM agents WHERE name = 'a')
                    """)
        }
        try raw.close()
        #expect(try secondMinute().hasAlteredCompletions)
    }

    @Test("and rules that nothing hit are named")
    func rules() async throws {
        let store = try SQLiteRecordStore(path: database)
        for name in ["b", "a"] {
            let agent = try FleetAgent(name)
            for entry in try agent.entries(1, [1, 2]) { try agent.keep(entry, in: store) }
        }
        let report = try await Recomputation.report(database, minutes: 1)
        let rules = try #require(report["rules"] as? [[String: Any]])
        #expect(
            rules.map { $0["rule"] as? String } == ["apply", "callback", "#1", "ask", "pay"])
        #expect(rules.map { $0["hits"] as? Int } == [6, 0, 2, 2, 2])
        #expect(rules.allSatisfy { $0["hosts"] as? [String] == ["a", "b"] })
    }

    @Test("unless digests are missing or of several secrets, which is said")
    func findings() async throws {
        guard Recomputation.isPossible else { return }
        let store = try SQLiteRecordStore(path: database)
        let (a, b) = (try FleetAgent("a"), try FleetAgent("b", secret: 10))
        for number: UInt64 in 1...18 {
            let lacks = (2...7).contains(number)
            for entry in try a.entries(number, [number, number + 100]).dropFirst(lacks ? 1 : 0) {
                try a.keep(entry, in: store)
            }
            let onB = number > 12 ? [number] : []
            for entry in try b.entries(number, onB) { try b.keep(entry, in: store) }
        }
        let report = try await Recomputation.expectEqual(database, minutes: 3)
        let rounds = try #require(report["rounds"] as? [[String: Any]])
        #expect(rounds.map { $0["valid"] as? Bool } == [false, false, false])
        let problems = rounds.map { ($0["problems"] as? [String])?.joined() ?? "" }
        #expect(problems[0].contains("10 flows of credit on a came without the digests"))
        #expect(problems[1].contains("2 flows of credit on a came without the digests"))
        #expect(problems[2].contains("under several secrets on a, b"))
        #expect(try credit(report).map { $0["ta"] as? Int } == [12, 12, 18])
    }

    @Test("and arrive over the wire like records, broken ones too, and once")
    func wire() async throws {
        let store = try SQLiteRecordStore(path: database)
        let (a, b) = (try FleetAgent("a"), try FleetAgent("b"))
        let onA = try (1...6).flatMap { try a.entries($0, [$0, $0 + 10, $0 + 20]) }
        var onB = try (1...6).flatMap { try b.entries($0, [$0, $0 + 50]) }
        // Not what a decoder takes, under a right checksum: kept as it came.
        var broken = try RecordCodec.decodeCompletions(onB[0])
        broken.flows = [FlowCompletion(scenario: 200, digest: 1, flows: 1)]
        onB[0] = try RecordCodec.encode(broken)
        let parts = [(a, onA[..<8]), (b, onB[..<1]), (a, onA[...]), (b, onB[...])]
        try await withServer(store) { port in
            for (agent, entries) in parts {
                var client = try agent.base.client(port)
                try client.send(manifest: agent.manifest)
                let first = client.durable + 1
                let left = Array(entries[(Int(first) - 1)...])
                #expect(try client.deliver(left, from: first) == UInt64(entries.endIndex))
            }
        }
        #expect(try store.all().map(\.bytes) == onA + onB)
        #expect(try store.losses() == [])
        let report = try await Recomputation.report(database, minutes: 1)
        let credit = try #require(try credit(report).first)
        // Of b, window 1 lacks its first digest.
        #expect(credit["duplicates_across_hosts"] as? Int == 5)
        #expect(credit["ta"] as? Int == 25)
    }

    @Test("and what was cut off before it was counted repeats nothing")
    func cutOff() async throws {
        guard Recomputation.isPossible else { return }
        let store = try SQLiteRecordStore(path: database)
        for name in ["a", "b"] {
            let agent = try FleetAgent(name)
            for number: UInt64 in 1...18 {
                let isCutOff = name == "a" && number == 6
                // Flow 7 is in a's window that was cut off, in b's after it, and in a's after that.
                let digest =
                    name == "b" ? number : isCutOff || number == 8 ? 7 : number + 100
                for entry in try agent.entries(number, [digest], cutOff: isCutOff) {
                    try agent.keep(entry, in: store)
                }
            }
        }
        let report = try await Recomputation.expectEqual(database, minutes: 3)
        let credit = try credit(report)
        #expect(credit.map { $0["ta"] as? Int } == [11, 11, 12])
        #expect(credit.map { $0["counted_flows"] as? Int } == [11, 11, 12])
        let rounds = try #require(report["rounds"] as? [[String: Any]])
        #expect(
            rounds.allSatisfy { round in
                !"\(round["problems"] ?? "")".contains("digests")
            })
    }

    @Test("while a store of the version before is reported as it is")
    func older() async throws {
        guard Recomputation.isPossible else { return }
        let store = try SQLiteRecordStore(path: database)
        let agent = try SampleAgent("a")
        try agent.signer.keep(
            agent.records(1...18), from: 1, under: agent.manifest, in: store)
        try store.close()
        let before = try await Recomputation.expectEqual(database, minutes: 3)
        let downgrade = """
            import sqlite3, sys
            store = sqlite3.connect(sys.argv[1])
            store.executescript(\"\"\"DROP TABLE completions; DROP TABLE digest_scopes;
                ALTER TABLE records DROP COLUMN kind;
                ALTER TABLE records DROP COLUMN counts;
                DROP TABLE statements; DROP TABLE refused; DROP TABLE alerts;
                ALTER TABLE runs DROP COLUMN head; ALTER TABLE runs DROP COLUMN key_id;
                ALTER TABLE runs DROP COLUMN predecessor_run;
                ALTER TABLE runs DROP COLUMN predecessor_last; DROP TABLE keys;
                DELETE FROM grdb_migrations WHERE identifier <> 'records-1';\"\"\")
            """
        let outcome = try await Recomputation.run(script: downgrade, database)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let after = try await Recomputation.expectEqual(database, minutes: 3)
        #expect(before as NSDictionary == after as NSDictionary)
        let credit = try #require(try credit(after).first)
        #expect(credit["duplicates_across_hosts"] as? Int == 0)
        #expect((credit["deduplication"] as? [String])?.isEmpty == true)
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
