import Foundation
import GRDB
import Glibc

extension SQLiteRecordStore {
    /// Writes a copy of the store as of now to a file of mode 0600 that must not exist, also while a collector
    /// writes to it: what comes meanwhile is not in the copy. The file has its name only once it is whole and
    /// on the disk, and `check` found nothing to throw in it.
    ///
    /// All pages in one step, from one state of the store: in several, SQLite would begin anew whenever
    /// another process writes.
    package func backup(
        to path: String, check: (SQLiteRecordStore) throws -> Void
    ) throws {
        let part = path + ".part"
        guard access(path, F_OK) != 0 else {
            throw StoreError.cannotOpen(path: path, reason: "it exists already: name another file")
        }
        // What an interrupted backup left.
        for file in [part, part + "-journal", part + "-wal", part + "-shm"] { unlink(file) }
        do {
            try StoreFile.prepare(part)
            try copy(to: part)
            try check(SQLiteRecordStore(reading: part))
            try StoreFile.synchronise(part)
            // Fails where somebody made a file of that name meanwhile.
            guard link(part, path) == 0 else {
                throw StoreError.cannotOpen(path: path, reason: String(cString: strerror(errno)))
            }
            unlink(part)
        } catch {
            unlink(part)
            throw error
        }
        try StoreFile.synchronise((path as NSString).deletingLastPathComponent)
    }

    private func copy(to part: String) throws {
        do {
            let target = try DatabaseQueue(path: part)
            try database.backup(to: target)
            // One file, without a log beside it. A collector that opens it goes back to WAL.
            try target.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA journal_mode = DELETE")
            }
            try target.close()
        } catch {
            throw StoreError(error)
        }
    }
}

extension StoreFile {
    /// Has the disk hold a file or folder as it is.
    fileprivate static func synchronise(_ path: String) throws {
        let descriptor = open(path.isEmpty ? "." : path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StoreError.cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw StoreError.cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
    }
}
