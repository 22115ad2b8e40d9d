import Bundle
import Crypto
import Foundation
import Metering
import Store
import Testing

@testable import Collector

@Suite("Both verifiers hold a bundle to the one form that an export writes")
struct EvidenceFormTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A bundle with the figures that its rounds closed with.
    private func closed() throws -> [UInt8] {
        let store = try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        try PlanFleet.importBeside(store)
        let request = try PlanFleet.request(sealed)
        _ = try Pipeline.closeRounds(
            of: sealed, in: store, factors: request.factors, software: request.software,
            at: request.now + .seconds(60))
        return try PlanFleet.bundle(of: sealed, in: store)
    }

    private func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
    }

    /// Puts another text in the place of a document's, with its digest made anew wherever it stands.
    private func put(
        _ bytes: [UInt8], in type: EvidenceType, of bundle: inout EvidenceBundle
    ) throws {
        let old = digest(bundle.document(type))
        try bundle.put(bytes, in: type)
        for place in [type, .figures] { bundle.replace(old, with: digest(bytes), in: place) }
    }

    private func check(_ bundle: EvidenceBundle, _ words: String) async throws {
        #expect(try !EvidenceBundle.verify(bundle.bytes).findings.isEmpty)
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        #expect(finished.status == 1, "\(finished.errors)")
        #expect(finished.output.contains(words), "\(finished.output)")
    }

    @Test(
        "facts are canonical JSON", .enabled(if: Recomputation.isPossible),
        arguments: [
            (",", ", ", "it is not canonical JSON"),
            ("Jouleflow", "Joulefl\\u006fw", "it is not canonical JSON"),
            ("}", "}\n", "it is not canonical JSON"),
            ("\"bytes\":0", "\"bytes\":1180591620717411303424", "is not a whole one from 0"),
        ])
    func facts(text: String, other: String, words: String) async throws {
        var bundle = try EvidenceBundle(try closed())
        bundle.replace(text, with: other, in: .head)
        try await check(bundle, words)
    }

    @Test(
        "a revision has its own keys alone, and numbers as they are written",
        .enabled(if: Recomputation.isPossible),
        arguments: [
            ("{\"coverage\"", "{\"certified\":\"yes\",\"coverage\"", "certified is no key of it"),
            ("\"runs\":", "\"rumt\":\"1\",\"runs\":", "rumt is no key of it"),
            ("\"valid\":", "\"void\":", "['valid'] are not in it"),
            ("\"coverage\":\"", "\"coverage\":\"0", "and no number is written so"),
            ("\"expected_ns\":\"", "\"expected_ns\":\"0", "is no whole number"),
            ("\"to\":\"2026", "\"to\":\"2027", "as it closed.to: 2027"),
        ])
    func revision(text: String, other: String, words: String) async throws {
        var bundle = try EvidenceBundle(try closed())
        let lines = String(decoding: bundle.document(.revision), as: UTF8.self)
        #expect(lines.contains(text), "\(lines)")
        try put(Array(lines.replacing(text, with: other).utf8), in: .revision, of: &bundle)
        try await check(bundle, words)
    }

    @Test(
        "lines of imports are written in one way", .enabled(if: Recomputation.isPossible),
        arguments: [
            ("\n", "\r\n", "is not written as imports are kept"),
            ("\ncredit,", "\n\"credit\",", "is not written as imports are kept"),
            (",7\n", ",7", "is not written as imports are kept"),
        ])
    func imports(text: String, other: String, words: String) async throws {
        var bundle = try EvidenceBundle(try closed())
        let lines = String(decoding: bundle.document(.imported), as: UTF8.self)
        let altered = lines.replacing(text, with: other)
        #expect(altered != lines)
        try put(Array(altered.utf8), in: .imported, of: &bundle)
        try await check(bundle, words)
    }

    @Test(
        "names that Unicode holds for one are one", .enabled(if: Recomputation.isPossible))
    func equivalentNames() async throws {
        var bundle = try EvidenceBundle(try closed())
        let before = bundle.document(.figures)
        bundle.replace("全国", with: "\u{FA72}国", in: .figures)
        #expect(bundle.document(.figures) != before)
        #expect(
            try EvidenceBundle.verify(bundle.bytes).findings == [
                "the figures are written otherwise than this program writes them"
            ])
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        #expect(finished.status == 0, "\(finished.output)")
    }

    @Test("a plan begins when it is told to", .enabled(if: Recomputation.isPossible))
    func start() async throws {
        var bundle = try EvidenceBundle(try closed())
        let index = try #require(bundle.indices(.plan).first)
        let facts = String(decoding: bundle.entries[index].payload, as: UTF8.self)
        let key = try #require(facts.range(of: "\"start\":\"2026"))
        bundle.entries[index].payload = Array(
            facts.replacingCharacters(in: key, with: "\"start\":\"2027").utf8)
        try await check(bundle, "and is told to begin at 2027")
    }

    @Test(
        "what is there twice, or not in its order, is named by both",
        .enabled(if: Recomputation.isPossible))
    func order() async throws {
        let bytes = try closed()
        func both(
            _ words: String, _ change: (inout EvidenceBundle) throws -> Void
        ) async throws {
            var bundle = try EvidenceBundle(bytes)
            try change(&bundle)
            let said = try EvidenceBundle.verify(bundle.bytes).findings
            #expect(said.contains { $0.contains(words) }, "\(said)")
            try await check(bundle, words)
        }
        try await both(" is in it twice") { bundle in
            let index = try #require(bundle.indices(.manifest).first)
            bundle.entries.insert(bundle.entries[index], at: index)
        }
        try await both("type 1 is not in its order") { bundle in
            let figures = try #require(bundle.indices(.figures).first)
            let moved = bundle.entries[figures...]
            bundle.entries.removeSubrange(figures...)
            let runs = try #require(bundle.indices(.manifest).first)
            bundle.entries.insert(contentsOf: moved, at: runs)
        }
        try await both("a proof (note) is in it twice") { bundle in
            let proof = Array("a letter".utf8)
            let note = EvidenceDocument.lodging(kind: "note", at: Timestamp(1))
            let entries: [(UInt8, [UInt8])] = [
                (EvidenceType.lodging.rawValue, try note.facts(bytes: proof.count)),
                (EvidenceType.bytes.rawValue, proof),
            ]
            let imports = try #require(bundle.indices(.imported).first)
            bundle.entries.insert(contentsOf: entries + entries, at: imports)
        }
    }
}
