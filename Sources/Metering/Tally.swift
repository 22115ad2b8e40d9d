/// Whether a scenario's flows could be seen in a window. Zero counts are only zeros where the
/// observation is `seen` or `quiet`.
package enum Observation: UInt8, Sendable, Hashable {
    /// Capture ran, and readable packets of the scenario's services passed.
    case seen = 1
    /// Capture ran, and nothing passed on the scenario's services.
    case quiet = 2
    /// Packets passed, all of them encrypted: the counts are unknown.
    case encrypted = 3
    /// Interfaces that were to be captured were not for more than a thousandth of the window, or
    /// none was: the counts are unknown.
    case notCaptured = 4
    /// No counting service has a rule for the scenario: the counts are unknown.
    case noRule = 5

    /// Whether counts of this window are known.
    package var isKnown: Bool { self == .seen || self == .quiet }
}

/// What was counted of one scenario in one window.
package struct ScenarioTally: Sendable, Hashable {
    package var observation: Observation
    /// Exchanges that matched one of the scenario's rules.
    package var requests: UInt64 = 0
    /// TA of the standard: complete business flows (clause 8.2.1: 每笔代表一个完整业务流程).
    /// The completed outcomes, and the refused ones of a scenario whose refusals are complete
    /// flows (see ``ScenarioID/refusalIsCompleteFlow``).
    package var flows: UInt64 = 0
    /// Exchanges whose outcome says that the business succeeded.
    package var completed: UInt64 = 0
    /// Exchanges whose outcome is a refusal after the flow ran.
    package var refused: UInt64 = 0
    /// Exchanges whose outcome says that the flow failed.
    package var failed: UInt64 = 0
    /// Exchanges that matched and met none of the outcomes, and open flows that expired.
    package var incomplete: UInt64 = 0
    /// Exchanges that end or pass a flow again that was completed, refused or passed there already,
    /// and those that fail behind its result.
    package var duplicates: UInt64 = 0

    package init(observation: Observation) { self.observation = observation }
}

/// The time in which a service had exchanges in flight: at each instant shared equally among them.
/// All parts sum to at most the window's duration.
package struct BusyTime: Sendable, Hashable {
    /// In the order of the scenario set.
    package var scenarios: [Nanoseconds]
    /// Of exchanges that matched no rule.
    package var other: Nanoseconds = .zero

    package init(scenarios: Int) { self.scenarios = Array(repeating: .zero, count: scenarios) }

    /// Whether any part is above zero.
    package var isAny: Bool { other > .zero || scenarios.contains { $0 > .zero } }

    /// Adds each part; scenarios that only one of both has are as in the first.
    package static func += (a: inout Self, b: Self) {
        for index in a.scenarios.indices where index < b.scenarios.count {
            a.scenarios[index] += b.scenarios[index]
        }
        a.other += b.other
    }
}

/// What was counted on one service in one window.
package struct ServiceTally: Sendable, Hashable {
    /// Packets of the service's ports that were parsed.
    package var packets: UInt64 = 0
    /// Connections seen encrypted.
    package var encryptedConnections: UInt64 = 0
    /// Exchanges that matched no rule.
    package var otherRequests: UInt64 = 0
    /// Flows by scenario, in the order of the scenario set: what the `standard` model divides the
    /// service's energy by.
    package var flows: [UInt64]
    /// What the `concurrency` model divides it by; `nil` where it was not measured.
    package var busy: BusyTime?

    package init(scenarios: Int) { flows = Array(repeating: 0, count: scenarios) }
}

/// What capture and parsing could not count. Every number travels in the record.
package struct TrafficLosses: Sendable, Hashable {
    /// Packets the kernel dropped because the ring was full.
    package var kernelDrops: UInt64 = 0
    /// Packets the interfaces dropped before the kernel saw them, of whatever traffic.
    package var interfaceDrops: UInt64 = 0
    /// Holes in a TCP stream that were skipped, and their length.
    package var gaps: UInt64 = 0
    package var gapBytes: UInt64 = 0
    /// Connections forgotten under memory pressure.
    package var evicted: UInt64 = 0
    /// Requests without a response, and responses without a request.
    package var unpairedRequests: UInt64 = 0
    package var unpairedResponses: UInt64 = 0
    /// Messages whose framing could not be known.
    package var malformed: UInt64 = 0
    /// Packets of an Internet Protocol fragment or a kind this program does not decode.
    package var undecoded: UInt64 = 0
    /// Exchanges whose packet time lies before the window that counted them.
    package var late: UInt64 = 0
    /// Nanoseconds of the window in which an interface that was to be captured was not, or none
    /// was captured at all. Several at once count once: at most the window's duration.
    package var uncaptured: UInt64 = 0
    /// Packets the kernel dropped at a time that is known only to lie in this window or in
    /// others: the agent was not run from before its end to after it. `kernelDrops` of one of
    /// those windows has them; this number says how many may be this window's. Never summed.
    package var undatedDrops: UInt64 = 0
    /// Exchanges that matched a rule, and whose outcome is unknown because a field of the body
    /// could not be read: behind a gap or the limit, in a coding that is not decompressed, or one
    /// of more compressed bodies than are read at once.
    package var unread: UInt64 = 0
    /// Packets of whole connections that were left out to keep to `capture.cpu_limit`.
    package var shed: UInt64 = 0
    /// Keys of counted flows that were forgotten before their time because of the limit: a
    /// duplicate of each may have been counted, or be counted later.
    package var forgottenKeys: UInt64 = 0
    /// Exchanges that matched a rule with a key, and whose key is absent or could not be read. They
    /// are incomplete.
    package var keyless: UInt64 = 0
    /// Requests that took no more part in the division by time in flight: their responses did not
    /// come in time or were lost. Until then they had their part.
    package var unfinished: UInt64 = 0

    package init() {}

    /// Whether the kernel dropped packets in the window, or may have.
    package var isOverloaded: Bool { kernelDrops > 0 || undatedDrops > 0 || shed > 0 }
}

/// What one flow added to TA, so that another host's count of the same flow can be recognised.
package struct FlowCompletion: Sendable, Hashable {
    /// Index in the scenario set.
    package let scenario: Int
    /// The flow's key as the first 8 bytes, big-endian, of its HMAC: the same on each host with the
    /// same secret.
    package let digest: UInt64
    /// At least 1; more for a batch.
    package let flows: UInt64

    package init(scenario: Int, digest: UInt64, flows: UInt64) {
        self.scenario = scenario
        self.digest = digest
        self.flows = flows
    }
}

/// Everything counted in one window.
package struct Tally: Sendable, Hashable {
    /// One element per scenario, in the order of the scenario set.
    package var scenarios: [ScenarioTally]
    /// One element per service, in the order of the configuration.
    package var services: [ServiceTally]
    package var losses = TrafficLosses()
    /// Packets handed over by capture. What was sent past the filter and was captured is these
    /// and `losses.kernelDrops`.
    package var packets: UInt64 = 0
    package var exchanges: UInt64 = 0
    /// Exchanges by rule, in the order of all steps of all scenarios: the rules of a scenario sum
    /// to its requests. Empty: not told.
    package var ruleHits: [UInt64] = []
    /// Every flow counted, of scenarios whose duplicates are recognised among hosts.
    package var completions: [FlowCompletion] = []

    package init(scenarios: [ScenarioTally], services: [ServiceTally]) {
        self.scenarios = scenarios
        self.services = services
    }

    /// Packets handed over that were neither parsed for a service nor undecodable: of other ports,
    /// of connections that are left out, or without TCP.
    ///
    /// Holds `packets` = Σ `services.packets` + `losses.undecoded` + this, where each fragment that
    /// could not be joined is a packet of its own.
    package var otherPackets: UInt64 {
        let told = services.reduce(losses.undecoded) { $0.addingClamped($1.packets) }
        return packets > told ? packets - told : 0
    }
}
