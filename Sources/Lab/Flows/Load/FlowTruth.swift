/// What the flow load sent and was answered, as agents and a collector must count it.
package struct FlowTruth: Sendable, Codable, Equatable {
    /// What one agent counts that sees a part of the exchanges.
    package struct View: Sendable, Codable, Equatable {
        /// By scenario id.
        package let scenarios: [String: FlowCounts]
        /// Exchanges of no scenario.
        package let other: UInt64

        init(_ model: FlowModel) {
            let pairs = model.all.map { ($0.key.rawValue, $0.value) }
            scenarios = Dictionary(uniqueKeysWithValues: pairs)
            other = model.other
        }

        /// The counts of one scenario.
        package subscript(_ scenario: LoanScenario) -> FlowCounts {
            scenarios[scenario.rawValue] ?? FlowCounts()
        }

        /// Exchanges of all scenarios and of none.
        package var requests: UInt64 { scenarios.values.reduce(other) { $0 + $1.requests } }
    }

    /// What a collector makes of the hosts' counts with `dedupe: fleet`.
    package struct Fleet: Sendable, Codable, Equatable {
        /// TA.
        package let flows: UInt64
        /// What is taken off the sum of the hosts' TA.
        package let duplicatesAcrossHosts: UInt64

        enum CodingKeys: String, CodingKey {
            case flows
            case duplicatesAcrossHosts = "duplicates_across_hosts"
        }
    }

    package let seed: UInt64
    /// Flows begun.
    package let flows: UInt64
    package let seconds: Double
    /// Whether every flow was run to its end.
    package let finished: Bool
    /// Answers that were not as asked for, and requests without one: with any, nothing else here
    /// is certain.
    package let errors: UInt64
    package let firstError: String?
    /// What one agent counts that sees all hosts' traffic.
    package let all: View
    /// By host, `ADDRESS:PORT:CORE`.
    package let hosts: [String: View]
    /// By scenario id, over all hosts.
    package let fleet: [String: Fleet]

    enum CodingKeys: String, CodingKey {
        case seed, flows, seconds, finished, errors, all, hosts, fleet
        case firstError = "first_error"
    }

    init(_ sums: FlowSums, plan: FlowLoadPlan, seconds: Double, finished: Bool) {
        seed = plan.seed
        flows = sums.begun
        self.seconds = seconds
        self.finished = finished
        errors = sums.errors
        firstError = sums.firstError
        all = View(sums.all)
        let views = sums.hosts.map(View.init)
        hosts = Dictionary(
            zip(plan.hosts.map(\.description), views), uniquingKeysWith: { first, _ in first })
        let joined = FlowModel.fleet(sums.hosts)
        fleet = Dictionary(
            uniqueKeysWithValues: LoanScenario.allCases.map { scenario in
                let flows = joined[scenario] ?? 0
                let sum = views.reduce(0) { $0 + $1[scenario].flows }
                return (
                    scenario.rawValue, Fleet(flows: flows, duplicatesAcrossHosts: sum - flows)
                )
            })
    }

    /// The counts of `all` as lines for people.
    package var table: String {
        var lines = [
            "scenario    requests  completed   refused    failed incomplete duplicates     flows"
        ]
        for scenario in LoanScenario.allCases {
            let sum = all[scenario]
            let cells = [
                sum.requests, sum.completed, sum.refused, sum.failed, sum.incomplete,
                sum.duplicates, sum.flows,
            ]
            lines.append(
                scenario.rawValue.padded(10)
                    + cells.map { " " + "\($0)".padded(-9) }.joined())
        }
        lines.append("other requests \(all.other), errors \(errors)")
        if let firstError { lines.append("first error: \(firstError)") }
        return lines.joined(separator: "\n")
    }
}

/// The models of a load on its way.
struct FlowSums {
    var begun: UInt64 = 0
    var ended: UInt64 = 0
    private(set) var requests: UInt64 = 0
    private(set) var errors: UInt64 = 0
    private(set) var firstError: String?
    private(set) var all = FlowModel()
    private(set) var hosts: [FlowModel]

    init(hosts: Int) { self.hosts = Array(repeating: FlowModel(), count: hosts) }

    mutating func add(_ exchange: FlowExchange, host: Int) {
        requests += 1
        all.add(exchange)
        hosts[host].add(exchange)
    }

    mutating func addError(_ sentence: String) {
        errors += 1
        if firstError == nil { firstError = sentence }
    }
}
