import Chain
import Crypto
import Foundation
import GRDB
package import Metering

/// What an export held.
package struct ExportSummary: Sendable, Hashable {
    package var runs = 0
    package var batches = 0
    package var records = 0
    /// Records without their agent's signature, which an earlier version kept: not exported.
    package var unsigned = 0
    /// Records that retention deleted, of the runs exported.
    package var deleted = 0
}

extension SQLiteRecordStore {
    /// Everything that overlaps `[from, to)`, in whole batches, from one consistent state of the store;
    /// also while a collector writes to it. Rethrows what `write` throws.
    package func export(
        from: Timestamp = Timestamp(0), to: Timestamp = Timestamp(.max),
        write: ([UInt8]) throws -> Void
    ) throws -> ExportSummary {
        let span = (Int64(clamping: from.rawValue), Int64(clamping: to.rawValue))
        return try database.read { db in
            guard try Schema.hasChain(db) else {
                throw StoreError.database(
                    code: 1,
                    message: "the store was made by an earlier version: run the collector once")
            }
            var hash = SHA256()
            func put(_ bytes: [UInt8]) throws {
                hash.update(data: bytes)
                try write(bytes)
            }
            try put(ExportEntry.magic)
            let manifests = try Row.fetchCursor(
                db, sql: "SELECT bytes FROM manifests ORDER BY digest")
            while let row = try manifests.next() {
                try put(ExportEntry.manifest(row.bytes(0)).bytes)
            }
            var summary = ExportSummary()
            let runs = try Row.fetchAll(
                db,
                sql: "SELECT name, run FROM runs JOIN agents ON agents.id = agent_id ORDER BY 1, 2")
            for row in runs {
                let run = RunID(UInt64(bitPattern: row[1]))
                try Self.export(db, run, of: row[0], span, &summary) { try put($0.bytes) }
            }
            for alert in try AlertRows.all(db) { try put(ExportEntry.alert(alert).bytes) }
            try write(ExportEntry.end(Array(hash.finalize())).bytes)
            return summary
        }
    }

    private static func export(
        _ db: Database, _ run: RunID, of agent: String, _ span: (Int64, Int64),
        _ summary: inout ExportSummary, _ put: (ExportEntry) throws -> Void
    ) throws {
        guard let row = try RunRow.find(db, run: run, agent: agent) else { return }
        summary.unsigned += try ChainRows.unsigned(db, row.id)
        guard let keyID = row.key, let key = VerifyingKey(try KeyRows.bytes(db, keyID)) else {
            return
        }
        let seen = try Int64.fetchOne(
            db, sql: "SELECT first_seen_ns FROM keys WHERE id = ?", arguments: [keyID])
        try put(
            .run(
                ExportedRun(
                    agent: agent, run: run, key: key,
                    firstSeen: Timestamp(UInt64(clamping: seen ?? 0)),
                    predecessor: row.predecessor)))
        summary.runs += 1
        let gaps = try DeletionRows.all(db, row.id)
        summary.deleted += gaps.reduce(0) { $0 + Int(clamping: $1.last - $1.first + 1) }
        let statements = try Row.fetchCursor(
            db,
            sql: """
                SELECT first, last, previous, signature FROM statements WHERE run_id = ?
                AND EXISTS (
                  SELECT 1 FROM records WHERE run_id = statements.run_id
                    AND sequence BETWEEN first AND last
                    AND start_ns < ? AND max(end_ns, start_ns + 1) > ?)
                ORDER BY first, last
                """, arguments: [row.id, span.1, span.0])
        while let statement = try statements.next() {
            let (first, last): (Int64, Int64) = (statement[0], statement[1])
            // Of a batch that came again after a part of it was deleted, the rest cannot be verified alone.
            let touched = gaps.contains { $0.first <= last && $0.last >= first }
            if touched { continue }
            let batch = try Self.exportedBatch(db, row, statement)
            summary.batches += 1
            summary.records += batch.records.count
            try put(.batch(batch))
        }
        let losses = try Row.fetchAll(
            db, sql: "SELECT first, last FROM losses WHERE run_id = ? ORDER BY first",
            arguments: [row.id])
        for loss in losses {
            try put(
                .loss(
                    first: UInt64(bitPattern: loss[0] as Int64),
                    last: UInt64(bitPattern: loss[1] as Int64)))
        }
    }

    static func exportedBatch(
        _ db: Database, _ run: RunRow, _ statement: Row
    ) throws -> ExportedBatch {
        let (first, last): (Int64, Int64) = (statement[0], statement[1])
        let records = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT bytes, received_ns FROM records
                    WHERE run_id = ? AND sequence BETWEEN ? AND ? ORDER BY sequence
                    """), arguments: [run.id, first, last])
        guard let previous = ChainHead(statement.bytes(2)),
            Int64(records.count) == last &- first &+ 1,
            statement.bytes(3).count == VerifyingKey.signatureSize
        else {
            throw StoreError.database(
                code: 11,
                message: "records \(first) to \(last) of run "
                    + "\(String(run.run.rawValue, radix: 16)) are not all there: see "
                    + "jouleflow-collector verify")
        }
        return ExportedBatch(
            first: UInt64(bitPattern: first),
            receivedAt: Timestamp(UInt64(clamping: records.first?[1] as Int64? ?? 0)),
            previous: previous, signature: statement.bytes(3), records: records.map { $0.bytes(0) })
    }

    // MARK: - What an import brings beside batches

    /// Takes over that records are lost, as far as this store has none of them: those between its durable
    /// records and the loss may still come.
    package func merge(_ loss: SequenceLoss) throws(StoreError) {
        try write { db in
            let last = try column(loss.last, "sequence")
            guard var run = try RunRow.find(db, run: loss.run, agent: loss.agent),
                loss.first &- 1 <= UInt64(clamping: run.durable)
            else { return }
            try run.skip(db, past: last)
            try run.save(db)
        }
    }

    /// Takes over an alert; one that is here already stays one.
    package func merge(_ alert: Alert) throws(StoreError) {
        try write { try AlertRows.merge($0, alert, adding: false) }
    }
}
