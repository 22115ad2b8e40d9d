import Crypto
import Foundation
import SCI
import Store
import Testing

@testable import Collector

@Suite("Both verifiers hold the factors of a bundle to those that are published")
struct EvidenceFactorTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func fleet(_ factors: FactorTable? = nil) throws -> [UInt8] {
        let store = try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        return try PlanFleet.bundle(of: sealed, factors: factors, in: store)
    }

    /// What both say of a bundle with another CSV of factors, or another report.
    private func said(
        _ change: (inout EvidenceBundle) throws -> Void
    ) async throws -> (swift: [String], python: String) {
        var bundle = try EvidenceBundle(try fleet())
        try change(&bundle)
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        #expect(finished.status == 1, "\(finished.output)")
        return (try EvidenceBundle.verify(bundle.bytes).findings, finished.output)
    }

    @Test("a published row that is not there is named", .enabled(if: Recomputation.isPossible))
    func dropped() async throws {
        let words =
            "the CSV of factors: 西南-2022-average, which comes with the program, is not in it"
        let said = try await said { bundle in
            let lines = String(decoding: bundle.document(.factors), as: UTF8.self)
                .split(separator: "\n").filter { !$0.hasPrefix("西南-2022-average,") }
            try bundle.put(Array((lines.joined(separator: "\n") + "\n").utf8), in: .factors)
        }
        #expect(said.swift == [words])
        #expect(said.python.contains(words), "\(said.python)")
    }

    @Test(
        "a row of the plan that is not there is named, as is one that was altered",
        .enabled(if: Recomputation.isPossible))
    func planned() async throws {
        let lacking = "the CSV of factors: diesel, which the plan has, is not in it"
        let dropped = try await said { bundle in
            let lines = String(decoding: bundle.document(.factors), as: UTF8.self)
                .split(separator: "\n").filter { !$0.hasPrefix("diesel,") }
            try bundle.put(Array((lines.joined(separator: "\n") + "\n").utf8), in: .factors)
        }
        #expect(dropped.swift == [lacking])
        #expect(dropped.python.contains(lacking), "\(dropped.python)")
        let year = "the CSV of factors: year of diesel is 2021, and 2023 in the plan"
        let altered = try await said { bundle in
            let lines = String(decoding: bundle.document(.factors), as: UTF8.self)
            let text = "\ndiesel,own,here,202"
            try bundle.put(
                Array(lines.replacing(text + "3,", with: text + "1,").utf8), in: .factors)
        }
        #expect(altered.swift == [year])
        #expect(altered.python.contains(year), "\(altered.python)")
    }

    @Test(
        "ids that Unicode holds for one are there twice",
        .enabled(if: Recomputation.isPossible),
        arguments: [("\u{E9}", "e\u{301}"), ("全", "\u{FA72}")])
    func equivalentIDs(id: String, other: String) async throws {
        let said = try await said { bundle in
            let lines = String(decoding: bundle.document(.factors), as: UTF8.self)
            let own = [id, other].map { "\($0),own,here,2022,average,0.1,A,mine\n" }.joined()
            try bundle.put(Array((lines + own).utf8), in: .factors)
        }
        #expect(said.swift.contains { $0.contains("is there already") }, "\(said.swift)")
        #expect(said.python.contains("or its id is there already"), "\(said.python)")
    }

    @Test(
        "a file of factors that is not there, or is none, is named, and not the bundle",
        .enabled(if: Recomputation.isPossible))
    func strangeFile() async throws {
        let path = directory.path + "/a.jfb"
        try Data(try fleet()).write(to: URL(fileURLWithPath: path))
        let stranger = directory.path + "/plan.yaml"
        try Data("version: 1\n".utf8).write(to: URL(fileURLWithPath: stranger))
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "scripts/verify-bundle.py").path
        for file in [directory.path + "/none.csv", stranger] {
            let finished = try await offPool {
                try run(URL(fileURLWithPath: "/usr/bin/python3"), ["-B", script, path, file])
            }
            #expect(finished.status == 5, "\(finished.output)")
            #expect(finished.errors.contains(file), "\(finished.errors)")
        }
    }

    @Test(
        "rows of a user's own are told, and are no finding",
        .enabled(if: Recomputation.isPossible))
    func own() async throws {
        let own = FactorTable.header + "\nmine,region,西南,2022,average,0.0268,A,mine\n"
        let table = try FactorTable.builtIn().followed(
            by: FactorTable(csv: Array(own.utf8), file: "own.csv"), file: "own.csv")
        let bytes = try fleet(table)
        let verdict = try EvidenceBundle.verify(bytes)
        #expect(verdict.findings == [])
        #expect(verdict.otherFactors == ["mine"])
        let finished = try await EvidenceBundle.python(bytes, in: directory)
        #expect(finished.status == 0, "\(finished.output)")
        #expect(finished.output.contains("neither the plan nor the program has: 1, ['mine']"))
    }

    @Test(
        "digits of other scripts, an id that is there twice and a cut line are named",
        .enabled(if: Recomputation.isPossible),
        arguments: [
            ("average,0.5306,", "average,٠.٥٣٠٦,", "is no decimal number"),
            (",全国,2023,average,", ",全国,２０２３,average,", "'２０２３' is no whole number"),
            ("全国-2022-average,", "全国-2021-average,", "or its id is there already"),
            ("average,0.5306,A", "average,0.5306", "is no line"),
            ("kgCO2_per_kWh", "kgCO2_per_MWh", "begins with"),
        ])
    func strangeLines(text: String, other: String, words: String) async throws {
        let said = try await said { bundle in
            let lines = String(decoding: bundle.document(.factors), as: UTF8.self)
            try bundle.put(Array(lines.replacing(text, with: other).utf8), in: .factors)
        }
        #expect(said.swift.contains { $0.hasPrefix("factors:") }, "\(said.swift)")
        #expect(said.python.contains(words), "\(said.python)")
    }

    @Test(
        "keys of texts in two languages, and objects where a report has none, are named",
        .enabled(if: Recomputation.isPossible))
    func strangeKeys() async throws {
        let said = try await said { bundle in
            let json = try JSONSerialization.jsonObject(with: Data(bundle.document(.figures)))
            var report = try #require(json as? [String: Any])
            for key in ["part_1", "iso_deviation", "figure_name"] {
                var words = try #require(report[key] as? [String: Any])
                words["fr"] = "x"
                report[key] = words
            }
            var rounds = try #require(report["rounds"] as? [[String: Any]])
            var problems = try #require(rounds[1]["problems"] as? [[String: Any]])
            problems[0]["fr"] = "x"
            rounds[1]["problems"] = problems
            report["rounds"] = rounds
            report["standard"] = ["fr": "x"]
            try bundle.put(
                Array(try JSONSerialization.data(withJSONObject: report)), in: .figures)
        }
        for path in ["part_1", "iso_deviation", "figure_name", "rounds[1].problems[0]"] {
            let words = "figure \(path).fr: x is told, nothing is computed"
            #expect(said.swift.contains(words), "\(said.swift)")
            #expect(said.python.contains(words), "\(said.python)")
        }
        #expect(said.swift.contains { $0.hasPrefix("figure standard: ") })
        #expect(said.python.contains("figure standard: keys are told, fr, where no report has any"))
    }

    @Test("no number that is none is read", .enabled(if: Recomputation.isPossible))
    func strangeNumber() async throws {
        let said = try await said { bundle in
            let text = String(decoding: bundle.document(.figures), as: UTF8.self)
            let other = text.replacing("\"means_differ\": ", with: "\"q\": NaN, \"means_differ\": ")
            try bundle.put(Array(other.utf8), in: .figures)
        }
        #expect(said.swift.contains("the figures are no JSON"), "\(said.swift)")
        #expect(said.python.contains("NaN is no number"), "\(said.python)")
    }

    @Test(
        "the second verifier knows the published factors without their file",
        .enabled(if: Recomputation.isPossible))
    func withoutFile() async throws {
        let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "scripts")
        let alone = URL(fileURLWithPath: directory.path).appending(path: "alone")
        try FileManager.default.copyItem(at: scripts, to: alone)
        func python(_ bytes: [UInt8]) async throws -> Finished {
            let path = directory.path + "/\(UUID().uuidString).jfb"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try await offPool {
                try run(
                    URL(fileURLWithPath: "/usr/bin/python3"),
                    ["-B", alone.appending(path: "verify-bundle.py").path, path])
            }
        }
        let bytes = try fleet()
        let good = try await python(bytes)
        #expect(good.status == 0, "\(good.output)\(good.errors)")
        #expect(good.output.contains("compared with the digest of those that come with"))
        var swapped = try EvidenceBundle(bytes)
        swapped.replace("average,0.2268,", with: "average,0.0268,", in: .factors)
        let bad = try await python(swapped.bytes)
        #expect(bad.status == 1)
        #expect(bad.output.contains("does not begin with those that come with the program"))
    }
}
