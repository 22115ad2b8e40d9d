import Foundation
import GRDB
package import Metering

/// How many entries of each run a reading of a period gave.
package struct ReadEntries: Sendable {
    struct Name: Hashable {
        let agent: String
        let run: RunID
    }

    private var counts: [Name: Int] = [:]
    /// Those of one run mostly come in a row.
    private var latest: (name: Name, count: Int)?

    package init() {}

    /// Entries that one reading gives, in its order.
    package mutating func add(_ record: StoredRecord) {
        if let (name, count) = latest, name.run == record.run, name.agent == record.agent {
            latest = (name, count + 1)
            return
        }
        close()
        latest = (Name(agent: record.agent, run: record.run), 1)
    }

    private mutating func close() {
        if let (name, count) = latest { counts[name, default: 0] += count }
        latest = nil
    }

    func count(of name: Name) -> Int {
        let open = latest.flatMap { $0.name == name ? $0.count : nil } ?? 0
        return counts[name, default: 0] + open
    }
}

extension SQLiteRecordStore {
    package func forEachMisplaced(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp, read: ReadEntries,
        window: @escaping ([UInt8]) -> Window?, _ body: (StoredRecord) throws -> Void
    ) throws {
        try consistently { try forEachMisplaced(from, to, receivedBy, read, window, body) }
    }

    private func forEachMisplaced(
        _ from: Timestamp, _ to: Timestamp, _ receivedBy: Timestamp, _ read: ReadEntries,
        _ window: @escaping ([UInt8]) -> Window?, _ body: (StoredRecord) throws -> Void
    ) throws {
        try database.unsafeReentrantRead { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT runs.id, run, name, max(longest) OVER (PARTITION BY agent_id),
                      (SELECT min(sequence) FROM records WHERE run_id = runs.id AND sequence >= 1),
                      (SELECT max(sequence) FROM records WHERE run_id = runs.id)
                    FROM runs JOIN agents ON agents.id = agent_id ORDER BY name, run
                    """)
            for row in rows {
                guard let first: Int64 = row[4], let last: Int64 = row[5], first <= last else {
                    continue
                }
                let name = ReadEntries.Name(
                    agent: row[2], run: RunID(UInt64(bitPattern: row[1] as Int64)))
                let walk = RunPlacement(
                    db: db, run: row[0], period: (from, to), window: window)
                guard let held = try walk.sequences(within: first...last),
                    try walk.count(held) != read.count(of: name)
                else { continue }
                try walk.forEachUnread(
                    held, receivedBy: receivedBy, agent: name.agent, longest: row[3], body)
            }
        }
    }
}

/// Looks where the entries of a run lie in time, by what their bytes say.
private struct RunPlacement {
    let db: Database
    /// The row of the run.
    let run: Int64
    let period: (from: Timestamp, to: Timestamp)
    let window: ([UInt8]) -> Window?

    /// Entries that are looked at for one that can be read.
    private static let probes = 8

    /// The numbers of the entries in the period; `nil` where there is none. Halves the run's numbers, whose
    /// times rise unless a clock was set back.
    func sequences(within all: ClosedRange<Int64>) throws -> ClosedRange<Int64>? {
        guard let first = try lowest(of: all, where: { Self.end(of: $0) > period.from }) else {
            return nil
        }
        let rest = first...all.upperBound
        guard let behind = try lowest(of: rest, where: { $0.start >= period.to }) else {
            return rest
        }
        return behind > first ? first...behind - 1 : nil
    }

    /// The lowest number from which on the windows are so, found by halving; what cannot be read is passed over.
    private func lowest(
        of all: ClosedRange<Int64>, where isSo: (Window) -> Bool
    ) throws -> Int64? {
        var (low, high) = (all.lowerBound, all.upperBound)
        var found: Int64?
        while low <= high {
            let middle = low + (high - low) / 2
            let probe = try readable(in: middle...high)
            if let probe, !isSo(probe.window) {
                guard probe.sequence < high else { break }
                low = probe.sequence + 1
            } else {
                found = probe?.sequence ?? found
                guard middle > low else { break }
                high = middle - 1
            }
        }
        return found
    }

    /// The first of these entries that can be read, of the first few.
    private func readable(
        in numbers: ClosedRange<Int64>
    ) throws -> (sequence: Int64, window: Window)? {
        let cursor = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT sequence, bytes FROM records WHERE run_id = ? AND sequence BETWEEN ? AND ?
                    ORDER BY sequence LIMIT \(Self.probes)
                    """), arguments: [run, numbers.lowerBound, numbers.upperBound])
        while let row = try cursor.next() {
            if let window = window(row.bytes(1)) { return (row[0], window) }
        }
        return nil
    }

    /// How many entries there are, from the index alone.
    func count(_ numbers: ClosedRange<Int64>) throws -> Int {
        try Int.fetchOne(
            db.cachedStatement(
                sql: "SELECT count(*) FROM records WHERE run_id = ? AND sequence BETWEEN ? AND ?"),
            arguments: [run, numbers.lowerBound, numbers.upperBound]) ?? 0
    }

    /// The entries that a reading by the columns passes over, and that lie in the period or cannot be read.
    func forEachUnread(
        _ numbers: ClosedRange<Int64>, receivedBy: Timestamp, agent: String, longest: Int64,
        _ body: (StoredRecord) throws -> Void
    ) throws {
        let from = Int64(clamping: period.from.rawValue)
        let (earliest, over) = from.subtractingReportingOverflow(longest)
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT run, sequence, start_ns, end_ns, manifest, bytes,
                  \(try Schema.hasCompletions(db) ? "kind" : "0"), records.id
                FROM records JOIN runs ON runs.id = run_id
                WHERE run_id = ? AND sequence BETWEEN ? AND ? AND received_ns <= ?
                  AND NOT (records.agent_id IN (SELECT agent_id FROM runs)
                    AND start_ns >= ? AND start_ns < ? AND max(end_ns, start_ns + 1) > ?)
                ORDER BY sequence
                """,
            arguments: [
                run, numbers.lowerBound, numbers.upperBound,
                Int64(clamping: receivedBy.rawValue), over ? .min : earliest,
                Int64(clamping: period.to.rawValue), from,
            ])
        while let row = try cursor.next() {
            if let window = window(row.bytes(5)), !isInPeriod(window) { continue }
            guard let record = StoredRecord(row, agent: agent) else {
                throw StoreError.strangeEntry(agent: agent, row: row[7])
            }
            try body(record)
        }
    }

    private func isInPeriod(_ window: Window) -> Bool {
        window.start < period.to && Self.end(of: window) > period.from
    }

    /// A window whose end is not after its start is an instant at its start.
    private static func end(of window: Window) -> Timestamp {
        let start = window.start.rawValue
        return max(window.end, Timestamp(start < .max ? start + 1 : start))
    }
}
