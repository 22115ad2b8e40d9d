import Assessment
import Bundle
import Crypto
import Foundation
import Imports
import Metering
import Store
import Testing

@testable import Collector

@Suite("A second verifier, which shares nothing with the program, says the same of bundles")
struct EvidencePythonTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func python(_ bytes: [UInt8]) async throws -> Finished {
        try await EvidenceBundle.python(bytes, in: directory)
    }

    private func store() throws -> SQLiteRecordStore {
        try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
    }

    private func fleet() throws -> [UInt8] {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        try PlanFleet.importBeside(store)
        return try PlanFleet.bundle(of: sealed, in: store)
    }

    @Test("both accept true ones", .enabled(if: Recomputation.isPossible))
    func accepted() async throws {
        for bytes in [try fleet(), try EvidenceFleet.bundle(try store())] {
            let verdict = try EvidenceBundle.verify(bytes)
            #expect(verdict.findings == [])
            let finished = try await python(bytes)
            #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
            let mean = try #require(verdict.content?.result.mean.value)
            #expect(finished.output.contains("mean \(mean)\n0 findings"))
            #expect(finished.output.contains(try #require(verdict.digest)))
        }
    }

    @Test("flows that were counted at another time, imputation, devices and the ledger are in them")
    func rich() throws {
        let bytes = try EvidenceFleet.bundle(try store())
        let content = try #require(try EvidenceBundle.verify(bytes).content)
        #expect(
            content.rounds.map(\.use) == [
                .counted, .invalid(replacedBy: 3), .replaces(round: 2), .notNeeded,
            ])
        let credit = try #require(content.rounds.first?.scenarios.first)
        #expect((credit.duplicatesAcrossHosts ?? 0) > 0)
        #expect(content.rounds[1].energy.value?.imputed.energy ?? .zero > .zero)
        // The batches of places before the rounds are there, and no others of that time.
        let bundle = try EvidenceBundle(bytes)
        #expect(bundle.indices(.part).count > bundle.indices(.run).count)
    }

    @Test("both accept one with a round of R = 0", .enabled(if: Recomputation.isPossible))
    func withoutBusiness() async throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store) { record, window in
            guard window / PlanFleet.windows == 2 else { return }
            record.tally.scenarios = record.tally.scenarios.map {
                ScenarioTally(observation: $0.observation)
            }
            record.tally.services = [ServiceTally(scenarios: 4)]
            record.tally.ruleHits = []
        }
        // That there was none needs the ledger's word.
        let start = Timestamp(PlanFleet.start + 2 * PlanFleet.length)
        let time = "\(start.rfc3339),\((start + Nanoseconds(PlanFleet.length)).rfc3339)"
        let lines = StandardWeights.scenarios.map { "\($0.name),\(time),0\n" }
        _ = try Pipeline.keep(
            try ImportFile.ledger(
                Array(("scenario,from,to,flows\n" + lines.joined()).utf8), file: "ledger.csv"),
            file: "ledger.csv", signedBy: nil, signature: nil, at: Timestamp(1), in: store)
        let bytes = try PlanFleet.bundle(of: sealed, in: store)
        let verdict = try EvidenceBundle.verify(bytes)
        #expect(verdict.findings == [])
        let content = try #require(verdict.content)
        #expect(content.rounds[2].use == .invalid(replacedBy: nil))
        #expect(content.rounds[2].units == .known(0))
        #expect(content.result.roundsWithoutBusiness == [3])
        let finished = try await python(bytes)
        #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
    }

    @Test("the figures that rounds closed with are in them", .enabled(if: Recomputation.isPossible))
    func revisions() async throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        try PlanFleet.importBeside(store)
        let request = try PlanFleet.request(sealed)
        let kept = try Pipeline.closeRounds(
            of: sealed, in: store, factors: request.factors, software: request.software,
            at: request.now + .seconds(60))
        #expect(kept.count == PlanFleet.rounds)
        let bytes = try PlanFleet.bundle(of: sealed, in: store)
        let verdict = try EvidenceBundle.verify(bytes)
        #expect(verdict.findings == [])
        #expect(verdict.content?.revisions.filter(\.isKept).count == kept.count)
        #expect(try await python(bytes).status == 0)

        var altered = try EvidenceBundle(bytes)
        altered.replace("\"valid\":true", with: "\"valid\":null", in: .revision)
        #expect(altered.bytes != bytes)
        let said = try EvidenceBundle.verify(altered.bytes).findings.joined(separator: "\n")
        #expect(said.contains("revision 1 of round 1 was altered"))
        let finished = try await python(altered.bytes)
        #expect(finished.status == 1 && finished.output.contains("has a text of another hash"))

        // Digest and text made anew: what had come by then says otherwise.
        var forged = try EvidenceBundle(bytes)
        var document = try RoundDocument(decoding: forged.document(.revision))
        document.isValid.toggle()
        let text = try document.encode()
        let digest = Array(SHA256.hash(data: text))
        let facts = EvidenceRevision(
            round: 1, revision: 1, digest: digest, computedAt: request.now, software: "Jouleflow")
        let start = try #require(forged.indices(.revision).first)
        forged.entries[start].payload = try EvidenceDocument.revision(facts).facts(
            bytes: text.count)
        forged.entries[start + 1].payload = text
        let found = try EvidenceBundle.verify(forged.bytes).findings.joined(separator: "\n")
        #expect(found.contains("the figures that round 1 closed with are not those of"))
        let other = try await python(forged.bytes)
        #expect(other.status == 1)
        #expect(other.output.contains("figure round 1 as it closed.valid: False is told, True is"))

        // Left out, with its text.
        var lacking = try EvidenceBundle(bytes)
        lacking.entries.removeSubrange(start...start + 1)
        #expect(try !EvidenceBundle.verify(lacking.bytes).findings.isEmpty)
        let without = try await python(lacking.bytes)
        #expect(without.status == 1)
        #expect(without.output.contains("revision 1 of round 1 ("))
        #expect(without.output.contains(") is in the report alone"))

        var moved = try EvidenceBundle(bytes)
        let last = try #require(moved.indices(.revision).last)
        moved.entries.swapAt(start, last)
        moved.entries.swapAt(start + 1, last + 1)
        let place = "revision 1 of round 2 is not in its place"
        #expect(try EvidenceBundle.verify(moved.bytes).findings.contains(place))
        #expect(try await python(moved.bytes).output.contains(place))
    }

    @Test(
        "facts of another type, unknown ones, and lines that are none are named with their place",
        .enabled(if: Recomputation.isPossible),
        arguments: [
            ("\"id\":1", "\"id\":\"1\"", "id is '1'"), ("\"id\":1", "\"id\":1.5", "id is 1.5"),
            ("\"id\":1", "\"id\":true", "id is True"), ("\"id\":1", "\"ie\":1", "id is nothing"),
            ("\"id\":1", "\"ib\":2,\"id\":1", "['ib'] are no facts of it"),
        ])
    func strangeFacts(text: String, other: String, words: String) async throws {
        var bundle = try EvidenceBundle(try fleet())
        let place = try #require(bundle.indices(.imported).first)
        bundle.replace(text, with: other, in: .imported)
        #expect(try !EvidenceBundle.verify(bundle.bytes).findings.isEmpty)
        let finished = try await python(bundle.bytes)
        #expect(finished.status == 1)
        #expect(finished.output.contains("entry \(place), at byte"), "\(finished.output)")
        #expect(finished.output.contains(words), "\(finished.output)")
    }

    @Test("a line of an import that is none is named", .enabled(if: Recomputation.isPossible))
    func strangeLine() async throws {
        var bundle = try EvidenceBundle(try fleet())
        let lines = String(decoding: bundle.document(.imported), as: UTF8.self)
        let other = Array(lines.replacing("credit,", with: "credit;").utf8)
        try bundle.put(other, in: .imported)
        func digest(_ bytes: [UInt8]) -> String {
            SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
        }
        bundle.replace(digest(Array(lines.utf8)), with: digest(other), in: .imported)
        #expect(try !EvidenceBundle.verify(bundle.bytes).findings.isEmpty)
        let finished = try await python(bundle.bytes)
        #expect(finished.status == 1)
        #expect(
            finished.output.contains("import 1 (ledger, beside.csv): ['credit;"),
            "\(finished.output)")
    }

    @Test("both name what was altered", .enabled(if: Recomputation.isPossible))
    func altered() async throws {
        let bytes = try fleet()
        func check(
            _ words: String..., change: (inout EvidenceBundle) throws -> Void
        ) async throws {
            var bundle = try EvidenceBundle(bytes)
            try change(&bundle)
            let swift = try EvidenceBundle.verify(bundle.bytes).findings.joined(separator: "\n")
            let finished = try await python(bundle.bytes)
            #expect(finished.status == 1, "\(finished.errors)")
            for word in words {
                #expect(swift.contains(word))
                #expect(finished.output.contains(word))
            }
        }
        try await check("records 91 to 120 of run abcd0000 of a1 are missing", "figure rounds[1]") {
            $0.entries.remove(at: $0.indices(.batch)[3])
        }
        try await check("records 181 to 200 of run abcd0000 of a1 are missing", "figure rounds[3]")
        { $0.entries.remove(at: $0.indices(.batch)[6]) }
        try await check("records 91 to 120 of run abcd0000 of a1 are not what") { bundle in
            bundle.entries[bundle.indices(.batch)[3]].payload[200] ^= 4
        }
        try await check("has a text of another hash", "figure rounds[0].o_grams") {
            $0.replace("_kwh\":530600000", with: "_kwh\":130600000", in: .plan)
        }
        try await check("was sealed at 2026-11-21T00:00:00Z, after its first round began") {
            $0.replace("2026-11-20T23:00:00Z", with: "2026-11-21T00:00:00Z", in: .plan)
        }
        try await check("import 1 (ledger, beside.csv) was altered") {
            $0.replace(",7\n", with: ",8\n", in: .imported)
        }
        try await check("Li Hua") {
            $0.replace("\"signed_by\":\"Li Hua\"", with: "\"signed_by\":\"Li Hui\"", in: .imported)
        }
        var renamed = try EvidenceBundle(bytes)
        renamed.replace("\"signed_by\":\"Li Hua\"", with: "\"signed_by\":\"Li Hui\"", in: .imported)
        #expect(
            try await python(renamed.bytes).output.contains(
                "figure imports[0].signed_by: Li Hua is told, Li Hui is computed"))
        try await check("figure standing") {
            $0.replace("\"assessment\"", with: "\"Assessment\"", in: .figures)
        }
        try await check("figure rounds[") {
            $0.replace("\"use\": \"counted\"", with: "\"use\": \"invalid\"", in: .figures)
        }
        try await check("figure rounds") { bundle in
            let json = try JSONSerialization.jsonObject(with: Data(bundle.document(.figures)))
            var report = try #require(json as? [String: Any])
            report["rounds"] = Array(try #require(report["rounds"] as? [Any]).dropLast())
            try bundle.put(
                Array(try JSONSerialization.data(withJSONObject: report)), in: .figures)
        }
    }

    @Test(
        "one changed bit is found where it is, and a bundle that was cut off",
        .enabled(if: Recomputation.isPossible))
    func bits() async throws {
        let bytes = try PlanFleet.smallBundle(directory.path)
        for place in stride(from: 0, to: bytes.count, by: bytes.count / 40) {
            var altered = bytes
            altered[place] ^= 1 << UInt8(place % 8)
            let finished = try await python(altered)
            guard place >= 8 else {
                #expect(finished.status == 5)
                #expect(finished.errors.contains("byte 0: this is no bundle"))
                continue
            }
            #expect(finished.status == 1 && finished.errors.isEmpty, "\(finished.errors)")
            #expect(finished.output.contains("its digest is another"))
        }
        let cut = try await python(bytes.dropLast(1))
        #expect(cut.status == 1 && cut.output.contains("was altered or is cut off"))
    }

    @Test("the program writes and verifies them with the status that belongs to it")
    func command() async throws {
        let database = directory.path + "/records.db"
        do {
            let store = try SQLiteRecordStore(path: database)
            _ = try PlanFleet.seal(in: store)
            try PlanFleet.fillInBatches(store)
        }
        func collector(_ arguments: [String]) async throws -> Finished {
            try await offPool {
                try run(products.appending(path: "jouleflow-collector"), arguments)
            }
        }
        let document = try PlanDocument.encode(PlanFleet.plan)
        let hash = try #require(PlanDocument.hash(of: document))
        let path = directory.path + "/plan.jfb"
        let made = try await collector([
            "export", hash.short, "--store", database, "--output", path,
        ])
        #expect(made.status == 0, "\(made.errors)")
        #expect(
            made.output.contains("1196 records in 42 batches of 6 runs\nSHA-256 of the bundle: "))
        let good = try await collector(["verify", path])
        #expect(good.status == 0, "\(good.output)\(good.errors)")
        #expect(good.output.contains("6 runs, 42 signed batches, 1196 records: 0 findings"))
        #expect(good.output.contains("plan \(hash)"))
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let bad = try await collector(["verify", path])
        #expect(bad.status == 1)
        #expect(bad.output.contains("was altered: its digest is another"))
        let stranger = directory.path + "/stranger"
        try Data("no bundle".utf8).write(to: URL(fileURLWithPath: stranger))
        let none = try await collector(["verify", stranger])
        #expect(none.status == 5 && none.output.isEmpty)
        #expect(none.errors.contains("\(stranger), byte 0: this is no bundle of "))
        #expect(try await collector(["verify", directory.path + "/none"]).status == 5)
        #expect(try await collector(["verify", directory.path]).status == 5)
        #expect(try await collector(["verify", database]).status == 5)
        #expect(try await collector(["verify"]).status == 2)
        #expect(try await collector(["verify", path, "--store", database]).status == 2)
        let again = ["export", hash.short, "--store", database]
        #expect(try await collector(again).status == 2)
        #expect(try await collector(again + ["--output", path]).status == 2)
        #expect(try await collector(again + ["--raw", path, "--output", path]).status == 2)
        #expect(
            try await collector([
                "export", "ffff", "--store", database, "--output", path + "2",
            ]).status == 1)
    }
}
