import Foundation
import GRDB
package import Metering

/// The store in one SQLite file, in WAL mode, each commit synchronised to the disk.
///
/// "In WAL mode … synchronous=FULL … the WAL file is synced after each transaction commit": with
/// NORMAL a power cut could take back what was acknowledged.
/// Source: SQLite, "PRAGMA synchronous".
package final class SQLiteRecordStore: RecordStore {
    let database: any DatabaseReader & Sendable
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
            // What retention frees can be given back. Only an empty file can be changed at no cost.
            try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "VACUUM")
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
        } catch let error as DatabaseError
            where [.SQLITE_READONLY, .SQLITE_CANTOPEN].contains(error.resultCode)
            && !StoreFile.mayMakeFiles(beside: path)
        {
            throw .folderDenied(path: path)
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

    func write<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        guard let writer else {
            throw .database(code: 8, message: "the store was opened to be read")
        }
        do { return try writer.write(body) } catch { throw StoreError(error) }
    }

    /// One transaction that may delete records: with foreign keys each would be looked for in all
    /// completions. Gives free pages back afterwards.
    func writeWithoutForeignKeys<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        guard let writer else {
            throw .database(code: 8, message: "the store was opened to be read")
        }
        do {
            return try writer.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA foreign_keys = OFF")
                defer { try? db.execute(sql: "PRAGMA foreign_keys = ON") }
                var result: T?
                try db.inTransaction {
                    result = try body(db)
                    return .commit
                }
                try db.execute(sql: "PRAGMA incremental_vacuum(\(RetentionLimits.pages))")
                guard let result else {
                    throw StoreError.database(code: 1, message: "nothing was done")
                }
                return result
            }
        } catch { throw StoreError(error) }
    }

    package func open(_ greeting: Greeting) throws(StoreError) -> UInt64 {
        try write { db in
            var run = try RunRow.findOrMake(db, run: greeting.run, agent: greeting.agent)
            try KeyRows.check(db, &run, greeting)
            try run.skip(db, to: column(greeting.firstAvailable, "sequence"))
            try run.save(db)
            try Self.end(db, greeting)
            return UInt64(run.durable)
        }
    }

    /// The run before has ended: what is not stored of it is gone.
    private static func end(_ db: Database, _ greeting: Greeting) throws {
        guard let predecessor = greeting.predecessor else { return }
        let last = try column(predecessor.last, "sequence")
        var run = try RunRow.findOrMake(db, run: predecessor.run, agent: greeting.agent)
        if run.durable > last {
            let name = String(predecessor.run.rawValue, radix: 16)
            try AlertRows.note(
                db,
                NewAlert(
                    agent: greeting.agent, kind: .chain,
                    text: "says that run \(name) ended with record \(last), and delivered record "
                        + "\(run.durable) of it", at: greeting.at))
        }
        try run.skip(db, past: last)
        try run.save(db)
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
        _ batches: [IncomingBatch]
    ) throws(StoreError) -> [Result<StoreOutcome, StoreError>] {
        try write { db in
            var hosts: [Int64: HourParts] = [:]
            let outcomes = try batches.map { batch -> Result<StoreOutcome, StoreError> in
                do {
                    var kept = Kept()
                    try db.inSavepoint {
                        kept = try store(db, batch)
                        return .commit
                    }
                    for part in kept.parts { hosts[kept.agent, default: HourParts()].add(part) }
                    return .success(kept.outcome)
                } catch let error as StoreError {
                    return .failure(error)
                } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                    return .failure(StoreError(error))
                }
            }
            try RollupRows.add(db, hosts)
            return outcomes
        }
    }

    /// What became of a batch, and what it adds to the roll-ups of its agent.
    private struct Kept {
        var outcome = StoreOutcome()
        var agent: Int64 = 0
        var parts: [HourPart] = []
    }

    private func store(_ db: Database, _ batch: IncomingBatch) throws -> Kept {
        let received = try column(batch.receivedAt.rawValue, "time")
        var run = try RunRow.findOrMake(db, run: batch.run, agent: batch.agent)
        guard let key = run.key, try KeyRows.bytes(db, key) == batch.key.bytes else {
            throw StoreError.keyChanged(
                run: batch.run, known: "another", given: batch.key.fingerprint)
        }
        if batch.endsGap { try run.skip(db, to: column(batch.first, "sequence")) }
        try checkManifests(db, of: batch.records)
        var outcome = StoreOutcome()
        var conflicts: [UInt64] = []
        var stored: [IncomingRecord] = []
        let deleted = try DeletionRows.find(db, run.id, batch.first, batch.last)
        for record in batch.records {
            // What retention deleted is not taken again: it is in the roll-ups.
            if deleted.contains(where: { $0.holds(record.sequence) }) {
                outcome.duplicates += 1
                continue
            }
            switch try run.insert(db, record, received: received) {
            case .stored:
                outcome.stored += 1
                stored.append(record)
            case .duplicate: outcome.duplicates += 1
            case .conflict: conflicts.append(record.sequence)
            }
        }
        guard conflicts.isEmpty else { throw StoreError.conflict(sequences: conflicts) }
        try ChainRows.check(db, batch, of: run)
        if outcome.stored > 0 { try ChainRows.insert(db, batch, of: run) }
        try run.advance(db, with: batch)
        try run.save(db)
        outcome.durable = UInt64(run.durable)
        let parts =
            outcome.duplicates == 0 ? batch.parts.all : stored.flatMap { batch.parts.part($0) }
        return Kept(outcome: outcome, agent: run.agent, parts: parts)
    }

    package func setAside(_ batch: RefusedBatch) throws(StoreError) {
        try write { try RefusedRows.insert($0, batch) }
    }

    package func note(_ alert: NewAlert) throws(StoreError) {
        try write { try AlertRows.note($0, alert) }
    }

    private func checkManifests(_ db: Database, of records: [IncomingRecord]) throws {
        for digest in Set(records.map(\.manifest)) {
            let known = try Bool.fetchOne(
                db.cachedStatement(
                    sql: "SELECT EXISTS (SELECT 1 FROM manifests WHERE digest = ?)"),
                arguments: [Int64(bitPattern: digest.rawValue)])
            guard known == true else { throw StoreError.manifestMissing(digest) }
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
        case is RowDecodingError:
            self = .database(code: 11, message: "a value is of another kind than its column")
        default: self = .database(code: 1, message: "\(error)")
        }
    }
}

/// A column holds 63 bits: larger foreign numbers are refused.
func column(_ value: UInt64, _ what: String) throws(StoreError) -> Int64 {
    guard let column = Int64(exactly: value) else {
        throw .outOfRange(what: what, value: value)
    }
    return column
}
