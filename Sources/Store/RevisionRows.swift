package import Assessment
import Crypto
import Foundation
import GRDB
package import Metering

extension SQLiteRecordStore: RevisionStore {
    package func revisions(of plan: PlanHash) throws(StoreError) -> [StoredRevision] {
        try read { db in
            guard try Schema.hasRevisions(db) else { return [] }
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT round, revision, bytes, digest, computed_ns, software FROM revisions
                    JOIN plans ON plans.id = plan_id WHERE hash = ? ORDER BY round, revision
                    """, arguments: [Data(plan.bytes)]
            ).map { row in
                let (bytes, digest) = (row.bytes(2), row.bytes(3))
                guard SHA256.hash(data: bytes).elementsEqual(digest) else {
                    throw StoreError.revisionAltered(
                        hash: plan.description, round: row[0], revision: row[1])
                }
                return StoredRevision(
                    round: row[0], revision: row[1], bytes: bytes, digest: digest,
                    computedAt: Timestamp(UInt64(clamping: row[4] as Int64)), software: row[5])
            }
        }
    }

    package func strayRevisions(of plan: PlanHash) throws(StoreError) -> [StrayRevision] {
        try read { db in
            guard try Schema.hasRevisions(db) else { return [] }
            // A revision's text has its plan's hash.
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT round, revision FROM revisions LEFT JOIN plans ON plans.id = plan_id
                    WHERE hash IS NOT ? AND instr(bytes, ?) > 0 ORDER BY round, revision
                    """, arguments: [Data(plan.bytes), Data(plan.description.utf8)]
            ).map { StrayRevision(round: $0[0], revision: $0[1]) }
        }
    }

    package func keep(
        _ new: [NewRevision], of plan: PlanHash
    ) throws(StoreError) -> [NewRevision] {
        for one in new {
            let limits = [
                ("revision", one.bytes.count, StoreLimits.revisionBytes),
                ("name of a program", one.software.utf8.count, StoreLimits.importText),
            ]
            for (what, bytes, limit) in limits where bytes > limit {
                throw .tooLarge(what: what, bytes: bytes, limit: limit)
            }
        }
        return try write { db in
            let id = try PlanRows.id(db, plan)
            return try new.filter { one in
                try db.execute(
                    sql: """
                        INSERT INTO revisions
                          (plan_id, round, revision, bytes, digest, computed_ns, software)
                        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
                        WHERE ?3 = 1 + (SELECT coalesce(max(revision), 0) FROM revisions
                          WHERE plan_id = ?1 AND round = ?2)
                        """,
                    arguments: [
                        id, one.round, one.revision, one.bytes.data,
                        Data(SHA256.hash(data: one.bytes)),
                        try column(one.computedAt.rawValue, "time"), one.software,
                    ])
                return db.changesCount == 1
            }
        }
    }

    package func arrivals() throws(StoreError) -> Arrivals {
        try read { db in
            Arrivals(
                record: try Int64.fetchOne(db, sql: "SELECT max(id) FROM records") ?? 0,
                imported: try Schema.hasImports(db)
                    ? Int64.fetchOne(db, sql: "SELECT max(id) FROM imports") ?? 0 : 0)
        }
    }

    package func hasArrivals(
        after: Arrivals, before end: Timestamp
    ) throws(StoreError) -> Bool {
        let now = try arrivals()
        // A number below was given anew, after all records above it were deleted.
        if now.imported != after.imported || now.record < after.record { return true }
        guard now.record > after.record else { return false }
        return try read { db in
            let found = try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM records NOT INDEXED
                      WHERE id > ? AND id <= ? AND start_ns < ?)
                    """,
                arguments: [after.record, now.record, Int64(clamping: end.rawValue)])
            return found ?? false
        }
    }

    package func comparedArrivals(of plan: PlanHash) throws(StoreError) -> Arrivals? {
        try read { db in
            guard try Schema.hasRevisions(db) else { return nil }
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT record, import FROM revision_state JOIN plans ON plans.id = plan_id
                    WHERE hash = ?
                    """, arguments: [Data(plan.bytes)])
            return row.map { Arrivals(record: $0[0], imported: $0[1]) }
        }
    }

    package func noteCompared(
        _ arrivals: Arrivals, of plan: PlanHash
    ) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO revision_state (plan_id, record, import) VALUES (?, ?, ?)
                    ON CONFLICT (plan_id)
                    DO UPDATE SET record = excluded.record, import = excluded.import
                    """,
                arguments: [try PlanRows.id(db, plan), arrivals.record, arrivals.imported])
        }
    }
}
