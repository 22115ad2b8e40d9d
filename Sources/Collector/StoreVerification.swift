import Bundle
import Chain
import Imports
import Metering
import Records
package import Store

extension Pipeline {
    /// Verifies a store: chains, signatures, holes, that each column says what the bytes say, by
    /// reading them as when they came, that plans, imports and revisions are what they were, and roll-ups what
    /// records say.
    package static func verify(_ store: SQLiteRecordStore) throws(StoreError) -> Verification {
        let manifests = KnownManifests(store)
        var documents = DocumentChecks(store: store)
        return try store.verify { record in
            let made = try IncomingRecord.checked(
                [record.bytes], run: record.run, first: record.sequence
            ) { try manifests.manifest($0, of: record.agent) }
            guard let made = made.first else {
                throw StoreError.outOfRange(what: "record", value: record.sequence)
            }
            return made
        } manifest: { digest, bytes in
            RecordCodec.digest(ofManifest: bytes) == digest
                ? nil : "manifest \(String(digest.rawValue, radix: 16)) was altered"
        } document: {
            documents.contradiction(to: $0)
        } parts: {
            parts(of: $0, manifests)
        }
    }
}

/// Reads plans, imports and revisions as reports do.
private struct DocumentChecks {
    private let store: SQLiteRecordStore
    /// SHA-256 of each, in hexadecimal digits.
    private var imports: Set<String> = []
    /// Records that a revision before has told to be missing: they are told once.
    private var told: Set<Stretch> = []

    private struct Stretch: Hashable {
        let agent: String
        let run: RunID
        let first: UInt64
        let last: UInt64
    }

    init(store: SQLiteRecordStore) { self.store = store }

    mutating func contradiction(to document: StoredDocument) -> String? {
        switch document {
        case .plan(_, let bytes, let start):
            do throws(DocumentError) {
                let begins = try PlanDocument.decode(bytes).schedule.start
                return begins == start
                    ? nil
                    : "has a start_ns that is not its first round's, which begins at \(begins.rfc3339)"
            } catch { return "cannot be read: \(error)" }
        case .imported(let kind, let bytes):
            imports.insert(RoundDocument.digest(of: bytes).hexadecimal)
            return ImportContent(canonical: bytes, kind: kind.rawValue) == nil
                ? "is no list of kind \(kind.rawValue)" : nil
        case .revision(let plan, let round, let bytes):
            do throws(DocumentError) {
                let figures = try RoundDocument(decoding: bytes)
                guard figures.plan == plan, figures.round == round else {
                    return "is of round \(figures.round) of plan \(figures.plan)"
                }
                let gone = figures.imports.filter { !imports.contains($0) }
                let missing =
                    (gone.isEmpty ? [] : ["imports: " + gone.joined(separator: ", ")])
                    + missingRecords(of: figures)
                return missing.isEmpty
                    ? nil
                    : "rests on what is not in the store: \(missing.joined(separator: "; "))"
            } catch { return "cannot be read: \(error)" }
        }
    }

    /// Runs and records that the figures were computed from, against those that are there: whoever takes the
    /// end of a run out, or all of it with its row, leaves no hole and no signature that tells of it.
    private mutating func missingRecords(of figures: RoundDocument) -> [String] {
        var found: [String] = []
        for machine in figures.machines {
            for run in machine.runs {
                for one in run.stretches {
                    let place = Stretch(
                        agent: machine.id, run: run.run, first: one.first, last: one.last)
                    let range =
                        "records \(one.first) to \(one.last) of \(machine.id), "
                        + "run \(String(run.run.rawValue, radix: 16))"
                    do throws(StoreError) {
                        let held = try store.accounted(
                            agent: machine.id, run: run.run, first: one.first, last: one.last)
                        guard held ?? 0 < one.received, told.insert(place).inserted else {
                            continue
                        }
                        found.append(
                            held.map { "\(one.received - $0) of \(range)" }
                                ?? "\(range), with all of that run")
                    } catch { found.append("\(range): \(error)") }
                }
            }
        }
        return found
    }
}
