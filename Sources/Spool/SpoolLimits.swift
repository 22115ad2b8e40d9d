package import Chain
package import Metering

/// How much the spool keeps.
package struct SpoolLimits: Sendable, Hashable {
    /// Bytes of one record; a longer one is refused.
    package static let record = 65_544
    /// Bytes of a manifest; a longer one is refused.
    package static let manifest = 65_536
    /// The largest number in a file that is believed. A run that came half as far is not gone on with.
    static let sequence: UInt64 = 1 << 62
    /// Segments at least that `maximumAge` is divided among.
    private static let segmentsOfAge: UInt64 = 16

    /// Bytes after which a segment's file is full and the next begins. A segment holds at least one
    /// record, however long.
    package let segmentBytes: Int
    /// Bytes of all segments. At the limit the oldest segment is dropped, its unacknowledged records
    /// counted.
    package let totalBytes: Int
    /// How long a record is kept at least, unless `totalBytes` is reached; at most an eighth more.
    /// Only time in which an agent had the spool open counts, and no clock that can be set: neither a
    /// step of the clock nor a long stop makes records too old.
    package let maximumAge: Nanoseconds
    /// Whether an append returns only when the record is durable. Without it a power failure loses
    /// what the kernel had not written, and numbers that were sent may then come twice; a kill of the
    /// process loses nothing either way.
    package let synchronizes: Bool

    /// 64 MiB and 45 days where nothing else is said: 30 days of 10 s windows with records of up to
    /// 200 bytes fit.
    package init(
        segmentBytes: Int = 1 << 20, totalBytes: Int = 64 << 20,
        maximumAge: Nanoseconds = .seconds(45 * 86_400), synchronizes: Bool = true
    ) {
        self.segmentBytes = segmentBytes
        self.totalBytes = totalBytes
        self.maximumAge = maximumAge
        self.synchronizes = synchronizes
    }

    /// The time after which a segment is closed, in nanoseconds.
    var segmentAge: UInt64 { maximumAge.rawValue / Self.segmentsOfAge }
}

/// What opening found broken.
package struct SpoolRecovery: Sendable, Hashable {
    /// Bytes of an unfinished write cut from the end of the newest segment.
    package var tornBytes = 0
    /// Records that not all had and that cannot be read. They are part of `dropped`.
    package var corruptEntries: UInt64 = 0
    /// Files with a segment's name that could not be read, or were of another run, and were moved
    /// aside.
    package var damagedFiles = 0
    /// Whether the run before could not be gone on with: what of it not all had is lost.
    package var isRunLost = false

    /// Whether all was whole.
    package var isNone: Bool { self == SpoolRecovery() }
}

/// Records with consecutive sequence numbers, made under one manifest.
package struct SpoolBatch: Sendable, Hashable {
    package let manifest: [UInt8]
    /// Sequence number of the first of `records`.
    package let first: UInt64
    /// The head of the run's chain before the first of `records`.
    package let previous: ChainHead
    /// At least one.
    package let records: [[UInt8]]
}
