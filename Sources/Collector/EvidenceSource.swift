import Assessment
import Bundle
import Chain
import Crypto
import Metering
import Records
import Store

/// The bytes of a bundle, from their beginning as often as asked: a function that gives at most as many
/// bytes as it is asked for, none at the end.
package typealias EvidenceInput = @Sendable () throws -> (Int) throws -> [UInt8]

/// A bundle in the place of a store. It is read anew for each reading of records, one batch in memory.
struct EvidenceSource: AssessmentSource {
    /// Rounds of machines that are computed; more are refused.
    static let maximumRounds = 2_000_000

    private let input: EvidenceInput
    private let digest: [UInt8]
    private let manifests: [ManifestDigest: [UInt8]]
    private let keys: [RunKey]
    private let lost: [SequenceLoss]
    private let told: [Store.Alert]
    private let sealed: [Store.SealedPlan]
    private let imported: [StoredImport]
    private let kept: [StoredRevision]
    private let plan: PlanHash?
    private let flows: UInt64

    init(_ catalog: EvidenceCatalog, _ input: @escaping EvidenceInput) {
        self.input = input
        digest = catalog.digest
        manifests = catalog.manifests
        keys = catalog.runs.map { RunKey(agent: $0.agent, run: $0.run, key: $0.key.bytes) }
        lost = catalog.losses
        told = catalog.alerts
        sealed = catalog.plans.map(Store.SealedPlan.init)
        imported = catalog.imports.compactMap(StoredImport.init)
        kept = catalog.revisions.map(StoredRevision.init)
        plan = catalog.head?.plan
        flows = catalog.flows
    }

    func manifest(_ digest: ManifestDigest) -> [UInt8]? { manifests[digest] }
    func consistently<T>(_ body: () throws -> T) throws -> T { try body() }
    func runKeys() -> [RunKey] { keys }
    func losses() -> [SequenceLoss] { lost }
    func alerts() -> [Store.Alert] { told }
    func plans() -> [Store.SealedPlan] { sealed }

    func imports(_ kind: ImportKind?) -> [StoredImport] {
        imported.filter { kind == nil || $0.kind == kind }
    }

    func revisions(of plan: PlanHash) -> [StoredRevision] { plan == self.plan ? kept : [] }

    /// None: a bundle has those of one plan, and each names it.
    func strayRevisions(of plan: PlanHash) -> [StrayRevision] { [] }

    func completionRows(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp
    ) -> CompletionSum? { nil }

    /// None: each lies where its bytes say.
    func forEachMisplaced(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp, read: ReadEntries,
        window: @escaping ([UInt8]) -> Window?, _ body: (StoredRecord) throws -> Void
    ) {}

    func forEachRecord(
        from: Timestamp, to: Timestamp, _ body: (StoredRecord) throws -> Void,
        repeated: ((RepeatedCompletion) throws -> Void)?
    ) throws {
        try forEachRecord(
            from: from, to: to, receivedBy: Timestamp(.max), body, repeated: repeated)
    }

    func forEachRecord(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp,
        _ body: (StoredRecord) throws -> Void, repeated: ((RepeatedCompletion) throws -> Void)?
    ) throws {
        try forEachEntry(receivedBy) { record in
            let end = max(record.end.rawValue, record.start.rawValue.addingClamped(1))
            guard record.start < to, end > from.rawValue else { return }
            try body(record)
        }
        guard let repeated else { return }
        try RepeatedPlaces(
            forEachPlace: { body in try forEachPlace(receivedBy, body) }, flows: flows
        ).forEach(repeated)
    }

    /// Each entry that had been received by a time once, run by run in the order of their numbers. What is
    /// no entry is passed over: the first reading has told of it.
    private func forEachEntry(
        _ receivedBy: Timestamp, _ body: (StoredRecord) throws -> Void
    ) throws {
        let read = try input()
        var reader = EvidenceReader()
        var run: ExportedRun?
        var through: UInt64 = 0
        while let frame = try reader.next(read) {
            switch ExportEntry(type: frame.type, payload: frame.payload) {
            case .run(let one):
                run = one
                through = 0
            case .batch(let batch):
                guard let run, batch.receivedAt <= receivedBy else { continue }
                for (index, bytes) in batch.records.enumerated() {
                    let sequence = batch.first &+ UInt64(index)
                    guard sequence > through else { continue }
                    through = sequence
                    guard let record = StoredRecord(bytes, sequence, of: run) else { continue }
                    try body(record)
                }
            default: continue
            }
        }
        guard reader.digest == digest else { throw EvidenceLimit.altered }
    }

    /// Each flow of completions whose window's record is there and counted it.
    private func forEachPlace(
        _ receivedBy: Timestamp, _ body: (RepeatedCompletion) throws -> Void
    ) throws {
        var waiting: [RepeatedCompletion] = []
        var known: (digest: ManifestDigest, manifest: Manifest)?
        try forEachEntry(receivedBy) { record in
            if let one = waiting.first, !one.isOfWindow(record) { waiting = [] }
            if record.kind == .window {
                let header = try? RecordCodec.header(of: record.bytes)
                if header?.flags.contains(.agentStopped) == false {
                    for place in waiting { try body(place) }
                }
                waiting = []
                return
            }
            if known?.digest != record.manifest {
                known = manifests[record.manifest].flatMap {
                    try? RecordCodec.decodeManifest($0)
                }.map { (record.manifest, $0) }
            }
            guard let manifest = known?.manifest,
                let completions = Completions.told(in: record.bytes, under: manifest)
            else { return }
            for (position, one) in completions.incoming(manifest).enumerated() {
                guard waiting.count < RepeatedPlaces.most else { throw EvidenceLimit.repeated }
                waiting.append(
                    RepeatedCompletion(
                        secret: one.secret, scenario: one.scenario, digest: one.digest,
                        agent: record.agent, run: record.run, sequence: record.sequence,
                        position: UInt64(position), start: record.start, end: record.end,
                        flows: one.flows))
            }
        }
    }
}

extension RepeatedCompletion {
    fileprivate func isOfWindow(_ record: StoredRecord) -> Bool {
        agent == record.agent && run == record.run && start == record.start && end == record.end
    }
}

extension StoredRecord {
    /// `nil` for bytes that are not this record of the run.
    fileprivate init?(_ bytes: [UInt8], _ sequence: UInt64, of run: ExportedRun) {
        guard let header = try? RecordCodec.header(of: bytes), header.run == run.run,
            header.sequence == sequence
        else { return nil }
        self.init(
            agent: run.agent, run: run.run, sequence: sequence, start: header.window.start,
            end: header.window.end, manifest: header.manifest, kind: header.kind, bytes: bytes)
    }
}

extension Store.SealedPlan {
    init(_ plan: EvidenceCatalog.Plan) {
        let facts = plan.facts
        self.init(
            hash: facts.hash, document: plan.document, yaml: [], start: facts.start,
            sealedAt: facts.sealedAt,
            lodgings: plan.lodgings.compactMap { one in
                Lodging.Kind(rawValue: one.kind).map {
                    Lodging(kind: $0, proof: one.proof, at: one.at)
                }
            },
            abandonment: facts.abandoned.map {
                Abandonment(reason: facts.reason ?? "", at: $0)
            })
    }
}

extension StoredImport {
    /// `nil` for a kind that there is not.
    fileprivate init?(_ one: EvidenceCatalog.Import) {
        let facts = one.facts
        guard let kind = ImportKind(rawValue: facts.kind), let id = Int64(exactly: facts.id) else {
            return nil
        }
        self.init(
            id: id, kind: kind, digest: facts.digest, bytes: one.bytes, file: facts.file,
            at: facts.at, signedBy: facts.signedBy, signature: facts.signature)
    }
}

extension StoredRevision {
    fileprivate init(_ one: EvidenceCatalog.Revision) {
        let facts = one.facts
        self.init(
            round: Int(clamping: facts.round), revision: Int(clamping: facts.revision),
            bytes: one.bytes, digest: facts.digest, computedAt: facts.computedAt,
            software: facts.software)
    }
}
