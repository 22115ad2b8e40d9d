import Metering
import Rounds

/// The rules that a host counted by: with them changes what an exchange or a flow of a scenario is.
struct WeightsRules: Sendable {
    /// The start of the first window under each set of rules, by digest.
    private var starts: [String: Timestamp] = [:]
    /// The stretches of records that have a rule for these scenarios and for no others.
    private var stretches: [Set<ScenarioID>: IntervalSet] = [:]

    /// Adds a record.
    mutating func add(
        _ digest: String, _ ruled: Set<ScenarioID>, _ start: Timestamp, at stretch: Int
    ) {
        starts[digest] = min(starts[digest] ?? start, start)
        let index = UInt64(stretch)
        stretches[ruled, default: IntervalSet()].insert(index..<index + 1)
    }

    /// Those that it counts; none of a host that counts no flows.
    var digests: Set<String> { scenarios.isEmpty ? [] : Set(starts.keys) }

    /// Every scenario that it has a rule for in some record.
    private var scenarios: Set<ScenarioID> {
        stretches.keys.reduce(into: []) { $0.formUnion($1) }
    }

    /// The stretches of records without a rule for a scenario that others have one for.
    var lacking: [ScenarioID: IntervalSet] {
        scenarios.reduce(into: [:]) { lacking, scenario in
            let without = stretches.filter { !$0.key.contains(scenario) }.values.flatMap(\.ranges)
            for range in without { lacking[scenario, default: IntervalSet()].insert(range) }
        }
    }

    /// Says where rules are lacking.
    func lack(of host: String) -> [String] {
        lacking.sorted { $0.key.name < $1.key.name }.map { scenario, stretches in
            "host \(host): no rule for \(scenario) in \(stretches.count) of them, as it has in others"
        }
    }

    /// Says that there were several sets; `nil` of one, and of a host that counts no flows.
    func obstacle(of host: String) -> String? {
        guard digests.count > 1 else { return nil }
        let times = starts.values.sorted().prefix(Self.times).map(\.rfc3339)
        return "host \(host) counted by \(digests.count) sets of rules, from "
            + times.joined(separator: ", from ") + (digests.count > Self.times ? ", …" : "")
            + ": what is an exchange or a flow changed with them; evaluate a time under one set of rules"
    }

    private static let times = 3
}
