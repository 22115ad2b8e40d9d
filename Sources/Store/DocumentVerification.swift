package import Assessment
import Chain
import Crypto
import Foundation
import GRDB
package import Metering

/// A text of the store that people or rounds rest on, as ``SQLiteRecordStore/verify(record:manifest:document:)``
/// hands it out: its digest was compared before.
package enum StoredDocument {
    case plan(hash: PlanHash, bytes: [UInt8], start: Timestamp)
    case imported(ImportKind, bytes: [UInt8])
    case revision(of: PlanHash, round: Int, bytes: [UInt8])
}

/// Looks at the plans, proofs, imports and revisions of a store, row by row: an altered one hides no other.
struct DocumentVerification {
    private let db: Database
    /// What contradicts a text, or the columns beside it; `nil` where nothing does.
    private let contradiction: (StoredDocument) -> String?
    private(set) var verification: Verification

    /// Adds what it finds to a verification.
    static func run(
        _ db: Database, _ contradiction: @escaping (StoredDocument) -> String?,
        _ verification: inout Verification
    ) throws {
        var walk = DocumentVerification(
            db: db, contradiction: contradiction, verification: verification)
        if try Schema.hasPlans(db) { try walk.plans() }
        if try Schema.hasImports(db) { try walk.imports() }
        if try Schema.hasRevisions(db) { try walk.revisions() }
        verification = walk.verification
    }

    private mutating func plans() throws {
        let rows = try Row.fetchCursor(
            db, sql: "SELECT hash, document, start_ns FROM plans ORDER BY id")
        while let row = try rows.next() {
            verification.plans += 1
            let title = "plan \(row.bytes(0).hexadecimal)"
            let document = row.bytes(1)
            guard let hash = PlanHash(row.bytes(0)),
                SHA256.hash(data: document).elementsEqual(hash.bytes)
            else {
                verification.find("\(title) was altered: its text has another hash")
                continue
            }
            let start = Timestamp(UInt64(clamping: row[2] as Int64))
            find(title, .plan(hash: hash, bytes: document, start: start))
        }
        let foreign = try Row.fetchAll(
            db,
            sql: """
                SELECT lodgings.id, kind, hash FROM lodgings LEFT JOIN plans ON plans.id = plan_id
                ORDER BY lodgings.id
                """)
        for row in foreign {
            let title = "proof \(row[0] as Int64) of lodging"
            if row.hasNull(atIndex: 2) { verification.find("\(title) is of no plan") }
            if Lodging.Kind(rawValue: row[1]) == nil { verification.find("\(title) is of no kind") }
        }
    }

    private mutating func imports() throws {
        let rows = try Row.fetchCursor(
            db, sql: "SELECT id, kind, digest, bytes FROM imports ORDER BY id")
        while let row = try rows.next() {
            verification.imports += 1
            let title = "import \(row[0] as Int64)"
            let bytes = row.bytes(3)
            guard SHA256.hash(data: bytes).elementsEqual(row.bytes(2)) else {
                verification.find("\(title) was altered: its lines have another digest")
                continue
            }
            guard let kind = ImportKind(rawValue: row[1]) else {
                verification.find("\(title) is of no kind")
                continue
            }
            find(title, .imported(kind, bytes: bytes))
        }
    }

    private mutating func revisions() throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT plan_id, hash, round, revision, bytes, digest FROM revisions
                LEFT JOIN plans ON plans.id = plan_id ORDER BY plan_id, round, revision
                """)
        var last: (plan: Int64, round: Int, revision: Int)?
        while let row = try rows.next() {
            verification.revisions += 1
            let (plan, round, revision): (Int64, Int, Int) = (row[0], row[2], row[3])
            let of =
                "round \(round)"
                + (row.hasNull(atIndex: 1) ? "" : " of plan \(row.bytes(1).hexadecimal)")
            let title = "revision \(revision) of \(of)"
            let before = last.flatMap { $0.plan == plan && $0.round == round ? $0.revision : nil }
            let expected = (before ?? 0).addingReportingOverflow(1).partialValue
            if revision != expected {
                verification.find("revision \(expected) of \(of) is missing")
            }
            last = (plan, round, revision)
            let bytes = row.bytes(4)
            guard SHA256.hash(data: bytes).elementsEqual(row.bytes(5)) else {
                verification.find("\(title) was altered: its figures have another digest")
                continue
            }
            guard let hash = PlanHash(row.bytes(1)) else {
                verification.find("\(title) is of no plan")
                continue
            }
            find(title, .revision(of: hash, round: round, bytes: bytes))
        }
    }

    private mutating func find(_ title: String, _ document: StoredDocument) {
        if let finding = contradiction(document) { verification.find("\(title) \(finding)") }
    }
}
