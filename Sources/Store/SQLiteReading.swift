import Foundation
import GRDB
package import Metering

// What the store hands out.
extension SQLiteRecordStore {
    func read<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        // Reentrant, so that the body of `forEachRecord` may ask for a manifest.
        do { return try database.unsafeReentrantRead(body) } catch { throw StoreError(error) }
    }

    package func agents() throws(StoreError) -> [String] {
        try read { try String.fetchAll($0, sql: "SELECT name FROM agents ORDER BY name") }
    }

    package func manifest(_ digest: ManifestDigest) throws(StoreError) -> [UInt8]? {
        try read { db in
            let data = try Data.fetchOne(
                db, sql: "SELECT bytes FROM manifests WHERE digest = ?",
                arguments: [Int64(bitPattern: digest.rawValue)])
            return data.map { [UInt8]($0) }
        }
    }

    /// The bytes of every manifest that was ever stored.
    package func manifests() throws(StoreError) -> [[UInt8]] {
        try read { db in
            try Data.fetchAll(db, sql: "SELECT bytes FROM manifests ORDER BY digest").map {
                [UInt8]($0)
            }
        }
    }

    package func alerts() throws(StoreError) -> [Alert] { try read { try AlertRows.all($0) } }

    package func losses() throws(StoreError) -> [SequenceLoss] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT name, run, first, last FROM losses
                    JOIN runs ON runs.id = run_id JOIN agents ON agents.id = agent_id
                    ORDER BY name, run, first
                    """
            ).map { row in
                SequenceLoss(
                    agent: row[0], run: RunID(UInt64(bitPattern: row[1])),
                    first: UInt64(bitPattern: row[2]), last: UInt64(bitPattern: row[3]))
            }
        }
    }

    package func consistently<T>(_ body: () throws -> T) throws -> T {
        try reentrant { _ in try body() }
    }

    /// One state of the store: that of the reading that this is a part of, where it is.
    private func reentrant<T>(_ body: (Database) throws -> T) throws -> T {
        do {
            return try database.unsafeReentrantRead { db in
                if db.isInsideTransaction { return try body(db) }
                try db.beginTransaction(.deferred)
                do {
                    let result = try body(db)
                    try db.commit()
                    return result
                } catch {
                    try? db.rollback()
                    throw error
                }
            }
        } catch let error as DatabaseError {
            // Else its text has the whole statement in it.
            throw StoreError(error)
        }
    }

    package func forEachRecord(
        from: Timestamp, to: Timestamp, _ body: (StoredRecord) throws -> Void,
        repeated: ((RepeatedCompletion) throws -> Void)?
    ) throws {
        try forEachRecord(
            from: from, to: to, receivedBy: Timestamp(.max), body, repeated: repeated)
    }

    package func forEachRecord(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp,
        _ body: (StoredRecord) throws -> Void, repeated: ((RepeatedCompletion) throws -> Void)?
    ) throws {
        let received = Int64(clamping: receivedBy.rawValue)
        let from = Int64(clamping: from.rawValue)
        let to = Int64(clamping: to.rawValue)
        try reentrant { db in
            let sql = Self.recordsOfAgent(withKind: try Schema.hasCompletions(db))
            let agents = try Row.fetchAll(
                db,
                sql: """
                    SELECT agents.id, name, max(longest) FROM agents
                    JOIN runs ON runs.agent_id = agents.id GROUP BY agents.id ORDER BY name
                    """)
            for agent in agents {
                let name: String = agent[1]
                let longest: Int64 = agent[2]
                let cursor = try Row.fetchCursor(
                    db, sql: sql,
                    arguments: [
                        agent[0] as Int64, from.subtractingClamped(longest), to, from, received,
                    ])
                while let row = try cursor.next() {
                    guard let record = StoredRecord(row, agent: name) else {
                        throw StoreError.strangeEntry(agent: name, row: row[7])
                    }
                    try body(record)
                }
            }
            if let repeated {
                try CompletionRows.forEachRepeated(db, receivedBy: received, repeated)
            }
        }
    }

    package func completionRows(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp
    ) throws(StoreError) -> CompletionSum? {
        try read { db in
            guard try Schema.hasCompletions(db) else { return nil }
            return try CompletionSum.stored(
                db,
                where: "start_ns < ? AND max(end_ns, start_ns + 1) > ? AND received_ns <= ?",
                [
                    Int64(clamping: to.rawValue), Int64(clamping: from.rawValue),
                    Int64(clamping: receivedBy.rawValue),
                ])
        }
    }

    /// Ordered by the index on time; only records of one start are sorted.
    private static func recordsOfAgent(withKind: Bool) -> String {
        """
        SELECT run, sequence, start_ns, end_ns, manifest, bytes, \(withKind ? "kind" : "0"), records.id
        FROM records JOIN runs ON runs.id = records.run_id
        WHERE records.agent_id = ? AND start_ns >= ? AND start_ns < ?
          AND max(end_ns, start_ns + 1) > ? AND received_ns <= ?
        ORDER BY start_ns, run, sequence
        """
    }

    /// How many of the entries `first` to `last` of a run are there or were deleted by retention; `nil` where
    /// there is no such run.
    package func accounted(
        agent: String, run: RunID, first: UInt64, last: UInt64
    ) throws(StoreError) -> UInt64? {
        let (first, last) = (Int64(clamping: first), Int64(clamping: last))
        return try read { db in
            guard let row = try RunRow.find(db, run: run, agent: agent)?.id else { return nil }
            let held = try Int64.fetchOne(
                db,
                sql: "SELECT count(*) FROM records WHERE run_id = ? AND sequence BETWEEN ? AND ?",
                arguments: [row, first, last])
            let deleted = try DeletionRows.all(db, row).reduce(UInt64(0)) { sum, one in
                let (low, high) = (max(one.first, first), min(one.last, last))
                return sum &+ (low <= high ? UInt64(clamping: high &- low &+ 1) : 0)
            }
            return UInt64(clamping: held ?? 0) &+ deleted
        }
    }

    package func integrityProblems() throws(StoreError) -> [String] {
        try read { db in
            var problems = try String.fetchAll(db, sql: "PRAGMA integrity_check(20)")
                .flatMap { $0.split(separator: "\n").map { StoreError.tamed(String($0)) } }
            problems.removeAll { $0 == "ok" || $0.hasPrefix("*** ") }
            // What follows reads the same pages.
            guard problems.isEmpty else { return problems }
            let orphans = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check")
            if !orphans.isEmpty { problems.append("\(orphans.count) rows name a missing row") }
            return try problems + Self.incompleteRuns(db)
        }
    }

    /// Runs that hold fewer records up to their durable sequence than they promised to agents.
    private static func incompleteRuns(_ db: Database) throws -> [String] {
        let deleted =
            try Schema.hasRollups(db)
            ? """
            (SELECT coalesce(sum(last - first + 1), 0) FROM deletions
            WHERE run_id = runs.id AND last <= durable)
            """ : "0"
        return try Row.fetchAll(
            db,
            sql: """
                SELECT name, run, durable, \(deleted) +
                  (SELECT count(*) FROM records WHERE run_id = runs.id AND sequence <= durable)
                  + (SELECT coalesce(sum(last - first + 1), 0) FROM losses
                     WHERE run_id = runs.id AND first >= 1) AS accounted
                FROM runs JOIN agents ON agents.id = agent_id WHERE accounted <> durable
                """
        ).map { row in
            let run = String(UInt64(bitPattern: row[1] as Int64), radix: 16)
            return "agent \(row[0] as String), run \(run): acknowledged to \(row[2] as Int64), "
                + "accounts for \(row[3] as Int64)"
        }
    }
}

extension StoredRecord {
    /// `nil` for a kind that only another program can have put in.
    init?(_ row: Row, agent: String) {
        guard let raw = UInt8(exactly: row[6] as Int64), let kind = EntryKind(rawValue: raw) else {
            return nil
        }
        self.init(
            agent: agent, run: RunID(UInt64(bitPattern: row[0])),
            sequence: UInt64(bitPattern: row[1]),
            start: Timestamp(UInt64(bitPattern: row[2])),
            end: Timestamp(UInt64(bitPattern: row[3])),
            manifest: ManifestDigest(UInt64(bitPattern: row[4])), kind: kind, bytes: row.bytes(5))
    }
}

extension Int64 {
    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (value, over) = subtractingReportingOverflow(other)
        return over ? .min : value
    }
}
