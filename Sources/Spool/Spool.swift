import Glibc
package import Metering

/// Records on disk, bounded, until they are acknowledged.
///
/// The directory (mode 0700, files 0600) holds
///
/// | file | what |
/// |---|---|
/// | `lock` | held with flock(2) while an agent uses the directory |
/// | `segment-<first sequence, 20 digits>.spool` | a header and entries, oldest first |
/// | `position` | how far the run was acknowledged (Position.swift) |
/// | `new` | a segment in the making, removed on opening |
///
/// A segment's header: magic `JFSPOOL\n`, u32 format version, u32 length of the manifest, u64 run,
/// u64 first sequence, u64 dropped, u64 dropped through, the manifest, u32 CRC-32C of all that. An
/// entry: u32 length of the record, u32 CRC-32C of sequence and record, u64 sequence, the record.
/// Numbers are little-endian. A new segment begins when one is full and when the manifest changes; it
/// is written and synchronised under the name `new` and renamed, so no segment has half a header.
///
/// What happens when
///
/// - the process is killed or power fails: what `append` returned is there. An unfinished entry at the
///   end of the newest segment is cut on opening and counted in `recovery`.
/// - bytes inside a segment were altered: the next whole entry is found by its checksum and number;
///   what lay between is counted as dropped. Where a header was altered, all of its segment is.
/// - the disk is full, read-only or broken: `append` throws, nothing is changed, and the same append
///   may be tried again.
/// - `totalBytes` is reached: the oldest segments go. The count is in the header of the new segment
///   before they are removed, so it survives; an interrupted removal is finished on opening.
/// - everything is acknowledged: the newest segment stays, and with it run and sequence.
/// - the directory is lost: a new run begins.
///
/// Not safe to share: its owner confines it to one actor or thread.
package final class Spool {
    /// Random, made with the spool, never 0.
    package let run: RunID
    /// The number the next record gets. Counts from 1 without holes.
    package private(set) var nextSequence: UInt64
    /// Every record up to here is acknowledged or gone for good.
    package private(set) var acknowledged: UInt64
    /// What opening found broken.
    package let recovery: SpoolRecovery

    private let directory: String
    private let limits: SpoolLimits
    private let disk: any Disk
    private let lock: Descriptor
    private let position: Descriptor
    /// Oldest first.
    private var segments: [Segment]
    /// Records lost for good, without those that a segment still counts as missing.
    private var lost: UInt64
    private var droppedThrough: UInt64
    private var manifest: [UInt8] = []
    /// The newest segment's file, once it was written to.
    private var writer: Descriptor?
    /// Where the last batch ended.
    private var cursor: Cursor?
    /// Files of segments out of use that are still to be removed.
    private var leftovers: [String] = []
    /// Whether names in the directory changed since it was last synchronised.
    private var isDirectoryDirty = false
    /// Whether the position's file is behind `acknowledged`.
    private var isPositionStale = false

    private struct Cursor {
        let file: Descriptor
        let segment: UInt64
        let sequence: UInt64
        let offset: Int
    }

    /// Opens the spool in `directory`, which is made where it is missing; the one above it must
    /// exist.
    package convenience init(
        directory: String, limits: SpoolLimits = SpoolLimits()
    ) throws(SpoolError) {
        try self.init(directory: directory, limits: limits, disk: SystemDisk())
    }

    init(directory: String, limits: SpoolLimits, disk: any Disk) throws(SpoolError) {
        let lock = try SpoolOpening.lock(directory)
        let file = try Descriptor(
            directory + "/" + Position.name, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        let found = try SpoolOpening(directory, position: try Position(in: file), disk: disk)
        self.directory = directory
        self.limits = limits
        self.disk = disk
        self.lock = lock
        position = file
        run = RunID(found.run)
        nextSequence = found.nextSequence
        acknowledged = found.acknowledged
        recovery = found.recovery
        segments = found.segments
        lost = found.lost
        droppedThrough = found.droppedThrough
    }

    /// The oldest record still held; `nextSequence` where there is none.
    package var firstSequence: UInt64 {
        min(nextSequence, max(acknowledged + 1, segments.first?.first ?? nextSequence))
    }

    /// Records of this run lost before they were acknowledged: dropped at the limit, or unreadable.
    package var dropped: UInt64 { segments.reduce(lost) { $0 + $1.missingCount } }

    /// Bytes of all segments.
    package var bytes: Int { segments.reduce(0) { $0 + $1.size } }

    /// Sets the manifest of the records that follow. Needed after each opening, before the first
    /// append; the same bytes again change nothing.
    package func use(manifest: [UInt8]) throws(SpoolError) {
        guard 1...SpoolLimits.manifest ~= manifest.count else {
            throw .manifestLength(manifest.count, limit: SpoolLimits.manifest)
        }
        self.manifest = manifest
    }

    /// Keeps a record and returns its sequence number. Where it throws, nothing has changed.
    package func append(_ record: [UInt8]) throws(SpoolError) -> UInt64 {
        guard !manifest.isEmpty else { throw .noManifest }
        guard 1...SpoolLimits.record ~= record.count else {
            throw .recordLength(record.count, limit: SpoolLimits.record)
        }
        let entry = Entry.encode(record, sequence: nextSequence)
        if !newestTakes(entry.count) { try beginSegment(entryBytes: entry.count) }
        try settleDirectory()
        let last = segments.count - 1
        let (size, file) = (segments[last].size, try openWriter(segments[last].path))
        do throws(SpoolError) {
            try disk.write(entry, to: file, at: size)
            if limits.synchronizes { try disk.synchronize(file) }
        } catch {
            // Where this fails too, the next append overwrites the rest and opening cuts it.
            try? disk.truncate(file, to: size)
            throw error
        }
        segments[last].size += entry.count
        segments[last].next += 1
        nextSequence += 1
        return nextSequence - 1
    }

    private func newestTakes(_ entryBytes: Int) -> Bool {
        guard let newest = segments.last, let header = newest.header else { return false }
        return header.manifest == manifest && newest.next == nextSequence
            && (newest.size + entryBytes <= limits.segmentBytes || newest.next == newest.first)
    }

    private func openWriter(_ path: String) throws(SpoolError) -> Descriptor {
        if let writer { return writer }
        let file = try Descriptor(path, O_RDWR | O_NOFOLLOW)
        writer = file
        return file
    }

    /// Begins a segment at `nextSequence`; drops the oldest ones where it would not fit the limit.
    private func beginSegment(entryBytes: Int) throws(SpoolError) {
        let (gone, lost, through) = dropsNeeded(entryBytes: entryBytes)
        let header = SegmentHeader(
            run: run.rawValue, first: nextSequence, dropped: lost, droppedThrough: through,
            manifest: manifest)
        let segment = Segment(new: header, in: directory)
        let temporary = directory + "/" + SpoolOpening.temporaryName
        let file = try disk.create(temporary)
        try disk.write(header.bytes, to: file, at: 0)
        if limits.synchronizes { try disk.synchronize(file) }
        try disk.rename(temporary, to: segment.path)
        // From here on the new segment is there, whatever fails.
        self.lost = lost
        droppedThrough = through
        leftovers += segments[..<gone].map(\.path).filter { $0 != segment.path }
        segments.removeFirst(gone)
        if segments.last?.first == segment.first { segments.removeLast() }
        segments.append(segment)
        // Opened anew under its final name.
        writer = nil
        cursor = nil
        isDirectoryDirty = true
    }

    /// How many of the oldest segments must go, and the counts that say so.
    private func dropsNeeded(entryBytes: Int) -> (gone: Int, lost: UInt64, through: UInt64) {
        let fixed = SegmentHeader(
            run: 0, first: 0, dropped: 0, droppedThrough: 0, manifest: manifest
        ).size
        var total = bytes + max(limits.segmentBytes, fixed + entryBytes)
        var (gone, lost, through) = (0, lost, droppedThrough)
        while gone < segments.count, total > limits.totalBytes {
            let segment = segments[gone]
            let start = max(
                acknowledged + 1, min(segment.first, segment.missing.first?.lowerBound ?? .max))
            lost += segment.next > start ? segment.next - start : 0
            through = max(through, segment.next - 1)
            total -= segment.size
            gone += 1
        }
        return (gone, lost, through)
    }

    /// Makes a new segment's name durable, then removes the files that went out of use. Takes up
    /// again what failed before.
    private func settleDirectory() throws(SpoolError) {
        if isDirectoryDirty, limits.synchronizes { try disk.synchronizeDirectory(directory) }
        isDirectoryDirty = false
        guard !leftovers.isEmpty else { return }
        while let path = leftovers.first {
            try disk.remove(path)
            leftovers.removeFirst()
            isDirectoryDirty = true
        }
        if limits.synchronizes { try disk.synchronizeDirectory(directory) }
        isDirectoryDirty = false
    }

    /// Frees every record up to `through`. Going back changes nothing. Where it throws, the records
    /// count as acknowledged; the next acknowledgement removes what is left.
    package func acknowledge(through: UInt64) throws(SpoolError) {
        guard through < nextSequence else {
            throw .acknowledgedUnmade(through: through, next: nextSequence)
        }
        if through > acknowledged {
            acknowledged = through
            isPositionStale = true
        }
        for index in segments.indices {
            lost += segments[index].forgetMissing(through: acknowledged)
        }
        while segments.count > 1, segments[0].next <= acknowledged + 1 {
            leftovers.append(segments.removeFirst().path)
        }
        if isPositionStale {
            let now = Position(run: run.rawValue, acknowledged: acknowledged, dropped: lost)
            try disk.write(now.bytes, to: position, at: 0)
            isPositionStale = false
        }
        try settleDirectory()
    }
}

// MARK: Reading

extension Spool {
    /// The oldest records from `sequence` on, all of one segment, or `nil` where there are none.
    /// Ends after `maximumRecords` or before `maximumBytes` would be exceeded, but holds at least
    /// one record. It begins after `sequence` where records are lost.
    package func batch(
        from sequence: UInt64, maximumRecords: Int, maximumBytes: Int
    ) throws(SpoolError) -> SpoolBatch? {
        for index in segments.indices where segments[index].next > sequence {
            let start = max(sequence, segments[index].first)
            guard let manifest = segments[index].header?.manifest,
                segments[index].next > start
            else { continue }
            let (first, records) = try read(
                segments[index], from: start, maximumRecords: max(1, maximumRecords),
                maximumBytes: max(0, maximumBytes))
            let found = records.isEmpty ? segments[index].next : first
            if found > start { noteMissing(start...found - 1, in: index) }
            if !records.isEmpty {
                return SpoolBatch(manifest: manifest, first: first, records: records)
            }
        }
        return nil
    }

    private func read(
        _ segment: Segment, from start: UInt64, maximumRecords: Int, maximumBytes: Int
    ) throws(SpoolError) -> (first: UInt64, [[UInt8]]) {
        var (offset, expected, file) = (segment.header?.size ?? 0, segment.first, Descriptor?.none)
        // Without a place to go on from, the whole segment is read to find one.
        var length = segment.size - offset
        if let cursor, cursor.segment == segment.first, cursor.sequence <= start {
            (offset, expected, file) = (cursor.offset, cursor.sequence, cursor.file)
            // Enough for what may be returned and the one entry that exceeds it.
            let most = Entry.overhead * min(maximumRecords, 1 << 20) + min(maximumBytes, 1 << 30)
            length = min(segment.size - offset, most + Entry.overhead + SpoolLimits.record)
            if cursor.sequence < start { length = segment.size - offset }
        }
        let source: Descriptor
        if let file {
            source = file
        } else {
            source = try Descriptor(segment.path, O_RDONLY | O_NOFOLLOW)
        }
        let bytes = try source.read(from: offset, count: length)
        var (at, first, total, records) = (0, start, 0, [[UInt8]]())
        while records.count < maximumRecords,
            let entry = Entry.next(in: bytes, from: at, expected: expected)
        {
            let isWanted = entry.sequence >= start
            if isWanted, records.isEmpty { first = entry.sequence }
            if isWanted, !records.isEmpty {
                guard entry.sequence == expected, total + entry.record.count <= maximumBytes else {
                    break
                }
            }
            if isWanted {
                records.append(Array(bytes[entry.record]))
                total += entry.record.count
            }
            (at, expected) = (entry.record.upperBound, entry.sequence + 1)
        }
        cursor = Cursor(
            file: source, segment: segment.first, sequence: expected, offset: offset + at)
        return (first, records)
    }

    /// Counts records that turned out unreadable while open.
    private func noteMissing(_ range: ClosedRange<UInt64>, in index: Int) {
        guard range.upperBound > acknowledged else { return }
        let unacknowledged = max(range.lowerBound, acknowledged + 1)...range.upperBound
        guard !segments[index].missing.contains(where: { $0.overlaps(unacknowledged) }) else {
            return
        }
        segments[index].missing.append(unacknowledged)
        segments[index].missing.sort { $0.lowerBound < $1.lowerBound }
    }
}
