import Bundle
import Crypto
import Foundation
import Imports
import Metering
import Store
import Testing

@testable import Collector

@Suite("Both verifiers name what a bundle tells otherwise than its records, or in another form")
struct EvidenceFigureTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func python(_ bytes: [UInt8]) async throws -> Finished {
        try await EvidenceBundle.python(bytes, in: directory)
    }

    private func fleet() throws -> [UInt8] {
        let store = try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        try PlanFleet.importBeside(store)
        let assets = "id,site,role,planned_as\nrack-1,a,app,a1\nrack-2,a,app,a9\nspare,b,app,\n"
        _ = try Pipeline.keep(
            try ImportFile.assets(Array(assets.utf8), file: "assets.csv"), file: "assets.csv",
            signedBy: nil, signature: nil, at: Timestamp(1), in: store)
        return try PlanFleet.bundle(of: sealed, in: store)
    }

    /// Both verifiers find a fault in a bundle that was changed, and say so in these words; the second one in
    /// others, where there are any.
    private func expectBoth(
        _ bytes: [UInt8], _ swift: String, _ other: String?,
        _ change: (inout EvidenceBundle) throws -> Void
    ) async throws {
        var bundle = try EvidenceBundle(bytes)
        try change(&bundle)
        let findings = try EvidenceBundle.verify(bundle.bytes).findings
        #expect(findings.contains { $0.contains(swift) }, "\(findings)")
        let finished = try await python(bundle.bytes)
        #expect(finished.status == 1)
        #expect(finished.output.contains(other ?? swift), "\(finished.output)")
    }

    @Test("both name what is not of a bundle's form", .enabled(if: Recomputation.isPossible))
    func forms() async throws {
        let bytes = try fleet()
        func check(
            _ swift: String, _ other: String? = nil,
            change: (inout EvidenceBundle) throws -> Void
        ) async throws { try await expectBoth(bytes, swift, other, change) }
        let all = try EvidenceBundle(bytes)
        for type in [EvidenceType.head, .factors, .plan, .imported, .figures] {
            let start = try #require(all.indices(type).first)
            let (document, count) = try #require(
                try EvidenceDocument.read(type, all.entries[start].payload))
            let place = "entry \(start), at byte"
            try await check("1 bytes of the document (\(type)) are missing", place) {
                $0.entries[start].payload = try document.facts(bytes: count + 1)
            }
            guard count > 0 else { continue }
            try await check("bytes that no document tells of", place) {
                $0.entries[start].payload = try document.facts(bytes: count - 1)
            }
        }
        try await check("second figures") { bundle in
            let start = try #require(bundle.indices(.figures).first)
            bundle.entries += bundle.entries[start...]
        }
        try await check("run abcd0000 of a1 is in it twice") { bundle in
            let runs = bundle.indices(.run)
            bundle.entries.insert(contentsOf: bundle.entries[runs[0]..<runs[1]], at: runs[1])
        }
        let (first, second) = (all.indices(.imported)[0], all.indices(.imported)[1])
        try await check("import 1 (ledger, beside.csv) is not in its place") { bundle in
            bundle.entries.insert(contentsOf: bundle.entries[first..<second], at: second)
        }
        try await check("import 1 (ledger, beside.csv) is not in its place") { bundle in
            let moved = bundle.entries[first..<second]
            bundle.entries.removeSubrange(first..<second)
            let end = try #require(bundle.indices(.imported).dropFirst().first)
            bundle.entries.insert(contentsOf: moved, at: end)
        }
        try await check("the figures have the key standard twice", "a key is there twice") {
            bundle in
            let text = String(decoding: bundle.document(.figures), as: UTF8.self)
            let key = #""standard": "T/CQJR 032.2-2025","#
            try bundle.put(Array(text.replacing(key, with: key + key).utf8), in: .figures)
        }
    }

    @Test("both name every figure that is told otherwise", .enabled(if: Recomputation.isPossible))
    func figures() async throws {
        let paths = [
            "result.sample_deviation_grams_per_unit", "result.ratio_of_sums_grams_per_unit",
            "result.interval_95_grams_per_unit.low", "result.unit",
            "result.market_mean_grams_per_unit",
            "result.mean_at_closing_grams_per_unit", "result.without_refusals_grams_per_unit",
            "result.m_grams.high", "result.r_cf", "sensitivity.2.mean_grams_per_unit",
            "sensitivity.9.relative_change", "months.0.energy_kwh", "months.1.tonnes",
            "meter_comparison.0.summed.microjoules", "ledger_reconciliation.0.counted",
            "evidence.records_root", "rounds.0.records_root",
            "rounds.1.hosts.2.quality.records_root",
            "rounds.0.hosts.0.quality.signer", "rounds.2.hosts.1.quality.runs.0.last_seq",
            "rounds.0.scenarios.0.refused", "rounds.0.energy.simulated.microjoules",
            "rounds.1.sites.0.o_it_grams", "rounds.0.hosts.3.segments.0.o_it_grams",
            "scenarios.1.approved", "hosts.4.coverage", "energy.idle.share",
            "sites.1.o_market_grams",
            "energy_by_source.0.energy.total.kwh", "factors.0.factor.grams_per_kwh",
            "plan.boundary", "sealed_plans.0.sealed", "plan.period.to", "plan.grace_seconds",
            "rounds.2.span.from", "rounds.1.imputed_share", "rounds.0.scenarios.0.weight",
            "scenarios.1.weight", "factors.1.factor.gas", "sites.0.pue",
            "rounds.0.hosts.0.te_grams", "rounds.0.hosts.0.lifetime_hours",
            "rounds.0.hosts.1.resource_share", "rounds.0.hosts.2.wall_ratio",
            "rounds.0.hosts.5.boundary_share", "rounds.0.hosts.0.energy_scope",
            "rounds.0.hosts.0.segments.0.energy.total.microjoules",
            "rounds.2.hosts.0.segments.1.span.from", "rounds.0.hosts.2.segments.0.energy.idle",
            "rounds.0.hosts.0.quality.lost_seconds",
        ]
        var bundle = try EvidenceBundle(try fleet())
        var report = try JSONSerialization.jsonObject(with: Data(bundle.document(.figures)))
        for path in paths { report = altered(report, path.split(separator: ".")[...]) }
        try bundle.put(
            Array(try JSONSerialization.data(withJSONObject: report)), in: .figures)
        let swift = try EvidenceBundle.verify(bundle.bytes).findings
        let output = try await python(bundle.bytes).output
        for path in paths {
            let named = path.replacing(#/\.(\d+)/#) { "[\($0.1)]" }
            #expect(swift.contains { $0.hasPrefix("figure \(named): ") }, "\(named)")
            #expect(output.contains("\nfigure \(named): "), "\(named)")
        }
        #expect(swift.count == paths.count)
        #expect(output.contains("\n\(paths.count) findings\n"))
    }

    @Test(
        "both hold the factors of other levels to the plan's, and to those of the program",
        .enabled(if: Recomputation.isPossible))
    func factors() async throws {
        func check(_ bundle: EvidenceBundle, _ words: String) async throws {
            let findings = try EvidenceBundle.verify(bundle.bytes).findings
            #expect(findings.contains(words), "\(findings)")
            let finished = try await python(bundle.bytes)
            #expect(finished.status == 1 && finished.output.contains(words), "\(finished.output)")
        }
        var swapped = try EvidenceBundle(try fleet())
        swapped.replace("average,0.5306,", with: "average,0.5307,", in: .factors)
        try await check(
            swapped,
            "the CSV of factors: micrograms_per_kwh of 全国-2023-average is 530700000, and "
                + "530600000 in the program")
        var huge = try EvidenceBundle(try fleet())
        huge.replace("average,0.5306,", with: "average,1e9999,", in: .factors)
        let findings = try EvidenceBundle.verify(huge.bytes).findings
        #expect(findings.contains { $0.contains("kgCO2_per_kWh must be a decimal number") })
        let said = try await python(huge.bytes)
        #expect(said.status == 1 && said.output.contains("全国-2023-average is no decimal number"))
        var own = try EvidenceBundle(try fleet())
        let lines = String(decoding: own.document(.factors), as: UTF8.self)
        let grid = "\ngrid,national,全国,202"
        let other = lines.replacing(grid + "3,", with: grid + "2,")
        try own.put(Array(other.utf8), in: .factors)
        try await check(
            own, "the CSV of factors: year of grid is 2022, and 2023 in the plan")
    }

    @Test(
        "both name another format, an unknown entry, a key of no report, and losses of what is there",
        .enabled(if: Recomputation.isPossible))
    func strangers() async throws {
        let bytes = try fleet()
        func check(
            _ swift: String, _ other: String? = nil,
            change: (inout EvidenceBundle) throws -> Void
        ) async throws { try await expectBoth(bytes, swift, other, change) }
        try await check("is not jouleflow-bundle-1", "the format is 'jouleflow-bundle-2'") {
            $0.replace("jouleflow-bundle-1", with: "jouleflow-bundle-2", in: .head)
        }
        try await check("type 9 is none that this version knows") {
            $0.entries.append((9, [1]))
        }
        for (place, key) in [("result", "result.extra"), ("", "extra")] {
            try await check("figure \(key): 7 is told, nothing is computed") { bundle in
                let json = try JSONSerialization.jsonObject(with: Data(bundle.document(.figures)))
                var report = try #require(json as? [String: Any])
                if place.isEmpty {
                    report["extra"] = 7
                } else {
                    var members = try #require(report[place] as? [String: Any])
                    members["extra"] = 7
                    report[place] = members
                }
                try bundle.put(
                    Array(try JSONSerialization.data(withJSONObject: report)), in: .figures)
            }
        }
        try await check("are told to be lost, and some of them are there") { bundle in
            let run = try #require(bundle.indices(.run).first)
            let numbers = [UInt8](repeating: 0, count: 7)
            bundle.entries.insert((4, [3] + numbers + [5] + numbers), at: run + 1)
        }
    }

    @Test(
        "what another version says in other words is no finding, and every figure is",
        .enabled(if: Recomputation.isPossible))
    func otherVersion() async throws {
        let store = try SQLiteRecordStore(path: directory.path + "/old.db")
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        let request = try PlanFleet.request(sealed)
        let kept = try Pipeline.closeRounds(
            of: sealed, in: store, factors: request.factors, software: request.software,
            at: request.now + .seconds(60))
        #expect(kept.count == PlanFleet.rounds)
        var bundle = try EvidenceBundle(PlanFleet.bundle(of: sealed, in: store))
        // An invalid round, as an earlier version told why.
        let place = try #require(bundle.indices(.revision).dropFirst().first)
        var document = try RoundDocument(decoding: bundle.entries[place + 1].payload)
        #expect(!document.problems.isEmpty)
        document.problems += ["in the words of before"]
        let text = try document.encode()
        let digest = Array(SHA256.hash(data: text))
        bundle.entries[place].payload = try EvidenceDocument.revision(
            EvidenceRevision(
                round: 2, revision: 1, digest: digest, computedAt: request.now + .seconds(60),
                software: "Jouleflow 0.0.9")
        ).facts(bytes: text.count)
        bundle.entries[place + 1].payload = text
        let json = try JSONSerialization.jsonObject(with: Data(bundle.document(.figures)))
        var report = try #require(json as? [String: Any])
        var rounds = try #require(report["rounds"] as? [[String: Any]])
        rounds[0]["disclosures"] = (0..<21).map { ["zh": "旧 \($0)", "en": "old \($0)"] }
        report["rounds"] = rounds
        report["uncertainties"] = [[String: Any]]()
        let old = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        var revisions = try #require(report["revisions"] as? [[String: Any]])
        revisions[1]["sha256"] = old
        revisions[1]["software"] = "Jouleflow 0.0.9"
        report["revisions"] = revisions
        func put(_ report: [String: Any]) throws {
            try bundle.put(
                Array(try JSONSerialization.data(withJSONObject: report)), in: .figures)
        }
        try put(report)
        // Of this version these are findings.
        let own = try EvidenceBundle.verify(bundle.bytes).findings
        #expect(
            own.contains { $0.hasPrefix("figure rounds[0].disclosures: 21 entries are told, ") })
        report["software"] = ["name": "Jouleflow", "version": "0.0.9"]
        try put(report)
        bundle.replace("\"version\":\"test\"", with: "\"version\":\"0.0.9\"", in: .head)
        let verdict = try EvidenceBundle.verify(bundle.bytes)
        #expect(verdict.findings == [])
        #expect(verdict.otherProgram == "Jouleflow 0.0.9")
        let finished = try await python(bundle.bytes)
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
        #expect(finished.output.contains("made by Jouleflow 0.0.9: sentences are not compared"))
        for path in ["rounds.0.o_grams", "result.mean_grams_per_unit", "hosts.1.coverage"] {
            let forged = altered(report, path.split(separator: ".")[...])
            try put(try #require(forged as? [String: Any]))
            let named = path.replacing(#/\.(\d+)/#) { "[\($0.1)]" }
            let findings = try EvidenceBundle.verify(bundle.bytes).findings
            #expect(findings.count == 1 && findings[0].hasPrefix("figure \(named): "))
            #expect(try await python(bundle.bytes).output.contains("\nfigure \(named): "))
        }
    }

    @Test(
        "no version's report lacks a key, has one twice, or tells a number as a truth value",
        .enabled(if: Recomputation.isPossible))
    func keys() async throws {
        var bundle = try EvidenceBundle(try fleet())
        #expect(try EvidenceBundle.verify(bundle.bytes).otherProgram == nil)
        bundle.replace("\"version\":\"test\"", with: "\"version\":\"9.99\"", in: .head)
        bundle.replace("\"version\": \"test\"", with: "\"version\": \"9.99\"", in: .figures)
        bundle.replace("Jouleflow test", with: "Jouleflow 9.99", in: .figures)
        #expect(try EvidenceBundle.verify(bundle.bytes).findings == [])
        #expect(try await python(bundle.bytes).status == 0)
        let text = String(decoding: bundle.document(.figures), as: UTF8.self)
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let whole = try #require(json as? [String: Any])
        func said(_ report: Data) async throws -> (swift: [String], python: [String]) {
            try bundle.put(Array(report), in: .figures)
            let output = try await python(bundle.bytes).output
            return (
                try EvidenceBundle.verify(bundle.bytes).findings,
                output.split(separator: "\n").map(String.init)
            )
        }
        // Every key of each of these objects, but those that lead to the others.
        let kept: Set = ["rounds", "hosts", "result", "plan", "evidence", "revisions", "software"]
        var removed: [String] = []
        func emptied(_ value: Any?, _ path: String) -> [String: Any] {
            let members = value as? [String: Any] ?? [:]
            let isTop = path.isEmpty
            for key in members.keys where !kept.contains(key) || !isTop && key != "hosts" {
                removed.append(isTop ? key : path + "." + key)
            }
            return members.filter { kept.contains($0.key) && (isTop || $0.key == "hosts") }
        }
        var report = emptied(whole, "")
        for key in ["result", "plan", "evidence"] { report[key] = emptied(whole[key], key) }
        var rounds = try #require(whole["rounds"] as? [[String: Any]])
        var hosts = try #require(rounds[0]["hosts"] as? [[String: Any]])
        rounds[0] = emptied(rounds[0], "rounds[0]")
        hosts[0] = emptied(hosts[0], "rounds[0].hosts[0]")
        rounds[0]["hosts"] = hosts
        report["rounds"] = rounds
        let lacking = try await said(try JSONSerialization.data(withJSONObject: report))
        #expect(removed.count > 150)
        for path in removed {
            #expect(lacking.swift.contains { $0.hasPrefix("figure \(path): nothing is told, ") })
            #expect(lacking.python.contains { $0.hasPrefix("figure \(path): nothing is told") })
        }
        let key = #""standard": "T/CQJR 032.2-2025","#
        let other = #""\u0073tandard": "another","#
        let twice = try await said(Data(text.replacing(key, with: other + key).utf8))
        #expect(twice.swift == ["the figures have the key standard twice in an object"])
        #expect(twice.python.contains { $0.contains("a key is there twice") })
        var truth = whole
        truth["schema_version"] = true
        truth["simulated"] = 0
        let numbers = try await said(try JSONSerialization.data(withJSONObject: truth))
        #expect(numbers.swift.count == 2)
        for path in ["schema_version", "simulated"] {
            #expect(numbers.swift.contains { $0.hasPrefix("figure \(path): ") })
            #expect(numbers.python.contains { $0.hasPrefix("figure \(path): ") })
        }
    }

    /// A report with another value at a path.
    private func altered(_ value: Any, _ path: ArraySlice<Substring>) -> Any {
        if var members = value as? [String: Any], let key = path.first.map(String.init) {
            members[key] = members[key].map { altered($0, path.dropFirst()) }
            return members
        }
        if var items = value as? [Any] {
            guard let index = path.first.flatMap({ Int($0) }) else { return items + items }
            items[index] = altered(items[index], path.dropFirst())
            return items
        }
        if let text = value as? String { return text + "0" }
        return (value as? Int).map { $0 + 1 } ?? ((value as? Double) ?? 0) + 1
    }
}
