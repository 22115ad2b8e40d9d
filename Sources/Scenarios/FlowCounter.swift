// Hot path: counting allocates nothing where rules have no key.
package import Metering
package import Traffic

/// Exchanges → flows counted by scenario. Made once and never changed; by reference, so that no
/// exchange costs a copy.
package final class FlowCounter: Sendable {
    package let scenarios: [ScenarioID]
    package let rules: RuleTable
    fileprivate let settings: [FlowScenario]
    /// By service: whether it counts flows, or only requests (one counting layer per scenario).
    fileprivate let countsFlows: [Bool]
    /// By scenario: the services that count flows and on which one of it can complete.
    private let completing: [[Int]]

    package init(_ scenarios: [FlowScenario], countsFlows: [Bool]) {
        self.scenarios = scenarios.map(\.id)
        self.rules = RuleTable(scenarios)
        settings = scenarios
        self.countsFlows = countsFlows
        let counting = countsFlows.indices.filter { countsFlows[$0] }
        completing = scenarios.map { scenario in
            let steps = scenario.steps.filter(\.completes).map(\.request.services)
            return counting.filter { service in
                steps.contains { $0.isEmpty || $0.contains(service) }
            }
        }
    }

    /// Whether any flow is told from others by a key.
    package var hasKeys: Bool { settings.contains { $0.steps.contains { $0.key != nil } } }

    /// What each rule says of the path, or else its step's name, in the order of `Match.rule`.
    package var paths: [String] {
        settings.flatMap { scenario in
            scenario.steps.map { $0.request.path?.description ?? $0.name }
        }
    }

    /// A tally of nothing, in which each scenario is quiet, or has no rule that could count it.
    package func emptyTally() -> Tally {
        var tally = Tally(
            scenarios: completing.map { ScenarioTally(observation: $0.isEmpty ? .noRule : .quiet) },
            services: countsFlows.map { _ in ServiceTally(scenarios: scenarios.count) })
        tally.ruleHits = Array(repeating: 0, count: rules.rows.rules.count)
        return tally
    }

    /// The counter's scenarios in the numbers of a book that is to keep their flows.
    package func bind(to book: FlowBook) -> BoundCounter {
        BoundCounter(self, book, book.bind(settings))
    }

    /// Sets what could be observed of each scenario, from what its counting services saw.
    ///
    /// - Parameters:
    ///   - readable: by service, whether packets of readable connections were seen.
    ///   - encrypted: by service, whether packets of encrypted connections were seen.
    ///   - isCaptured: whether capture ran for the whole window on every interface asked for.
    package func observe(
        _ tally: inout Tally, readable: [Bool], encrypted: [Bool], isCaptured: Bool
    ) {
        for (index, services) in completing.enumerated() where !services.isEmpty {
            let isReadable = services.contains { readable[$0] }
            let isEncrypted = services.contains { encrypted[$0] && !readable[$0] }
            tally.scenarios[index].observation =
                if !isCaptured { .notCaptured } else if isEncrypted { .encrypted } else {
                    isReadable ? .seen : .quiet
                }
        }
    }
}

/// A counter with the book that its flows are kept in.
package final class BoundCounter {
    package let counter: FlowCounter
    private let book: FlowBook
    private let binding: FlowBinding
    /// The counter's own, with places for the parameters of queries and for paths that came.
    private let rules: RuleRows
    private let scenarios: PlainRows<ScenarioRow>
    private let countsFlows: PlainRows<Bool>

    private struct ScenarioRow: BitwiseCopyable {
        /// The book's number.
        let number: UInt16
        let refusalCounts: Bool
        let isFleet: Bool
        let isDeduplicated: Bool
    }

    fileprivate init(_ counter: FlowCounter, _ book: FlowBook, _ binding: FlowBinding) {
        self.counter = counter
        self.book = book
        self.binding = binding
        var rows = counter.rules.rows
        if rows.names.count > 0 { rows.places = ParameterPlaces(names: rows.names) }
        if rows.paths.hasTemplates { rows.known = KnownPaths() }
        rules = rows
        scenarios = PlainRows(
            zip(counter.settings, binding.scenarios).map { scenario, number in
                ScenarioRow(
                    number: number, refusalCounts: scenario.refusalCounts,
                    isFleet: scenario.deduplication == .fleet,
                    isDeduplicated: scenario.deduplication != .none)
            })
        countsFlows = PlainRows(counter.countsFlows)
    }

    deinit {
        rules.places?.deallocate()
        rules.known?.deallocate()
        scenarios.deallocate()
        countsFlows.deallocate()
    }

    /// Counts of nothing.
    package var emptyFlows: FlowTally {
        FlowTally(
            scenarios: scenarios.count, rules: rules.rules.count, services: countsFlows.count)
    }

    /// Counts one exchange. Every exchange is counted once: under a scenario or as other.
    @discardableResult
    package func count(_ exchange: Exchange, into tally: FlowTally) -> CountedMatch? {
        tally.add(1, .exchanges)
        switch rules.find(exchange) {
        case .none(let isUnread):
            tally.addOther(of: exchange.service)
            if isUnread { tally.add(1, .unread) }
            return nil
        case .match(let match):
            if match.isUnread { tally.add(1, .unread) }
            tally.hit(match.rule)
            tally.add(1, .requests, of: match.scenario)
            guard countsFlows[exchange.service] else {
                return CountedMatch(match: match, count: nil)
            }
            let count = note(exchange, match, rules.rules[match.rule], tally)
            return CountedMatch(match: match, count: count)
        }
    }

    /// The scenario whose rule an exchange matches, which counts nothing: of a request that waits it
    /// is what is known of it so far. `nil`: none.
    package func scenario(of exchange: Exchange) -> Int? {
        if case .match(let match) = rules.find(exchange) { match.scenario } else { nil }
    }

    /// What an exchange that matched counts, beside itself.
    @inline(__always)
    private func note(
        _ exchange: Exchange, _ match: Match, _ rule: RuleRow, _ tally: FlowTally
    ) -> FlowCount {
        var flows: UInt64 = 1
        var outcome = match.outcome
        if let place = rule.count, outcome == .completed, rule.completes {
            if let number = number(at: place, in: exchange) {
                flows = number
            } else {
                outcome = .incomplete
                if !match.isUnread, rules.isUnread(place, of: exchange) { tally.add(1, .unread) }
            }
        }
        guard let place = rule.key else {
            let count = rule.completes && flows > 0 ? outcome.countWithoutKey : .passed
            note(count, flows, exchange, match.scenario, tally)
            return count
        }
        return noteKeyed(exchange, match, rule, outcome, at: place, flows, tally)
    }

    private func noteKeyed(
        _ exchange: Exchange, _ match: Match, _ rule: RuleRow, _ outcome: Outcome,
        at place: FieldPlace, _ flows: UInt64, _ tally: FlowTally
    ) -> FlowCount {
        let scenario = scenarios[match.scenario]
        let digest = rules.withValue(of: place, in: exchange) { value -> UInt64? in
            guard case .value(let written) = value else { return nil }
            return rule.keyCoding.withKey(written) { key in
                guard let key, !key.isEmpty else { return nil }
                return book.digest(of: key, scenario: scenario.number)
            }
        }
        guard let digest else {
            // What failed ends no flow, so that it needs no key.
            let hasFailed = outcome == .failed && hasNoKey(exchange, place, rule)
            if !hasFailed { tally.add(1, .keyless) }
            note(hasFailed ? .failed : .incomplete, 1, exchange, match.scenario, tally)
            return hasFailed ? .failed : .incomplete
        }
        // A batch of nothing completes nothing and leaves nothing behind, whatever is known of its key.
        guard flows > 0 else { return .passed }
        let (count, flows) = book.take(
            FlowExchange(
                digest: digest, scenario: match.scenario, number: scenario.number,
                rule: binding.rules[match.rule], outcome: outcome, completes: rule.completes,
                flows: flows, refusalCounts: scenario.refusalCounts,
                isDeduplicated: scenario.isDeduplicated, start: exchange.start,
                time: exchange.end),
            binding, into: tally)
        let counted = note(count, flows, exchange, match.scenario, tally)
        if counted > 0, scenario.isFleet, book.isKept {
            tally.completions.append(
                FlowCompletion(scenario: match.scenario, digest: digest, flows: counted))
        }
        return count
    }

    /// Whether the exchange was read as far as is asked for, and tells no key, or one that is none: of no
    /// bytes, or the word `null` in JSON.
    private func hasNoKey(_ exchange: Exchange, _ place: FieldPlace, _ rule: RuleRow) -> Bool {
        rules.withValue(of: place, in: exchange) { value in
            switch value {
            case .absent: true
            case .unread: false
            case .value(let written): rule.keyCoding.withKey(written) { $0?.isEmpty == true }
            }
        }
    }

    /// Adds what an exchange counts; returns the complete flows that it is.
    @discardableResult
    @inline(__always)
    private func note(
        _ count: FlowCount, _ flows: UInt64, _ exchange: Exchange, _ scenario: Int,
        _ tally: FlowTally
    ) -> UInt64 {
        var counted: UInt64 = 0
        switch count {
        case .completed:
            tally.add(flows, .completed, of: scenario)
            counted = flows
        case .refused:
            tally.add(1, .refused, of: scenario)
            counted = scenarios[scenario].refusalCounts ? 1 : 0
        case .failed: tally.add(1, .failed, of: scenario)
        case .incomplete: tally.add(1, .incomplete, of: scenario)
        case .duplicate: tally.add(1, .duplicates, of: scenario)
        case .passed: break
        }
        guard counted > 0 else { return 0 }
        tally.add(counted, .flows, of: scenario)
        tally.addFlows(counted, of: scenario, service: exchange.service)
        return counted
    }

    /// How many flows a field says that an exchange is: 0 to a million.
    private func number(at place: FieldPlace, in exchange: Exchange) -> UInt64? {
        rules.withValue(of: place, in: exchange) { value in
            guard case .value(let digits) = value, (1...7).contains(digits.count) else {
                return nil
            }
            var number: UInt64 = 0
            for digit in digits {
                guard (0x30...0x39).contains(digit) else { return nil }
                number = number * 10 + UInt64(digit - 0x30)
            }
            return number <= 1_000_000 ? number : nil
        }
    }

    /// No exchange is on its way any more, as where a capture ends: what waits for one is counted.
    package func settle(into tally: FlowTally) { book.settle(binding, into: tally) }

    /// Lets packet time pass up to the end of a window, in which open flows expire.
    package func expire(at time: Timestamp, into tally: FlowTally) {
        book.expire(at: time, binding, into: tally)
    }
}

/// What an exchange is to the rules, and what it counted as.
package struct CountedMatch: Sendable, Hashable {
    package let match: Match
    /// `nil` where the service counts no flows.
    package let count: FlowCount?
}

extension Outcome {
    /// What an exchange of a completing step counts that is a flow of its own.
    fileprivate var countWithoutKey: FlowCount {
        switch self {
        case .completed: .completed
        case .refused: .refused
        case .failed: .failed
        case .pending: .passed
        case .incomplete: .incomplete
        }
    }
}
