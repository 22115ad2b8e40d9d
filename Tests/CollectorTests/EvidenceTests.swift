import Assessment
import Bundle
import Chain
import Foundation
import Metering
import Records
import Report
import SCI
import Store
import Testing
import Wire

@testable import Collector

@Suite("A bundle tells by itself whether its report is what its agents signed")
struct EvidenceTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func fleet(
        sealedAt time: Timestamp = Timestamp(PlanFleet.start - 3_600_000_000_000)
    ) throws -> EvidenceBundle {
        let store = try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
        let sealed = try PlanFleet.seal(in: store, at: time)
        try PlanFleet.fillInBatches(store)
        try PlanFleet.importBeside(store)
        return try EvidenceBundle(try PlanFleet.bundle(of: sealed, in: store))
    }

    @Test("a true one is accepted, and computes the very report of the store")
    func accepted() throws {
        let store = try SQLiteRecordStore(path: directory.path + "/records.db")
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        try PlanFleet.importBeside(store)
        let bytes = try PlanFleet.bundle(of: sealed, in: store)
        let verdict = try EvidenceBundle.verify(bytes)
        #expect(verdict.findings == [])
        let report = try Pipeline.report(PlanFleet.request(sealed), from: store)
        #expect(verdict.content == report)
        #expect(verdict.runs == 6)
        #expect(verdict.records == 1196)
    }

    // MARK: - Altered, with every digest made anew

    private func findings(
        _ change: (inout EvidenceBundle) throws -> Void
    ) throws -> String {
        var bundle = try fleet()
        try change(&bundle)
        let verdict = try EvidenceBundle.verify(bundle.bytes)
        return verdict.findings.joined(separator: "\n")
    }

    @Test("a record that was altered, or dropped from its batch, is not what its agent signed")
    func record() throws {
        let altered = try findings { bundle in
            let index = bundle.indices(.batch)[3]
            let batch = try #require(bundle.batch(index))
            var records = batch.records
            records[7][20] ^= 1
            bundle.put(batch.with(records), at: index)
        }
        #expect(altered.contains("records 91 to 120 of run abcd0000 of a1 are not what the key"))
        #expect(altered.contains("record 98 of run abcd0000 of a1: "))
        for drop in [0, 12, 29] {
            let dropped = try findings { bundle in
                let index = bundle.indices(.batch)[3]
                let batch = try #require(bundle.batch(index))
                var records = batch.records
                records.remove(at: drop)
                bundle.put(batch.with(records), at: index)
            }
            #expect(
                dropped.contains("records 91 to 119 of run abcd0000 of a1 are not what the key"))
            #expect(dropped.contains("record 120 of run abcd0000 of a1 is missing"))
        }
    }

    @Test("a batch that is missing in the middle or at the end is named")
    func batch() throws {
        let middle = try findings { $0.entries.remove(at: $0.indices(.batch)[3]) }
        #expect(middle.contains("records 91 to 120 of run abcd0000 of a1 are missing"))
        #expect(middle.contains("figure rounds[1]"))
        let tail = try findings { $0.entries.remove(at: $0.indices(.batch)[6]) }
        #expect(tail.contains("records 181 to 200 of run abcd0000 of a1 are missing"))
        // Whoever also alters what should be there is held to the report.
        let told = try findings { bundle in
            bundle.entries.remove(at: bundle.indices(.batch)[6])
            let part = bundle.indices(.part)[0]
            bundle.entries[part].payload = ExportEntry.loss(first: 1, last: 180).content.payload
        }
        #expect(told.contains("figure rounds[3].energy.total.microjoules"))
        #expect(told.contains("figure rounds[3].hosts[0].quality.runs[0].last_seq"))
    }

    @Test("what was done to the records is told first")
    func order() throws {
        let store = try SQLiteRecordStore(path: directory.path + "/closed.db")
        let sealed = try PlanFleet.seal(in: store)
        try PlanFleet.fillInBatches(store)
        let request = try PlanFleet.request(sealed)
        _ = try Pipeline.closeRounds(
            of: sealed, in: store, factors: request.factors, software: request.software,
            at: request.now + .seconds(60))
        let bytes = try PlanFleet.bundle(of: sealed, in: store)
        var dropped = try EvidenceBundle(bytes)
        dropped.entries.remove(at: dropped.indices(.batch)[3])
        let missing = try EvidenceBundle.verify(dropped.bytes).findings
        #expect(missing.first == "records 91 to 120 of run abcd0000 of a1 are missing")
        // Nothing promises them: the numbers and times of the others do, and the report tells how many there were.
        let part = dropped.indices(.part)[0]
        let stretches = [(1, 90), (121, 200)].map { first, last in
            (
                type: EvidenceType.part.rawValue,
                payload: ExportEntry.loss(first: first, last: last).content.payload
            )
        }
        dropped.entries.replaceSubrange(part...part, with: stretches)
        let unpromised = try EvidenceBundle.verify(dropped.bytes).findings
        #expect(unpromised.first == missing.first)
        let told = try #require(unpromised.dropFirst().first)
        #expect(told.hasPrefix("figure rounds[1].hosts[0].quality.records_"))
        #expect(unpromised.contains { $0.hasPrefix("the figures that round 2 closed with") })
    }

    @Test("the end of a run is missed where the run after it tells of it")
    func predecessor() throws {
        let store = try SQLiteRecordStore(path: directory.path + "/two.db")
        let sealed = try PlanFleet.seal(in: store)
        let sent = try PlanFleet.records(of: "a1")
        let (early, late) = try PlanFleet.twoRuns(sent)
        try early.signer.keep(early.records, from: 1, under: sent.manifest, in: store)
        try late.signer.keep(late.records, from: 1, under: sent.manifest, in: store)
        var bundle = try EvidenceBundle(PlanFleet.bundle(of: sealed, in: store))
        #expect(try EvidenceBundle.verify(bundle.bytes).findings == [])
        let index = bundle.indices(.batch)[0]
        bundle.entries.remove(at: index)
        bundle.entries.remove(at: bundle.indices(.part)[0])
        // With nothing of it there, and nothing promised, the report tells.
        #expect(
            try EvidenceBundle.verify(bundle.bytes).findings.contains {
                $0.hasPrefix("figure rounds[0].energy")
            })
        var cut = try EvidenceBundle(PlanFleet.bundle(of: sealed, in: store))
        let part = cut.indices(.part)[0]
        let batch = try #require(cut.batch(cut.indices(.batch)[0]))
        cut.put(batch.with(Array(batch.records.dropLast(5))), at: cut.indices(.batch)[0])
        cut.entries[part].payload = ExportEntry.loss(first: 1, last: 95).content.payload
        let findings = try EvidenceBundle.verify(cut.bytes).findings.joined(separator: "\n")
        #expect(
            findings.contains(
                "records 96 to 100 of run abcd0000 of a1 are missing: the run after it says"))
    }

    @Test("a round that is left out is missed, in its records and in its figures")
    func round() throws {
        let records = try findings { bundle in
            let batches = bundle.indices(.batch)
            for index in [batches[4], batches[3]] { bundle.entries.remove(at: index) }
        }
        #expect(records.contains("records 91 to 150 of run abcd0000 of a1 are missing"))
        let figures = try findings { bundle in
            let json = try JSONSerialization.jsonObject(with: Data(bundle.document(.figures)))
            var report = try #require(json as? [String: Any])
            var rounds = try #require(report["rounds"] as? [Any])
            rounds.remove(at: 1)
            report["rounds"] = rounds
            try bundle.put(
                Array(try JSONSerialization.data(withJSONObject: report)), in: .figures)
        }
        #expect(figures.contains("figure rounds: 3 entries are told, 4 are computed"))
    }

    @Test("a factor that was swapped gives the plan another hash, or the report other figures")
    func factor() throws {
        let swapped = try findings {
            $0.replace(
                "micrograms_per_kwh\":530600000", with: "micrograms_per_kwh\":130600000", in: .plan)
        }
        #expect(swapped.contains("the plan \(try hash()) has a text of another hash"))
        let hashed = try findings { bundle in
            bundle.replace(
                "micrograms_per_kwh\":530600000", with: "micrograms_per_kwh\":130600000", in: .plan)
            let document = bundle.document(.plan)
            let other = try #require(PlanDocument.hash(of: document)).description
            let hash = try hash()
            for type in [EvidenceType.head, .plan, .figures] {
                bundle.replace(hash, with: other, in: type)
            }
        }
        #expect(hashed.contains("figure rounds[0].o_grams"))
        #expect(hashed.contains("figure result.mean_grams_per_unit"))
    }

    private func hash() throws -> String {
        let document = try PlanDocument.encode(PlanFleet.plan)
        return try #require(PlanDocument.hash(of: document)).description
    }

    @Test("a plan that was sealed after its first round began is named")
    func late() throws {
        let late = try fleet(sealedAt: Timestamp(PlanFleet.start + 1))
        let verdict = try EvidenceBundle.verify(late.bytes)
        #expect(verdict.findings.count == 1)
        #expect(verdict.findings[0].contains("was sealed at 2026-11-21T00:00:00.000000001Z, after"))
        #expect(verdict.content?.standing.title == "非评估结果 / Not an assessment")
        let moved = try findings {
            $0.replace("2026-11-20T23:00:00Z", with: "2026-11-21T00:00:00Z", in: .plan)
        }
        #expect(moved.contains("was sealed at 2026-11-21T00:00:00Z, after its first round began"))
        #expect(moved.contains("figure standing: assessment is told, not_assessment is computed"))
    }

    @Test("an import that was altered is named, and so are its figures where its digest fits")
    func imported() throws {
        let altered = try findings { $0.replace(",7\n", with: ",8\n", in: .imported) }
        #expect(
            altered.contains("import 1 (ledger, beside.csv) was altered: its digest is another"))
        let meter = try findings { bundle in
            var isMeter = false
            for index in bundle.entries.indices {
                let text = String(decoding: bundle.entries[index].payload, as: UTF8.self)
                if bundle.entries[index].type == EvidenceType.imported.rawValue {
                    isMeter = text.contains("\"meter\"")
                } else if isMeter, bundle.entries[index].type == EvidenceType.bytes.rawValue {
                    bundle.entries[index].payload = Array(text.replacing(",147", with: ",148").utf8)
                }
            }
        }
        #expect(meter.contains("import 2 (meter, beside.csv) was altered"))
    }

    @Test("a figure that was altered is named with both values, a key with the batches it signed")
    func told() throws {
        let figure = try findings {
            $0.replace("\"valid_rounds\": 3", with: "\"valid_rounds\": 4", in: .figures)
        }
        #expect(figure == "figure result.valid_rounds: 4 is told, 3 is computed")
        let key = try findings { bundle in
            let run = bundle.indices(.run)[0]
            bundle.entries[run].payload = Array(
                bundle.entries[run].payload.dropLast(32) + SigningKey().verifying.bytes)
        }
        #expect(key.contains("records 1 to 30 of run abcd0000 of a1 are not what the key"))
    }

    @Test("what is left of one after any byte, and any bytes behind it, is named")
    func cut() throws {
        let bytes = try PlanFleet.smallBundle(directory.path)
        for length in stride(from: 0, to: bytes.count, by: 97) {
            let verdict = try EvidenceBundle.verify(Array(bytes[..<length]))
            #expect(verdict.findings.count == 1 && verdict.content == nil)
            #expect(verdict.findings[0].contains("byte \(length < 8 ? 0 : length)"))
        }
        let behind = try EvidenceBundle.verify(bytes + [0])
        #expect(behind.findings == ["byte \(bytes.count): something follows the end"])
    }

    @Test("one bit that was changed in any byte is found, and the entry it lies in is named")
    func bits() async throws {
        let bytes = try PlanFleet.smallBundle(directory.path)
        #expect(try EvidenceBundle.verify(bytes).findings == [])
        let missed = try await offPool {
            var missed: [Int] = []
            for place in bytes.indices {
                var altered = bytes
                altered[place] ^= 1 << UInt8((place &* 5) % 8)
                guard let error = EvidenceBundle.error(in: altered),
                    error.description.contains("entry ") || place < 8
                else {
                    missed.append(place)
                    continue
                }
                guard place.isMultiple(of: 499) else { continue }
                let verdict = try EvidenceBundle.verify(altered)
                if verdict.findings != [error.description] || verdict.content != nil {
                    missed.append(place)
                }
            }
            return missed
        }
        #expect(missed == [])
    }
}

extension ExportedBatch {
    fileprivate func with(_ records: [[UInt8]]) -> ExportedBatch {
        ExportedBatch(
            first: first, receivedAt: receivedAt, previous: previous, signature: signature,
            records: records)
    }
}

extension PlanFleet {
    /// The first windows of one host, over one round of as long.
    static func smallBundle(_ folder: String, windows count: Int = 2) throws -> [UInt8] {
        var plan = Self.plan
        plan.schedule = RoundSchedule(
            start: Timestamp(start), length: Nanoseconds(UInt64(count) * window), rounds: 1,
            reserve: 0, grace: .zero, justification: "")
        plan.hosts = plan.hosts.filter { $0.id == "a1" }
        plan.scenarios = StandardWeights.scenarios.map {
            PlannedScenario(id: $0, countingHosts: ["a1"])
        }
        let store = try SQLiteRecordStore(path: folder + "/\(UUID().uuidString).db")
        let document = try PlanDocument.encode(plan)
        let hash = try #require(PlanDocument.hash(of: document))
        let sealed = try store.seal(
            NewPlan(
                hash: hash, document: document, yaml: [], start: Timestamp(start),
                sealedAt: Timestamp(start - 1)))
        let sent = try records(of: "a1")
        try sent.signer.keep(
            Array(sent.records.prefix(count)), from: 1, under: sent.manifest, in: store)
        return try bundle(of: sealed, plan, in: store)
    }

    /// The records of a host as of two runs, of which the second says how many the first made.
    static func twoRuns(
        _ sent: HostRecords
    ) throws -> (
        early: (signer: Signer, records: [[UInt8]]), late: (signer: Signer, records: [[UInt8]])
    ) {
        let count = 100
        let early = sent.signer
        let run = RunID(0xABCD_9999)
        let late = Signer(
            early.agent, run: run, key: early.key,
            after: RunEnd(run: early.run.rawValue, last: UInt64(count)))
        let records = try sent.records[count...].enumerated().map { index, bytes in
            var record = try RecordCodec.decode(bytes)
            record.run = run
            record.sequence = UInt64(index + 1)
            return try RecordCodec.encode(record)
        }
        return ((early, Array(sent.records[..<count])), (late, records))
    }
}
