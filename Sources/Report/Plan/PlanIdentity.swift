package import Metering

extension PlanReportContent {
    /// The sealed plan: what was fixed before the first round.
    package struct PlanIdentity: Sendable, Hashable {
        package var title: String
        package var organization: String
        package var contact: String
        /// SHA-256 of the canonical plan in hexadecimal digits; unknown where there is no plan.
        package var hash: Known<String, Wording> = .unknown(.notGiven)
        package var sealed: Known<Timestamp, Wording> = .unknown(.notGiven)
        /// Where the hash was lodged, and the proof of it.
        package var lodging: Known<Lodging, Wording> = .unknown(.notGiven)
        package var boundary: String
        package var exclusions: [String] = []
        package var period: Span
        /// m, and how many further rounds may replace invalid ones.
        package var rounds = 0
        package var reserve = 0
        package var roundSeconds = 0.0
        package var graceSeconds = 0.0
        package var justification: String?
        package var scope = Scope.equipment
        package var minimumCoverage = 0.0
        package var fullCoverage = 0.0
        package var maximumClockErrorMilliseconds = 0.0
        /// Digests of the rule sets that hosts may count by; empty where the plan leaves them open.
        package var ruleDigests: [String] = []
        package var embodied = EmbodiedPolicy.omitted(reason: .notGiven)
        /// The four scenarios and weights of Table 2; with any other set no figure is SCI_CF.
        package var usesStandardWeights = true

        package init(
            title: String, organization: String, contact: String, boundary: String, period: Span
        ) {
            self.title = title
            self.organization = organization
            self.contact = contact
            self.boundary = boundary
            self.period = period
        }

        /// Whether it was sealed only when its first round had begun.
        package var isSealedLate: Bool { sealed.value.map { $0 >= period.from } ?? false }
        /// Whether the earliest proof is of a time when its first round had begun.
        package var isLodgedLate: Bool { lodging.value.map { $0.time >= period.from } ?? false }
    }

    /// Which electricity O speaks of.
    package enum Scope: String, Sendable, Hashable {
        case equipment = "it"
        case facility
    }

    /// Whether M is in the result.
    package enum EmbodiedPolicy: Sendable, Hashable {
        case omitted(reason: Wording)
        /// With the sources of the models' numbers.
        case included(sources: [String])

        /// M is in the result.
        package var isIncluded: Bool {
            if case .included = self { true } else { false }
        }
    }

    /// The proof that a plan's hash was known at a time; before its first round, that it was there before it.
    package struct Lodging: Sendable, Hashable {
        /// An assessor or a time-stamp authority.
        package var holder: String
        package var time: Timestamp
        /// A serial number, or the digest of the token.
        package var proof: String

        package init(holder: String, time: Timestamp, proof: String) {
            self.holder = holder
            self.time = time
            self.proof = proof
        }
    }

    /// A plan sealed for the boundary.
    package struct SealedPlan: Sendable, Hashable {
        package var title: String
        package var hash: String
        package var sealed: Timestamp
        package var period: Span
        /// What became of it: reported here, abandoned, under way.
        package var fate: Wording

        package init(
            title: String, hash: String, sealed: Timestamp, period: Span, fate: Wording
        ) {
            self.title = title
            self.hash = hash
            self.sealed = sealed
            self.period = period
            self.fate = fate
        }
    }

    /// The boundary beside the company's list of machines.
    package struct AssetComparison: Sendable, Hashable {
        /// SHA-256 of the list, in hexadecimal digits.
        package var digest = ""
        package var listed: UInt64 = 0
        package var inBoundary: UInt64 = 0
        /// Listed, and declared to lie outside: with the reason.
        package var outside: [Difference] = []
        /// Listed, and neither in the plan nor declared to lie outside.
        package var notPlanned: [Difference] = []
        /// In the plan, and not in the list.
        package var notListed: [Difference] = []

        package init() {}

        /// A machine on which list and plan do not agree.
        package struct Difference: Sendable, Hashable {
            package var id: String
            package var site: String
            package var role: String
            package var reason: Wording?

            package init(id: String, site: String, role: String, reason: Wording? = nil) {
                self.id = id
                self.site = site
                self.role = role
                self.reason = reason
            }
        }
    }

    /// A host or device of the boundary, over the whole period.
    package struct Host: Sendable, Hashable {
        package var id = ""
        package var role = ""
        package var sites: [String] = []
        /// An agent's host, or a device whose meter is read.
        package var isDevice = false
        package var sources: [String] = []
        /// `host`, `cpu+dram`, `none`.
        package var scopes: [String] = []
        /// How its energy comes about: counters, wall ratio with its source, meter readings.
        package var method: Wording = .notGiven
        /// The share that belongs to the boundary, and why it is not all of it.
        package var boundaryShare = 1.0
        package var allocation: Wording = .notGiven
        package var energy: Known<EnergyPart, Wording> = .unknown(.notGiven)
        package var measuredShare: Figure = .unknown(.notGiven)
        package var coverage: Figure = .unknown(.notGiven)
        package var clockErrorMilliseconds: Figure = .unknown(.notGiven)
        package var isSimulated = false
        package var agentVersion: Known<String, Wording> = .unknown(.notGiven)

        package init() {}
    }

    /// An emission factor, with the document it comes from and where it is used.
    package struct FactorDocument: Sendable, Hashable {
        package var factor: ReportContent.Factor
        package var level: String
        /// Sites and electricity sources that it applies to.
        package var uses: [String]
        /// It belongs to contracts and certificates: never in the headline.
        package var isMarketBased: Bool

        package init(
            factor: ReportContent.Factor, level: String, uses: [String], isMarketBased: Bool = false
        ) {
            self.factor = factor
            self.level = level
            self.uses = uses
            self.isMarketBased = isMarketBased
        }
    }
}
