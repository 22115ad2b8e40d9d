import Foundation
import GRDB
package import Metering

/// The store in one SQLite file, in WAL mode, each commit synchronised to the disk.
///
/// "In WAL mode … synchronous=FULL … the WAL file is synced after each transaction commit": with
/// NORMAL a power cut could take back what was acknowledged.
/// Source: SQLite, "PRAGMA synchronous".
package final class SQLiteRecordStore: RecordStore {
    private let database: any DatabaseReader & Sendable
    /// `nil` where the store was opened to be read.
    private let writer: DatabasePool?

    /// How long a statement waits for another process's lock, in seconds, before it fails.
    private static let busySeconds: TimeInterval = 5

    /// Opens the store at `path` and makes the file (mode 0600) and its directory (0700) where
    /// they are missing.
    package init(path: String) throws(StoreError) {
        try StoreFile.prepare(path)
        let pool: DatabasePool = try Self.opening(path) {
            let pool = try DatabasePool(path: path, configuration: Self.configuration())
            try pool.writeWithoutTransaction { try Self.claim($0, path: path) }
            try Schema.migrator.migrate(pool)
            return pool
        }
        database = pool
        writer = pool
    }

    /// Opens an existing store to read it, also while a collector writes to it.
    package init(reading path: String) throws(StoreError) {
        try StoreFile.checkReadable(path)
        writer = nil
        database = try Self.opening(path) {
            var configuration = Self.configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.read { try Self.check($0, path: path) }
            return queue
        }
    }

    /// Writes what stands in the log into the file itself and closes it, so that the one file is the
    /// whole store. Nothing can be asked of the store afterwards.
    package func close() throws(StoreError) {
        guard let writer else { return }
        do {
            _ = try writer.writeWithoutTransaction { try $0.checkpoint(.truncate) }
            try writer.close()
        } catch {
            throw StoreError(error)
        }
    }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(busySeconds)
        configuration.foreignKeysEnabled = true
        return configuration
    }

    /// Marks a new file as ours and refuses another program's.
    private static func claim(_ db: Database, path: String) throws {
        let id = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") == 0
        if id == 0, isEmpty {
            try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
        } else {
            try check(db, path: path)
        }
        // After the switch to WAL, which sets NORMAL.
        try db.execute(sql: "PRAGMA synchronous = FULL")
    }

    private static func check(_ db: Database, path: String) throws {
        guard try Int32.fetchOne(db, sql: "PRAGMA application_id") == Schema.applicationID else {
            throw StoreError.notAStore(path: path)
        }
        if try Schema.migrator.hasBeenSuperseded(db) { throw StoreError.newerSchema(path: path) }
    }

    private static func opening<T>(
        _ path: String, _ body: () throws -> T
    ) throws(StoreError) -> T {
        do {
            return try body()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
            throw .notAStore(path: path)
        } catch {
            throw StoreError(error)
        }
    }

    /// Journal mode, synchronous and foreign keys of the writing connection.
    func settings() throws -> [String] {
        guard let writer else { return [] }
        return try writer.writeWithoutTransaction { db in
            try ["journal_mode", "synchronous", "foreign_keys"].compactMap {
                try String.fetchOne(db, sql: "PRAGMA \($0)")
            }
        }
    }

    // MARK: - Writing

    private func write<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        guard let writer else {
            throw .database(code: 8, message: "the store was opened to be read")
        }
        do { return try writer.write(body) } catch { throw StoreError(error) }
    }

    package func open(
        run: RunID, of agent: String, firstAvailable: UInt64
    ) throws(StoreError) -> UInt64 {
        try write { db in
            var run = try RunRow.findOrMake(db, run: run, agent: agent)
            try run.skip(db, to: column(firstAvailable, "sequence"))
            try run.save(db)
            return UInt64(run.durable)
        }
    }

    package func store(manifest: ManifestDigest, bytes: [UInt8]) throws(StoreError) {
        guard bytes.count <= StoreLimits.manifestBytes else {
            throw .tooLarge(
                what: "manifest", bytes: bytes.count, limit: StoreLimits.manifestBytes)
        }
        let digest = Int64(bitPattern: manifest.rawValue)
        try write { db in
            let stored = try Data.fetchOne(
                db, sql: "SELECT bytes FROM manifests WHERE digest = ?", arguments: [digest])
            if let stored {
                guard stored.elementsEqual(bytes) else {
                    throw StoreError.manifestConflict(manifest)
                }
                return
            }
            try db.execute(
                sql: "INSERT INTO manifests (digest, bytes) VALUES (?, ?)",
                arguments: [digest, Data(bytes)])
        }
    }

    package func store(
        _ records: [IncomingRecord], run: RunID, of agent: String, receivedAt: Timestamp
    ) throws(StoreError) -> StoreOutcome {
        try write { db in
            let received = try column(receivedAt.rawValue, "time")
            var run = try RunRow.findOrMake(db, run: run, agent: agent)
            try checkManifests(db, of: records)
            var outcome = StoreOutcome()
            for record in records {
                switch try run.insert(db, record, received: received) {
                case .stored: outcome.stored += 1
                case .duplicate: outcome.duplicates += 1
                case .conflict: outcome.conflicts.append(record.sequence)
                }
            }
            try run.advance(db)
            try run.save(db)
            outcome.durable = UInt64(run.durable)
            return outcome
        }
    }

    private func checkManifests(_ db: Database, of records: [IncomingRecord]) throws {
        for digest in Set(records.map(\.manifest)) {
            let known = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM manifests WHERE digest = ?)",
                arguments: [Int64(bitPattern: digest.rawValue)])
            guard known == true else { throw StoreError.manifestMissing(digest) }
        }
    }

    // MARK: - Reading

    private func read<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
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

    package func forEachRecord(
        from: Timestamp, to: Timestamp, _ body: (StoredRecord) throws -> Void,
        repeated: ((RepeatedCompletion) throws -> Void)?
    ) throws {
        let from = Int64(clamping: from.rawValue)
        let to = Int64(clamping: to.rawValue)
        try database.read { db in
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
                    arguments: [agent[0] as Int64, from.subtractingClamped(longest), to, from])
                while let row = try cursor.next() {
                    if let record = StoredRecord(row, agent: name) { try body(record) }
                }
            }
            if let repeated { try CompletionRows.forEachRepeated(db, repeated) }
        }
    }

    /// Ordered by the index on time; only records of one start are sorted.
    private static func recordsOfAgent(withKind: Bool) -> String {
        """
        SELECT run, sequence, start_ns, end_ns, manifest, bytes, \(withKind ? "kind" : "0")
        FROM records JOIN runs ON runs.id = records.run_id
        WHERE records.agent_id = ? AND start_ns >= ? AND start_ns < ?
          AND max(end_ns, start_ns + 1) > ?
        ORDER BY start_ns, run, sequence
        """
    }

    package func integrityProblems() throws(StoreError) -> [String] {
        try read { db in
            var problems = try String.fetchAll(db, sql: "PRAGMA integrity_check(20)")
            problems.removeAll { $0 == "ok" }
            let orphans = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check")
            if !orphans.isEmpty { problems.append("\(orphans.count) rows name a missing row") }
            return try problems + Self.incompleteRuns(db)
        }
    }

    /// Runs that hold fewer records up to their durable sequence than they promised to agents.
    private static func incompleteRuns(_ db: Database) throws -> [String] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT name, run, durable,
                  (SELECT count(*) FROM records WHERE run_id = runs.id AND sequence <= durable)
                  + (SELECT coalesce(sum(last - first + 1), 0) FROM losses
                     WHERE run_id = runs.id) AS accounted
                FROM runs JOIN agents ON agents.id = agent_id WHERE accounted <> durable
                """
        ).map { row in
            let run = String(UInt64(bitPattern: row[1] as Int64), radix: 16)
            return "agent \(row[0] as String), run \(run): acknowledged to \(row[2] as Int64), "
                + "accounts for \(row[3] as Int64)"
        }
    }
}

extension StoreError {
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError:
            self = .database(
                code: error.resultCode.rawValue, message: error.message ?? error.description)
        default: self = .database(code: 1, message: "\(error)")
        }
    }
}

extension StoredRecord {
    /// `nil` for a kind that only another program can have put in.
    fileprivate init?(_ row: Row, agent: String) {
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

extension Row {
    fileprivate func bytes(_ index: Int) -> [UInt8] {
        let data: Data = self[index]
        return [UInt8](data)
    }
}

extension Int64 {
    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (value, over) = subtractingReportingOverflow(other)
        return over ? .min : value
    }
}

/// A column holds 63 bits: larger foreign numbers are refused.
func column(_ value: UInt64, _ what: String) throws(StoreError) -> Int64 {
    guard let column = Int64(exactly: value) else {
        throw .outOfRange(what: what, value: value)
    }
    return column
}
