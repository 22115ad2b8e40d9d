package import Metering

extension PlanReportContent {
    /// A host or device in a round: what the round's figures are sums of.
    package struct HostRound: Sendable, Hashable {
        package var host = ""
        package var role = ""
        package var inServiceFrom: Timestamp?
        package var inServiceTo: Timestamp?
        package var energySource = ""
        package var energyScope = ""
        /// The meter whose readings were imported; `nil` for a host with an agent.
        package var meter: String?
        package var wallRatio: Figure = .unknown(.notGiven)
        /// `dedicated`, `reserved`.
        package var allocationMethod = ""
        package var boundaryShare = 1.0
        package var isSimulated = false
        /// Cut where the host's site, or that site's electricity, changes.
        package var segments: [Segment] = []
        package var embodied = HostEmbodied()
        /// One per scenario that the host counts.
        package var flows: [HostFlows] = []
        package var quality = HostQuality()

        package init() {}
    }

    /// A part of a host's round under one factor.
    package struct Segment: Sendable, Hashable {
        package var site = ""
        package var span: Span
        package var electricitySource = ""
        package var factorID = ""
        package var gramsPerKilowattHour: Figure = .unknown(.notGiven)
        package var factorYear: Int?
        package var factorBasis = ""
        /// `gCO2` or `gCO2e`.
        package var gas = ""
        /// Of the host; `boundary` is the share inside the boundary, in the same states.
        package var energy: Known<Energy, Wording> = .unknown(.notGiven)
        package var boundary: Known<Energy, Wording> = .unknown(.notGiven)
        package var pue: Figure = .unknown(.notGiven)
        package var pueSource = ""
        package var operationalIT: Figure = .unknown(.notGiven)
        package var operationalFacility: Figure = .unknown(.notGiven)

        package init(span: Span) { self.span = span }
    }

    /// M of a host in a round and the terms of it.
    package struct HostEmbodied: Sendable, Hashable {
        /// TE, grams of CO₂ equivalent.
        package var totalGrams: Count = .unknown(.notGiven)
        /// EL.
        package var lifetimeHours: Count = .unknown(.notGiven)
        package var resourceShare: Figure = .unknown(.notGiven)
        package var grams: Figure = .unknown(.notGiven)

        package init() {}
    }

    /// What a host counted of one scenario.
    package struct HostFlows: Sendable, Hashable {
        package var scenario = ""
        package var countingPoint = ""
        package var isObserved = false
        package var completed: UInt64?
        package var approved: UInt64?
        package var refused: UInt64?
        package var failed: UInt64?
        package var incomplete: UInt64?
        package var duplicates: UInt64?
        /// `none`, `host`, `fleet`.
        package var deduplication = ""
        package var rulesDigest = ""

        package init() {}
    }

    /// A run of an agent, and which of its records lie in the round.
    package struct RunRange: Sendable, Hashable {
        package var run: UInt64
        package var first: UInt64
        package var last: UInt64

        package init(run: UInt64, first: UInt64, last: UInt64) {
            self.run = run
            self.first = first
            self.last = last
        }

        /// The run as records and logs name it, in hexadecimal digits.
        package var name: String { String(run, radix: 16) }
    }

    /// How well a host was observed in a round, and from which records.
    package struct HostQuality: Sendable, Hashable {
        package var expectedSeconds = 0.0
        package var coveredSeconds = 0.0
        package var lostSeconds = 0.0
        package var coverage: Figure = .unknown(.notGiven)
        package var kernelDrops: UInt64?
        package var gaps: UInt64?
        package var unpaired: UInt64?
        package var encryptedConnections: UInt64?
        package var keyEvictions: UInt64?
        package var clockErrorMilliseconds: Figure = .unknown(.notGiven)
        package var runs: [RunRange] = []
        package var recordsExpected: UInt64?
        package var recordsReceived: UInt64?
        /// Root over these records, in hexadecimal digits.
        package var recordsRoot: Known<String, Wording> = .unknown(.notGiven)
        package var signer: Known<String, Wording> = .unknown(.notGiven)
        package var agentVersion: Known<String, Wording> = .unknown(.notGiven)

        package init() {}
    }
}
