import Metering

/// What records of the same rules say of a host's round.
struct RuleSpell: Sendable, Hashable {
    /// Windows in which the agent ran.
    var windows: UInt64 = 0
    /// Time in which the counts of those rules' scenarios are known.
    var countTime = IntervalSet()
}

/// The scenarios with a rule in a record, in its order; `nil` where that does not matter, because the
/// digests of the rules tell it.
typealias RuledScenarios = [ScenarioID]?

extension RoundRecord {
    /// The scenarios that a service of the host counts.
    var ruled: [ScenarioID] {
        zip(scenarios, tally.scenarios).compactMap { $1.observation == .noRule ? nil : $0 }
    }
}

extension HostRound {
    /// Time in which the counts of every scenario that has a rule here in the round are known. A record
    /// without one of them knows nothing of it: which they are shows when all records are there.
    var countTime: IntervalSet {
        let needed = scenarios.filter { $1.hasRule }.keys
        return spells.reduce(into: IntervalSet()) { time, spell in
            guard let ruled = spell.key, !needed.allSatisfy(ruled.contains) else {
                for range in spell.value.countTime.ranges { time.insert(range) }
                return
            }
        }
    }

    /// Whether a scenario that has a rule here in the round had none for a window.
    func losesRule(for id: ScenarioID) -> Bool {
        guard scenarios[id]?.hasRule ?? false else { return false }
        return spells.contains { ruled, spell in
            spell.windows > 0 && ruled?.contains(id) == false
        }
    }
}
