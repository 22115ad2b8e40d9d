import Chain
import GRDB
import Metering

/// A stretch of a run whose records retention deleted, and what stays of them.
struct Deletion {
    let first: Int64
    let last: Int64
    /// Of the chain, before the first and after the last.
    let previous: ChainHead
    let head: ChainHead
    /// The statement that ended with the last.
    let signedFirst: Int64
    let signedPrevious: ChainHead
    let signature: [UInt8]
    let key: Int64
    let start: Int64
    let end: Int64
    let at: Int64

    func holds(_ sequence: UInt64) -> Bool {
        sequence >= UInt64(clamping: first) && sequence <= UInt64(clamping: last)
    }
}

/// The rows of what retention deleted.
enum DeletionRows {
    private static let columns = """
        first, last, previous, head, signed_first, signed_previous, signature, key_id, start_ns,
          end_ns, deleted_ns
        """

    /// Those of a run, in order; a store that was made before has none.
    static func all(_ db: Database, _ run: Int64) throws -> [Deletion] {
        guard try Schema.hasRollups(db) else { return [] }
        return try fetch(db, "run_id = ? ORDER BY first", [run])
    }

    /// Those of a run that touch its records `first` to `last`.
    static func find(
        _ db: Database, _ run: Int64, _ first: UInt64, _ last: UInt64
    ) throws -> [Deletion] {
        try fetch(
            db, "run_id = ? AND first <= ? AND last >= ?",
            [run, Int64(clamping: last), Int64(clamping: first)])
    }

    /// The one that ended with this record.
    static func ending(_ db: Database, _ run: Int64, with last: Int64) throws -> Deletion? {
        guard try Schema.hasRollups(db) else { return nil }
        return try fetch(db, "run_id = ? AND last = ?", [run, last]).first
    }

    private static func fetch(
        _ db: Database, _ condition: String, _ arguments: StatementArguments
    ) throws -> [Deletion] {
        try Row.fetchAll(
            db.cachedStatement(sql: "SELECT \(columns) FROM deletions WHERE \(condition)"),
            arguments: arguments
        ).compactMap { row in
            guard let previous = ChainHead(row.bytes(2)), let head = ChainHead(row.bytes(3)),
                let signed = ChainHead(row.bytes(5))
            else { return nil }
            return Deletion(
                first: row[0], last: row[1], previous: previous, head: head, signedFirst: row[4],
                signedPrevious: signed, signature: row.bytes(6), key: row[7], start: row[8],
                end: row[9], at: row[10])
        }
    }

    /// Keeps what was deleted; as one stretch with what was deleted just before it.
    static func insert(_ db: Database, _ deletion: Deletion, of run: Int64) throws {
        try db.cachedStatement(
            sql: """
                UPDATE deletions SET last = ?, head = ?, signed_first = ?, signed_previous = ?,
                  signature = ?, key_id = ?, start_ns = min(start_ns, ?), end_ns = max(end_ns, ?),
                  deleted_ns = ?
                WHERE run_id = ? AND last = ? AND head = ?
                """
        ).execute(arguments: [
            deletion.last, deletion.head.bytes.data, deletion.signedFirst,
            deletion.signedPrevious.bytes.data, deletion.signature.data, deletion.key,
            deletion.start, deletion.end, deletion.at, run, deletion.first &- 1,
            deletion.previous.bytes.data,
        ])
        guard db.changesCount == 0 else { return }
        try db.cachedStatement(
            sql:
                "INSERT INTO deletions (run_id, \(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            run, deletion.first, deletion.last, deletion.previous.bytes.data,
            deletion.head.bytes.data, deletion.signedFirst, deletion.signedPrevious.bytes.data,
            deletion.signature.data, deletion.key, deletion.start, deletion.end, deletion.at,
        ])
    }

    /// By agent, the first hour that no deleted record reached.
    static func hours(_ db: Database) throws -> [Int64: Int64] {
        var hours: [Int64: Int64] = [:]
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT agent_id, max(end_ns, start_ns + 1) FROM deletions
                JOIN runs ON runs.id = run_id
                """)
        while let row = try rows.next() {
            let hour = (row[1] as Int64 - 1) / Int64(HourPart.length) + 1
            hours[row[0]] = max(hours[row[0]] ?? .min, hour)
        }
        return hours
    }
}
