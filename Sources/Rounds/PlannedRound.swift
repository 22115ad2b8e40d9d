package import Assessment
import Metering

/// One round of a plan.
package struct PlannedRound: Sendable, Hashable {
    /// Counts from 0 over the planned rounds, the reserve rounds after them.
    package let number: Int
    package let isReserve: Bool
    package let interval: Interval
    /// Hosts and devices that serve in the round, in the order of the plan.
    package let machines: [MachineRound]
    /// In the order of the plan.
    package let scenarios: [PlannedScenarioRound]
    /// Hosts that should have reported and did not.
    package let missing: [String]
    /// Records in the round of hosts that are not in the plan, by host.
    package let unplanned: [String: UInt64]
    /// Known energy over expected energy, 0 to 1. A machine is expected to use as much in all its time
    /// as in the time that is known; one of which nothing is known, as much as the others in the mean.
    package let fleetCoverage: Double
    package let simulated: Bool
    /// Why the round is invalid; empty where it is not.
    package let problems: [RoundProblem]
    /// What is doubtful or missing and small enough for the round to be valid.
    package let disclosures: [RoundProblem]

    init(
        number: Int, of plan: Plan, interval: Interval, machines: [MachineRound],
        ledger: LedgerBook, layers: CountingLayers, unplanned: [String: UInt64]
    ) {
        self.number = number
        isReserve = number >= plan.schedule.rounds
        self.interval = interval
        self.machines = machines
        self.unplanned = unplanned
        missing = machines.filter { $0.machine.isHost && $0.round.records == 0 }.map(\.machine.id)
        simulated = machines.contains { $0.round.simulated }
        fleetCoverage = Self.coverage(machines)
        let scenarios = plan.scenarios.map {
            PlannedScenarioRound($0, machines, layers, ledger, on: interval)
        }
        self.scenarios = scenarios
        var problems: [RoundProblem] = machines.isEmpty ? [.noHosts] : []
        var disclosures: [RoundProblem] = []
        for machine in machines { machine.judge(plan.validity, &problems, &disclosures) }
        let clocks = machines.compactMap(\.unsynchronisedClock)
        if !clocks.isEmpty { disclosures.append(.clocksUnsynchronised(clocks)) }
        for (scenario, planned) in zip(scenarios, plan.scenarios) {
            scenario.judge(
                wantsLedger: planned.isReconciled, ledger, on: interval, &problems, &disclosures)
            guard case .traffic = planned.volume else { continue }
            Duplication(
                of: scenario.counted,
                machines.filter {
                    $0.machine.isHost && layers.scenarios(of: $0.machine.id).contains(planned.id)
                }.map(\.round)
            ).judge(&problems, &disclosures)
        }
        let reconciled = Set(scenarios.filter(\.isReconciled).map(\.id))
        for machine in machines where machine.machine.isHost {
            let counts = layers.byTraffic(of: machine.machine.id).filter {
                machine.round.scenarios[$0]?.hasRule ?? false
            }
            machine.judgeCounts(
                counts, reconciled, plan.ruleDigests, &problems, &disclosures)
        }
        disclosures += RoundProblem.mixed(
            machines.filter(\.machine.isHost).reduce(into: []) { $0.formUnion($1.scopes) })
        if !unplanned.isEmpty { disclosures.append(.unplannedHosts(unplanned.keys.sorted())) }
        self.problems = problems
        self.disclosures = disclosures
    }

    private static func coverage(_ machines: [MachineRound]) -> Double {
        var known = 0.0
        var expected = 0.0
        var silent = 0
        for machine in machines {
            let fraction = machine.round.energyCovered.fraction(of: machine.round.expected)
            guard fraction > 0, let energy = machine.energy else {
                silent += 1
                continue
            }
            var states = energy.boundary
            states.imputed = .zero
            known += Double(states.total.rawValue)
            expected += Double(states.total.rawValue) / fraction
        }
        guard silent < machines.count else { return 0 }
        expected += Double(silent) * expected / Double(machines.count - silent)
        return expected > 0 ? known / expected : 1
    }

    /// The same for what is computed with it.
    package var assessed: AssessedRound {
        AssessedRound(
            number: number, isReserve: isReserve, interval: interval,
            segments: machines.flatMap(\.segments),
            volumes: scenarios.map {
                RoundVolume(
                    scenario: $0.id, flows: $0.volume.value,
                    flowsWithoutRefusals: $0.volumeWithoutRefusals)
            }, isSound: problems.isEmpty)
    }
}

extension Machine {
    fileprivate var isHost: Bool {
        if case .host = self { true } else { false }
    }
}

extension MachineRound {
    /// Counts are never imputed: where a counting host does not cover all its time, the ledger must
    /// say that nothing is missing. Doubtful ones count, and are disclosed.
    fileprivate func judgeCounts(
        _ counts: Set<ScenarioID>, _ reconciled: Set<ScenarioID>, _ digests: [String],
        _ problems: inout [RoundProblem], _ disclosures: inout [RoundProblem]
    ) {
        let foreign = quality.rulesDigests.subtracting(digests).sorted()
        if !digests.isEmpty, !foreign.isEmpty {
            let problem = RoundProblem.foreignRules(host: machine.id, digests: foreign)
            if counts.isEmpty { disclosures.append(problem) } else { problems.append(problem) }
        }
        if !counts.isEmpty, round.doubtful > 0 {
            disclosures.append(
                .countsDoubtful(
                    host: machine.id, windows: round.doubtful, of: round.records,
                    loss: round.lossOfRound))
        }
        let covered = Nanoseconds(round.countTime.count)
        guard !counts.isEmpty, covered < round.expected else { return }
        let problem = RoundProblem.countsCoverage(
            host: machine.id, fraction: covered.fraction(of: round.expected))
        if counts.isSubset(of: reconciled) {
            disclosures.append(problem)
        } else {
            problems.append(problem)
        }
    }
}
