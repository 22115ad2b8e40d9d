import Chain
import Glibc
import Metering

// MARK: Appending

extension Spool {
    /// Keeps a record and returns its sequence number. Where it throws, nothing has changed but what
    /// was found to be lost.
    package func append(_ record: [UInt8]) throws(SpoolError) -> UInt64 {
        guard !manifest.isEmpty else { throw .noManifest }
        guard 1...SpoolLimits.record ~= record.count else {
            throw .recordLength(record.count, limit: SpoolLimits.record)
        }
        try noticeLoss()
        identity.counts.age = age
        if isNewRun {
            try storeIdentity()
            // Before the first segment, which may be named like one of theirs.
            try settleRelinquished()
        }
        isNewRun = false
        let sequence = nextSequence
        let entry = Entry.encode(record, sequence: sequence, previous: identity.head)
        if !newestTakes(entry.count) { try beginSegment(entryBytes: entry.count) }
        try settleRelinquished()
        try settleDirectory()
        let last = segments.count - 1
        let size = segments[last].size
        let file = try openWriter(segments[last].path)
        do throws(SpoolError) {
            try disk.write(entry, to: file, at: size)
            if limits.synchronizes { try disk.synchronize(file) }
        } catch {
            // Where this fails too, the next append overwrites the rest and opening cuts it.
            try? disk.truncate(file, to: size)
            throw error
        }
        segments[last].size += entry.count
        segments[last].next = sequence + 1
        identity.last = sequence
        identity.head = identity.head.appending(record)
        identity.untold = 0
        // The record is kept; the identity that could not be written is with the next.
        try? storeIdentity()
        return sequence
    }

    private func openWriter(_ path: String) throws(SpoolError) -> Descriptor {
        if let writer { return writer }
        let file = try Descriptor(path, O_RDWR | O_NOFOLLOW)
        writer = file
        return file
    }

    /// The clock of the spool: how long an agent had it open.
    private var age: UInt64 {
        let now = clock()
        let open = now > opened.clock ? now - opened.clock : 0
        return min(opened.age.addingClamped(open), SpoolLimits.sequence)
    }

    func storeIdentity(isDurable: Bool = false) throws(SpoolError) {
        if !isIdentityUnwritten {
            do throws(SpoolError) {
                return try identity.overwrite(
                    identityPath, on: disk, isSynchronized: isDurable && limits.synchronizes)
            } catch { guard error.isOfFile else { throw error } }
            isIdentityUnwritten = true
        }
        try identity.replace(identityPath, on: disk, isSynchronized: limits.synchronizes)
        isIdentityUnwritten = false
    }

    private func newestTakes(_ entryBytes: Int) -> Bool {
        // Where records were let go, the header of a new segment tells how many.
        guard let newest = segments.last, relinquished.isEmpty else { return false }
        return newest.header.manifest == manifest && newest.next == nextSequence
            && (newest.size + entryBytes <= limits.segmentBytes || newest.next == newest.first)
            && identity.counts.age - min(identity.counts.age, newest.header.counts.age)
                <= limits.segmentAge
    }

    /// Begins a segment at `nextSequence`; drops the oldest ones where it would not fit the limits.
    private func beginSegment(entryBytes: Int) throws(SpoolError) {
        var (gone, counts) = dropsNeeded(entryBytes: entryBytes)
        let gap = missingAtEnd
        let isAlone = gone == segments.count
        if isAlone, let gap {
            counts.drop(gap.upperBound - gap.lowerBound + 1)
            counts.released = identity.last
        }
        let header = SegmentHeader(
            run: identity.run, first: nextSequence, counts: counts,
            predecessor: identity.predecessor, previous: identity.head, manifest: manifest)
        var segment = Segment(new: header, in: directory)
        let temporary = directory + "/" + SpoolOpening.temporaryName
        let file = try disk.create(temporary)
        try disk.write(header.bytes, to: file, at: 0)
        if limits.synchronizes { try disk.synchronize(file) }
        try disk.rename(temporary, to: segment.path)
        // From here on the new segment is there, whatever fails.
        identity.counts = counts
        leftovers += segments[..<gone].map(\.path).filter { $0 != segment.path }
        segments.removeFirst(gone)
        if segments.last?.first == segment.first {
            segment.missing = segments.removeLast().missing
        }
        if let gap, !isAlone { segment.missing = [gap] }
        segments.append(segment)
        // Opened anew under its final name.
        writer = nil
        cursors = []
        isDirectoryDirty = true
    }

    /// How many of the oldest segments must go, and the counts that say so.
    private func dropsNeeded(entryBytes: Int) -> (gone: Int, counts: RunCounts) {
        let fixed = SegmentHeader.size(manifest: manifest.count)
        var total = bytes + max(limits.segmentBytes, fixed + entryBytes)
        var (gone, counts) = (0, identity.counts)
        while gone < segments.count, total > limits.totalBytes || isTooOld(gone) {
            counts.drop(held(by: segments[gone]))
            counts.released = max(counts.released, segments[gone].next - 1)
            total -= segments[gone].size
            gone += 1
        }
        return (gone, counts)
    }

    /// Whether all of a segment's records are older than the largest age: the next segment is.
    private func isTooOld(_ index: Int) -> Bool {
        guard index + 1 < segments.count else { return false }
        let age = segments[index + 1].header.counts.age
        return age.addingClamped(limits.maximumAge.rawValue) < identity.counts.age
    }

    /// How many records that not all have are lost with a segment.
    func held(by segment: Segment) -> UInt64 {
        let start = max(released + 1, segment.oldest)
        return segment.next > start ? segment.next - start : 0
    }

    /// Every record up to here all destinations have, or none can get.
    var released: UInt64 { max(identity.counts.released, acknowledged.min() ?? 0) }

    /// Records after the newest segment's last entry that were made and are gone.
    var missingAtEnd: ClosedRange<UInt64>? {
        guard let newest = segments.last else { return nil }
        let start = max(newest.next, released + 1)
        return start <= identity.last ? start...identity.last : nil
    }

    /// Makes a new segment's name durable, then removes the files that went out of use. Takes up
    /// again what failed before.
    func settleDirectory() throws(SpoolError) {
        if isDirectoryDirty, limits.synchronizes { try disk.synchronizeDirectory(directory) }
        isDirectoryDirty = false
        guard !leftovers.isEmpty else { return }
        if isReleaseUntold { try storeIdentity(isDurable: true) }
        isReleaseUntold = false
        while let path = leftovers.first {
            try disk.remove(path)
            leftovers.removeFirst()
            isDirectoryDirty = true
        }
        if limits.synchronizes { try disk.synchronizeDirectory(directory) }
        isDirectoryDirty = false
    }
}

// MARK: Files deleted while open

extension Spool {
    /// Makes lock and directory anew where they were deleted, and counts what is gone.
    private func noticeLoss() throws(SpoolError) {
        if try !lock.isStill(at: directory + "/" + SpoolOpening.lockName) {
            lock = try SpoolOpening.lock(directory)
            isDirectoryDirty = true
        }
        guard let newest = segments.last else { return }
        do throws(SpoolError) {
            if try openWriter(newest.path).isStill(at: newest.path) { return }
        } catch { guard error.isOfFile else { throw error } }
        writer = nil
        cursors = []
        if !isGone(newest.path) {
            try DamagedFiles.setAside(newest.path, in: directory, on: disk)
        }
        loseMissingFiles()
        try? storeIdentity()
    }

    /// Takes the segments whose files are gone out of `segments`, and counts their records.
    private func loseMissingFiles() {
        var kept: [Segment] = []
        var gap: ClosedRange<UInt64>?
        for var segment in segments {
            if !isGone(segment.path) {
                if let gap { segment.miss(before: gap) }
                gap = nil
                kept.append(segment)
            } else if kept.isEmpty {
                identity.counts.drop(held(by: segment))
                identity.counts.released = max(identity.counts.released, segment.next - 1)
            } else if held(by: segment) > 0 {
                let start = gap?.lowerBound ?? max(released + 1, segment.oldest)
                gap = start...segment.next - 1
            }
        }
        if kept.isEmpty {
            let end = missingAtEnd
            identity.counts.drop(end.map { $0.upperBound - $0.lowerBound + 1 } ?? 0)
            identity.counts.released = identity.last
        }
        segments = kept
    }
}

private func isGone(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) != 0 && errno == ENOENT
}
