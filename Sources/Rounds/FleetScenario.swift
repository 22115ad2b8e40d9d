package import Metering

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

extension FleetScenario {
    /// A host where the scenario was quiet all the time stands by: it adds nothing, and does not
    /// take the others' word away. One that has a rule at some times of the round alone takes it.
    init(_ id: ScenarioID, _ hosts: [HostRound]) {
        var counts = ScenarioCounts()
        var observed: [String] = []
        var encrypted: [String] = []
        var notCaptured: [String] = []
        var withoutRule: [String] = []
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
            if host.losesRule(for: id) { withoutRule.append(host.host) }
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
        } else if !withoutRule.isEmpty {
            volume = .unknown(.withoutRule(hosts: withoutRule))
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
