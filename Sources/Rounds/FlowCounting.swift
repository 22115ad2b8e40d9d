package import Metering

/// How a window's flows of one scenario are counted.
package enum FlowCounting: Sendable, Hashable {
    /// Each host for itself: flows that two of them count are two.
    case alone(Deduplication)
    /// With digests under the secret of this name, whose flows sum to `told`: in a sound window to
    /// all that the window counted.
    case fleet(secret: UInt64, told: UInt64)

    var deduplication: Deduplication {
        switch self {
        case .alone(let deduplication): deduplication
        case .fleet: .fleet
        }
    }
}

/// One place at which a flow was counted that was counted at others too.
package struct FlowOccurrence: Sendable, Hashable, Comparable {
    /// Names a flow: the same one wherever it was counted, under one secret.
    package struct Flow: Sendable, Hashable {
        package let secret: UInt64
        package let scenario: ScenarioID
        package let digest: UInt64

        package init(secret: UInt64, scenario: ScenarioID, digest: UInt64) {
            self.secret = secret
            self.scenario = scenario
            self.digest = digest
        }
    }

    package let flow: Flow
    package let host: String
    package let run: RunID
    package let sequence: UInt64
    /// The place in its entry.
    package let position: UInt64
    package let start: Timestamp
    package let end: Timestamp
    /// What it added to the host's TA.
    package let flows: UInt64

    package init(
        flow: Flow, host: String, run: RunID, sequence: UInt64, position: UInt64,
        start: Timestamp, end: Timestamp, flows: UInt64
    ) {
        self.flow = flow
        self.host = host
        self.run = run
        self.sequence = sequence
        self.position = position
        self.start = start
        self.end = end
        self.flows = flows
    }

    /// Where the counts of its window lie.
    var lastNanosecond: Timestamp {
        Timestamp(max(end.rawValue, start.rawValue.addingClamped(1)) - 1)
    }

    /// By the end of its window, then host, run, sequence and position: no two are equal.
    package static func < (one: Self, other: Self) -> Bool {
        (one.end.rawValue, one.host, one.run.rawValue, one.sequence, one.position)
            < (other.end.rawValue, other.host, other.run.rawValue, other.sequence, other.position)
    }
}

/// Finds, of each flow, all occurrences but the earliest: those that are no flows of their own.
///
/// The occurrences of one flow come in a row, in any order. Holds one of them at a time.
package struct RepeatedFlows: Sendable {
    private var earliest: FlowOccurrence?

    package init() {}

    /// The occurrence that repeats another, now that this one is known.
    package mutating func add(_ occurrence: FlowOccurrence) -> FlowOccurrence? {
        guard let held = earliest, held.flow == occurrence.flow else {
            earliest = occurrence
            return nil
        }
        earliest = min(held, occurrence)
        return max(held, occurrence)
    }
}
