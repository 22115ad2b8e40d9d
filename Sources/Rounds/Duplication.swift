import Metering

/// Whether flows of one scenario that two hosts counted can be told in a round.
struct Duplication {
    private let scenario: ScenarioID
    private let flows: UInt64
    private let hosts: [(host: String, part: HostScenario)]

    init(of scenario: FleetScenario, _ hosts: [HostRound]) {
        self.scenario = scenario.id
        flows = scenario.counts.flows
        self.hosts = hosts.compactMap { host in
            host.scenarios[scenario.id].map { (host.host, $0) }
        }
    }

    func judge(_ problems: inout [RoundProblem], _ disclosures: inout [RoundProblem]) {
        let untold = hosts.filter { $0.part.untold > 0 }
        let missing = untold.map { host, part in
            RoundProblem.digestsMissing(host: host, scenario: scenario, flows: part.untold)
        }
        // As for coverage: what a twentieth or less of the flows lack is disclosed.
        let sum = untold.reduce(UInt64(0)) { $0.addingClamped($1.part.untold) }
        if Double(sum) > (1 - FleetRound.minimumCoverage) * Double(flows) {
            problems += missing
        } else {
            disclosures += missing
        }
        let counting = hosts.filter { !$0.part.secrets.isEmpty }
        let secrets = counting.reduce(into: Set<UInt64>()) { $0.formUnion($1.part.secrets) }
        if secrets.count > 1 {
            problems.append(.mixedFlowSecrets(scenario: scenario, hosts: counting.map(\.host)))
        }
        let without = hosts.filter { host in
            host.part.counts.flows > 0 && !host.part.deduplications.contains(.fleet)
        }
        if !counting.isEmpty, !without.isEmpty {
            disclosures.append(
                .mixedDeduplication(scenario: scenario, without: without.map(\.host)))
        }
    }
}
