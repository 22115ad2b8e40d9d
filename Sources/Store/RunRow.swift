import Foundation
import GRDB
import Metering

/// A run's row while a transaction works on it.
struct RunRow {
    let id: Int64
    let agent: Int64
    var durable: Int64
    private var first: Int64?
    private var longest: Int64

    enum Insertion { case stored, duplicate, conflict }

    static func findOrMake(_ db: Database, run: RunID, agent name: String) throws -> RunRow {
        guard (1...StoreLimits.agentNameBytes).contains(name.utf8.count) else {
            throw StoreError.invalidAgentName(length: name.utf8.count)
        }
        let run = Int64(bitPattern: run.rawValue)
        if let found = try find(db, run: run, agent: name) { return found }
        try db.execute(
            sql: "INSERT INTO agents (name) VALUES (?) ON CONFLICT DO NOTHING", arguments: [name])
        try db.execute(
            sql: "INSERT INTO runs (agent_id, run) SELECT id, ? FROM agents WHERE name = ?",
            arguments: [run, name])
        guard let made = try find(db, run: run, agent: name) else {
            throw StoreError.database(code: 1, message: "the run was not kept")
        }
        return made
    }

    private static func find(_ db: Database, run: Int64, agent: String) throws -> RunRow? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT runs.id, agent_id, durable, first_sequence, longest
                FROM runs JOIN agents ON agents.id = agent_id WHERE name = ? AND run = ?
                """)
        return try Row.fetchOne(statement, arguments: [agent, run]).map { row in
            RunRow(
                id: row[0], agent: row[1], durable: row[2], first: row[3], longest: row[4])
        }
    }

    func save(_ db: Database) throws {
        try db.cachedStatement(
            sql: "UPDATE runs SET durable = ?, first_sequence = ?, longest = ? WHERE id = ?"
        ).execute(arguments: [durable, first, longest, id])
    }

    mutating func insert(
        _ db: Database, _ record: IncomingRecord, received: Int64
    ) throws -> Insertion {
        guard record.bytes.count <= StoreLimits.recordBytes else {
            throw StoreError.tooLarge(
                what: "record", bytes: record.bytes.count, limit: StoreLimits.recordBytes)
        }
        let sequence = try column(record.sequence, "sequence")
        let start = try column(record.window.start.rawValue, "time")
        let end = try column(record.window.end.rawValue, "time")
        let bytes = Data(record.bytes)
        try db.cachedStatement(sql: Self.insertion).execute(arguments: [
            id, agent, sequence, start, end, Int64(bitPattern: record.manifest.rawValue), received,
            bytes, Int64(record.kind.rawValue), record.counts,
        ])
        guard db.changesCount == 1 else {
            return try compare(db, sequence: sequence, bytes: bytes, received: received)
        }
        try CompletionRows.insert(db, record.completions, record: db.lastInsertedRowID)
        if sequence <= durable { try regain(db, sequence) }
        first = min(first ?? sequence, sequence)
        longest = max(longest, end.subtractingReportingOverflow(start).partialValue)
        return .stored
    }

    private static let insertion = """
        INSERT INTO records
          (run_id, agent_id, sequence, start_ns, end_ns, manifest, received_ns, bytes, kind, counts)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (run_id, sequence) DO NOTHING
        """

    private func compare(
        _ db: Database, sequence: Int64, bytes: Data, received: Int64
    ) throws -> Insertion {
        let statement = try db.cachedStatement(
            sql: "SELECT bytes FROM records WHERE run_id = ? AND sequence = ?")
        if try Data.fetchOne(statement, arguments: [id, sequence]) == bytes { return .duplicate }
        try db.execute(
            sql: """
                INSERT INTO conflicts (run_id, sequence, received_ns, bytes) VALUES (?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """, arguments: [id, sequence, received, bytes])
        return .conflict
    }

    /// Takes a record that came after all out of the losses that named it.
    private func regain(_ db: Database, _ sequence: Int64) throws {
        let loss = try Row.fetchOne(
            db, sql: "SELECT first, last FROM losses WHERE run_id = ? AND first <= ? AND last >= ?",
            arguments: [id, sequence, sequence])
        guard let loss else { return }
        let first: Int64 = loss[0]
        let last: Int64 = loss[1]
        try db.execute(
            sql: "DELETE FROM losses WHERE run_id = ? AND first = ?", arguments: [id, first])
        if first < sequence { try keepLoss(db, first, sequence - 1) }
        if last > sequence { try keepLoss(db, sequence + 1, last) }
    }

    private func keepLoss(_ db: Database, _ first: Int64, _ last: Int64) throws {
        try db.execute(
            sql: "INSERT INTO losses (run_id, first, last) VALUES (?, ?, ?)",
            arguments: [id, first, last])
    }

    /// Moves `durable` over the records stored behind it without a hole.
    mutating func advance(_ db: Database) throws {
        let cursor = try sequences(db)
        // A hostile agent may number its records up to the last number there is.
        while let sequence = try cursor.next(), sequence - 1 == durable { durable = sequence }
    }

    /// Moves `durable` to just before `target`; what is not stored on the way is lost.
    mutating func skip(_ db: Database, to target: Int64) throws {
        var lost: [(Int64, Int64)] = []
        let cursor = try sequences(db)
        while durable < target - 1 {
            let next = try cursor.next().map { min($0, target) } ?? target
            if next - 1 > durable { lost.append((durable + 1, next - 1)) }
            durable = next < target ? next : target - 1
        }
        for (first, last) in lost { try keepLoss(db, first, last) }
        try advance(db)
    }

    private func sequences(_ db: Database) throws -> FastDatabaseValueCursor<Int64> {
        let statement = try db.cachedStatement(
            sql: "SELECT sequence FROM records WHERE run_id = ? AND sequence > ? ORDER BY sequence")
        return try Int64.fetchCursor(statement, arguments: [id, durable])
    }
}
