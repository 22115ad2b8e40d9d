package import Assessment
package import Metering

/// The figures of a closed round on their way into the store.
package struct NewRevision: Sendable, Hashable {
    /// From 1, those in reserve after the others.
    package let round: Int
    /// 1 for the figures that the round closed with, one more for each later time.
    package let revision: Int
    /// The canonical document of the figures.
    package let bytes: [UInt8]
    package let computedAt: Timestamp
    /// The name and version of the program that computed them.
    package let software: String

    package init(
        round: Int, revision: Int, bytes: [UInt8], computedAt: Timestamp, software: String
    ) {
        self.round = round
        self.revision = revision
        self.bytes = bytes
        self.computedAt = computedAt
        self.software = software
    }
}

/// The figures of a closed round as the store keeps them.
package struct StoredRevision: Sendable, Hashable {
    package let round: Int
    package let revision: Int
    package let bytes: [UInt8]
    /// SHA-256 of the bytes, which was compared when they were read.
    package let digest: [UInt8]
    package let computedAt: Timestamp
    package let software: String

    package init(
        round: Int, revision: Int, bytes: [UInt8], digest: [UInt8], computedAt: Timestamp,
        software: String
    ) {
        self.round = round
        self.revision = revision
        self.bytes = bytes
        self.digest = digest
        self.computedAt = computedAt
        self.software = software
    }
}

/// Where a revision stands that is not where it belongs.
package struct StrayRevision: Sendable, Hashable {
    package let round: Int
    package let revision: Int
}

/// Where the figures of closed rounds, and what they rest on, can be read from.
package protocol RevisionSource: Sendable {
    /// Every revision of a plan's rounds, by round and revision. Throws where one was altered.
    func revisions(of plan: PlanHash) throws(StoreError) -> [StoredRevision]

    /// Revisions that tell of a plan, and are kept as another one's, or nobody's.
    func strayRevisions(of plan: PlanHash) throws(StoreError) -> [StrayRevision]

    /// As ``RecordSource/forEachRecord(from:to:_:repeated:)``, of what was received up to and with a time
    /// alone.
    func forEachRecord(
        from: Timestamp, to: Timestamp, receivedBy: Timestamp,
        _ body: (StoredRecord) throws -> Void, repeated: ((RepeatedCompletion) throws -> Void)?
    ) throws
}

/// Keeps the figures of closed rounds, every revision of them, unchanged and for ever.
package protocol RevisionStore: RevisionSource {
    /// Keeps revisions in one transaction and returns those that were kept: each that is the next of its
    /// round. Another one changes nothing: somebody else kept it first.
    func keep(
        _ new: [NewRevision], of plan: PlanHash
    ) throws(StoreError) -> [NewRevision]

    /// Where the store's arrivals end now: a later record or import has a larger number.
    func arrivals() throws(StoreError) -> Arrivals

    /// Whether a record whose window begins before `end`, or an import, came after these.
    func hasArrivals(after: Arrivals, before end: Timestamp) throws(StoreError) -> Bool

    /// Up to where a plan's closed rounds were compared with the store; `nil` where never.
    func comparedArrivals(of plan: PlanHash) throws(StoreError) -> Arrivals?

    /// Notes up to where they were.
    func noteCompared(_ arrivals: Arrivals, of plan: PlanHash) throws(StoreError)
}

/// A place in the order in which records and imports came into a store.
package struct Arrivals: Sendable, Hashable {
    package let record: Int64
    package let imported: Int64

    package init(record: Int64, imported: Int64) {
        self.record = record
        self.imported = imported
    }
}
