import Assessment
import Chain
import Foundation
import Metering
import Records
import Report
import SCI
import Store
import Testing

@testable import Collector

@Suite("The report on a plan tells what its hosts did, computed without the program")
struct PlanReportTests {
    typealias Object = [String: Any]

    let directory: TemporaryDirectory
    let truth = PlanTruth()

    init() throws { directory = try TemporaryDirectory() }

    private func store() throws -> SQLiteRecordStore {
        try SQLiteRecordStore(path: directory.path + "/records.db")
    }

    /// `seconds` after the end of the last round's grace.
    private func request(
        _ sealed: SealedPlan?, seconds: Int = 0
    ) throws -> PlanReportRequest {
        let end = PlanFleet.start + UInt64(PlanFleet.rounds) * PlanFleet.length + 10_000_000_000
        return PlanReportRequest(
            plan: PlanFleet.plan, sealed: sealed, factors: try FactorTable.builtIn(),
            now: Timestamp(UInt64(Int(end) + seconds * 1_000_000_000)),
            software: .init(name: "Jouleflow", version: "test"))
    }

    private func json(_ content: PlanReportContent) throws -> Object {
        try #require(
            try JSONSerialization.jsonObject(with: Data(content.json().utf8)) as? Object)
    }

    private func near(_ value: Any?, _ truth: Double) -> Bool {
        guard let value = value as? Double else { return false }
        return abs(value - truth) <= abs(truth) * 1e-12
    }

    private func microjoules(_ energy: Object, _ state: String) -> UInt64? {
        ((energy[state] as? Object)?["microjoules"] as? NSNumber)?.uint64Value
    }

    private func expect(_ round: Object, _ true: PlanTruth.Round, simulated: Bool = true) throws {
        let energy = try #require(round["energy"] as? Object)
        let parts = `true`.parts
        #expect(microjoules(energy, "total") == `true`.energy)
        #expect(microjoules(energy, "measured") == parts.reduce(0) { $0 + $1.measured })
        #expect(microjoules(energy, "bridged") == parts.reduce(0) { $0 + $1.bridged })
        #expect(microjoules(energy, "estimated") == parts.reduce(0) { $0 + $1.estimated })
        #expect(microjoules(energy, "imputed") == parts.reduce(0) { $0 + $1.imputed })
        #expect(microjoules(energy, "simulated") == `true`.energy)
        #expect(near(round["o_grams"], `true`.grams(\.micrograms)))
        #expect(near(round["o_it_grams"], `true`.grams(\.micrograms)))
        #expect(near(round["o_facility_grams"], `true`.facilityGrams))
        #expect(near(round["o_market_grams"], `true`.grams(\.marketMicrograms)))
        let mass = try #require(round["m_grams"] as? Object)
        #expect(near(mass["low"], `true`.embodied(500_000)))
        #expect(near(mass["typical"], `true`.embodied(900_000)))
        #expect(near(mass["high"], `true`.embodied(2_000_001)))
        #expect((round["r_cf"] as? NSNumber)?.uint64Value == `true`.units)
        #expect(near(round["sci_grams_per_unit"], `true`.intensity))
        let scenarios = try #require(round["scenarios"] as? [Object])
        for (scenario, flows) in zip(scenarios, `true`.flows) {
            #expect((scenario["ta"] as? NSNumber)?.uint64Value == flows.completed + flows.refused)
            #expect((scenario["approved"] as? NSNumber)?.uint64Value == flows.completed)
            #expect((scenario["refused"] as? NSNumber)?.uint64Value == flows.refused)
        }
        #expect(`true`.flows[0].refused > 0)
    }

    @Test("and which counts are doubtful, in rounds that count all the same")
    func doubtful() throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store) { record, window in
            guard window < 25, record.tally.scenarios[0].observation == .seen else { return }
            record.flags.insert(.countsDoubtful)
            record.tally.exchanges = 1
            record.tally.losses.kernelDrops = 9
        }
        let content = try Pipeline.report(try request(sealed), from: store)
        let round = content.rounds[0]
        #expect(round.use == .counted && round.problems.isEmpty)
        #expect(round.countLoss == CountLoss(partsPerMillion: 900_000))
        #expect(content.rounds[2].countLoss == nil)
        let words = "the counts of a1 are doubtful in 25 of 50 windows: up to 90.00 % of the "
        #expect(round.disclosures.contains { $0.en.hasPrefix(words) })
        #expect(round.disclosures.contains { $0.zh.hasPrefix("a1 的 50 个窗口中有 25 个计数存疑") })
        for text in [content.json(), content.table(.english)] { #expect(text.contains(words)) }
        #expect(content.html(.english).contains("counted twice: Round 1 90.00 %<"))
    }

    @Test("in every round, in the mean, and in each line of its sensitivity")
    func truthful() throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fill(store)
        let report = try json(try Pipeline.report(try request(sealed), from: store))
        #expect(report["standing"] as? String == "assessment")
        #expect(report["simulated"] as? Bool == true)
        let rounds = try #require(report["rounds"] as? [Object])
        let uses = rounds.map { $0["use"] as? String }
        #expect(uses == ["counted", "invalid", "counted", "replaces"])
        #expect(rounds.map { $0["use_round"] as? Int } == [nil, 4, nil, 2])
        let problems = try #require(rounds[1]["problems"] as? [Object])
        #expect("\(problems)".contains("a2") && "\(problems)".contains("94.00 %"))
        #expect("\(rounds[0]["disclosures"] ?? "")".contains("b2"))
        for index in [0, 2, 3] { try expect(rounds[index], truth.rounds[index]) }

        let counted = [0, 2, 3].map { truth.rounds[$0] }
        let values = counted.map(\.intensity)
        let mean = values.reduce(0, +) / 3
        let result = try #require(report["result"] as? Object)
        #expect(near(result["mean_grams_per_unit"], mean))
        #expect(result["partial_mean_grams_per_unit"] is NSNull)
        let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2).squareRoot()
        let spread = try #require(result["sample_deviation_grams_per_unit"] as? Double)
        #expect(abs(spread - deviation) < deviation * 1e-9)
        let units = counted.reduce(0) { $0 + $1.units }
        let grams = counted.reduce(0) { $0 + $1.grams(\.micrograms) + $1.embodied(900_000) }
        #expect(near(result["ratio_of_sums_grams_per_unit"], grams / Double(units)))
        #expect((result["r_cf"] as? NSNumber)?.uint64Value == units)
        #expect(near(result["o_grams"], counted.reduce(0) { $0 + $1.grams(\.micrograms) }))
        // Student's t for two degrees of freedom at 95 %: 4.302652729749464.
        let range = try #require(result["interval_95_grams_per_unit"] as? Object)
        let width = 4.302652729749464 * deviation / 3.0.squareRoot()
        let (low, high) = (range["low"] as? Double ?? 0, range["high"] as? Double ?? 0)
        #expect(abs(low - (mean - width)) < mean * 1e-9)
        #expect(abs(high - (mean + width)) < mean * 1e-9)
        let plain = counted.reduce(0) {
            $0 + ($1.grams(\.micrograms) + $1.embodied(900_000)) / Double($1.unitsWithoutRefusals)
        }
        #expect(near(result["without_refusals_grams_per_unit"], plain / 3))
        let market = counted.reduce(0) {
            $0 + ($1.grams(\.marketMicrograms) + $1.embodied(900_000)) / Double($1.units)
        }
        #expect(near(result["market_mean_grams_per_unit"], market / 3))
        let omitted = counted.reduce(0) { $0 + $1.grams(\.micrograms) / Double($1.units) } / 3
        let lines = try #require(report["sensitivity"] as? [Object])
        let line = try #require(
            lines.first { ($0["choice"] as? Object)?["en"] as? String == "omitted" })
        #expect(near(line["mean_grams_per_unit"], omitted))
        let change = try #require(line["relative_change"] as? Double)
        #expect(abs(change - (omitted / mean - 1)) < 1e-9)
        let energy = try #require(report["energy"] as? Object)
        #expect(microjoules(energy, "total") == counted.reduce(0) { $0 + $1.energy })
    }

    @Test("and for each host, with its segments and the root over its records")
    func hosts() throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fill(store)
        let report = try json(try Pipeline.report(try request(sealed), from: store))
        let rounds = try #require(report["rounds"] as? [Object])
        for (number, round) in rounds.enumerated() where number != 1 {
            let hosts = try #require(round["hosts"] as? [Object])
            #expect(hosts.map { $0["host"] as? String } == PlanFleet.hosts)
            var fleet = MerkleTree()
            for host in hosts {
                let name = try #require(host["host"] as? String)
                let parts = truth.rounds[number].parts.filter { $0.host == name }
                let segments = try #require(host["segments"] as? [Object])
                try #require(segments.count == parts.count)
                for (segment, part) in zip(segments, parts) {
                    let boundary = try #require(segment["energy_in_boundary"] as? Object)
                    #expect(microjoules(boundary, "total") == part.total)
                    #expect(microjoules(boundary, "imputed") == part.imputed)
                    let grams = Double(part.total) / 3.6e12 * (Double(part.micrograms) / 1e6)
                    #expect(near(segment["o_it_grams"], grams))
                    #expect(near(segment["o_facility_grams"], grams * part.pue))
                    #expect(near(segment["grams_per_kwh"], Double(part.micrograms) / 1e6))
                }
                let quality = try #require(host["quality"] as? Object)
                let sent = try PlanFleet.records(of: name)
                var tree = MerkleTree()
                for (record, window) in zip(sent.records, sent.windows)
                where PlanTruth.windows(number).contains(window) { tree.append(record) }
                #expect(quality["records_root"] as? String == tree.root.hexadecimal)
                #expect((quality["records_received"] as? NSNumber)?.uint64Value == tree.count)
                #expect(quality["agent_version"] as? String == "0.9.\(name)")
                fleet.append(Array(name.utf8) + [0] + tree.root)
            }
            #expect(round["records_root"] as? String == fleet.root.hexadecimal)
        }
        let months = try #require(report["months"] as? [Object])
        #expect(months.map { $0["month"] as? String } == ["2026-11", "2026-11"])
        let closed = truth.rounds.enumerated().filter { $0.offset != 1 }.map(\.element)
        let ofB = closed.flatMap(\.parts).filter { $0.host.hasPrefix("b") }
        let known = PlanTruth.windows(1).flatMap { window in
            ["b1", "b2"].map { PlanFleet.energy($0, window) }
        }.reduce(0, +)
        let shared = truth.rounds[1].parts.first { $0.host == "b3" }?.total ?? 0
        let whole = Double(ofB.reduce(0) { $0 + $1.total } + known + shared)
        #expect(near(months[1]["energy_kwh"], whole / 3.6e12))
    }

    @Test("and is no assessment without a plan sealed in time, and none before rounds close")
    func standing() throws {
        let store = try store()
        try PlanFleet.fill(store)
        let draft = try json(try Pipeline.report(try request(nil), from: store))
        #expect(draft["standing"] as? String == "not_assessment")
        #expect((draft["plan"] as? Object)?["hash"] is NSNull)
        let late = try PlanFleet.seal(in: store, at: Timestamp(PlanFleet.start))
        let report = try json(try Pipeline.report(try request(late), from: store))
        #expect(report["standing"] as? String == "not_assessment")

        let other = try SQLiteRecordStore(path: directory.path + "/other.db")
        try PlanFleet.fill(other)
        let sealed = try PlanFleet.seal(in: other)
        let open = try json(try Pipeline.report(try request(sealed, seconds: -1), from: other))
        #expect(open["standing"] as? String == "incomplete")
        let rounds = try #require(open["rounds"] as? [Object])
        #expect(
            rounds.map { $0["use"] as? String } == ["counted", "invalid", "counted", "not_closed"])
        #expect(rounds[3]["energy"] is NSNull && rounds[3]["r_cf"] is NSNull)
        let result = try #require(open["result"] as? Object)
        #expect(result["mean_grams_per_unit"] is NSNull)
        let partial = [0, 2].reduce(0) { $0 + truth.rounds[$1].intensity } / 2
        #expect(near(result["partial_mean_grams_per_unit"], partial))
        try other.abandon(sealed.hash, Abandonment(reason: "moved", at: Timestamp(1)))
        let abandoned = try other.plan(sealed.hash.description)
        let end = try json(try Pipeline.report(try request(abandoned), from: other))
        #expect(end["standing"] as? String == "not_assessment")
    }

    @Test("and is written in each format, as a whole or not at all")
    func command() async throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fill(store)
        try store.close()
        let (database, folder) = (directory.path + "/records.db", directory.path + "/out/")
        func report(_ more: String...) async throws -> Finished {
            let arguments = ["report", "--store", database] + more
            return try await offPool {
                try run(products.appending(path: "jouleflow-collector"), arguments)
            }
        }
        let table = try await report(sealed.hash.short, "--language", "en")
        #expect(table.status == 0, "\(table.errors)")
        #expect(table.output.hasPrefix("评估报告 / Assessment report\nSIMULATED"))
        #expect(table.output.contains("Round 2 is invalid: the energy of a2"))
        let files = [
            "json": "report.json", "html": "report.zh-CN.html", "csv": "host-rounds.csv",
            "upstream": "upstream.jsonl", "upstream-csv": "upstream.csv", "gsf": "report.yaml",
            "impact": "manifest.yaml",
        ]
        for (format, file) in files {
            let end = try await report(
                sealed.hash.description, "--format", format, "--language", "zh", "--output", folder)
            #expect(end.status == 0, "\(format): \(end.errors)")
            #expect(end.output.isEmpty)
            let text = try String(contentsOfFile: folder + file, encoding: .utf8)
            #expect(text.contains("b3") || text.contains("四类业务"))
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(Set(left) == Set(files.values).union(["rounds.csv"]))
        #expect(try await report("ffff").status == 1)
        #expect(try await report(sealed.hash.short, "--format", "csv").status == 2)
        #expect(try await report(sealed.hash.short, "--factor", "grid").status == 2)
        #expect(try await report().status == 2)
        let lost = try await report(
            sealed.hash.short, "--format", "json", "--output", "/nonexistent/report.json")
        #expect(lost.status == 5)
    }

    @Test("and is one state of the store, whatever is written meanwhile")
    func consistent() throws {
        let store = try store()
        let sent = try PlanFleet.records(of: "a1")
        try sent.signer.keep(
            Array(sent.records.prefix(5)), from: 1, under: sent.manifest, in: store)
        let counts = try store.consistently {
            let before = try store.all().count
            try DispatchQueue.global().sync {
                try sent.signer.keep(
                    Array(sent.records.dropFirst(5)), from: 6, under: sent.manifest, in: store)
            }
            return (before, try store.all().count)
        }
        #expect(counts == (5, 5))
        #expect(try store.all().count == 200)
    }
}
