import Chain
import Foundation
import GRDB
import Metering

/// The statements that agents signed, and the chain of a run's stored records.
enum ChainRows {
    static func insert(_ db: Database, _ batch: IncomingBatch, of run: RunRow) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO statements (run_id, first, last, previous, signature, key_id)
                VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """
        ).execute(arguments: [
            run.id, try column(batch.first, "sequence"), try column(batch.last, "sequence"),
            batch.previous.bytes.data, batch.signature.data, run.key,
        ])
    }

    /// How many records of a run no statement covers.
    static func unsigned(_ db: Database, _ run: Int64) throws -> Int {
        try Int.fetchOne(
            db,
            sql: """
                SELECT count(*) FROM records WHERE run_id = ? AND NOT EXISTS (
                  SELECT 1 FROM statements WHERE statements.run_id = records.run_id
                    AND first BETWEEN sequence - \(StoreLimits.batchRecords) AND sequence
                    AND last >= sequence)
                """, arguments: [run]) ?? 0
    }

    /// Refuses a batch whose hashes are not those of the records stored before, among and after it.
    static func check(_ db: Database, _ batch: IncomingBatch, of run: RunRow) throws {
        let first = try column(batch.first, "sequence")
        if let before = try head(db, of: run, after: first - 1), before != batch.previous {
            throw StoreError.brokenChain(sequence: batch.first)
        }
        let statement = try db.cachedStatement(
            sql: """
                SELECT first, previous FROM statements
                WHERE run_id = ? AND first > ? AND first <= ?
                """)
        // 2⁶³ − 1 is the last number there is.
        let last = try column(batch.last, "sequence")
        let cursor = try Row.fetchCursor(
            statement, arguments: [run.id, first, last == .max ? last : last + 1])
        while let row = try cursor.next() {
            let next: Int64 = row[0]
            guard batch.head(after: UInt64(next - 1))?.bytes == row.bytes(1) else {
                throw StoreError.brokenChain(sequence: UInt64(next))
            }
        }
    }

    /// The head after record `sequence`; `nil` where no statement covers it.
    static func head(
        _ db: Database, of run: RunRow, after sequence: Int64
    ) throws -> ChainHead? {
        if sequence == run.durable, let head = run.head { return head }
        if sequence == 0 { return run.key == nil ? nil : run.start }
        if let deletion = try DeletionRows.ending(db, run.id, with: sequence) {
            return deletion.head
        }
        let statement = try db.cachedStatement(
            sql: """
                SELECT first, previous FROM statements
                WHERE run_id = ? AND first BETWEEN ? AND ? AND last >= ?
                ORDER BY first DESC LIMIT 1
                """)
        let earliest = sequence - Int64(StoreLimits.batchRecords)
        let row = try Row.fetchOne(
            statement, arguments: [run.id, earliest, sequence, sequence])
        guard let row, var head = ChainHead(row.bytes(1)) else { return nil }
        let records = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT bytes FROM records WHERE run_id = ? AND sequence BETWEEN ? AND ?
                    ORDER BY sequence
                    """), arguments: [run.id, row[0] as Int64, sequence])
        while let record = try records.next() { head = head.appending(record.bytes(0)) }
        return head
    }
}

/// What was refused, kept as it came.
enum RefusedRows {
    static func insert(_ db: Database, _ batch: RefusedBatch) throws {
        try AlertRows.note(
            db,
            NewAlert(agent: batch.agent, kind: batch.kind, text: batch.reason, at: batch.at))
        let run = try RunRow.findOrMake(db, run: batch.run, agent: batch.agent)
        let at = Int64(clamping: batch.at.rawValue)
        for sequence in batch.conflicts.prefix(StoreLimits.refusedPerRun) {
            let index = sequence &- batch.first
            guard index < batch.records.count, let sequence = Int64(exactly: sequence) else {
                continue
            }
            try db.execute(
                sql: """
                    INSERT INTO conflicts (run_id, sequence, received_ns, bytes)
                    SELECT ?, ?, ?, ?
                    WHERE (SELECT count(*) FROM conflicts WHERE run_id = ?) < ?
                    ON CONFLICT DO NOTHING
                    """,
                arguments: [
                    run.id, sequence, at, batch.records[Int(index)].data, run.id,
                    StoreLimits.refusedPerRun * StoreLimits.refusedPerRun,
                ])
        }
        try db.execute(
            sql: """
                INSERT INTO refused
                  (run_id, received_ns, reason, first, previous, signature, records)
                SELECT ?, ?, ?, ?, ?, ?, ?
                WHERE (SELECT count(*) FROM refused WHERE run_id = ?) < ?
                ON CONFLICT DO NOTHING
                """,
            arguments: [
                run.id, at, batch.reason, Int64(bitPattern: batch.first), batch.previous.data,
                batch.signature.data, batch.records.framed.data, run.id,
                StoreLimits.refusedPerRun,
            ])
    }
}

extension [[UInt8]] {
    /// Each with its length before it, 4 bytes, little-endian; as many as fit.
    fileprivate var framed: [UInt8] {
        var bytes: [UInt8] = []
        for record in self {
            guard bytes.count + 4 + record.count <= StoreLimits.refusedBytes else { break }
            let length = UInt32(record.count)
            for shift in [0, 8, 16, 24] as [UInt32] {
                bytes.append(UInt8(truncatingIfNeeded: length >> shift))
            }
            bytes += record
        }
        return bytes
    }
}

extension [UInt8] {
    var data: Data { Data(self) }
}

extension Row {
    func bytes(_ index: Int) -> [UInt8] {
        let data: Data? = self[index]
        return data.map { [UInt8]($0) } ?? []
    }
}
