package import Metering

/// Why a round does not count towards the mean.
package enum RoundProblem: Sendable, Hashable, CustomStringConvertible {
    case noHosts
    case hostMissing(String)
    case noEnergy(host: String)
    case energyCoverage(host: String, fraction: Double)
    case countsCoverage(host: String, fraction: Double)
    /// Records of the host cover the same time twice: two agents share its id.
    case overlap(host: String, time: Nanoseconds)
    /// Energies of different scope are added.
    case mixedScopes([EnergyScope])
    /// Flows of the host were counted in windows whose digests are missing or do not sum to them.
    case digestsMissing(host: String, scenario: ScenarioID, flows: UInt64)
    /// Digests of the scenario's flows cannot be compared: the hosts had several secrets.
    case mixedFlowSecrets(scenario: ScenarioID, hosts: [String])
    /// Flows that two hosts counted were recognised only where both have digests.
    case mixedDeduplication(scenario: ScenarioID, without: [String])

    package var description: String {
        switch self {
        case .noHosts: "no host has a record"
        case .hostMissing(let host): "\(host) has no record"
        case .noEnergy(let host): "the energy of \(host) is not known"
        case .energyCoverage(let host, let fraction):
            "the energy of \(host) is known for \(Self.percent(fraction)) of the time"
        case .countsCoverage(let host, let fraction):
            "the counts of \(host) are known for \(Self.percent(fraction)) of the time"
        case .overlap(let host, let time):
            """
            records of \(host) cover \(time.seconds) s twice: two agents use one id, and their flows and \
            energy are counted twice
            """
        case .mixedScopes(let scopes):
            """
            energies of different scope are added (\(scopes.map(\.label).joined(separator: ", "))): name one \
            source for all hosts
            """
        case .digestsMissing(let host, let scenario, let flows):
            """
            \(flows) flows of \(scenario) on \(host) came without the digests to compare them by: duplicates \
            across hosts cannot be told, and TA is an upper bound
            """
        case .mixedFlowSecrets(let scenario, let hosts):
            """
            flows of \(scenario) were counted under several secrets on \(hosts.joined(separator: ", ")): \
            duplicates between them cannot be told, and TA is an upper bound: give all hosts one flow_secret
            """
        case .mixedDeduplication(let scenario, let hosts):
            """
            flows of \(scenario) on \(hosts.joined(separator: ", ")) have no digests and those of other hosts \
            do: duplicates between them cannot be told, and TA is an upper bound
            """
        }
    }

    private static func percent(_ fraction: Double) -> String {
        // Rounded down, so that 94.99 % does not read as the limit.
        let hundredths = Int(fraction * 10_000)
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
    }
}
