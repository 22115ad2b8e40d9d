package import Metering

/// An entry of an agent's sequence on its way into the store: its identity and window beside the
/// bytes as received.
package struct IncomingRecord: Sendable, Hashable {
    package let sequence: UInt64
    package let window: Window
    package let manifest: ManifestDigest
    package let kind: EntryKind
    /// Whether completions before it were counted in it: false for a window in which the agent did
    /// not run, and of which the agent before may have kept completions and no record.
    package let counts: Bool
    /// What is found again by digest; of completions alone.
    package let completions: [IncomingCompletion]
    /// The entry's bytes as the agent made them: kept, never encoded again.
    package let bytes: [UInt8]

    package init(
        sequence: UInt64, window: Window, manifest: ManifestDigest, kind: EntryKind = .window,
        counts: Bool = true, completions: [IncomingCompletion] = [], bytes: [UInt8]
    ) {
        self.sequence = sequence
        self.window = window
        self.manifest = manifest
        self.kind = kind
        self.counts = counts
        self.completions = completions
        self.bytes = bytes
    }
}

/// A flow that an agent counted, by the digest of its key.
package struct IncomingCompletion: Sendable, Hashable {
    /// Names the secret that the digest was made with: digests of other secrets say nothing.
    package let secret: UInt64
    package let scenario: String
    package let digest: UInt64
    /// What it added to TA.
    package let flows: UInt64

    package init(secret: UInt64, scenario: String, digest: UInt64, flows: UInt64) {
        self.secret = secret
        self.scenario = scenario
        self.digest = digest
        self.flows = flows
    }
}

/// A flow that is in the store more than once, where one of them stands.
package struct RepeatedCompletion: Sendable, Hashable {
    package let secret: UInt64
    package let scenario: String
    package let digest: UInt64
    package let agent: String
    package let run: RunID
    package let sequence: UInt64
    /// The place in its entry.
    package let position: UInt64
    package let start: Timestamp
    package let end: Timestamp
    package let flows: UInt64
    /// The bytes of its window's record, which say whether it was counted; `nil` where its source has read
    /// them, and it was.
    package let counting: [UInt8]?

    package init(
        secret: UInt64, scenario: String, digest: UInt64, agent: String, run: RunID,
        sequence: UInt64, position: UInt64, start: Timestamp, end: Timestamp, flows: UInt64,
        counting: [UInt8]? = nil
    ) {
        self.secret = secret
        self.scenario = scenario
        self.digest = digest
        self.agent = agent
        self.run = run
        self.sequence = sequence
        self.position = position
        self.start = start
        self.end = end
        self.flows = flows
        self.counting = counting
    }
}

/// An entry as the store hands it out.
package struct StoredRecord: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    package let sequence: UInt64
    package let start: Timestamp
    package let end: Timestamp
    package let manifest: ManifestDigest
    package let kind: EntryKind
    package let bytes: [UInt8]

    package init(
        agent: String, run: RunID, sequence: UInt64, start: Timestamp, end: Timestamp,
        manifest: ManifestDigest, kind: EntryKind, bytes: [UInt8]
    ) {
        self.agent = agent
        self.run = run
        self.sequence = sequence
        self.start = start
        self.end = end
        self.manifest = manifest
        self.kind = kind
        self.bytes = bytes
    }
}

/// What became of a batch.
package struct StoreOutcome: Sendable, Hashable {
    /// The highest sequence up to which every record of the run is durable or known to be lost.
    package var durable: UInt64 = 0
    package var stored = 0
    /// Records that were there already, byte for byte.
    package var duplicates = 0
}

/// Sequences `first...last` of a run that its agent no longer had when it came.
package struct SequenceLoss: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    package let first: UInt64
    package let last: UInt64

    package init(agent: String, run: RunID, first: UInt64, last: UInt64) {
        self.agent = agent
        self.run = run
        self.first = first
        self.last = last
    }
}

/// Keeps each record exactly once and hands the records of a period out again.
///
/// Calls block until the work is durable; callers on an event loop use a thread of their own.
package protocol RecordStore: RecordSource {
    /// Makes the run known and returns its highest durable sequence, 0 where it has none.
    ///
    /// Sequences below `firstAvailable` that were never stored are gone: they are kept as losses,
    /// and the durable sequence jumps over them. So are those of the run before up to its last.
    /// Refuses another key than the run has, and another run before it.
    func open(_ greeting: Greeting) throws(StoreError) -> UInt64

    /// Keeps a manifest. The caller has checked that the digest is that of the bytes.
    func store(manifest: ManifestDigest, bytes: [UInt8]) throws(StoreError)

    /// Keeps batches in one transaction, in this order, each whole or not at all: what is wrong with one
    /// is its result and harms no other. Throws where the transaction fails: then none is kept.
    ///
    /// The caller has verified the signatures.
    func store(
        _ batches: [IncomingBatch]
    ) throws(StoreError) -> [Result<StoreOutcome, StoreError>]

    /// Keeps a batch that was refused as evidence, and why as an alert. Bounded per run: see
    /// ``StoreLimits``.
    func setAside(_ batch: RefusedBatch) throws(StoreError)

    /// Keeps an alert; one that is there already is counted.
    func note(_ alert: NewAlert) throws(StoreError)

    /// The names of all agents, in order.
    func agents() throws(StoreError) -> [String]

    /// What is wrong with the store, one sentence each; empty where it is sound.
    func integrityProblems() throws(StoreError) -> [String]
}
