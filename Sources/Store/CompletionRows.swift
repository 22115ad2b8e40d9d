import GRDB
import Metering

/// The rows of completions: put in with their entry, and found where a digest has several.
enum CompletionRows {
    /// Within the transaction that puts in the entry.
    static func insert(
        _ db: Database, _ completions: [IncomingCompletion], record: Int64
    ) throws {
        guard !completions.isEmpty else { return }
        var scopes: [Scope: Int64] = [:]
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO completions (scope_id, digest, record_id, position, flows)
                VALUES (?, ?, ?, ?, ?)
                """)
        for (position, one) in completions.enumerated() {
            let scope = Scope(secret: one.secret, scenario: one.scenario)
            let id = try scopes[scope] ?? scope.findOrMake(db)
            scopes[scope] = id
            try statement.execute(arguments: [
                id, Int64(bitPattern: one.digest), record, Int64(position),
                try column(one.flows, "number of flows"),
            ])
        }
    }

    /// Takes out the completions of an entry, within the transaction that deletes it.
    static func delete(
        _ db: Database, _ completions: [IncomingCompletion], record: Int64
    ) throws {
        let statement = try db.cachedStatement(
            sql: """
                DELETE FROM completions WHERE digest = ? AND record_id = ? AND position = ?
                  AND scope_id = (SELECT id FROM digest_scopes WHERE secret = ? AND scenario = ?)
                """)
        for (position, one) in completions.enumerated() {
            try statement.execute(arguments: [
                Int64(bitPattern: one.digest), record, Int64(position),
                Int64(bitPattern: one.secret), one.scenario,
            ])
        }
    }

    /// Every place of each digest that has several in the store, of those places that were received up to
    /// and with a time, each with the bytes of its window's record. `body` is called within one reading
    /// transaction, and nothing is held but the row at hand.
    static func forEachRepeated(
        _ db: Database, receivedBy: Int64, _ body: (RepeatedCompletion) throws -> Void
    ) throws {
        guard try Schema.hasCompletions(db) else { return }
        let cursor = try Row.fetchCursor(db, sql: repeated, arguments: [receivedBy, receivedBy])
        while let row = try cursor.next() {
            guard !row.hasNull(atIndex: 10) else { continue }
            try body(RepeatedCompletion(row))
        }
    }

    /// Grouped along the primary key, without sorting. The `+` has the record looked for by its time: by
    /// its sequence, what has none would be looked for through the rest of the run. An entry whose window's record is not there
    /// (yet) was not counted, and repeats nothing. Whether that record counts, its bytes alone say: the
    /// column `counts` is read by nobody but `verify`.
    private static let repeated = """
        SELECT secret, scenario, digest, name, run, sequence, position, start_ns, end_ns, flows, (
            SELECT bytes FROM records AS counted
            WHERE counted.agent_id = records.agent_id AND counted.start_ns = records.start_ns
              AND +counted.run_id = records.run_id AND counted.end_ns = records.end_ns
              AND counted.sequence > records.sequence AND counted.kind = 0
              AND counted.received_ns <= ? ORDER BY counted.sequence LIMIT 1)
        FROM (SELECT scope_id, digest FROM completions GROUP BY scope_id, digest
              HAVING count(*) > 1) AS several
        CROSS JOIN completions USING (scope_id, digest)
        CROSS JOIN records ON records.id = record_id
        JOIN digest_scopes ON digest_scopes.id = scope_id
        JOIN runs ON runs.id = records.run_id
        JOIN agents ON agents.id = records.agent_id
        WHERE records.received_ns <= ?
        """

    private struct Scope: Hashable {
        let secret: UInt64
        let scenario: String

        func findOrMake(_ db: Database) throws -> Int64 {
            let arguments: StatementArguments = [Int64(bitPattern: secret), scenario]
            try db.cachedStatement(
                sql: """
                    INSERT INTO digest_scopes (secret, scenario) VALUES (?, ?)
                    ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: arguments)
            let id = try Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT id FROM digest_scopes WHERE secret = ? AND scenario = ?"),
                arguments: arguments)
            guard let id else {
                throw StoreError.database(code: 1, message: "the scope of digests was not kept")
            }
            return id
        }
    }
}

extension RepeatedCompletion {
    fileprivate init(_ row: Row) {
        self.init(
            secret: UInt64(bitPattern: row[0]), scenario: row[1],
            digest: UInt64(bitPattern: row[2]), agent: row[3],
            run: RunID(UInt64(bitPattern: row[4])), sequence: UInt64(bitPattern: row[5]),
            position: UInt64(bitPattern: row[6]), start: Timestamp(UInt64(bitPattern: row[7])),
            end: Timestamp(UInt64(bitPattern: row[8])), flows: UInt64(bitPattern: row[9]),
            counting: row.bytes(10))
    }
}
