import Chain
import Foundation
import GRDB
import Metering

/// A run's row while a transaction works on it.
struct RunRow {
    let id: Int64
    let agent: Int64
    let run: RunID
    private(set) var durable: Int64
    private(set) var first: Int64?
    private(set) var longest: Int64
    /// After record `durable`; `nil` where that one is not stored.
    private(set) var head: ChainHead?
    /// `nil` until the run's agent has presented it.
    var key: Int64?
    var predecessor: Predecessor?

    enum Insertion { case stored, duplicate, conflict }

    /// The head before the run's first record.
    var start: ChainHead {
        ChainHead(
            startOf: run.rawValue, after: predecessor.map { ($0.run.rawValue, $0.last) })
    }

    static func findOrMake(_ db: Database, run: RunID, agent name: String) throws -> RunRow {
        if let found = try find(db, run: run, agent: name) { return found }
        let agent = try AgentRow.findOrMake(db, name)
        try db.execute(
            sql: "INSERT INTO runs (agent_id, run) VALUES (?, ?)",
            arguments: [agent, Int64(bitPattern: run.rawValue)])
        guard let made = try find(db, run: run, agent: name) else {
            throw StoreError.database(code: 1, message: "the run was not kept")
        }
        return made
    }

    static func find(_ db: Database, run: RunID, agent: String) throws -> RunRow? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT runs.id, agent_id, durable, first_sequence, longest, head, key_id,
                  predecessor_run, predecessor_last
                FROM runs JOIN agents ON agents.id = agent_id WHERE name = ? AND run = ?
                """)
        let arguments: StatementArguments = [agent, Int64(bitPattern: run.rawValue)]
        return try Row.fetchOne(statement, arguments: arguments).map { row in
            let predecessor: Int64? = row[7]
            let last: Int64? = row[8]
            return RunRow(
                id: row[0], agent: row[1], run: run, durable: row[2], first: row[3],
                longest: row[4], head: ChainHead(row.bytes(5)), key: row[6],
                predecessor: predecessor.map {
                    Predecessor(
                        run: RunID(UInt64(bitPattern: $0)), last: UInt64(clamping: last ?? 0))
                })
        }
    }

    func save(_ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE runs SET durable = ?, first_sequence = ?, longest = ?, head = ?, key_id = ?,
                  predecessor_run = ?, predecessor_last = ? WHERE id = ?
                """
        ).execute(arguments: [
            durable, first, longest, head?.bytes.data, key,
            predecessor.map { Int64(bitPattern: $0.run.rawValue) },
            try predecessor.map { try column($0.last, "sequence") }, id,
        ])
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
            return try isStored(db, sequence: sequence, bytes: bytes) ? .duplicate : .conflict
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

    private func isStored(_ db: Database, sequence: Int64, bytes: Data) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: "SELECT bytes FROM records WHERE run_id = ? AND sequence = ?")
        return try Data.fetchOne(statement, arguments: [id, sequence]) == bytes
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

    /// Moves `durable` over the records stored behind it without a hole, the last of them perhaps in
    /// `batch`.
    mutating func advance(_ db: Database, with batch: IncomingBatch? = nil) throws {
        let before = durable
        try move(db)
        guard durable != before || head == nil else { return }
        head = nil
        head =
            try batch?.head(after: UInt64(clamping: durable))
            ?? ChainRows.head(db, of: self, after: durable)
    }

    private mutating func move(_ db: Database) throws {
        let cursor = try sequences(db)
        // A hostile agent may number its records up to the last number there is.
        while let sequence = try cursor.next(), sequence - 1 == durable { durable = sequence }
    }

    /// Moves `durable` to `last` at least; what is not stored on the way is lost.
    mutating func skip(_ db: Database, past last: Int64) throws {
        // 2⁶³ − 1 is the last number there is.
        if last < .max { try skip(db, to: last + 1) }
    }

    /// Moves `durable` to just before `target`; what is not stored on the way is lost.
    mutating func skip(_ db: Database, to target: Int64) throws {
        guard durable < target - 1 else { return }
        var lost: [(Int64, Int64)] = []
        let cursor = try sequences(db)
        while durable < target - 1 {
            let next = try cursor.next().map { min($0, target) } ?? target
            if next - 1 > durable { lost.append((durable + 1, next - 1)) }
            durable = next < target ? next : target - 1
        }
        for (first, last) in lost { try keepLoss(db, first, last) }
        head = nil
        try advance(db)
    }

    private func sequences(_ db: Database) throws -> FastDatabaseValueCursor<Int64> {
        let statement = try db.cachedStatement(
            sql: "SELECT sequence FROM records WHERE run_id = ? AND sequence > ? ORDER BY sequence")
        return try Int64.fetchCursor(statement, arguments: [id, durable])
    }
}
