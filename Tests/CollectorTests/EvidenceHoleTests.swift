import Assessment
import Bundle
import Foundation
import Metering
import Records
import Store
import Testing

@testable import Collector

@Suite("Both verifiers miss records of the plan's rounds, whatever else a bundle was made to say")
struct EvidenceHoleTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func store() throws -> SQLiteRecordStore {
        try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
    }

    private func fleet() throws -> EvidenceBundle {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        return try EvidenceBundle(try PlanFleet.bundle(of: sealed, in: store))
    }

    /// What both say of a bundle that was changed, its report made anew of what is left.
    private func findings(
        _ bundle: EvidenceBundle, _ change: (inout EvidenceBundle) throws -> Void
    ) async throws -> [String] {
        var bundle = bundle
        try change(&bundle)
        let content = try #require(try EvidenceBundle.verify(bundle.bytes).content)
        try bundle.put(Array(content.json().utf8), in: .figures)
        let findings = try EvidenceBundle.verify(bundle.bytes).findings
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        #expect(finished.errors == "")
        #expect(finished.status == (findings.isEmpty ? 0 : 1))
        let told = ["\(findings.count) findings"] + findings
        #expect(finished.output.hasSuffix("\n" + told.joined(separator: "\n") + "\n"))
        return findings
    }

    private func of(_ name: String, _ words: String) -> [String] {
        ["\(name) of run abcd0000 of a1 are \(words)"]
    }

    private static let deleted =
        "told to be deleted, and retention keeps what is of the plan's time"

    @Test("a batch that no part promises is missed", .enabled(if: Recomputation.isPossible))
    func middle() async throws {
        let found = try await findings(try fleet()) {
            $0.entries.remove(at: $0.indices(.batch)[3])
            $0.tell([(.part, 1, 90), (.part, 121, 200)])
        }
        #expect(found == of("records 91 to 120", "missing"))
    }

    @Test("so is the head of a run", .enabled(if: Recomputation.isPossible))
    func head() async throws {
        let found = try await findings(try fleet()) {
            for index in [1, 0] { $0.entries.remove(at: $0.indices(.batch)[index]) }
            $0.tell([(.part, 61, 200)])
        }
        #expect(found == of("records 1 to 60", "missing"))
    }

    @Test(
        "retention deletes nothing of the rounds: at no place",
        .enabled(if: Recomputation.isPossible), arguments: [0, 3, 6])
    func deletion(batch: Int) async throws {
        let (first, last) = (UInt64(batch * 30 + 1), min(UInt64(batch * 30 + 30), 200))
        let found = try await findings(try fleet()) {
            $0.entries.remove(at: $0.indices(.batch)[batch])
            let parts: [(EvidenceType, UInt64, UInt64)] = [
                (.part, 1, first - 1), (.part, last + 1, 200),
            ].filter { $0.1 <= $0.2 }
            $0.tell([(.deletion, first, last)] + parts)
        }
        #expect(found == of("records \(first) to \(last)", Self.deleted))
    }

    @Test("all records lie in parts, in order", .enabled(if: Recomputation.isPossible))
    func parts() async throws {
        let bundle = try fleet()
        let none = try await findings(bundle) { $0.tell([]) }
        #expect(none == of("records 1 to 200", "in no part of it"))
        let short = try await findings(bundle) { $0.tell([(.part, 1, 90), (.part, 121, 200)]) }
        #expect(short == of("records 91 to 120", "in no part of it"))
        let twice = try await findings(bundle) { $0.tell([(.part, 1, 120), (.part, 120, 200)]) }
        #expect(twice == ["the stretches of run abcd0000 of a1 are not in order"])
    }

    @Test(
        "a loss is the collector's word for its numbers and no others",
        .enabled(if: Recomputation.isPossible))
    func losses() async throws {
        let bundle = try fleet()
        func losing(_ first: UInt64, _ last: UInt64) async throws -> [String] {
            try await findings(bundle) {
                $0.entries.remove(at: $0.indices(.batch)[3])
                $0.tell([(.loss, first, last), (.part, 1, 90), (.part, 121, 200)])
            }
        }
        #expect(try await losing(91, 120) == [])
        #expect(try await losing(95, 120) == of("records 91 to 94", "missing"))
    }

    @Test("a batch that is there twice is named", .enabled(if: Recomputation.isPossible))
    func twice() async throws {
        let found = try await findings(try fleet()) {
            let index = $0.indices(.batch)[2]
            $0.entries.insert($0.entries[index], at: index)
        }
        let entry = try #require(found.first)
        #expect(found.count == 1)
        #expect(entry.hasSuffix(": records 61 to 90 of run abcd0000 of a1 are there twice"))
    }

    @Test("a run has the batch before the rounds, and what lies between is missed")
    func before() throws {
        var bundle = try EvidenceBundle(try EvidenceFleet.bundle(try store()))
        let batches = bundle.indices(.batch)
        let runs = bundle.indices(.run)
        let start = try PlanDocument.decode(bundle.document(.plan)).schedule.start
        var firsts: [RecordHeader] = []
        for run in runs {
            let index = try #require(batches.first { $0 > run })
            let bytes = try #require(bundle.batch(index)?.records.first)
            firsts.append(try RecordCodec.header(of: bytes))
        }
        #expect(firsts.count == 4)
        #expect(firsts.allSatisfy { $0.window.start < start && $0.sequence > 0 })
        // That of the database goes, with its part: what is left begins with the first round.
        let index = try #require(batches.first { $0 > runs[0] })
        let first = try #require(bundle.batch(index)).first
        bundle.entries.remove(at: index)
        let part = try #require(bundle.indices(.part).first { $0 > runs[0] })
        guard case .loss(_, let last)? = ExportEntry(type: 4, payload: bundle.entries[part].payload)
        else { throw EvidenceLimit.altered }
        bundle.entries[part].payload =
            ExportEntry.loss(first: first + 1, last: last).content.payload
        let findings = try EvidenceBundle.verify(bundle.bytes).findings
        #expect(findings.count == 1)
        #expect(findings.first?.hasSuffix(" of db are missing") == true)
    }
}

extension EvidenceBundle {
    /// Puts stretches in the place of those of the first run.
    fileprivate mutating func tell(_ stretches: [(EvidenceType, UInt64, UInt64)]) {
        let part = indices(.part)[0]
        entries.replaceSubrange(
            part...part,
            with: stretches.map { type, first, last in
                (type.rawValue, ExportEntry.loss(first: first, last: last).content.payload)
            })
    }
}
