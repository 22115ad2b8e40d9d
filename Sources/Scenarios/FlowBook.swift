// Hot path: allocates only while the number of keys grows, and for what is told of them.
import Metering
import Traffic

/// What an exchange that matched a step counts as.
package enum FlowCount: String, Sendable, Hashable {
    case completed, refused, failed, incomplete
    /// Of a flow that is counted already, or a step that it has passed.
    case duplicate
    /// A step on the way, which counts nothing yet.
    case passed
}

/// The names that a book's numbers stand for: a reload and a restart keep them.
package struct FlowNames: Sendable, Hashable {
    /// Scenarios, by number.
    package var scenarios: [String]
    /// By scenario: its steps that are told apart, by number.
    package var steps: [[String]]

    package init(scenarios: [String] = [], steps: [[String]] = []) {
        self.scenarios = scenarios
        self.steps = steps
    }

    mutating func number(of scenario: String) -> Int {
        if let known = scenarios.firstIndex(of: scenario) { return known }
        scenarios.append(scenario)
        steps.append([])
        return scenarios.count - 1
    }

    /// The bits of steps: those they have, new ones, or those of steps that are gone, which are in
    /// `freed` then. None for more steps than are told apart.
    mutating func bits(
        of names: [String], in scenario: Int
    ) -> (bits: [String: UInt64], freed: UInt64) {
        var freed: UInt64 = 0
        var bits: [String: UInt64] = [:]
        for name in names {
            var index = steps[scenario].firstIndex(of: name)
            if index == nil, steps[scenario].count < FlowBook.maximumSteps {
                steps[scenario].append(name)
                index = steps[scenario].count - 1
            } else if index == nil,
                let gone = steps[scenario].firstIndex(where: { !names.contains($0) })
            {
                steps[scenario][gone] = name
                freed |= 1 << UInt64(gone)
                index = gone
            }
            bits[name] = index.map { 1 << UInt64($0) } ?? 0
        }
        return (bits, freed)
    }
}

/// The flows of a host by their keys, over windows, reloads and restarts.
///
/// One thread owns a book. Keys are here as digests alone.
package final class FlowBook {
    /// Steps of one scenario that are told apart.
    package static let maximumSteps = 64
    /// How long a completion waits for the calls around it, behind the flow's latest exchange, until
    /// it is counted as incomplete. They are heard even later, as long as the flow is open.
    static let earlyWait = Nanoseconds.seconds(5)

    private let secret: FlowSecret
    private let limits: FlowBookLimits
    let isKept: Bool
    private var table = FlowTable()
    package private(set) var names: FlowNames
    private var hashers: [FlowHasher] = []
    /// By scenario: how long an open flow is waited for.
    private var expiries: [Nanoseconds] = []

    /// Flows of an earlier run that are missing, which is not told yet.
    private var missing: UInt64

    /// - Parameters:
    ///   - states: flows of an earlier run, by `names`, in the order of their changes. Those for which
    ///     the limit leaves no room are counted as forgotten.
    ///   - isIncomplete: some are missing, nobody knows how many. One is counted as forgotten, so
    ///     that the window says so.
    ///   - isKept: somebody keeps what becomes of flows. Else tallies do not tell it: that of a whole
    ///     capture would grow with every exchange.
    package init(
        secret: FlowSecret, limits: FlowBookLimits, names: FlowNames = FlowNames(),
        states: [FlowState] = [], isIncomplete: Bool = false, isKept: Bool = true
    ) {
        missing = isIncomplete ? 1 : 0
        self.isKept = isKept
        self.secret = secret
        self.limits = limits
        self.names = names
        for state in states where Int(state.scenario) < names.scenarios.count { restore(state) }
    }

    /// Flows that are open or remembered.
    package var count: Int { table.count }

    /// All flows that are open or remembered.
    package var states: [FlowState] {
        var states: [FlowState] = []
        states.reserveCapacity(table.count)
        table.forEach { states.append($0) }
        return states
    }

    private func restore(_ state: FlowState) {
        table.reserve(scenarios: names.scenarios.count)
        let row = table.find(state.digest)
        if state.standing == .forgotten {
            if let row { table.remove(row) }
        } else if let row {
            table.update(row, state)
        } else {
            if table.count >= limits.keys, let victim = table.victim {
                table.remove(victim)
                missing += 1
            }
            table.insert(state)
        }
    }

    // MARK: Rules

    /// The numbers of a counter's scenarios and steps. Scenarios of other counters keep their flows.
    func bind(_ scenarios: [FlowScenario]) -> FlowBinding {
        var binding = FlowBinding()
        for scenario in scenarios {
            let number = names.number(of: scenario.id.name)
            let keyed = scenario.steps.filter { $0.key != nil }.map(\.name)
            let (bits, freed) = names.bits(of: keyed, in: number)
            table.clear(freed, of: number)
            let ofSteps = scenario.steps.map { bits[$0.name] ?? 0 }
            let required = scenario.steps.map { $0.requires.reduce(0) { $0 | ofSteps[$1] } }
            while binding.indices.count <= number { binding.indices.append(nil) }
            binding.indices[number] = binding.scenarios.count
            binding.scenarios.append(UInt16(clamping: number))
            binding.rules += zip(ofSteps, required).map {
                FlowBinding.Rule(bit: $0, required: $1)
            }
            while hashers.count <= number {
                hashers.append(secret.hasher(of: names.scenarios[hashers.count]))
                expiries.append(Self.standardExpiry)
            }
            expiries[number] = scenario.expiry
        }
        table.reserve(scenarios: names.scenarios.count)
        return binding
    }

    /// How long an open flow is waited for whose scenario has no rules any more.
    private static let standardExpiry = Nanoseconds.seconds(24 * 3600)

    // MARK: Exchanges

    func digest(of key: UnsafeRawBufferPointer, scenario: UInt16) -> UInt64 {
        hashers[Int(scenario)].digest(of: key)
    }

    /// Takes an exchange of a flow: what it counts as, and how many flows it completes.
    func take(
        _ step: FlowExchange, _ binding: FlowBinding, into tally: FlowTally
    ) -> (FlowCount, flows: UInt64) {
        // One that expired may be forgotten too by now: as it would be had a window ended between.
        while let known = table.find(step.digest), isOver(table[known], at: step.time) {
            end(known, scenario: step.scenario, into: tally)
        }
        let row = table.find(step.digest)
        var state =
            row.map { table[$0] }
            ?? FlowState(
                digest: step.digest, steps: 0, time: step.time, scenario: step.number,
                standing: .open, isIncomplete: false)
        if state.isTooLate(step) {
            state.giveUpCompletion()
            tally.add(1, .incomplete, of: step.scenario)
        }
        var flows = step.flows
        let (count, isKept) = state.take(step, &flows)
        state.time = max(state.time, step.time)
        guard row != nil || isKept else { return (count, flows) }
        if let row {
            table.update(row, state)
        } else {
            if table.count >= limits.keys { makeRoom(at: step.time, binding, into: tally) }
            table.insert(state)
        }
        tell(state, in: tally)
        return (count, flows)
    }

    /// Nothing more is on its way: completions that wait for steps around them are incomplete.
    func settle(_ binding: FlowBinding, into tally: FlowTally) {
        for number in names.scenarios.indices {
            while let row = table.oldest(of: number, .early) {
                end(row, scenario: binding.index(of: number), into: tally)
            }
        }
    }

    /// Lets packet time pass, up to the end of a window: open flows expire, and those that ended
    /// are not remembered any longer.
    func expire(at time: Timestamp, _ binding: FlowBinding, into tally: FlowTally) {
        tally.add(missing, .forgotten)
        missing = 0
        for number in names.scenarios.indices {
            let scenario = binding.index(of: number)
            for use in [FlowTable.Use.early, .open, .ended] {
                while let row = table.oldest(of: number, use),
                    isOver(table[row], at: time)
                {
                    end(row, scenario: scenario, into: tally)
                }
            }
        }
    }

    private func isOver(_ state: FlowState, at time: Timestamp) -> Bool {
        let number = Int(state.scenario)
        let expiry = number < expiries.count ? expiries[number] : Self.standardExpiry
        let limit =
            switch state.standing {
            case .open: expiry
            case .early: min(expiry, Self.earlyWait)
            case .completed, .refused, .refusedAsFlow, .expired, .forgotten: limits.remember
            }
        return state.time + limit < time
    }

    /// A completion waits no longer, an open flow expires, one that ended is forgotten. Steps that an
    /// expired one has passed are remembered: it may still complete.
    private func end(_ row: Int32, scenario: Int?, into tally: FlowTally) {
        var state = table[row]
        if state.standing == .early {
            if let scenario { tally.add(1, .incomplete, of: scenario) }
            state.giveUpCompletion()
            table.update(row, state)
            return tell(state, in: tally)
        }
        guard state.standing.isOpen, state.steps != 0 else {
            return drop(row, scenario: scenario, into: tally)
        }
        if !state.isIncomplete, let scenario { tally.add(1, .incomplete, of: scenario) }
        let number = Int(state.scenario)
        state.standing = .expired
        state.isIncomplete = true
        state.early = nil
        state.time =
            state.time + (number < expiries.count ? expiries[number] : Self.standardExpiry)
        table.update(row, state)
        tell(state, in: tally)
    }

    private func drop(_ row: Int32, scenario: Int?, into tally: FlowTally) {
        var state = table[row]
        table.remove(row)
        if state.standing.isOpen, !state.isIncomplete, let scenario {
            tally.add(1, .incomplete, of: scenario)
        }
        state.standing = .forgotten
        tell(state, in: tally)
    }

    private func tell(_ state: FlowState, in tally: FlowTally) {
        if isKept { tally.changes.append(state) }
    }

    private func makeRoom(at time: Timestamp, _ binding: FlowBinding, into tally: FlowTally) {
        expire(at: time, binding, into: tally)
        guard table.count >= limits.keys, let victim = table.victim else { return }
        tally.add(1, .forgotten)
        drop(
            victim, scenario: binding.index(of: Int(table[victim].scenario)), into: tally)
    }
}

/// A counter's scenarios and rules by a book's numbers.
struct FlowBinding: Sendable {
    struct Rule: Sendable {
        /// The step's bit, and the bits of those it requires.
        let bit: UInt64
        let required: UInt64
    }

    fileprivate(set) var scenarios: [UInt16] = []
    /// The other way round: by the book's number, the counter's.
    fileprivate var indices: [Int?] = []
    fileprivate(set) var rules: [Rule] = []

    fileprivate func index(of number: Int) -> Int? {
        indices.indices.contains(number) ? indices[number] : nil
    }
}

/// An exchange as its flow sees it.
struct FlowExchange {
    let digest: UInt64
    /// The counter's index and the book's number of the scenario.
    let scenario: Int
    let number: UInt16
    let rule: FlowBinding.Rule
    let outcome: Outcome
    let completes: Bool
    /// The flows that it is, where it completes: at least one.
    let flows: UInt64
    let refusalCounts: Bool
    /// Whether a flow that has ended is told from a new one.
    let isDeduplicated: Bool
    let start: Timestamp
    let time: Timestamp
}

extension FlowState {
    /// Whether a step is asked for that a waiting completion requires, and that came after it.
    fileprivate func isTooLate(_ step: FlowExchange) -> Bool {
        guard standing == .early, let early else { return false }
        return early.missing & step.rule.bit != 0 && step.start > early.time
    }

    /// A completion was not met by the steps it requires. A call around it may still be answered.
    fileprivate mutating func giveUpCompletion() {
        standing = .open
        isIncomplete = true
    }

    /// Goes on by an exchange: what that counts as, and whether a flow that was not known is now.
    ///
    /// - Parameter flows: in, those that the exchange is; out, those that it completes.
    fileprivate mutating func take(
        _ step: FlowExchange, _ flows: inout UInt64
    ) -> (FlowCount, isKept: Bool) {
        if standing == .expired { standing = .open }
        let isCounted = standing.isCounted && step.isDeduplicated
        let hasEnded = isCounted || standing == .refused && step.isDeduplicated
        switch step.outcome {
        case .pending: return (.passed, isKept: true)
        case .incomplete:
            if !hasEnded { isIncomplete = true }
            return (.incomplete, isKept: true)
        case .failed: return (hasEnded ? .duplicate : .failed, isKept: false)
        case .refused:
            // One that did not count does now, where refusals have become complete flows.
            guard !hasEnded || !isCounted && step.refusalCounts else {
                return (.duplicate, isKept: false)
            }
            standing = step.refusalCounts ? .refusedAsFlow : .refused
            early = nil
            return (.refused, isKept: true)
        case .completed where !step.completes:
            return (pass(step, hasEnded, &flows), isKept: true)
        case .completed:
            // A refusal that is no complete flow keeps no later success from counting.
            if isCounted { return (.duplicate, isKept: false) }
            return (complete(step), isKept: true)
        }
    }

    private mutating func complete(_ step: FlowExchange) -> FlowCount {
        let missing = step.rule.required & ~steps
        guard missing != 0 else {
            standing = .completed
            early = nil
            return .completed
        }
        let isRepeated = standing == .early && step.isDeduplicated
        early = EarlyCompletion(time: step.time, flows: step.flows, missing: missing)
        if isRepeated { return .duplicate }
        guard standing == .open else {
            isIncomplete = true
            return .incomplete
        }
        standing = .early
        return .passed
    }

    /// Passes a step. One whose request came before the flow's latest exchange ended is a call
    /// around it: its response comes last, and nothing is repeated. So is one whose request came
    /// before the answer of a completion that requires it, which it brings about.
    private mutating func pass(
        _ step: FlowExchange, _ hasEnded: Bool, _ flows: inout UInt64
    ) -> FlowCount {
        let isRepeated = step.isDeduplicated && steps & step.rule.bit != 0
        let isAround = step.start <= time
        steps |= step.rule.bit
        if let waiting = early, step.start <= waiting.time {
            early?.missing &= ~step.rule.bit
            if early?.missing == 0 {
                flows = waiting.flows
                standing = .completed
                early = nil
                return .completed
            }
        }
        return isRepeated || hasEnded && !isAround ? .duplicate : .passed
    }
}
