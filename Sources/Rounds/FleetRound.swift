package import Assessment
import Metering

/// One round over all hosts that have a record in the period.
package struct FleetRound: Sendable, Hashable {
    /// Below this share of the round, energy or counts of a host make the round invalid.
    package static let minimumCoverage = 0.95
    /// From this share on nothing is said; between the two, the missing part is disclosed.
    package static let fullCoverage = 0.99

    package let interval: Interval
    /// In order of their names. A host of the period without a record here has `records` 0.
    package let hosts: [HostRound]
    /// In the order of the standard, others after it by name.
    package let scenarios: [FleetScenario]
    /// The sum over hosts whose energy is known, or `nil` where there is none.
    package let energy: EnergyByState?
    package let use: EnergyByUse
    /// Hosts of the period without a record in the round.
    package let missing: [String]
    package let simulated: Bool
    /// Why the round is invalid; empty where it is not.
    package let problems: [RoundProblem]
    /// What is missing and small enough for the round to be valid: disclosed, never made up.
    package let disclosures: [RoundProblem]

    init(interval: Interval, scenarios ids: [ScenarioID], hosts: [HostRound]) {
        self.interval = interval
        self.hosts = hosts
        scenarios = ids.map { FleetScenario($0, hosts) }
        missing = hosts.filter { $0.records == 0 }.map(\.host)
        simulated = hosts.contains { $0.simulated }
        var use = EnergyByUse()
        var energy: EnergyByState?
        for host in hosts {
            guard let known = host.energy else { continue }
            var sum = energy ?? EnergyByState()
            sum.add(known)
            energy = sum
            use.add(host.use)
        }
        self.energy = energy
        self.use = use
        var problems: [RoundProblem] = hosts.isEmpty ? [.noHosts] : []
        var disclosures: [RoundProblem] = []
        let rules = ValidityRules()
        for host in hosts where host.isThere(&problems) {
            host.judgeEnergy(rules, &problems, &disclosures)
            host.judgeCounts(rules, &problems, &disclosures)
        }
        for scenario in scenarios {
            Duplication(of: scenario, hosts).judge(&problems, &disclosures)
        }
        disclosures += RoundProblem.mixed(
            hosts.reduce(into: []) { $0.formUnion($1.scopes) })
        self.problems = problems
        self.disclosures = disclosures
    }
}
