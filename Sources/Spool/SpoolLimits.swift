/// How much the spool keeps.
package struct SpoolLimits: Sendable, Hashable {
    /// Bytes of one record; a longer one is refused.
    package static let record = 65_544
    /// Bytes of a manifest; a longer one is refused.
    package static let manifest = 65_536

    /// Bytes after which a segment's file is full and the next begins. A segment holds at least one
    /// record, however long.
    package let segmentBytes: Int
    /// Bytes of all segments. At the limit the oldest segment is dropped, its unacknowledged records
    /// counted.
    package let totalBytes: Int
    /// Whether an append returns only when the record is durable. Without it a power failure loses
    /// what the kernel had not written; a kill of the process loses nothing either way.
    package let synchronizes: Bool

    package init(
        segmentBytes: Int = 1 << 20, totalBytes: Int = 64 << 20, synchronizes: Bool = true
    ) {
        self.segmentBytes = segmentBytes
        self.totalBytes = totalBytes
        self.synchronizes = synchronizes
    }
}

/// What opening found broken.
package struct SpoolRecovery: Sendable, Hashable {
    /// Bytes of an unfinished write cut from the end of the newest segment.
    package var tornBytes = 0
    /// Unacknowledged records that cannot be read. They are part of `dropped`.
    package var corruptEntries: UInt64 = 0
}

/// Records with consecutive sequence numbers, made under one manifest.
package struct SpoolBatch: Sendable, Hashable {
    package let manifest: [UInt8]
    /// Sequence number of the first of `records`.
    package let first: UInt64
    /// At least one.
    package let records: [[UInt8]]
}
