import Glibc

/// What a spool holds, looked at and left alone: nothing is locked, mended, moved aside or removed,
/// so that it may be in another process's use. What that process writes meanwhile may be missing.
package struct SpoolSurvey: Sendable {
    /// Files whose records are given: the newest, of up to ``SpoolLimits/totalBytes`` in all.
    package static let filesRead = 4

    /// Records that follow each other, made under one manifest.
    package struct Part: Sendable, Hashable {
        package let manifest: [UInt8]
        package let records: [[UInt8]]
        /// Bytes behind the last record that can be read: one that is being written, or damaged ones.
        /// Damaged ones between others are missing in ``records``.
        package let unreadBytes: Int
    }

    /// Whether the directory is there.
    package private(set) var exists = true
    /// Whether another process has the spool open.
    package private(set) var isInUse = false
    /// Bytes of the segments' files.
    package private(set) var bytes = 0
    /// Names of files that should be segments and cannot be read as such, or are of another run
    /// than the newest one's: the next start moves them aside, and their records are lost.
    package private(set) var unreadable: [String] = []
    /// The records of the newest files, oldest first.
    package private(set) var parts: [Part] = []
    /// Records of the run that were made, and of which each destination does not have so many, in the
    /// order asked; `nil` where nothing is known of the destination yet.
    package private(set) var waiting: [UInt64?] = []

    /// Looks at the spool in `directory`, whose run is told in the file `identity`. A directory that is
    /// missing is an empty spool.
    ///
    /// Throws where a newer version of this program wrote it, or a right is missing.
    package init(
        directory: String, identity: String, destinations: [String]
    ) throws(SpoolError) {
        let known = try Identity(identity)
        let found: [String]
        do throws(SpoolError) { found = try names(in: directory) } catch {
            guard error.isGone else { throw error.ofFolder(directory) }
            exists = false
            waiting = destinations.map { _ in nil }
            return
        }
        isInUse = try Self.isLocked(directory + "/" + SpoolOpening.lockName)
        let files = try survey(found, directory, run: known?.run)
        let run = known?.run ?? files.last?.header?.run
        let last = max(known?.last ?? 0, (files.last?.next ?? 1) - 1)
        for name in destinations {
            let position = try Position(of: name, in: directory)
            let isOfRun = position != nil && position?.run == run
            waiting.append(
                isOfRun ? last - min(last, position?.acknowledged ?? 0) : nil)
        }
        for file in files.suffix(Self.filesRead) {
            if let part = try Self.part(of: file) { parts.append(part) }
        }
    }

    /// The segments that can be gone on with, by number; counts the others.
    private mutating func survey(
        _ names: [String], _ directory: String, run: UInt64?
    ) throws(SpoolError) -> [SegmentFile] {
        var whole: [SegmentFile] = []
        for first in names.compactMap(Segment.first(ofName:)).sorted() {
            let name = Segment.name(first: first)
            var status = stat()
            if lstat(directory + "/" + name, &status) == 0 { bytes += Int(status.st_size) }
            let file = try SegmentFile(directory + "/" + name, first: first)
            if file.header == nil { unreadable.append(name) } else { whole.append(file) }
        }
        let run = run ?? whole.last?.header?.run
        unreadable += whole.filter { $0.header?.run != run }.map { Segment.name(first: $0.first) }
        return whole.filter { $0.header?.run == run }
    }

    private static func part(of segment: SegmentFile) throws(SpoolError) -> Part? {
        guard let header = segment.header else { return nil }
        let bytes: [UInt8]
        do throws(SpoolError) {
            let file = try Descriptor(segment.path, O_RDONLY | O_NOFOLLOW)
            bytes = try file.read(from: 0, count: segment.size)
        } catch {
            // The agent may have dropped it since.
            guard error.isOfFile else { throw error }
            return nil
        }
        var (at, expected, records) = (header.size, header.first, [[UInt8]]())
        while let entry = Entry.next(in: bytes, from: at, expected: expected) {
            records.append(Array(bytes[entry.record]))
            (at, expected) = (entry.record.upperBound, entry.sequence + 1)
        }
        return Part(
            manifest: header.manifest, records: records, unreadBytes: segment.rest)
    }

    /// Whether a process holds the lock. It is tried for and given back at once: an agent that starts
    /// in that instant tries again.
    private static func isLocked(_ path: String) throws(SpoolError) -> Bool {
        let file: Descriptor
        do throws(SpoolError) {
            file = try Descriptor(path, O_RDONLY | O_NOFOLLOW)
        } catch {
            guard error.isOfFile else { throw error }
            return false
        }
        do {
            _ = try retrying("lock", path) { flock(file.number, LOCK_SH | LOCK_NB) }
            return false
        } catch {
            guard case .io(_, _, EWOULDBLOCK) = error else { throw error }
            return true
        }
    }

    /// The file that a process with an open spool in `directory` holds a lock on (flock(2)).
    package static func lockPath(in directory: String) -> String {
        directory + "/" + SpoolOpening.lockName
    }
}
