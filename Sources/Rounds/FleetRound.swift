package import Assessment
package import Metering

/// Why the business volume of a scenario in a round is not known. Never a zero in its place.
package enum VolumeUnknown: Error, Sendable, Hashable, CustomStringConvertible {
    /// No record of the round speaks of the scenario.
    case noRecords
    /// No host has a rule for the scenario.
    case noRule
    /// No window saw readable traffic of the scenario: zero would need the ledger's word.
    case nothingSeen
    /// All traffic of a window was encrypted, on these hosts.
    case encrypted(hosts: [String])
    /// Capture did not run for a window, on these hosts.
    case notCaptured(hosts: [String])

    package var description: String {
        switch self {
        case .noRecords: "no record"
        case .noRule: "no host has a rule for it"
        case .nothingSeen: "no readable traffic of it was seen"
        case .encrypted(let hosts):
            "traffic was encrypted on \(hosts.joined(separator: ", "))"
        case .notCaptured(let hosts):
            "capture did not run all the time on \(hosts.joined(separator: ", "))"
        }
    }
}

/// One scenario over all hosts in one round.
package struct FleetScenario: Sendable, Hashable {
    package let id: ScenarioID
    /// What was counted; a lower bound where `volume` is unknown.
    package let counts: ScenarioCounts
    /// TA: complete business flows.
    package let volume: Known<UInt64, VolumeUnknown>
    /// Hosts that counted it.
    package let observedOn: [String]
    /// Where flows that are completed twice were recognised; empty where no record tells.
    package let deduplications: Set<Deduplication>
}

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
        for host in hosts { host.judge(&problems, &disclosures) }
        for scenario in scenarios {
            Duplication(of: scenario, hosts).judge(&problems, &disclosures)
        }
        let scopes = hosts.reduce(into: Set<EnergyScope>()) { $0.formUnion($1.scopes) }
            .subtracting([.none])
        if scopes.count > 1 {
            disclosures.append(.mixedScopes(scopes.sorted { $0.rawValue < $1.rawValue }))
        }
        self.problems = problems
        self.disclosures = disclosures
    }
}

extension FleetScenario {
    /// A host where the scenario was quiet all the time stands by: it adds nothing, and does not
    /// take the others' word away.
    init(_ id: ScenarioID, _ hosts: [HostRound]) {
        var counts = ScenarioCounts()
        var observed: [String] = []
        var encrypted: [String] = []
        var notCaptured: [String] = []
        var spoken = false
        var hasRule = false
        var deduplications: Set<Deduplication> = []
        for host in hosts {
            guard let scenario = host.scenarios[id] else { continue }
            spoken = spoken || !scenario.windows.isEmpty
            hasRule = hasRule || scenario.hasRule
            counts.add(scenario.counts)
            deduplications.formUnion(scenario.deduplications)
            if scenario.windows[.encrypted] != nil { encrypted.append(host.host) }
            if scenario.windows[.notCaptured] != nil { notCaptured.append(host.host) }
            if scenario.windows[.seen] != nil { observed.append(host.host) }
        }
        self.id = id
        self.counts = counts
        observedOn = observed
        self.deduplications = deduplications
        if !encrypted.isEmpty {
            volume = .unknown(.encrypted(hosts: encrypted))
        } else if !notCaptured.isEmpty {
            volume = .unknown(.notCaptured(hosts: notCaptured))
        } else if !observed.isEmpty {
            volume = .known(counts.volume)
        } else if hasRule {
            volume = .unknown(.nothingSeen)
        } else {
            let anyone = hosts.contains { $0.records > 0 }
            volume = .unknown(spoken || anyone ? .noRule : .noRecords)
        }
    }
}

extension HostRound {
    fileprivate func judge(_ problems: inout [RoundProblem], _ disclosures: inout [RoundProblem]) {
        guard records > 0 else {
            problems.append(.hostMissing(host))
            return
        }
        // A clock that is set back a little between two runs makes a little overlap.
        if overlap.fraction(of: round.length) > 1 - FleetRound.fullCoverage {
            problems.append(.overlap(host: host, time: overlap))
        } else if overlap > .zero {
            disclosures.append(.overlap(host: host, time: overlap))
        }
        if energy == nil {
            problems.append(.noEnergy(host: host))
        } else {
            let fraction = energyCovered.fraction(of: round.length)
            let problem = RoundProblem.energyCoverage(host: host, fraction: fraction)
            if fraction < FleetRound.minimumCoverage {
                problems.append(problem)
            } else if fraction < FleetRound.fullCoverage {
                disclosures.append(problem)
            }
        }
        guard let counted = countsCovered else { return }
        let fraction = counted.fraction(of: round.length)
        let problem = RoundProblem.countsCoverage(host: host, fraction: fraction)
        if fraction < FleetRound.minimumCoverage {
            problems.append(problem)
        } else if fraction < 1 {
            disclosures.append(problem)
        }
    }
}

extension Nanoseconds {
    /// This time as a fraction of a longer one, 0 to 1.
    package func fraction(of whole: Self) -> Double {
        whole == .zero ? 0 : Double(rawValue) / Double(whole.rawValue)
    }
}
