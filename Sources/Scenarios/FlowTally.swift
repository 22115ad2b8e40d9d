// Hot path: counting allocates only while what is told of flows with keys grows.
package import Metering

/// What was counted by the rules in one window, where counting costs least: in one block of numbers.
///
/// | numbers | of each           | what                                                     |
/// |---------|-------------------|----------------------------------------------------------|
/// | 4       |                   | exchanges, unread, keyless, forgotten keys               |
/// | 7       | scenario          | requests, flows, completed, refused, failed, incomplete, duplicates |
/// | 1       | rule              | hits                                                     |
/// | 1 + s   | service           | exchanges of no rule, flows by scenario                  |
package final class FlowTally {
    enum Of: Int {
        case exchanges, unread, keyless, forgotten
    }

    enum OfScenario: Int {
        case requests, flows, completed, refused, failed, incomplete, duplicates
    }

    private let numbers: UnsafeMutablePointer<UInt64>
    private let count: Int
    private let scenarios: Int
    private let services: Int
    private let hits: Int
    private let firstService: Int
    /// Flows as they were after each exchange, in its order.
    package internal(set) var changes: [FlowState] = []
    /// Flows counted, of scenarios whose duplicates are recognised among hosts.
    var completions: [FlowCompletion] = []

    init(scenarios: Int, rules: Int, services: Int) {
        self.scenarios = scenarios
        self.services = services
        hits = 4 + 7 * scenarios
        firstService = hits + rules
        count = firstService + services * (1 + scenarios)
        numbers = .allocate(capacity: count)
        numbers.initialize(repeating: 0, count: count)
    }

    deinit { numbers.deallocate() }

    @inline(__always)
    func add(_ amount: UInt64, _ what: Of) { numbers[what.rawValue] &+= amount }

    @inline(__always)
    func add(_ amount: UInt64, _ what: OfScenario, of scenario: Int) {
        numbers[4 + 7 * scenario + what.rawValue] &+= amount
    }

    @inline(__always)
    func hit(_ rule: Int) { numbers[hits + rule] &+= 1 }

    @inline(__always)
    func addOther(of service: Int) { numbers[firstService + service * (1 + scenarios)] &+= 1 }

    @inline(__always)
    func addFlows(_ amount: UInt64, of scenario: Int, service: Int) {
        numbers[firstService + service * (1 + scenarios) + 1 + scenario] &+= amount
    }

    /// Adds what another tally of the same counter counted.
    package func add(_ other: FlowTally) {
        for index in 0..<min(count, other.count) { numbers[index] &+= other.numbers[index] }
        changes += other.changes
        completions += other.completions
    }

    /// Takes over what became of flows in another tally, and none of its counts.
    package func goOn(from other: FlowTally) { changes += other.changes }

    /// Exchanges counted.
    package var exchanges: UInt64 { numbers[Of.exchanges.rawValue] }

    /// Writes the counts into a tally of the same counter.
    package func write(to tally: inout Tally) {
        tally.exchanges = exchanges
        tally.losses.unread = numbers[Of.unread.rawValue]
        tally.losses.keyless = numbers[Of.keyless.rawValue]
        tally.losses.forgottenKeys = numbers[Of.forgotten.rawValue]
        for index in 0..<scenarios {
            let of = numbers + 4 + 7 * index
            tally.scenarios[index].requests = of[OfScenario.requests.rawValue]
            tally.scenarios[index].flows = of[OfScenario.flows.rawValue]
            tally.scenarios[index].completed = of[OfScenario.completed.rawValue]
            tally.scenarios[index].refused = of[OfScenario.refused.rawValue]
            tally.scenarios[index].failed = of[OfScenario.failed.rawValue]
            tally.scenarios[index].incomplete = of[OfScenario.incomplete.rawValue]
            tally.scenarios[index].duplicates = of[OfScenario.duplicates.rawValue]
        }
        for index in tally.ruleHits.indices { tally.ruleHits[index] = numbers[hits + index] }
        for index in 0..<services {
            let of = numbers + firstService + index * (1 + scenarios)
            tally.services[index].otherRequests = of[0]
            for scenario in 0..<scenarios {
                tally.services[index].flows[scenario] = of[1 + scenario]
            }
        }
        tally.completions = completions
    }
}
