import Assessment
import Bundle
import Chain
import Crypto
import Metering
import Records
import Rounds
import Store

/// What is wrong with a bundle, one sentence each with its place.
struct EvidenceFindings {
    /// Findings that are told.
    static let most = 1_000

    private(set) var told: [String] = []
    private(set) var more = 0

    mutating func tell(_ sentence: String) {
        if told.count < Self.most { told.append(sentence) } else { more += 1 }
    }

    /// All of others, behind those that there are.
    mutating func take(_ others: Self) {
        for sentence in others.told { tell(sentence) }
        more += others.more
    }
}

/// All of a bundle but its records, which a first reading has checked one batch at a time.
struct EvidenceCatalog {
    struct Plan {
        let facts: EvidencePlan
        var document: [UInt8] = []
        var lodgings: [(kind: String, at: Timestamp, proof: [UInt8])] = []
    }

    struct Import {
        let facts: EvidenceImport
        var bytes: [UInt8] = []
    }

    struct Revision {
        let facts: EvidenceRevision
        var bytes: [UInt8] = []
    }

    private(set) var head: EvidenceHead?
    private(set) var factors: [UInt8]?
    private(set) var plans: [Plan] = []
    private(set) var imports: [Import] = []
    private(set) var revisions: [Revision] = []
    private(set) var figures: [UInt8]?
    private(set) var manifests: [ManifestDigest: [UInt8]] = [:]
    /// Those whose key came.
    private(set) var runs: [ExportedRun] = []
    private(set) var losses: [SequenceLoss] = []
    private(set) var alerts: [Store.Alert] = []
    /// Flows that completions tell.
    private(set) var flows: UInt64 = 0
    private(set) var batches = 0
    private(set) var records = 0
    private(set) var digest: [UInt8] = []
    var findings = EvidenceFindings()

    /// The document whose bytes come, and how many are still to come.
    private var open: (document: EvidenceDocument, missing: Int, place: String)?
    /// Bytes of documents, manifests and what is told of runs: they stay in memory.
    private var held = 0
    private var order = EvidenceOrder()
    private var run: EvidenceRun?
    /// The rounds of the plan that it is of; known when runs begin.
    private var period: Interval?
    private var ended: [String: EvidenceRun.End] = [:]
    private var known: [ManifestDigest: Manifest] = [:]

    /// Bytes that are taken for a run, a loss or an alert beside its text.
    private static let entryBytes = 256

    /// Reads a bundle from its beginning. What is wrong with the frame of it is the last finding; `nil`
    /// is given where that is so, as nothing behind it can be trusted.
    init(_ read: (Int) throws -> [UInt8]) throws {
        var reader = EvidenceReader()
        while let frame = try reader.next(read) { try take(frame) }
        closeDocument()
        closeRun()
        checkEnds()
        runs.removeAll { !$0.hasKey }
        digest = reader.digest
    }

    // MARK: - Entries

    private mutating func take(_ frame: EvidenceFrame) throws {
        guard let type = EvidenceType(rawValue: frame.type) else {
            findings.tell("\(frame.place): type \(frame.type) is none that this version knows")
            return
        }
        if type != .bytes { closeDocument() }
        if let problem = order.note(type) { findings.tell("\(frame.place): \(problem)") }
        switch type {
        case .head, .factors, .plan, .lodging, .imported, .revision, .figures:
            try begin(type, frame)
        case .bytes: try add(frame)
        case .part, .deletion:
            guard case .loss(let first, let last)? = ExportEntry(type: 4, payload: frame.payload)
            else { return findings.tell("\(frame.place): is no stretch of records") }
            try hold(Self.entryBytes)
            run?.note(first, last, isDeleted: type == .deletion)
        case .end: break
        case .manifest, .run, .batch, .loss, .alert:
            guard let entry = ExportEntry(type: frame.type, payload: frame.payload) else {
                return findings.tell("\(frame.place): cannot be read")
            }
            try take(entry, frame)
        }
    }

    private mutating func hold(_ bytes: Int) throws {
        held += bytes
        guard held <= EvidenceDocument.maximumBytes else { throw EvidenceLimit.documents }
    }

    private mutating func take(_ entry: ExportEntry, _ frame: EvidenceFrame) throws {
        switch entry {
        case .manifest(let bytes):
            try hold(bytes.count)
            let digest = RecordCodec.digest(ofManifest: bytes)
            if manifests.updateValue(bytes, forKey: digest) != nil {
                let name = String(digest.rawValue, radix: 16)
                findings.tell("\(frame.place): manifest \(name) is in it twice")
            }
        case .run(let one):
            closeRun()
            try hold(Self.entryBytes)
            if runs.isEmpty { period = roundsOfPlan }
            if let last = runs.last, !last.precedes(one) {
                let isSecond = ended[Self.name(one.agent, one.run)] != nil
                let what = isSecond ? "is in it twice" : "is not in its order"
                findings.tell("\(frame.place): \(one.title) \(what)")
            }
            runs.append(one)
            run = EvidenceRun(one)
        case .batch(let batch):
            guard let exported = run?.exported else {
                return findings.tell("\(frame.place): a batch of no run")
            }
            if !exported.hasKey {
                findings.tell("\(frame.place): a batch of \(exported.title), whose key never came")
            }
            batches += 1
            records += batch.records.count
            check(batch, frame)
        case .loss(let first, let last):
            guard let run else { return findings.tell("\(frame.place): a loss of no run") }
            try hold(Self.entryBytes)
            self.run?.lose(first, last)
            losses.append(
                SequenceLoss(
                    agent: run.exported.agent, run: run.exported.run, first: first, last: last))
        case .alert(let alert):
            try hold(Self.entryBytes + alert.text.utf8.count)
            alerts.append(alert)
        case .end: break
        }
    }

    /// All rounds of the plan, the reserve ones too.
    private var roundsOfPlan: Interval? {
        plans.first { $0.facts.hash == head?.plan }
            .flatMap { try? PlanDocument.decode($0.document) }
            .flatMap { try? Period($0.schedule).whole }
    }

    private mutating func closeRun() {
        guard let run else { return }
        self.run = nil
        for sentence in run.missing(from: period) { findings.tell(sentence) }
        ended[Self.name(run.exported.agent, run.exported.run)] = run.end
    }

    private static func name(_ agent: String, _ run: RunID) -> String {
        agent + "/" + String(run.rawValue)
    }

    /// Compares each run with what the one after it says of it, wherever both stand.
    private mutating func checkEnds() {
        for run in runs {
            guard let end = ended[Self.name(run.agent, run.run)] else { continue }
            let before = run.predecessor.flatMap { ended[Self.name(run.agent, $0.run)] }
            if let sentence = end.missing(of: before, in: period) { findings.tell(sentence) }
        }
    }

    // MARK: - Documents

    private mutating func begin(_ type: EvidenceType, _ frame: EvidenceFrame) throws {
        let read: (document: EvidenceDocument, bytes: Int)?
        do throws(DocumentError) { read = try EvidenceDocument.read(type, frame.payload) } catch {
            return findings.tell("\(frame.place): \(error)")
        }
        guard let (document, bytes) = read else { return }
        try hold(frame.payload.count)
        open = (document, bytes, frame.place)
        switch document {
        case .head(let one):
            if head != nil { findings.tell("\(frame.place): second head") }
            if bytes > 0 { findings.tell("\(frame.place): a head with bytes") }
            head = one
        case .factors:
            if factors != nil { findings.tell("\(frame.place): second factors") }
            factors = []
        case .plan(let facts): plans.append(Plan(facts: facts))
        case .lodging(let kind, let time):
            guard !plans.isEmpty else {
                return findings.tell("\(frame.place): a proof of no plan")
            }
            plans[plans.count - 1].lodgings.append((kind, time, []))
        case .imported(let facts): imports.append(Import(facts: facts))
        case .revision(let facts): revisions.append(Revision(facts: facts))
        case .figures:
            if figures != nil { findings.tell("\(frame.place): second figures") }
            figures = []
        }
    }

    private mutating func add(_ frame: EvidenceFrame) throws {
        let bytes = frame.payload
        guard let (document, missing, place) = open, !bytes.isEmpty, bytes.count <= missing else {
            return findings.tell("\(frame.place): bytes that no document tells of")
        }
        try hold(bytes.count)
        open = (document, missing - bytes.count, place)
        switch document {
        case .head: break
        case .factors: factors?.append(contentsOf: bytes)
        case .plan: plans[plans.count - 1].document += bytes
        case .lodging:
            guard let plan = plans.indices.last, let one = plans[plan].lodgings.indices.last else {
                return
            }
            plans[plan].lodgings[one].proof += bytes
        case .imported: imports[imports.count - 1].bytes += bytes
        case .revision: revisions[revisions.count - 1].bytes += bytes
        case .figures: figures?.append(contentsOf: bytes)
        }
    }

    private mutating func closeDocument() {
        if let (document, missing, place) = open, missing > 0 {
            findings.tell(
                "\(place): \(missing) bytes of the document (\(document.type)) are missing")
        }
        open = nil
    }

    // MARK: - Records

    private mutating func check(_ batch: ExportedBatch, _ frame: EvidenceFrame) {
        guard var run else { return }
        // One owner at a time, so that what is known of the run is not copied.
        self.run = nil
        defer { self.run = run }
        let title = "\(frame.place): \(batch.title) of \(run.exported.title)"
        for problem in run.take(batch) { findings.tell("\(title) \(problem)") }
        for (index, bytes) in batch.records.enumerated() {
            let sequence = batch.first &+ UInt64(index)
            do { try check(bytes, sequence, run.exported) } catch {
                findings.tell(
                    "\(frame.place): record \(sequence) of \(run.exported.title): \(error)")
            }
        }
    }

    /// That the record is the one it stands for, under a manifest of its agent.
    private mutating func check(
        _ bytes: [UInt8], _ sequence: UInt64, _ run: ExportedRun
    ) throws {
        let header = try RecordCodec.header(of: bytes)
        guard header.run == run.run else { throw Refusal.otherRun(header.run.rawValue) }
        guard header.sequence == sequence else {
            throw Refusal.identity(sequence: header.sequence, expected: sequence)
        }
        let manifest: Manifest
        if let found = known[header.manifest] {
            manifest = found
        } else {
            guard let bytes = manifests[header.manifest] else {
                throw StoreError.manifestMissing(header.manifest)
            }
            manifest = try RecordCodec.decodeManifest(bytes)
            if known.count >= 4_096 { known.removeAll() }
            known[header.manifest] = manifest
        }
        guard manifest.agent == run.agent else { throw Refusal.otherAgent(manifest.agent) }
        guard header.kind == .completions else { return }
        flows += UInt64(Completions.told(in: bytes, under: manifest)?.flows.count ?? 0)
    }
}

extension ExportedRun {
    /// Whether its key came. Else it is there for its losses, with the key of the run after it.
    fileprivate var hasKey: Bool { firstSeen > Timestamp(0) }
}
