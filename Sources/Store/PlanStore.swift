package import Assessment
package import Metering

/// A plan on its way into the store.
package struct NewPlan: Sendable, Hashable {
    /// SHA-256 of `document`; another one is refused.
    package let hash: PlanHash
    /// The plan's canonical text.
    package let document: [UInt8]
    /// The file that the plan was read from.
    package let yaml: [UInt8]
    /// When its first round begins.
    package let start: Timestamp
    package let sealedAt: Timestamp

    package init(
        hash: PlanHash, document: [UInt8], yaml: [UInt8], start: Timestamp, sealedAt: Timestamp
    ) {
        self.hash = hash
        self.document = document
        self.yaml = yaml
        self.start = start
        self.sealedAt = sealedAt
    }
}

/// A plan as it was sealed, with what became of it.
package struct SealedPlan: Sendable, Hashable {
    package let hash: PlanHash
    package let document: [UInt8]
    package let yaml: [UInt8]
    package let start: Timestamp
    package let sealedAt: Timestamp
    /// In the order in which they were kept.
    package let lodgings: [Lodging]
    package let abandonment: Abandonment?

    package init(
        hash: PlanHash, document: [UInt8], yaml: [UInt8], start: Timestamp, sealedAt: Timestamp,
        lodgings: [Lodging], abandonment: Abandonment?
    ) {
        self.hash = hash
        self.document = document
        self.yaml = yaml
        self.start = start
        self.sealedAt = sealedAt
        self.lodgings = lodgings
        self.abandonment = abandonment
    }

    /// Whether it was sealed only after its first round began: then no report of it is an
    /// assessment.
    package var isLate: Bool { sealedAt >= start }
}

/// That somebody outside was told of a plan's hash.
package struct Lodging: Sendable, Hashable {
    /// What the proof is. The words are in stores.
    package enum Kind: String, Sendable, Hashable {
        /// A time-stamp authority's response.
        case timeStamp = "rfc3161"
        /// Words: to whom the hash was given, and how.
        case note
    }

    package let kind: Kind
    package let proof: [UInt8]
    /// When it was put into this store; a time stamp has its own time.
    package let at: Timestamp

    package init(kind: Kind, proof: [UInt8], at: Timestamp) {
        self.kind = kind
        self.proof = proof
        self.at = at
    }
}

/// That a plan will not be followed, and why.
package struct Abandonment: Sendable, Hashable {
    package let reason: String
    package let at: Timestamp

    package init(reason: String, at: Timestamp) {
        self.reason = reason
        self.at = at
    }
}

/// Keeps sealed plans, unchanged and for ever.
///
/// Calls block until the work is durable.
package protocol PlanStore: PlanSource {
    /// Keeps a plan. One that is there already stays as it is, with the time it was first sealed.
    func seal(_ plan: NewPlan) throws(StoreError) -> SealedPlan

    /// The plan whose hash begins with these hexadecimal digits; at least four of them.
    func plan(_ prefix: String) throws(StoreError) -> SealedPlan

    /// Keeps a proof; the same one again changes nothing. The caller has checked that it is of this
    /// plan.
    func lodge(_ lodging: Lodging, of hash: PlanHash) throws(StoreError)

    /// Marks a plan as one that will not be followed. It stays listed, and cannot be abandoned twice.
    func abandon(_ hash: PlanHash, _ abandonment: Abandonment) throws(StoreError)
}
