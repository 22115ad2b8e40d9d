package import Metering

/// Where records can be read from: a store, or a file that holds what one held.
package protocol RecordSource: Sendable {
    /// The bytes of a manifest, or `nil` where it was never stored.
    func manifest(_ digest: ManifestDigest) throws(StoreError) -> [UInt8]?

    /// Every entry that overlaps `[from, to)`, agent by agent in the order of their names, one at a time;
    /// completions before the record of their window. Then every flow that is there more than once: each of
    /// its places whose window's record is there too, those of one flow in a row. Where a place has that
    /// record's bytes with it, whether they counted it is for the caller to read.
    ///
    /// All from one consistent state. Rethrows what `body` and `repeated` throw; they may ask for
    /// manifests.
    ///
    /// A record whose end is not after its start counts as an instant at its start.
    func forEachRecord(
        from: Timestamp, to: Timestamp, _ body: (StoredRecord) throws -> Void,
        repeated: ((RepeatedCompletion) throws -> Void)?) throws

    /// The sum over the rows of completions that repeated flows are found by, of entries that overlap
    /// `[from, to)` and were received up to and with a time; `nil` where they are found in the entries' bytes.
    func completionRows(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp
    ) throws(StoreError) -> CompletionSum?

    /// Every entry of `[from, to)`, received up to and with a time, that a reading does not give since the
    /// columns beside its bytes say otherwise than these, or that lies among those of the period and cannot be
    /// read. `read` is what the reading gave, of the same state; `window` what an entry's bytes say.
    ///
    /// Looks at few entries of a run, unless it counts others than were read. That a run's windows follow one another in time is
    /// taken for granted: where a clock was set back over an end of the period, such entries may be missed.
    func forEachMisplaced(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp, read: ReadEntries,
        window: @escaping ([UInt8]) -> Window?, _ body: (StoredRecord) throws -> Void
    ) throws

    /// Runs `body` with everything that it reads being of one state, however much is written meanwhile.
    /// Rethrows what it throws.
    func consistently<T>(_ body: () throws -> T) throws -> T

    /// The key of each run that has one, ordered by agent and run.
    func runKeys() throws(StoreError) -> [RunKey]

    /// Every loss, ordered by agent, run and sequence.
    func losses() throws(StoreError) -> [SequenceLoss]

    /// Every alert, by agent, kind and time.
    func alerts() throws(StoreError) -> [Alert]
}

extension RecordSource {
    /// Every entry that overlaps `[from, to)`, in the same order.
    package func forEachRecord(
        from: Timestamp, to: Timestamp, _ body: (StoredRecord) throws -> Void
    ) throws {
        try forEachRecord(from: from, to: to, body, repeated: nil)
    }
}

/// Where sealed plans can be read from.
package protocol PlanSource: Sendable {
    /// Every plan ever sealed, in the order of sealing.
    func plans() throws(StoreError) -> [SealedPlan]
}

/// Where imports can be read from.
package protocol ImportSource: Sendable {
    /// All of a kind, or all, in the order of their coming.
    func imports(_ kind: ImportKind?) throws(StoreError) -> [StoredImport]
}
