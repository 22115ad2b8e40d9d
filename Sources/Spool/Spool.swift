import Glibc
package import Metering

/// Records on disk, bounded, chained, until every destination has them.
///
/// The directory (mode 0700, files 0600) holds
///
/// | file | what |
/// |---|---|
/// | `lock` | held with flock(2) while an agent uses the directory |
/// | `segment-<first sequence, 20 digits>.spool` | a header and entries, oldest first |
/// | `position-<hash>` | how far one destination has the run (Position.swift) |
/// | `new` | a segment in the making, removed on opening |
/// | `damaged-<number>-<name>` | what was moved aside (DamagedFiles.swift): at most 4, of 4 MiB |
///
/// The identity (Identity.swift) lies elsewhere: run, last number made, and the chain's head there. It
/// is overwritten in place after each append and not synchronised; where a run begins, and before
/// acknowledged segments are removed, it is synchronised.
///
/// Format 2, numbers little-endian. A segment's header:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic `JFSPOOL\n` |
/// | 8 | 4 | format version |
/// | 12 | 4 | length of the header, with its checksum |
/// | 16 | 8 | run |
/// | 24 | 8 | number of the first entry |
/// | 32 | 8 | dropped: records of the run lost before all had them, up to the segment's creation |
/// | 40 | 8 | released: up to here all records are acknowledged by all, or counted in dropped |
/// | 48 | 8 | age: how long an agent had the spool open, in nanoseconds |
/// | 56 | 16 | run before this one, and the number of its last record; 0, 0 for none |
/// | 72 | 32 | head of the chain before the first entry |
/// | 104 | | manifest |
/// | | 4 | CRC-32C of all that |
///
/// An entry is 48 bytes and the record:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | length of the record |
/// | 4 | 4 | CRC-32C of all that follows |
/// | 8 | 8 | number |
/// | 16 | 32 | head of the chain before the record |
/// | 48 | | record |
///
/// Any range can so be sent with the head before it, whatever was lost before. A new segment begins
/// when one is full or a sixteenth of the largest age old, and when the manifest changes; it is written
/// and synchronised under the name `new` and renamed, so no segment has half a header.
///
/// What happens when
///
/// - the process is killed or power fails: what `append` returned is there. An unfinished entry at the
///   end of the newest segment is cut on opening and counted in `recovery`.
/// - bytes inside a segment were altered: the next whole entry is found by its checksum and number;
///   what lay between is counted as dropped. Where that is the newest segment's end, the identity
///   tells which numbers were used, and the chain goes on from its head.
/// - a header was altered, or a file is of another run, of an older format or no segment at all: it is
///   moved aside; the records it held are counted as dropped.
/// - the directory is lost or emptied, or none of its segments can be read: a new run begins, which
///   names as `predecessor` the run before and its last record, as the identity has them. So it does
///   where a destination has more than identity and segments know of.
/// - the identity is lost: the segments tell run and numbers, and it is made anew. Where both are
///   lost, a run without predecessor begins. Where it cannot be written, records are kept all the
///   same, but for the first of a run.
/// - files or the directory are deleted while open: the next `append` notices, makes them anew and
///   goes on in the same run; the records that not all had are counted as dropped.
/// - the disk is full, read-only or broken, or a right is missing: `append` throws, nothing is changed,
///   and the same append may be tried again, and succeeds once the cause is gone. Opening then mends
///   what it can and leaves the rest; acknowledging keeps in memory what it cannot write.
/// - `totalBytes` or `maximumAge` is reached: the oldest segments go. The count is in the header of the
///   new segment before they are removed, so it survives; an interrupted removal is finished on opening.
/// - records can be sent no more, for they were made under another id: their files are moved aside, what
///   not all had is counted as dropped, and where no others follow a new run begins, which names none
///   before it (SpoolRelinquishing.swift).
/// - everything is acknowledged: the newest segment stays, and with it run and sequence.
/// - a destination is new: it gets what is held. One that is not named any more holds back nothing.
///
/// Another process, a missing right or a newer format keep the spool from opening; damage does not.
///
/// Not safe to share: its owner confines it to one actor or thread.
package final class Spool {
    /// What opening found broken.
    package let recovery: SpoolRecovery

    let destinations: [String]
    /// How far each destination came, in their order.
    var acknowledged: [UInt64]
    /// Oldest first.
    var segments: [Segment]
    /// Where the last batches ended.
    var cursors: [Cursor] = []

    let directory: String
    let identityPath: String
    let limits: SpoolLimits
    let disk: any Disk
    /// Nanoseconds since some moment; goes on while the host sleeps, and is never set.
    let clock: () -> UInt64
    let opened: (clock: UInt64, age: UInt64)
    var lock: Descriptor
    /// The run, and how far it came.
    var identity: Identity
    /// Of the records to come; empty before the first `use(manifest:)`.
    var manifest: [UInt8] = []
    /// The newest segment's file, once it was written to.
    var writer: Descriptor?
    /// Files of records that can be sent no more, oldest first, that are still to be moved aside.
    var relinquished: [String] = []
    /// Files of segments out of use that are still to be removed.
    var leftovers: [String] = []
    /// Whether names in the directory changed since it was last synchronised.
    var isDirectoryDirty = false
    /// Whether the run is in no identity yet, and must be before its first record.
    var isNewRun: Bool
    /// Whether the identity's file is gone, or not this run's, and must be made anew.
    var isIdentityUnwritten: Bool
    /// Whether leftovers may only go once the identity tells that they were released.
    var isReleaseUntold = false
    /// Indices of the destinations whose files are behind `acknowledged`.
    var stalePositions: Set<Int> = []

    /// Opens the spool in `directory`, which is made where it is missing; the one above it must
    /// exist.
    ///
    /// - Parameters:
    ///   - identity: the identity's file, outside the directory.
    ///   - destinations: who must have a record before it is freed; with none, nothing is.
    package convenience init(
        directory: String, identity: String, destinations: [String],
        limits: SpoolLimits = SpoolLimits()
    ) throws(SpoolError) {
        try self.init(
            directory: directory, identity: identity, destinations: destinations, limits: limits,
            disk: SystemDisk(), clock: systemUptime)
    }

    init(
        directory: String, identity: String, destinations: [String], limits: SpoolLimits,
        disk: any Disk, clock: @escaping () -> UInt64
    ) throws(SpoolError) {
        lock = try SpoolOpening.lock(directory)
        let found = try SpoolOpening(
            directory, identity: identity, destinations: destinations, disk: disk)
        self.directory = directory
        identityPath = identity
        self.destinations = destinations
        self.limits = limits
        self.disk = disk
        self.clock = clock
        self.identity = found.identity
        opened = (clock(), found.identity.counts.age)
        isNewRun = found.isNewRun
        isIdentityUnwritten = found.isUnwritten
        acknowledged = found.acknowledged
        segments = found.segments
        recovery = found.recovery
    }

    /// Random, made with the spool, never 0.
    package var run: RunID { RunID(identity.run) }

    /// The run before this one, and the number of its last record; `nil` where none is known.
    package var predecessor: (run: UInt64, last: UInt64)? { identity.predecessor.named }

    /// The number the next record gets. Counts from 1 without holes.
    package var nextSequence: UInt64 { identity.last + 1 }

    /// Bytes of all segments.
    package var bytes: Int { segments.reduce(0) { $0 + $1.size } }

    /// Records of this run lost before all destinations had them (dropped at a limit, deleted, or
    /// unreadable) and those lost before they got a number.
    package var dropped: UInt64 {
        segments.reduce(identity.counts.dropped) { $0 + $1.missingCount }
            + (missingAtEnd.map { $0.upperBound - $0.lowerBound + 1 } ?? 0)
    }

    /// The oldest record still held that the destination does not have; `nextSequence` where there is
    /// none.
    package func firstSequence(for destination: String) -> UInt64 {
        let held = segments.first?.first ?? nextSequence
        return min(nextSequence, max(acknowledged(by: destination) + 1, held))
    }

    /// Every record up to here the destination has, or cannot get; 0 for one that is not named.
    package func acknowledged(by destination: String) -> UInt64 {
        destinations.firstIndex(of: destination).map { acknowledged[$0] } ?? 0
    }

    /// Sets the manifest of the records that follow. Needed after each opening, before the first
    /// append; the same bytes again change nothing.
    package func use(manifest: [UInt8]) throws(SpoolError) {
        guard 1...SpoolLimits.manifest ~= manifest.count else {
            throw .manifestLength(manifest.count, limit: SpoolLimits.manifest)
        }
        self.manifest = manifest
    }

    /// Counts records that were lost before they could be appended. The next record should tell
    /// `dropped`: until then the count is kept in the identity, as far as that can be written.
    package func noteLost(_ count: UInt64) {
        identity.counts.drop(count)
        identity.untold = min(identity.untold.addingClamped(count), identity.counts.dropped)
        try? storeIdentity()
    }
}

/// Source: clock_gettime(2), CLOCK_BOOTTIME.
private func systemUptime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
