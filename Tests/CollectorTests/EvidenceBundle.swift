import Assessment
import Bundle
import Foundation
import Imports
import Metering
import Records
import Report
import SCI
import Store

@testable import Collector

/// A bundle of the tests, as its entries: they can be altered, and written with digests that fit.
struct EvidenceBundle {
    var entries: [(type: UInt8, payload: [UInt8])] = []

    init(_ bytes: [UInt8]) throws {
        var reader = EvidenceReader()
        var rest = bytes[...]
        while let frame = try reader.next({ count in
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }) {
            if frame.type != EvidenceType.end.rawValue {
                entries.append((frame.type, frame.payload))
            }
        }
    }

    /// The bundle, as somebody writes it who knows the format and has no agent's key.
    var bytes: [UInt8] {
        var writer = EvidenceWriter()
        return EvidenceFrame.magic + entries.flatMap { writer.entry($0.type, $0.payload) }
            + writer.end().bytes
    }

    func indices(_ type: EvidenceType) -> [Int] {
        entries.indices.filter { entries[$0].type == type.rawValue }
    }

    /// Replaces a text in the facts of documents of a type and in their bytes, where it stays as long.
    mutating func replace(_ text: String, with other: String, in type: EvidenceType) {
        var isIn = false
        for index in entries.indices {
            if entries[index].type != EvidenceType.bytes.rawValue {
                isIn = entries[index].type == type.rawValue
            }
            guard isIn else { continue }
            let replaced = String(decoding: entries[index].payload, as: UTF8.self)
                .replacing(text, with: other)
            entries[index].payload = Array(replaced.utf8)
        }
    }

    /// The bytes of the document of a type.
    func document(_ type: EvidenceType) -> [UInt8] {
        guard let start = indices(type).first else { return [] }
        return entries[(start + 1)...].prefix { $0.type == EvidenceType.bytes.rawValue }
            .flatMap(\.payload)
    }

    /// Puts other bytes into the place of a document's.
    mutating func put(_ bytes: [UInt8], in type: EvidenceType) throws {
        guard let start = indices(type).first, let kind = EvidenceType(rawValue: type.rawValue),
            let (document, _) = try EvidenceDocument.read(kind, entries[start].payload)
        else { return }
        var end = start + 1
        while end < entries.count, entries[end].type == EvidenceType.bytes.rawValue { end += 1 }
        var rest = bytes[...]
        var chunks: [(UInt8, [UInt8])] = [
            (type.rawValue, try document.facts(bytes: bytes.count))
        ]
        while !rest.isEmpty {
            chunks.append((EvidenceType.bytes.rawValue, Array(rest.prefix(1 << 20))))
            rest = rest.dropFirst(1 << 20)
        }
        entries.replaceSubrange(start..<end, with: chunks)
    }

    /// The batches, as an export tells them.
    func batch(_ index: Int) -> ExportedBatch? {
        guard
            case .batch(let batch)? = ExportEntry(
                type: entries[index].type, payload: entries[index].payload)
        else { return nil }
        return batch
    }

    mutating func put(_ batch: ExportedBatch, at index: Int) {
        entries[index].payload = ExportEntry.batch(batch).content.payload
    }

    /// What verification stops at, before it looks at what entries are.
    static func error(in bytes: [UInt8]) -> EvidenceError? {
        var reader = EvidenceReader()
        var rest = bytes[...]
        do {
            while try reader.next({ count in
                defer { rest = rest.dropFirst(count) }
                return Array(rest.prefix(count))
            }) != nil {}
        } catch { return error as? EvidenceError }
        return nil
    }

    static func verify(_ bytes: [UInt8]) throws -> EvidenceVerdict {
        try Pipeline.verify(
            {
                let place = Place()
                return { count in
                    defer { place.at += count }
                    return Array(bytes.dropFirst(place.at).prefix(count))
                }
            }, program: "test")
    }

    private final class Place {
        var at = 0
    }

    /// What the verifier in Python says of a bundle, which is written into a directory.
    static func python(
        _ bytes: [UInt8], in directory: TemporaryDirectory
    ) async throws -> Finished {
        let path = directory.path + "/\(UUID().uuidString).jfb"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "scripts/verify-bundle.py").path
        return try await offPool {
            try run(URL(fileURLWithPath: "/usr/bin/python3"), ["-B", script, path])
        }
    }
}

extension PlanFleet {
    /// Records in batches of 30, so that a batch can be missing in the middle and at the end; each as it is
    /// changed, with the number of its window.
    static func fillInBatches(
        _ store: SQLiteRecordStore, change: ((inout Record, Int) -> Void)? = nil
    ) throws {
        for host in hosts.reversed() {
            let sent = try records(of: host)
            var entries = sent.records
            if let change {
                entries = try zip(entries, sent.windows).map { bytes, window in
                    var record = try RecordCodec.decode(bytes)
                    change(&record, window)
                    return try RecordCodec.encode(record)
                }
            }
            for first in stride(from: 0, to: entries.count, by: 30) {
                try sent.signer.keep(
                    Array(entries[first..<min(first + 30, entries.count)]),
                    from: UInt64(first + 1), under: sent.manifest, in: store)
            }
        }
    }

    /// What the ledger and a meter tell of the first two rounds.
    static func importBeside(_ store: SQLiteRecordStore) throws {
        let end = start + 2 * length
        func time(_ nanoseconds: UInt64) -> String { Timestamp(nanoseconds).rfc3339 }
        let credit = PlanTruth().rounds[0].flows[0]
        let ledger = """
            scenario,from,to,flows
            credit,\(time(start)),\(time(start + length)),\(credit.completed + credit.refused)
            credit,\(time(start + length)),\(time(end)),7

            """
        let meter = """
            meter,from,to,kwh
            a1,\(time(start)),\(time(start + length)),0.0041

            """
        for content in [
            try ImportFile.ledger(Array(ledger.utf8), file: "ledger.csv"),
            try ImportFile.meter(Array(meter.utf8), file: "meter.csv"),
        ] {
            _ = try Pipeline.keep(
                content, file: "beside.csv", signedBy: "Li Hua", signature: nil, at: Timestamp(1),
                in: store)
        }
    }

    static func request(
        _ sealed: SealedPlan, _ plan: Plan = plan, factors: FactorTable? = nil
    ) throws -> PlanReportRequest {
        let end = start + UInt64(rounds) * length + 10_000_000_000
        return PlanReportRequest(
            plan: plan, sealed: sealed, factors: try factors ?? FactorTable.builtIn(),
            now: Timestamp(end), software: .init(name: "Jouleflow", version: "test"))
    }

    /// The bundle of what a store holds on a sealed plan.
    static func bundle(
        of sealed: SealedPlan, _ plan: Plan = plan, factors: FactorTable? = nil,
        in store: SQLiteRecordStore
    ) throws -> [UInt8] {
        nonisolated(unsafe) var bytes: [UInt8] = []
        _ = try Pipeline.export(request(sealed, plan, factors: factors), from: store) {
            bytes += $0
        }
        return bytes
    }
}
