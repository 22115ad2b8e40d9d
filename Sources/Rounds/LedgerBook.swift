package import Assessment
package import Metering

/// What the ledger and the counting hosts tell of one scenario over one of the ledger's stretches.
package struct Reconciliation: Sendable, Hashable {
    package let scenario: ScenarioID
    package let interval: Interval
    package let ledger: UInt64
    var flows: UInt64 = 0
    var repeated: UInt64 = 0

    init(_ total: LedgerTotal) {
        scenario = total.scenario
        interval = total.interval
        ledger = total.flows
    }

    /// TA over the stretch.
    package var counted: UInt64 { flows - min(flows, repeated) }

    /// Whether the two are the same: the tolerance is 0.
    package var isEqual: Bool { ledger == counted }
}

/// The imported ledger's totals, and what was counted over the same stretches.
///
/// A total that came twice counts once; totals that overlap otherwise contradict each other.
struct LedgerBook: Sendable {
    /// What the ledger says of a round.
    enum Word {
        /// It speaks of no time of the round.
        case nothing
        case total(UInt64)
        case missing(Interval)
        case contradiction(Interval)
    }

    /// By scenario: in the order of time, without overlap.
    private var lines: [ScenarioID: [Reconciliation]]
    private let ordered: [ScenarioID: OrderedIntervals]
    private var contradictions: [ScenarioID: [Interval]] = [:]

    init(_ totals: [LedgerTotal]) {
        let sorted = Set(totals).filter { $0.interval.start < $0.interval.end }.sorted {
            ($0.interval.start, $0.interval.end, $0.flows)
                < ($1.interval.start, $1.interval.end, $1.flows)
        }
        var lines: [ScenarioID: [Reconciliation]] = [:]
        for total in sorted {
            if let last = lines[total.scenario]?.last,
                let overlap = total.interval.clamped(to: last.interval)
            {
                contradictions[total.scenario, default: []].append(overlap)
            } else {
                lines[total.scenario, default: []].append(Reconciliation(total))
            }
        }
        self.lines = lines
        ordered = lines.mapValues { OrderedIntervals(intervals: $0.map(\.interval)) }
    }

    mutating func count(_ flows: UInt64, of scenario: ScenarioID, at time: Timestamp) {
        guard let index = index(of: scenario, at: time) else { return }
        let sum = lines[scenario]?[index].flows.addingClamped(flows)
        lines[scenario]?[index].flows = sum ?? 0
    }

    mutating func takeOut(_ flows: UInt64, of scenario: ScenarioID, at time: Timestamp) {
        guard let index = index(of: scenario, at: time) else { return }
        let sum = lines[scenario]?[index].repeated.addingClamped(flows)
        lines[scenario]?[index].repeated = sum ?? 0
    }

    private func index(of scenario: ScenarioID, at time: Timestamp) -> Int? {
        ordered[scenario]?.index(at: time)
    }

    /// The lines that lie in a round.
    func lines(of scenario: ScenarioID, in round: Interval) -> [Reconciliation] {
        (lines[scenario] ?? []).filter {
            $0.interval.start >= round.start && $0.interval.end <= round.end
        }
    }

    /// The ledger's flows of a round, where its stretches tile it.
    func word(of scenario: ScenarioID, on round: Interval) -> Word {
        if let overlap = contradictions[scenario]?.compactMap({ $0.clamped(to: round) }).first {
            return .contradiction(overlap)
        }
        let touching = (lines[scenario] ?? []).contains { $0.interval.clamped(to: round) != nil }
        guard touching else { return .nothing }
        var at = round.start
        var sum: UInt64 = 0
        for line in lines(of: scenario, in: round) {
            guard line.interval.start == at else {
                return .missing(Interval(start: at, end: line.interval.start))
            }
            at = line.interval.end
            sum = sum.addingClamped(line.ledger)
        }
        return at == round.end ? .total(sum) : .missing(Interval(start: at, end: round.end))
    }
}
