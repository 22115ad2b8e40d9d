import Assessment
package import Metering

/// Energy by how it came to be known.
package struct EnergyByState: Sendable, Hashable {
    package var measured: Microjoules = .zero
    package var bridged: Microjoules = .zero
    package var estimated: Microjoules = .zero

    package init() {}

    /// The sum of the three.
    package var total: Microjoules { measured + bridged + estimated }

    /// Adds energy to the sum of its state.
    package mutating func add(_ energy: Microjoules, _ state: EnergyState) {
        switch state {
        case .measured: measured += energy
        case .bridged: bridged += energy
        case .estimated: estimated += energy
        case .lost, .deferred: break  // holds no energy
        }
    }

    mutating func add(_ other: Self) {
        measured += other.measured
        bridged += other.bridged
        estimated += other.estimated
    }

    func adding(_ other: Self) -> Self {
        var sum = self
        sum.add(other)
        return sum
    }

    /// `share` microjoules of this, in its proportions.
    func scaled(to share: UInt64) -> Self {
        let parts = divide(
            share, by: [measured.rawValue, bridged.rawValue, estimated.rawValue])
        var scaled = Self()
        scaled.measured = Microjoules(parts[0])
        scaled.bridged = Microjoules(parts[1])
        scaled.estimated = Microjoules(parts[2])
        return scaled
    }
}

/// Energy by what it was used for.
package struct EnergyByUse: Sendable, Hashable {
    package var scenarios: [ScenarioID: Microjoules] = [:]
    package var other: Microjoules = .zero
    package var background: Microjoules = .zero
    package var unmonitored: Microjoules = .zero
    package var idle: Microjoules = .zero
    package var undivided: Microjoules = .zero

    package init() {}

    /// A window's partition with the scenarios it speaks of, in its order.
    package init(_ partition: EnergyPartition, scenarios ids: [ScenarioID]) {
        for (id, energy) in zip(ids, partition.scenarios) {
            scenarios[id, default: .zero] += energy
        }
        other = partition.other
        background = partition.background
        unmonitored = partition.unmonitored
        idle = partition.idle
        undivided = partition.undivided
    }

    /// The sum of all parts.
    package var total: Microjoules {
        scenarios.values.reduce(.zero, +) + other + background + unmonitored + idle + undivided
    }

    mutating func add(_ part: Self) {
        for (id, energy) in part.scenarios { scenarios[id, default: .zero] += energy }
        other += part.other
        background += part.background
        unmonitored += part.unmonitored
        idle += part.idle
        undivided += part.undivided
    }

    /// `share` microjoules of this, in its proportions.
    func scaled(to share: UInt64) -> Self {
        let ids = scenarios.keys.sorted { $0.name < $1.name }
        let weights =
            [undivided, idle, unmonitored, background, other].map(\.rawValue)
            + ids.map { scenarios[$0]?.rawValue ?? 0 }
        let parts = divide(share, by: weights).map(Microjoules.init)
        var scaled = Self()
        scaled.undivided = parts[0]
        scaled.idle = parts[1]
        scaled.unmonitored = parts[2]
        scaled.background = parts[3]
        scaled.other = parts[4]
        for (id, part) in zip(ids, parts.dropFirst(5)) { scaled.scenarios[id] = part }
        return scaled
    }
}

/// What two sources tell of the same windows: for comparison, never added.
package struct EnergyComparison: Sendable, Hashable {
    /// The primary source's energy.
    package var primary: Microjoules = .zero
    package var other: Microjoules = .zero

    /// The primary's energy over the other's; `nil` where the other told of none.
    package var ratio: Double? {
        other > .zero ? primary.joules / other.joules : nil
    }
}

/// What rounds need of a record and the manifest it names.
package struct RoundRecord: Sendable, Hashable {
    /// A window's energy, seen from both sides: the two sums are the same.
    package struct Energy: Sendable, Hashable {
        package let byState: EnergyByState
        package let byUse: EnergyByUse

        /// `nil` where the sums differ, or lie beyond what can be summed.
        package init?(byState: EnergyByState, byUse: EnergyByUse) {
            // A sum at the clamp tells nothing: no host has used 18 TJ.
            guard byState.total == byUse.total, byState.total < Microjoules(.max) else {
                return nil
            }
            self.byState = byState
            self.byUse = byUse
        }
    }

    package var host: String
    package var run: RunID
    package var sequence: UInt64
    package var window: Window
    package var energy: Known<Energy, EnergyReason>
    /// How long before the window's start the energy begins.
    package var carriedTime: Nanoseconds
    package var source: EnergySourceKind
    /// What other sources tell of the same window, where they tell it and `energy` is of this window
    /// alone.
    package var others: [EnergySourceKind: Microjoules]
    package var scope: EnergyScope
    /// The scenario set, in the order of `tally.scenarios`.
    package var scenarios: [ScenarioID]
    package var tally: Tally
    /// How the scenarios' flows are counted, in their order; `nil` where it is not told.
    package var flows: [FlowCounting]?
    package var flags: RecordFlags
    package var spoolDropped: UInt64
    /// Bound of the wall clock's error in microseconds; `nil` where it is not synchronised.
    package var clockError: UInt64?
    /// What its manifest tells of who counted, and by what.
    package var origin: RecordOrigin

    package init(
        host: String, run: RunID, sequence: UInt64, window: Window,
        energy: Known<Energy, EnergyReason>, carriedTime: Nanoseconds = .zero,
        source: EnergySourceKind, others: [EnergySourceKind: Microjoules] = [:],
        scope: EnergyScope, scenarios: [ScenarioID], tally: Tally,
        flows: [FlowCounting]? = nil, flags: RecordFlags = [], spoolDropped: UInt64 = 0,
        clockError: UInt64? = nil, origin: RecordOrigin = RecordOrigin()
    ) {
        self.host = host
        self.run = run
        self.sequence = sequence
        self.window = window
        self.energy = energy
        self.carriedTime = carriedTime
        self.source = source
        self.others = others
        self.scope = scope
        self.scenarios = scenarios
        self.tally = tally
        self.flows = flows
        self.flags = flags
        self.spoolDropped = spoolDropped
        self.clockError = clockError
        self.origin = origin
    }
}

/// What a record's manifest tells of who counted, and by what; empty texts where it is not told.
package struct RecordOrigin: Sendable, Hashable {
    package var bootID: String
    package var softwareVersion: String
    /// Digest of the rule set in hexadecimal digits.
    package var rulesDigest: String
    /// How the energy was divided; `nil` where it is not told.
    package var attribution: AttributionRule?

    package init(
        bootID: String = "", softwareVersion: String = "", rulesDigest: String = "",
        attribution: AttributionRule? = nil
    ) {
        self.bootID = bootID
        self.softwareVersion = softwareVersion
        self.rulesDigest = rulesDigest
        self.attribution = attribution
    }
}

extension RoundRecord {
    /// The window, at least an instant: one whose end is not after its start is one at its start.
    var span: Interval {
        let start = window.start
        let end = max(window.end, Timestamp(start.rawValue.addingClamped(1)))
        return Interval(start: start, end: end)
    }

    /// The time that the energy belongs to: the window, and that of energy carried into it.
    var energySpan: Interval {
        let start = window.start.rawValue
        return Interval(
            start: Timestamp(start - min(start, carriedTime.rawValue)), end: span.end)
    }

    /// An instant has no extent and covers nothing.
    var isInstant: Bool { window.end <= window.start }

    /// Where the window's counts lie: one number, which cannot be divided.
    var lastNanosecond: Timestamp { Timestamp(span.end.rawValue - 1) }
}
