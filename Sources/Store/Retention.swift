package import Assessment
import Chain
import GRDB
package import Metering

/// What one step of retention did.
package struct RetentionOutcome: Sendable, Hashable {
    /// Entries deleted.
    package var deleted = 0
    /// Whether there may be more to delete.
    package var hasMore = false

    package init() {}
}

/// Deletes raw windows by age.
package protocol RecordRetention: Sendable {
    /// Deletes entries that end before `cutoff`, in whole signed batches, a few at a time: one short
    /// transaction. What touches an interval of `keeping`, or lies within ``RetentionLimits/margin`` of it, stays;
    /// so does what is not signed, not whole or not what its agent signed: `verify` tells of it.
    ///
    /// Heads and the last signature of what is deleted stay, so that the chain can be verified. `told` says
    /// the flows of an entry of completions. Throws ``StoreError/rollupsIncomplete(waiting:)`` before all
    /// records are in the roll-ups.
    func deleteRecords(
        before cutoff: Timestamp, keeping: [Interval], at now: Timestamp,
        told: (StoredRecord) throws -> [IncomingCompletion]
    ) throws(StoreError) -> RetentionOutcome
}

/// How retention keeps out of the way of records that come.
package enum RetentionLimits {
    /// Entries after which a step ends with the batch at hand.
    package static let entries = 2_000
    /// Pages that a step gives back to the file system.
    package static let pages = 1_000
    /// What lies so near to an interval that is kept, stays too: energy that a later record carries.
    package static let margin = Nanoseconds.seconds(86_400)
    /// Batches that overlap and are deleted together; of more nothing is deleted.
    static let together = 16
}

extension SQLiteRecordStore: RecordRetention {
    package func deleteRecords(
        before cutoff: Timestamp, keeping: [Interval], at now: Timestamp,
        told: (StoredRecord) throws -> [IncomingCompletion]
    ) throws(StoreError) -> RetentionOutcome {
        let waiting = try rollupState().waiting
        guard waiting == 0 else { throw .rollupsIncomplete(waiting: waiting) }
        let kept = keeping.map { one in
            Interval(
                start: Timestamp(
                    one.start.rawValue - min(one.start.rawValue, RetentionLimits.margin.rawValue)),
                end: one.end + RetentionLimits.margin)
        }
        return try writeWithoutForeignKeys { db in
            var sweep = Sweep(
                db: db, cutoff: Int64(clamping: cutoff.rawValue), kept: kept,
                now: Int64(clamping: now.rawValue))
            try sweep.run(told)
            return sweep.outcome
        }
    }
}

/// One step of retention.
private struct Sweep {
    let db: Database
    let cutoff: Int64
    let kept: [Interval]
    let now: Int64
    var outcome = RetentionOutcome()

    init(db: Database, cutoff: Int64, kept: [Interval], now: Int64) {
        self.db = db
        self.cutoff = cutoff
        self.kept = kept
        self.now = now
    }

    /// Batches that overlap, as one stretch.
    private struct Group {
        var first: Int64
        var last: Int64
    }

    mutating func run(_ told: (StoredRecord) throws -> [IncomingCompletion]) throws {
        let agents = try Row.fetchAll(db, sql: "SELECT id, name FROM agents ORDER BY id")
        for agent in agents {
            var from: Int64 = 0
            while let row = try next(agent[0], from) {
                guard outcome.deleted < RetentionLimits.entries else {
                    outcome.hasMore = true
                    return
                }
                let (start, end): (Int64, Int64) = (row[2], row[3])
                if let behind = keptEnd(start, end) {
                    from = max(behind, start + 1)
                    continue
                }
                let group = try group(row[0], row[1])
                if let group, try delete(row[0], group, of: agent[1], told) { continue }
                from =
                    try group.flatMap { try lastStart(row[0], $0) }.map { max($0, start) } ?? start
                from += 1
            }
        }
    }

    /// Where the last record of a group begins.
    private func lastStart(_ run: Int64, _ group: Group) throws -> Int64? {
        try last(run, group).map { $0[0] }
    }

    private func last(_ run: Int64, _ group: Group) throws -> Row? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT start_ns, end_ns FROM records WHERE run_id = ? AND sequence = ?"),
            arguments: [run, group.last])
    }

    /// The oldest record of an agent that begins at `from` or later.
    private func next(_ agent: Int64, _ from: Int64) throws -> Row? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT run_id, sequence, start_ns, end_ns FROM records
                    WHERE agent_id = ? AND start_ns >= ? AND start_ns < ?
                    ORDER BY start_ns, run_id, sequence LIMIT 1
                    """), arguments: [agent, from, cutoff])
    }

    /// The end of an interval that is kept and touches `[start, end)`.
    private func keptEnd(_ start: Int64, _ end: Int64) -> Int64? {
        let window = Interval(
            start: Timestamp(UInt64(clamping: start)),
            end: Timestamp(UInt64(clamping: max(end, start < .max ? start + 1 : start))))
        return kept.filter { $0.clamped(to: window) != nil }.map {
            Int64(clamping: $0.end.rawValue)
        }
        .max()
    }

    /// The batches that hold a record and those that overlap them; `nil` where there is none, or too many.
    private func group(_ run: Int64, _ sequence: Int64) throws -> Group? {
        var group = Group(first: sequence, last: sequence)
        for _ in 0..<RetentionLimits.together {
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT min(first), max(last) FROM statements
                        WHERE run_id = ? AND first BETWEEN ? AND ? AND last >= ?
                        """),
                arguments: [
                    run, group.first - Int64(StoreLimits.batchRecords), group.last, group.first,
                ])
            guard let row, let first: Int64 = row[0], let last: Int64 = row[1] else { return nil }
            if first == group.first, last == group.last { return group }
            group = Group(first: min(first, group.first), last: max(last, group.last))
        }
        return nil
    }

    private mutating func delete(
        _ run: Int64, _ group: Group, of agent: String,
        _ told: (StoredRecord) throws -> [IncomingCompletion]
    ) throws -> Bool {
        // Most that must stay are told by their last record.
        guard let last = try last(run, group), (last[1] as Int64) <= cutoff else { return false }
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT run, sequence, start_ns, end_ns, manifest, bytes, kind, records.id
                FROM records JOIN runs ON runs.id = run_id
                WHERE run_id = ? AND sequence BETWEEN ? AND ? ORDER BY sequence
                """, arguments: [run, group.first, group.last])
        guard rows.count == Int(clamping: group.last - group.first + 1),
            rows.allSatisfy({ row in
                (row[3] as Int64) <= cutoff && (row[2] as Int64) < cutoff
                    && keptEnd(row[2], row[3]) == nil
            }), let deletion = try deletion(run, group, of: agent, rows)
        else { return false }
        for row in rows {
            guard let record = StoredRecord(row, agent: agent) else { continue }
            if record.kind == .completions {
                try CompletionRows.delete(db, try told(record), record: row[7])
            }
        }
        for table in [
            "records WHERE run_id = ? AND sequence", "statements WHERE run_id = ? AND first",
        ] {
            try db.cachedStatement(sql: "DELETE FROM \(table) BETWEEN ? AND ?")
                .execute(arguments: [run, group.first, group.last])
        }
        try DeletionRows.insert(db, deletion, of: run)
        outcome.deleted += rows.count
        return true
    }

    /// What stays of the group; `nil` where its records are not what their agent signed.
    private func deletion(
        _ run: Int64, _ group: Group, of agent: String, _ rows: [Row]
    ) throws -> Deletion? {
        let statements = try Row.fetchAll(
            db,
            sql: """
                SELECT first, last, previous, signature, key_id FROM statements
                WHERE run_id = ? AND first BETWEEN ? AND ? ORDER BY first, last
                """, arguments: [run, group.first, group.last])
        guard let previous = statements.first.flatMap({ ChainHead($0.bytes(2)) }) else {
            return nil
        }
        // The head before each record, and after the last.
        let heads = [previous] + previous.heads(after: rows.map { $0.bytes(5) })
        func head(before sequence: Int64) -> ChainHead? {
            let index = sequence - group.first
            return heads.indices.contains(Int(clamping: index)) ? heads[Int(index)] : nil
        }
        var ending: Row?
        for statement in statements {
            let (first, last): (Int64, Int64) = (statement[0], statement[1])
            guard let before = ChainHead(statement.bytes(2)), head(before: first) == before,
                let after = head(before: last + 1), first >= 1,
                let key = VerifyingKey(try KeyRows.bytes(db, statement[4])),
                key.verifies(
                    statement.bytes(3),
                    of: BatchStatement(
                        agent: agent, run: UInt64(bitPattern: rows[0][0] as Int64),
                        first: UInt64(first), last: UInt64(last), previous: before, head: after))
            else { return nil }
            if last == group.last { ending = statement }
        }
        guard let ending, let after = heads.last,
            let signedPrevious = ChainHead(ending.bytes(2))
        else { return nil }
        return Deletion(
            first: group.first, last: group.last, previous: previous, head: after,
            signedFirst: ending[0], signedPrevious: signedPrevious, signature: ending.bytes(3),
            key: ending[4], start: rows.map { $0[2] as Int64 }.min() ?? 0,
            end: rows.map { $0[3] as Int64 }.max() ?? 0, at: now)
    }
}
