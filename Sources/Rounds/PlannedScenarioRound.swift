package import Assessment
package import Metering

/// One scenario of a plan in one round.
package struct PlannedScenarioRound: Sendable, Hashable {
    package let id: ScenarioID
    /// TA and where it comes from.
    package let source: PlannedScenario.Volume
    package let volume: Known<UInt64, VolumeUnknown>
    /// TA without refusals: less those of a scenario whose refusals are complete flows, as many as its
    /// flows exceed the completed ones. `nil` where TA, or what of it are refusals, is not known.
    package let volumeWithoutRefusals: UInt64?
    /// What the counting layer counted.
    package let counted: FleetScenario
    /// Hosts of the counting layer with a record in the round.
    package let countingHosts: [String]
    /// Of those that the plan names, the ones without a rule for the scenario at some time.
    package let hostsWithoutRule: [String]
    /// What hosts of the plan outside the counting layer counted: shown apart, in no sum.
    package let outside: ScenarioCounts
    package let outsideHosts: [String]
    /// The ledger's totals that lie in the round beside what was counted there; empty where TA is the
    /// ledger's.
    package let reconciliations: [Reconciliation]
    /// Whether each of them is equal, and together they are the whole round.
    package let isReconciled: Bool

    init(
        _ plan: PlannedScenario, _ machines: [MachineRound], _ layers: CountingLayers,
        _ ledger: LedgerBook, on round: Interval
    ) {
        id = plan.id
        source = plan.volume
        let hosts = machines.compactMap { machine -> HostRound? in
            if case .host = machine.machine { machine.round } else { nil }
        }
        let counting = hosts.filter { layers.scenarios(of: $0.host).contains(plan.id) }
        let others = hosts.filter {
            !layers.scenarios(of: $0.host).contains(plan.id) && $0.scenarios[plan.id] != nil
        }
        counted = FleetScenario(plan.id, counting)
        countingHosts = counting.filter { $0.records > 0 }.map(\.host)
        hostsWithoutRule =
            plan.countingHosts.isEmpty
            ? [] : counting.filter { $0.records > 0 && $0.lacksRule(for: plan.id) }.map(\.host)
        var outside = ScenarioCounts()
        for host in others { host.scenarios[plan.id].map { outside.add($0.counts) } }
        self.outside = outside
        outsideHosts = others.map(\.host)
        let word = ledger.word(of: plan.id, on: round)
        switch plan.volume {
        case .ledger:
            reconciliations = []
            isReconciled = false
            volume = word.volume(on: round)
            volumeWithoutRefusals = plan.id.refusalIsCompleteFlow ? nil : volume.value
        case .traffic:
            reconciliations = ledger.lines(of: plan.id, in: round)
            if case .total = word {
                isReconciled = reconciliations.allSatisfy(\.isEqual)
            } else {
                isReconciled = false
            }
            volume = counted.volume(ledger: word, isReconciled: isReconciled)
            let refusals = counted.counts.countedRefusals(of: plan.id)
            volumeWithoutRefusals = volume.value.map { $0 - min($0, refusals) }
        }
    }

    /// Problems and disclosures of what this scenario counted. `wantsLedger` where the plan has TA
    /// reconciled.
    func judge(
        wantsLedger: Bool, _ ledger: LedgerBook, on round: Interval,
        _ problems: inout [RoundProblem], _ disclosures: inout [RoundProblem]
    ) {
        if let reason = volume.reason {
            problems.append(.volumeUnknown(scenario: id, reason))
        }
        guard case .traffic = source else { return }
        problems += hostsWithoutRule.map { .countsWithoutRule(host: $0, scenario: id) }
        var findings: [RoundProblem] = []
        switch ledger.word(of: id, on: round) {
        case .nothing where wantsLedger: findings.append(.ledgerMissing(scenario: id, round))
        case .missing(let time): findings.append(.ledgerMissing(scenario: id, time))
        case .contradiction(let time): findings.append(.ledgerContradiction(scenario: id, time))
        case .nothing, .total: break
        }
        findings += reconciliations.filter { !$0.isEqual }.map(RoundProblem.ledgerDiffers)
        if wantsLedger { problems += findings } else { disclosures += findings }
    }
}

extension HostRound {
    fileprivate func lacksRule(for id: ScenarioID) -> Bool {
        scenarios[id].map { $0.windows[.noRule] != nil } ?? true
    }
}

extension ScenarioCounts {
    /// Refusals among the flows: none where a refusal is no complete flow.
    fileprivate func countedRefusals(of id: ScenarioID) -> UInt64 {
        id.refusalIsCompleteFlow ? min(refused, flows - min(flows, completed)) : 0
    }
}

extension FleetScenario {
    /// TA with the ledger's word beside it: a zero needs it, and where the ledger tells as much as was
    /// counted, what could not be seen held nothing.
    fileprivate func volume(
        ledger: LedgerBook.Word, isReconciled: Bool
    ) -> Known<UInt64, VolumeUnknown> {
        var told: UInt64?
        if case .total(let total) = ledger, isReconciled { told = total }
        switch volume {
        case .known(0): return told == 0 ? .known(0) : .unknown(.zeroUnconfirmed)
        case .known: return volume
        case .unknown(.nothingSeen): return told == 0 ? .known(0) : volume
        case .unknown(.encrypted), .unknown(.notCaptured), .unknown(.withoutRule):
            return told == counts.volume ? .known(counts.volume) : volume
        case .unknown: return volume
        }
    }
}

extension LedgerBook.Word {
    /// TA by the ledger.
    fileprivate func volume(on round: Interval) -> Known<UInt64, VolumeUnknown> {
        switch self {
        case .nothing: .unknown(.ledgerMissing(round))
        case .missing(let time): .unknown(.ledgerMissing(time))
        case .contradiction(let time): .unknown(.ledgerContradiction(time))
        case .total(let total): .known(total)
        }
    }
}
