package import Metering

/// All rounds of a period together.
package struct PeriodTotals: Sendable, Hashable {
    /// One scenario over the period.
    package struct Scenario: Sendable, Hashable {
        package let id: ScenarioID
        package let counts: ScenarioCounts
        /// TA over the period, or the reason of the first round in which it is unknown.
        package let volume: Known<UInt64, VolumeUnknown>
        /// The energy attributed to the scenario.
        package let energy: Microjoules
        /// That energy, failed exchanges included, over complete flows; `nil` where the flows are
        /// unknown or none, or no energy is known.
        package let joulesPerFlow: Double?
        /// Where flows that are completed twice were recognised; empty where no record tells.
        package let deduplications: Set<Deduplication>
    }

    package let scenarios: [Scenario]
    package let energy: EnergyByState?
    package let use: EnergyByUse

    package init(_ rounds: [FleetRound]) {
        var energy: EnergyByState?
        var use = EnergyByUse()
        for round in rounds {
            guard let known = round.energy else { continue }
            var sum = energy ?? EnergyByState()
            sum.add(known)
            energy = sum
            use.add(round.use)
        }
        self.energy = energy
        self.use = use
        scenarios = (rounds.first?.scenarios ?? []).indices.map { index in
            Scenario(
                rounds.map { $0.scenarios[index] }, id: rounds[0].scenarios[index].id,
                energy: energy == nil ? nil : use)
        }
    }
}

extension PeriodTotals.Scenario {
    fileprivate init(_ rounds: [FleetScenario], id: ScenarioID, energy use: EnergyByUse?) {
        var counts = ScenarioCounts()
        for round in rounds { counts.add(round.counts) }
        // A round that has records says more than one that has none.
        let reasons = rounds.compactMap(\.volume.reason)
        let unknown = reasons.first { $0 != .noRecords } ?? reasons.first
        let energy = use?.scenarios[id] ?? .zero
        self.id = id
        self.counts = counts
        deduplications = rounds.reduce(into: []) { $0.formUnion($1.deduplications) }
        self.energy = energy
        volume = unknown.map { .unknown($0) } ?? .known(counts.volume)
        joulesPerFlow = volume.joulesPerFlow(of: use == nil ? nil : energy)
    }
}

extension FleetScenario {
    /// The energy over complete flows; `nil` where either is unknown or there is no flow.
    package func joulesPerFlow(of energy: Microjoules?) -> Double? {
        volume.joulesPerFlow(of: energy)
    }
}

extension Known<UInt64, VolumeUnknown> {
    fileprivate func joulesPerFlow(of energy: Microjoules?) -> Double? {
        guard let energy, let flows = value, flows > 0 else { return nil }
        return energy.joules / Double(flows)
    }
}
