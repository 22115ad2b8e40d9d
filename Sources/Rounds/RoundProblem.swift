package import Assessment
package import Metering

/// A host whose clock was not synchronised for so many windows.
package struct UnsynchronisedClock: Sendable, Hashable {
    package let host: String
    package let windows: UInt64
}

/// Why a round does not count towards the mean.
package enum RoundProblem: Sendable, Hashable, CustomStringConvertible {
    case noHosts
    case hostMissing(String)
    case noEnergy(host: String)
    case energyCoverage(host: String, fraction: Double)
    case countsCoverage(host: String, fraction: Double)
    /// The counts of so many of its windows are doubtful; `loss` bounds what all of the round may lack.
    case countsDoubtful(host: String, windows: UInt64, of: UInt64, loss: CountLoss)
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
    /// No reading of its meter touches the round.
    case deviceMissing(String)
    /// Readings of its meter speak of the same time.
    case readingsOverlap(device: String, Interval)
    /// The bound of its clock's error exceeds what the plan allows: what it used at the round's ends is
    /// that uncertain.
    case clockError(host: String, microseconds: UInt64)
    /// Hosts whose clocks were not synchronised, at least one, each with the number of windows.
    case clocksUnsynchronised([UnsynchronisedClock])
    /// The plan has the host count the scenario, and it had no rule for it all the time.
    case countsWithoutRule(host: String, scenario: ScenarioID)
    /// It counted by rules that the plan does not name.
    case foreignRules(host: String, digests: [String])
    /// The ledger's total differs from TA.
    case ledgerDiffers(Reconciliation)
    /// The plan wants TA reconciled, and the ledger does not tell this time of the round.
    case ledgerMissing(scenario: ScenarioID, Interval)
    /// Totals of the ledger speak of the same time.
    case ledgerContradiction(scenario: ScenarioID, Interval)
    /// Hosts that are not in the plan sent records: they are not counted.
    case unplannedHosts([String])
    /// TA of the scenario is not known, and so R is not.
    case volumeUnknown(scenario: ScenarioID, VolumeUnknown)

    package var description: String {
        switch self {
        case .noHosts: "no host has a record"
        case .hostMissing(let host): "\(host) has no record"
        case .noEnergy(let host): "the energy of \(host) is not known"
        case .energyCoverage(let host, let fraction):
            "the energy of \(host) is known for \(Self.percent(fraction)) of the time"
        case .countsCoverage(let host, let fraction):
            "the counts of \(host) are known for \(Self.percent(fraction)) of the time"
        case .countsDoubtful(let host, let windows, let all, let loss):
            """
            the counts of \(host) are doubtful in \(windows) of \(Self.count(all, "window")): up to \(loss.percent) of the \
            round's exchanges there may be missing or counted twice
            """
        case .overlap(let host, let time):
            """
            records of \(host) cover \(time.seconds) s twice: its clock was set back, or two agents use one \
            id, and then flows and energy are counted twice
            """
        case .mixedScopes(let scopes):
            """
            energies of different scope are added (\(scopes.map(\.label).joined(separator: ", "))): name one \
            source for all hosts
            """
        case .digestsMissing(let host, let scenario, let flows):
            """
            \(Self.count(flows, "flow")) of \(scenario) on \(host) came without the digests to compare them by: duplicates \
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
        case .deviceMissing(let device): "no reading of the meter of \(device) touches the round"
        case .readingsOverlap(let device, let time):
            "readings of the meter of \(device) overlap for \(time.length.seconds) s"
        case .clockError(let host, let microseconds):
            "the clock of \(host) may err by \(microseconds) µs, and so the ends of the round there"
        case .clocksUnsynchronised(let clocks) where clocks.count == 1:
            "the clock of \(clocks[0].host) was not synchronised in "
                + Self.count(clocks[0].windows, "window")
        case .clocksUnsynchronised(let clocks):
            "the clocks of \(clocks.count) hosts were not synchronised, in so many windows: "
                + clocks.map { "\($0.host) \($0.windows)" }.joined(separator: ", ")
        case .countsWithoutRule(let host, let scenario):
            "\(host) is to count \(scenario) and did not have a rule for it all the time"
        case .foreignRules(let host, let digests):
            "\(host) counted by rules that are not in the plan: \(digests.joined(separator: ", "))"
        case .ledgerDiffers(let line):
            """
            the ledger tells \(Self.count(line.ledger, "flow")) of \(line.scenario) where \(line.counted) were counted, over \
            \(line.interval.length.seconds) s
            """
        case .ledgerMissing(let scenario, let time):
            "the ledger does not tell \(time.length.seconds) s of \(scenario): TA is not reconciled"
        case .ledgerContradiction(let scenario, let time):
            "totals of the ledger of \(scenario) overlap for \(time.length.seconds) s"
        case .unplannedHosts(let hosts):
            "not in the plan, and not counted: \(hosts.joined(separator: ", "))"
        case .volumeUnknown(let scenario, let reason): "TA of \(scenario): \(reason)"
        }
    }

    /// That energies of several scopes are added, where they are.
    static func mixed(_ scopes: Set<EnergyScope>) -> [Self] {
        let scopes = scopes.subtracting([.none])
        guard scopes.count > 1 else { return [] }
        return [.mixedScopes(scopes.sorted { $0.rawValue < $1.rawValue })]
    }

    private static func count(_ number: UInt64, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    private static func percent(_ fraction: Double) -> String {
        // Rounded down, so that 94.99 % does not read as the limit.
        let hundredths = Int(fraction * 10_000)
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
    }
}
