import Assessment
import Bundle
import Metering
import Records
import Report
import Rounds
import SCI
package import Store

/// What a bundle holds.
package struct EvidenceSummary: Sendable, Hashable {
    package var runs = 0
    package var batches = 0
    package var records = 0
    /// SHA-256 over all of it, in hexadecimal digits.
    package var digest = ""
}

/// Why no bundle can be made.
package enum EvidenceExportError: Error, Sendable, Hashable, CustomStringConvertible {
    case notSealed
    case tooLong(what: String, bytes: Int)

    package var description: String {
        switch self {
        case .notSealed: "the plan is not sealed"
        case .tooLong(let what, let bytes):
            "\(what) of \(bytes) bytes exceed what a bundle can hold"
        }
    }
}

extension Pipeline {
    /// Writes all that the report on a sealed plan is made of, and the report, from one state of the store.
    ///
    /// Throws what ``report(_:from:)`` throws, ``EvidenceExportError``, ``UnsignedRecords``, ``DamagedRecords``, and what
    /// `write` throws.
    package static func export(
        _ request: PlanReportRequest, from store: SQLiteRecordStore,
        write: @escaping ([UInt8]) throws -> Void
    ) throws -> EvidenceSummary {
        guard let sealed = request.sealed else { throw EvidenceExportError.notSealed }
        return try store.consistently {
            let reading = try PlanReading(request, store)
            let histories = try RoundHistory.all(reading, store)
            if let damage = DamagedRecords(reading.records) ?? DamagedRecords(histories.values) {
                throw damage
            }
            let content = PlanReportContent(reading, histories)
            var export = EvidenceExport(write)
            try export.documents(request, sealed, store)
            let period = try Period(request.plan.schedule)
            let places = try Self.places(of: period, in: store)
            try store.forEachEvidence(
                from: period.whole.start, to: period.whole.end, places: places
            ) { try export.add($0) }
            for alert in try store.alerts() {
                let (type, payload) = ExportEntry.alert(alert).content
                try export.entry(type, payload)
            }
            try export.document(.figures, Array(content.json().utf8))
            return try export.finish()
        }
    }

    /// Where flows of the period were counted at another time too: the earliest place keeps the flow.
    private static func places(
        of period: Period, in store: any RecordSource
    ) throws -> [EvidencePlace] {
        var found: [EvidencePlace] = []
        var flow: [FlowOccurrence] = []
        func take() {
            let outside = flow.filter { !period.holds($0) }
            guard outside.count < flow.count else { return }
            found += outside.map {
                EvidencePlace(
                    agent: $0.host, run: $0.run, sequence: $0.sequence, start: $0.start)
            }
        }
        try store.forEachRecord(from: Timestamp(0), to: Timestamp(0)) { _ in
        } repeated: {
            guard $0.isCounted == true else { return }
            let place = FlowOccurrence($0)
            if place.flow != flow.first?.flow {
                take()
                flow = []
            }
            flow.append(place)
        }
        take()
        return found
    }
}

extension Period {
    /// Whether the window of a place touches it.
    fileprivate func holds(_ place: FlowOccurrence) -> Bool {
        place.start < whole.end
            && max(place.end.rawValue, place.start.rawValue &+ 1)
                > whole.start.rawValue
    }
}

/// Writes a bundle.
private struct EvidenceExport {
    private var writer = EvidenceWriter()
    private let write: ([UInt8]) throws -> Void
    private var documents = 0
    private var summary = EvidenceSummary()

    /// Bytes of a document in one entry.
    private static let chunk = 1 << 20

    init(_ write: @escaping ([UInt8]) throws -> Void) {
        self.write = write
    }

    mutating func entry(_ type: UInt8, _ payload: [UInt8]) throws {
        guard payload.count <= EvidenceFrame.maximumPayload else {
            throw EvidenceExportError.tooLong(what: "an entry", bytes: payload.count)
        }
        if documents == 0 {
            try write(EvidenceFrame.magic)
            documents = EvidenceFrame.magic.count
        }
        try write(writer.entry(type, payload))
    }

    mutating func document(_ document: EvidenceDocument, _ bytes: [UInt8] = []) throws {
        documents += bytes.count
        guard documents <= EvidenceDocument.maximumBytes else {
            throw EvidenceExportError.tooLong(what: "documents", bytes: documents)
        }
        try entry(document.type.rawValue, try document.facts(bytes: bytes.count))
        var rest = bytes[...]
        while !rest.isEmpty {
            try entry(EvidenceType.bytes.rawValue, Array(rest.prefix(Self.chunk)))
            rest = rest.dropFirst(Self.chunk)
        }
    }

    mutating func documents(
        _ request: PlanReportRequest, _ sealed: Store.SealedPlan,
        _ store: any AssessmentSource
    ) throws {
        try document(
            .head(
                EvidenceHead(
                    plan: sealed.hash, made: request.now, software: request.software.name,
                    version: request.software.version)))
        try document(.factors, request.factors.csv)
        for plan in try store.plans() {
            try document(
                .plan(
                    EvidencePlan(
                        hash: plan.hash, start: plan.start, sealedAt: plan.sealedAt,
                        abandoned: plan.abandonment?.at, reason: plan.abandonment?.reason)),
                plan.document)
            for lodging in plan.lodgings {
                try document(
                    .lodging(kind: lodging.kind.rawValue, at: lodging.at), lodging.proof)
            }
        }
        for one in try store.imports(nil) {
            try document(
                .imported(
                    EvidenceImport(
                        id: UInt64(clamping: one.id), kind: one.kind.rawValue, digest: one.digest,
                        file: one.file, at: one.at, signedBy: one.signedBy,
                        signature: one.signature)), one.bytes)
        }
        for one in try store.revisions(of: sealed.hash) {
            try document(
                .revision(
                    EvidenceRevision(
                        round: UInt64(clamping: one.round),
                        revision: UInt64(clamping: one.revision), digest: one.digest,
                        computedAt: one.computedAt, software: one.software)), one.bytes)
        }
    }

    mutating func add(_ evidence: EvidenceEntry) throws {
        switch evidence {
        case .export(let one):
            if case .run = one { summary.runs += 1 }
            if case .batch(let batch) = one {
                summary.batches += 1
                summary.records += batch.records.count
            }
            let (type, payload) = one.content
            try entry(type, payload)
        case .part(let first, let last): try stretch(.part, first, last)
        case .deletion(let first, let last): try stretch(.deletion, first, last)
        }
    }

    private mutating func stretch(
        _ type: EvidenceType, _ first: UInt64, _ last: UInt64
    ) throws {
        // The bytes of a loss, which has the same two numbers.
        try entry(type.rawValue, ExportEntry.loss(first: first, last: last).content.payload)
    }

    mutating func finish() throws -> EvidenceSummary {
        let (bytes, digest) = writer.end()
        try write(bytes)
        summary.digest = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return summary
    }
}
