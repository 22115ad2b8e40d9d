package import Assessment
import Crypto
import Foundation
import GRDB
import Metering

extension SQLiteRecordStore: PlanStore {
    package func seal(_ plan: NewPlan) throws(StoreError) -> SealedPlan {
        for (what, bytes) in [("plan", plan.document), ("plan's file", plan.yaml)] {
            guard bytes.count <= StoreLimits.planBytes else {
                throw .tooLarge(what: what, bytes: bytes.count, limit: StoreLimits.planBytes)
            }
        }
        guard SHA256.hash(data: plan.document).elementsEqual(plan.hash.bytes) else {
            throw .planAltered(hash: plan.hash.description)
        }
        let start = try column(plan.start.rawValue, "time")
        let sealed = try column(plan.sealedAt.rawValue, "time")
        return try write { db in
            try db.execute(
                sql: """
                    INSERT INTO plans (hash, document, yaml, start_ns, sealed_ns)
                    SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM plans WHERE hash = ?1)
                    """,
                arguments: [
                    Data(plan.hash.bytes), Data(plan.document), Data(plan.yaml), start, sealed,
                ])
            return try PlanRows.find(db, plan.hash)
        }
    }

    package func plans() throws(StoreError) -> [SealedPlan] {
        try read { db in
            guard try Schema.hasPlans(db) else { return [] }
            return try PlanRows.fetch(db, "ORDER BY sealed_ns, plans.id", [])
        }
    }

    package func plan(_ prefix: String) throws(StoreError) -> SealedPlan {
        let digits = prefix.lowercased()
        let isHash =
            (4...64).contains(digits.utf8.count)
            && digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard isHash else { throw .noPlanHash(prefix) }
        let found: [SealedPlan] = try read { db in
            guard try Schema.hasPlans(db) else { return [] }
            return try PlanRows.fetch(
                db, "WHERE lower(hex(hash)) GLOB ? ORDER BY plans.id", [digits + "*"])
        }
        guard let plan = found.first else { throw .planUnknown(prefix: prefix) }
        guard found.count == 1 else { throw .planAmbiguous(prefix: prefix, plans: found.count) }
        return plan
    }

    package func lodge(_ lodging: Lodging, of hash: PlanHash) throws(StoreError) {
        let limit = StoreLimits.proofBytes
        guard lodging.proof.count <= limit else {
            throw .tooLarge(what: "proof", bytes: lodging.proof.count, limit: limit)
        }
        let time = try column(lodging.at.rawValue, "time")
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO lodgings (plan_id, lodged_ns, kind, proof)
                    SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM lodgings
                      WHERE plan_id = ?1 AND kind = ?3 AND proof = ?4)
                    """,
                arguments: [
                    try PlanRows.id(db, hash), time, lodging.kind.rawValue, Data(lodging.proof),
                ])
        }
    }

    package func abandon(_ hash: PlanHash, _ abandonment: Abandonment) throws(StoreError) {
        let limit = StoreLimits.proofBytes
        guard abandonment.reason.utf8.count <= limit else {
            throw .tooLarge(what: "reason", bytes: abandonment.reason.utf8.count, limit: limit)
        }
        let time = try column(abandonment.at.rawValue, "time")
        try write { db in
            let id = try PlanRows.id(db, hash)
            try db.execute(
                sql: """
                    UPDATE plans SET abandoned_ns = ?, abandoned_reason = ?
                    WHERE id = ? AND abandoned_ns IS NULL
                    """, arguments: [time, abandonment.reason, id])
            guard db.changesCount == 1 else {
                throw StoreError.planAbandoned(hash: hash.description)
            }
        }
    }
}

/// The rows of plans.
enum PlanRows {
    static func id(_ db: Database, _ hash: PlanHash) throws -> Int64 {
        let id = try Int64.fetchOne(
            db, sql: "SELECT id FROM plans WHERE hash = ?", arguments: [Data(hash.bytes)])
        guard let id else { throw StoreError.planUnknown(prefix: hash.description) }
        return id
    }

    static func find(_ db: Database, _ hash: PlanHash) throws -> SealedPlan {
        let found = try fetch(db, "WHERE hash = ?", [Data(hash.bytes)])
        guard let plan = found.first else {
            throw StoreError.planUnknown(prefix: hash.description)
        }
        return plan
    }

    /// Plans as they were sealed. Throws where a document does not have its hash.
    static func fetch(
        _ db: Database, _ condition: String, _ arguments: StatementArguments
    ) throws -> [SealedPlan] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT id, hash, document, yaml, start_ns, sealed_ns, abandoned_ns,
                  abandoned_reason FROM plans \(condition)
                """, arguments: arguments)
        return try rows.map { row in
            let bytes = row.bytes(1)
            let document = row.bytes(2)
            guard let hash = PlanHash(bytes), SHA256.hash(data: document).elementsEqual(bytes)
            else {
                throw StoreError.planAltered(
                    hash: bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
            }
            let abandoned: Int64? = row[6]
            return SealedPlan(
                hash: hash, document: document, yaml: row.bytes(3),
                start: Timestamp(UInt64(clamping: row[4] as Int64)),
                sealedAt: Timestamp(UInt64(clamping: row[5] as Int64)),
                lodgings: try lodgings(db, row[0]),
                abandonment: abandoned.map {
                    Abandonment(reason: row[7] ?? "", at: Timestamp(UInt64(clamping: $0)))
                })
        }
    }

    private static func lodgings(_ db: Database, _ plan: Int64) throws -> [Lodging] {
        try Row.fetchAll(
            db,
            sql: "SELECT kind, proof, lodged_ns FROM lodgings WHERE plan_id = ? ORDER BY id",
            arguments: [plan]
        ).compactMap { row in
            Lodging.Kind(rawValue: row[0]).map {
                Lodging(
                    kind: $0, proof: row.bytes(1),
                    at: Timestamp(UInt64(clamping: row[2] as Int64)))
            }
        }
    }
}
