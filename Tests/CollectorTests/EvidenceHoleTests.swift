import Assessment
import Bundle
import Foundation
import Metering
import Records
import Store
import Testing
import Wire

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

    /// What both say of a bundle that was changed, its report made anew of what is left. Where there are
    /// `others`, these are Python's words behind the first colon.
    private func findings(
        _ bundle: EvidenceBundle, others: String? = nil,
        _ change: (inout EvidenceBundle) throws -> Void
    ) async throws -> [String] {
        var bundle = bundle
        try change(&bundle)
        let content = try #require(try EvidenceBundle.verify(bundle.bytes).content)
        try bundle.put(Array(content.json().utf8), in: .figures)
        let findings = try EvidenceBundle.verify(bundle.bytes).findings
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        #expect(finished.errors == "")
        #expect(finished.status == (findings.isEmpty ? 0 : 1))
        let sentences = findings.map { sentence in
            guard let others else { return sentence }
            return String(sentence.prefix { $0 != ":" }) + ": " + others
        }
        let told = ["\(findings.count) findings"] + sentences
        #expect(
            finished.output.hasSuffix("\n" + told.joined(separator: "\n") + "\n"),
            "\(finished.output)")
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

    @Test(
        "a run that the next one names is missed, whichever of them stands first",
        .enabled(if: Recomputation.isPossible), arguments: [0xABCD_9999, 0x1234] as [UInt64])
    func predecessor(next: UInt64) async throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        let sent = try PlanFleet.records(of: "a1")
        for first in stride(from: 0, to: PlanFleet.early, by: 25) {
            try sent.signer.keep(
                Array(sent.records[first..<first + 25]), from: UInt64(first + 1),
                under: sent.manifest, in: store)
        }
        let late = try PlanFleet.late(sent, as: RunID(next))
        try late.signer.keep(late.records, from: 1, under: sent.manifest, in: store)
        let bundle = try EvidenceBundle(PlanFleet.bundle(of: sealed, in: store))
        let entries = try bundle.entries(of: 0xABCD_0000)
        let isFirst = bundle.indices(.run).first == entries.lowerBound
        #expect(isFirst == (next > 0xABCD_0000))
        func found(_ change: (inout EvidenceBundle) -> Void) async throws -> [String] {
            try await findings(bundle, others: "a later run tells of them", change)
        }
        let missing = "missing: the run after it says that they were made"
        let none = try await found { _ in }
        #expect(none == [])
        let absent = try await found { $0.entries.removeSubrange(entries) }
        #expect(absent == of("records 1 to 100", missing))
        let empty = try await found { $0.entries.removeSubrange(entries.dropFirst()) }
        #expect(empty == of("records 1 to 100", missing))
        let cut = try await found { bundle in
            bundle.entries.remove(at: entries.upperBound - 1)
            bundle.entries[entries.lowerBound + 1] = (
                EvidenceType.part.rawValue, ExportEntry.loss(first: 1, last: 75).content.payload
            )
        }
        #expect(cut == of("records 76 to 100", missing))
        // As a store tells of a run of which retention deleted all.
        let deleted = try await found { bundle in
            bundle.entries.removeSubrange(entries.dropFirst(2))
            bundle.entries[entries.lowerBound + 1] = (
                EvidenceType.deletion.rawValue,
                ExportEntry.loss(first: 1, last: 100).content.payload
            )
        }
        #expect(deleted == [])
    }

    @Test(
        "a run that never came is there with its losses, and vouches for no record",
        .enabled(if: Recomputation.isPossible))
    func neverCame() async throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        let sent = try PlanFleet.records(of: "a1")
        let late = try PlanFleet.late(sent, as: RunID(0x1234))
        try late.signer.keep(late.records, from: 1, under: sent.manifest, in: store)
        let bundle = try EvidenceBundle(PlanFleet.bundle(of: sealed, in: store))
        #expect(bundle.indices(.run).count == 2)
        #expect(bundle.indices(.loss).count == 1)
        let verdict = try EvidenceBundle.verify(bundle.bytes)
        #expect(verdict.findings == [])
        #expect(verdict.runs == 1)
        let none = try await findings(bundle) { _ in }
        #expect(none == [])
        var forged = bundle
        let entries = try bundle.entries(of: 0xABCD_0000)
        let batch = try #require(bundle.indices(.batch).first)
        forged.entries.insert(bundle.entries[batch], at: entries.upperBound)
        let words = "a batch of run abcd0000 of a1, whose key never came"
        let found = try EvidenceBundle.verify(forged.bytes).findings
        #expect(found.contains { $0.hasSuffix(words) })
        let finished = try await EvidenceBundle.python(forged.bytes, in: directory)
        #expect(finished.status == 1 && finished.output.contains(words))
    }

    @Test("no record at all is nothing missing", .enabled(if: Recomputation.isPossible))
    func empty() async throws {
        let store = try store()
        let sealed = try PlanFleet.seal(in: store)
        let bundle = try EvidenceBundle(PlanFleet.bundle(of: sealed, in: store))
        #expect(bundle.indices(.run) == [])
        let verdict = try EvidenceBundle.verify(bundle.bytes)
        #expect(verdict.findings == [])
        let found = try await findings(bundle) { _ in }
        #expect(found == [])
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

extension PlanFleet {
    /// Records of the first of two runs.
    fileprivate static let early = 100

    /// The records behind those, as of another run that names the first.
    fileprivate static func late(
        _ sent: HostRecords, as run: RunID
    ) throws -> (signer: Signer, records: [[UInt8]]) {
        let end = RunEnd(run: sent.signer.run.rawValue, last: UInt64(early))
        let records = try sent.records[early...].enumerated().map { index, bytes in
            var record = try RecordCodec.decode(bytes)
            record.run = run
            record.sequence = UInt64(index + 1)
            return try RecordCodec.encode(record)
        }
        return (Signer(sent.signer.agent, run: run, key: sent.signer.key, after: end), records)
    }
}

extension EvidenceBundle {
    /// The entries of a run: itself, stretches, and batches.
    fileprivate func entries(of run: UInt64) throws -> Range<Int> {
        let found = indices(.run).first { index in
            let entry = ExportEntry(type: entries[index].type, payload: entries[index].payload)
            guard case .run(let one)? = entry else { return false }
            return one.run.rawValue == run
        }
        let start = try #require(found)
        let types = [EvidenceType.loss, .deletion, .part, .batch].map(\.rawValue)
        let end = entries[(start + 1)...].firstIndex { !types.contains($0.type) }
        return start..<(end ?? entries.endIndex)
    }

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
