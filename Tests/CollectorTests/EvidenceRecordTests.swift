import Bundle
import CRC32C
import Chain
import Foundation
import Metering
import Store
import Testing
import Wire

@testable import Collector

@Suite("Both verifiers refuse manifests and records that no agent writes")
struct EvidenceRecordTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Fields behind those of a manifest: of two of one number the last counts.
    private static let strangeManifests: [(field: String, bytes: [UInt8])] = [
        ("agent", [0x0A, 0]), ("a control", [0x12, 1, 0x0A]), ("no UTF-8", [0x12, 1, 0xFF]),
        ("a long text", [0x12, 0x81, 2] + [UInt8](repeating: 0x78, count: 257)),
        ("window_length", [0x30, 0]), ("source", [0x38, 4]), ("scope", [0x40, 3]),
        ("no model", [0x68, 0]), ("model", [0x68, 3]), ("idle_rule", [0xA8, 1, 3]),
        ("no kind of a zone", [0x4A, 0]), ("kind of a zone", [0x4A, 2, 0x20, 9]),
        ("source of a zone", [0x4A, 4, 0x20, 1, 0x30, 4]),
        ("parent of a zone", [0x4A, 5, 0x20, 1, 0x1A, 1, 0x7F]),
        ("reserved_percent", [0x52, 2, 0x28, 101]), ("port", [0x52, 5, 0x12, 3, 0x80, 0x80, 4]),
        ("a scenario twice", [0x5A, 1, 0x78, 0x5A, 1, 0x78]), ("idle_low", [0x80, 1, 5]),
        ("scenario of a rule", [0x92, 1, 2, 8, 9]),
        ("order of rules", [0x92, 1, 2, 8, 1, 0x92, 1, 2, 8, 0]),
        ("name of rules", [0x92, 1, 5, 0x12, 1, 0x78, 0x18, 2]),
        ("number of rules", [0x92, 1, 4, 0x18, 0x81, 0x80, 1]),
        ("scenario_flows", [0x9A, 1, 0]),
        ("deduplication", [0x9A, 1, 2, 0x10, 3, 0x9A, 1, 0, 0x9A, 1, 0, 0x9A, 1, 0]),
        ("flow_secret_id", [0xA1, 1, 1, 0, 0, 0, 0, 0, 0, 0]), ("a cut field", [0xA2, 6, 5]),
        ("length", [0xA2, 6, 0x80, 0x80, 4] + [UInt8](repeating: 0, count: 65_536)),
    ]

    @Test("each manifest is named", .enabled(if: Recomputation.isPossible))
    func manifests() async throws {
        var bundle = try EvidenceBundle(PlanFleet.smallBundle(directory.path))
        let first = try #require(bundle.indices(.manifest).first)
        let manifest = bundle.entries[first].payload
        let strange = Self.strangeManifests.map {
            (type: EvidenceType.manifest.rawValue, payload: manifest + $0.bytes)
        }
        bundle.entries.insert(contentsOf: strange, at: first + 1)
        let findings = try EvidenceBundle.verify(bundle.bytes).findings
        #expect(findings.count == strange.count)
        #expect(findings.allSatisfy { $0.hasPrefix("manifest ") }, "\(findings)")
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        for (index, one) in Self.strangeManifests.enumerated() {
            let place = "\nentry \(first + 1 + index), at byte "
            #expect(finished.output.contains(place), "\(one.field): \(finished.output)")
        }
        #expect(finished.output.contains("\n\(strange.count) findings\n"), "\(finished.output)")
        #expect(finished.output.contains("it has no window_length"))
    }

    /// Fields behind those of a window's record.
    private static let strangeRecords: [(field: String, bytes: [UInt8])] = [
        ("zone_energy", [0x3A, 1, 5]), ("zone_state", [0xB2, 1, 1, 6]),
        ("zone_reason", [0xBA, 1, 1, 15]), ("measured for a reason", [0xBA, 1, 1, 1]),
        ("energy of a lost zone", [0xB2, 1, 1, 4, 0xBA, 1, 1, 1]),
        ("energy_unknown", [0xC8, 1, 15]), ("unknown energy", [0xC8, 1, 1]),
        ("carried_energy", [0xB0, 2, 5]), ("partition", [0x42, 1, 0]),
        ("undivided_reason", [0xD0, 1, 6]), ("host_busy", [0xD8, 1, 1]),
        ("host_busy_unknown", [0x48, 0, 0xD8, 1, 9]), ("service_time", [0x52, 1, 0]),
        ("scenario_count", [0x58, 5]), ("scenario_observation", [0xEA, 1, 4, 6, 1, 1, 1]),
        ("scenario_completed", [0x62, 1, 1]), ("rule_index", [0xCA, 2, 1, 1]),
        ("rule_hits", [0xCA, 2, 1, 0, 0xD2, 2, 1, 0]), ("service_packets", [0x82, 2, 2, 1, 1]),
        ("service_encrypted", [0x8A, 2, 2, 1, 1]), ("service_flows", [0x92, 2, 1, 1]),
        ("service_busy", [0xE2, 2, 1, 1]), ("losses", [0x9A, 2, 1, 8]),
        ("no completions", [0x90, 3, 1]),
    ]
    /// The same of what every entry has.
    private static let strangeEntries: [(field: String, bytes: [UInt8])] = [
        ("kind", [0x90, 3, 2]), ("start_nanoseconds", [0x98, 1, 0x80, 0x94, 0xEB, 0xDC, 3]),
        ("length_seconds", [0x28] + [UInt8](repeating: 0xFF, count: 9) + [1]),
        ("a cut field", [0xA2, 6, 5]),
    ]

    @Test("each record is named", .enabled(if: Recomputation.isPossible))
    func records() async throws {
        let (bodies, heads) = (Self.strangeRecords, Self.strangeEntries)
        let strange = bodies + heads
        var bundle = try EvidenceBundle(
            PlanFleet.smallBundle(directory.path, windows: strange.count + 4))
        let numbers = try sign(&bundle) { records in
            for (index, one) in strange.enumerated() {
                records[index + 1] = framed(Array(records[index + 1].dropFirst(8)) + one.bytes)
            }
            records[strange.count + 1][4] ^= 1
            return 2...strange.count + 2
        }
        // The report made anew of what is left.
        let content = try #require(try EvidenceBundle.verify(bundle.bytes).content)
        try bundle.put(Array(content.json().utf8), in: .figures)
        let findings = try EvidenceBundle.verify(bundle.bytes).findings
        let finished = try await EvidenceBundle.python(bundle.bytes, in: directory)
        for (number, one) in zip(numbers, strange + [("checksum", [])]) {
            let name = ": record \(number) of run abcd0000 of a1: "
            #expect(finished.output.contains(name), "\(one.field): \(finished.output)")
            let isNamed = findings.contains { $0.contains(name) }
            #expect(isNamed == (number > bodies.count + 1), "\(one.field): \(findings)")
        }
        let words = "records that cannot be read, or not under their manifests: \(bodies.count) ("
        #expect(findings.contains { $0.hasPrefix(words) }, "\(findings)")
        #expect(findings.count == heads.count + 2, "\(findings)")
        #expect(finished.output.contains("\n\(numbers.count) findings\n"), "\(finished.output)")
    }

    /// Alters the records of a bundle's only batch, and signs them with a key in the place of the agent's.
    private func sign(
        _ bundle: inout EvidenceBundle, _ change: (inout [[UInt8]]) -> ClosedRange<Int>
    ) throws -> ClosedRange<Int> {
        let index = try #require(bundle.indices(.batch).first)
        let batch = try #require(bundle.batch(index))
        var records = batch.records
        let numbers = change(&records)
        let signer = Signer("a1", run: RunID(0xABCD_0000))
        let signed = try signer.batch(records, from: batch.first)
        bundle.put(
            ExportedBatch(
                first: batch.first, receivedAt: batch.receivedAt,
                previous: try #require(ChainHead(signed.previous)), signature: signed.signature,
                records: records), at: index)
        let run = try #require(bundle.indices(.run).first)
        bundle.entries[run].payload = Array(
            bundle.entries[run].payload.dropLast(32) + signer.key.verifying.bytes)
        return numbers
    }

    private func framed(_ payload: [UInt8]) -> [UInt8] {
        let numbers = [UInt32(payload.count), CRC32C.checksum(payload)]
        return numbers.flatMap { number in
            (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32($0 * 8)) }
        } + payload
    }
}
