import Chain
import GRDB
package import Metering

/// What of a store a bundle takes, run by run.
package enum EvidenceEntry: Sendable, Hashable {
    /// As in an export: a manifest, a run, a batch or a loss.
    case export(ExportEntry)
    /// Records of the run that were asked for.
    case part(first: UInt64, last: UInt64)
    /// Records of the run that retention deleted.
    case deletion(first: UInt64, last: UInt64)
}

/// Records of the time of a bundle are not signed.
package struct UnsignedRecords: Error, Sendable, Hashable, CustomStringConvertible {
    package let agent: String
    package let count: Int

    package var description: String {
        "\(count) records of \(agent) have no signature: an earlier version kept them, and no bundle can "
            + "vouch for them"
    }
}

/// A record that a bundle needs beside those of its period.
package struct EvidencePlace: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    package let sequence: UInt64
    /// When its window began; the window's record is needed too.
    package let start: Timestamp

    package init(agent: String, run: RunID, sequence: UInt64, start: Timestamp) {
        self.agent = agent
        self.run = run
        self.sequence = sequence
        self.start = start
    }
}

extension SQLiteRecordStore {
    /// Every manifest, and every run whose key came or that one names as the run before it; of each the
    /// batches that overlap `[from, to)`, the one before the first and the one after the last of them, those
    /// of `places`, and the losses. Of a run that has none in that time, the last one before it, and where
    /// there are places also the first one behind. Batches are whole, and in the order of their numbers.
    /// Rethrows what `body` throws; throws ``UnsignedRecords`` where the period has such.
    ///
    /// Call it within ``consistently(_:)`` to have it of the same state as other readings.
    package func forEachEvidence(
        from: Timestamp, to: Timestamp, places: [EvidencePlace],
        _ body: (EvidenceEntry) throws -> Void
    ) throws {
        let span = (Int64(clamping: from.rawValue), Int64(clamping: to.rawValue))
        try database.unsafeReentrantRead { db in
            let manifests = try Row.fetchCursor(
                db, sql: "SELECT bytes FROM manifests ORDER BY digest")
            while let row = try manifests.next() { try body(.export(.manifest(row.bytes(0)))) }
            let byRun = Dictionary(grouping: places) { RunName(agent: $0.agent, run: $0.run) }
            let runs = try Row.fetchAll(
                db,
                sql: """
                    SELECT name, run FROM runs JOIN agents ON agents.id = agent_id
                    ORDER BY name, run
                    """)
            for row in runs {
                let name = RunName(agent: row[0], run: RunID(UInt64(bitPattern: row[1])))
                guard let run = try RunRow.find(db, run: name.run, agent: name.agent) else {
                    continue
                }
                try Self.evidence(db, run, name, span, byRun[name] ?? [], body)
            }
        }
    }

    private struct RunName: Hashable {
        let agent: String
        let run: RunID
    }

    private static func evidence(
        _ db: Database, _ run: RunRow, _ name: RunName, _ span: (Int64, Int64),
        _ places: [EvidencePlace], _ body: (EvidenceEntry) throws -> Void
    ) throws {
        try refuseUnsigned(db, run, name, span)
        guard let keyID = try run.key ?? keyOfNext(db, run),
            let key = VerifyingKey(try KeyRows.bytes(db, keyID))
        else { return }
        let seen = try run.key.flatMap {
            try Int64.fetchOne(
                db, sql: "SELECT first_seen_ns FROM keys WHERE id = ?", arguments: [$0])
        }
        try body(
            .export(
                .run(
                    ExportedRun(
                        agent: name.agent, run: name.run, key: key,
                        firstSeen: Timestamp(UInt64(clamping: seen ?? 0)),
                        predecessor: run.predecessor))))
        let losses = try Row.fetchAll(
            db, sql: "SELECT first, last FROM losses WHERE run_id = ? ORDER BY first",
            arguments: [run.id])
        for loss in losses {
            try body(
                .export(
                    .loss(
                        first: UInt64(bitPattern: loss[0] as Int64),
                        last: UInt64(bitPattern: loss[1] as Int64))))
        }
        let deletions = try DeletionRows.all(db, run.id)
        for gap in deletions {
            try body(
                .deletion(
                    first: UInt64(bitPattern: gap.first), last: UInt64(bitPattern: gap.last)))
        }
        let parts = try EvidenceParts(db, run: run.id, span, places, deletions).merged
        for part in parts {
            try body(
                .part(
                    first: UInt64(bitPattern: part.lowerBound),
                    last: UInt64(bitPattern: part.upperBound)))
        }
        for (index, part) in parts.enumerated() {
            let before = index > 0 ? parts[index - 1].upperBound : 0
            let statements = try Row.fetchCursor(
                db,
                sql: """
                    SELECT first, last, previous, signature FROM statements WHERE run_id = ?
                    AND last >= ? AND first <= ? AND first > ? ORDER BY first, last
                    """,
                arguments: [run.id, part.lowerBound, part.upperBound, before])
            while let statement = try statements.next() {
                let (first, last): (Int64, Int64) = (statement[0], statement[1])
                if deletions.contains(where: { $0.first <= last && $0.last >= first }) { continue }
                try body(.export(.batch(try exportedBatch(db, run, statement))))
            }
        }
    }

    /// The key of the run after one whose own key never came: of such a run, losses alone are known.
    private static func keyOfNext(_ db: Database, _ run: RunRow) throws -> Int64? {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT key_id FROM runs WHERE agent_id = ? AND predecessor_run = ?
                  AND key_id IS NOT NULL ORDER BY id LIMIT 1
                """, arguments: [run.agent, Int64(bitPattern: run.run.rawValue)])
    }

    private static func refuseUnsigned(
        _ db: Database, _ run: RunRow, _ name: RunName, _ span: (Int64, Int64)
    ) throws {
        let unsigned =
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM records WHERE run_id = ? AND start_ns < ?
                      AND max(end_ns, start_ns + 1) > ? AND NOT EXISTS (
                        SELECT 1 FROM statements WHERE statements.run_id = records.run_id
                          AND sequence BETWEEN first AND last)
                    """, arguments: [run.id, span.1, span.0]) ?? 0
        guard unsigned == 0 else { throw UnsignedRecords(agent: name.agent, count: unsigned) }
    }
}
