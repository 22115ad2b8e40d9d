internal import Metering

/// The rules of a manifest, and how its scenarios' flows are counted.
extension Jouleflow_V1_Manifest {
    mutating func setRules(_ manifest: Manifest) throws(RecordError) {
        try checkCount(manifest.rules.count, "rules", limit: RecordCodec.maximumRules)
        for described in manifest.rules {
            guard let scenario = UInt32(exactly: described.scenario) else {
                throw .outOfRange(field: "rule's scenario", number: UInt64.max)
            }
            var rule = Jouleflow_V1_Rule()
            rule.scenario = scenario
            rule.name = described.name
            rules.append(rule)
        }
        scenarioFlows = manifest.scenarioFlows.map { flows in
            var message = Jouleflow_V1_ScenarioFlows()
            message.refusalCounts = flows.refusalCounts
            message.deduplication = number(flows.deduplication)
            return message
        }
        flowSecretID = manifest.flowSecretID
        _ = try describedRules()
        _ = try describedFlows()
    }

    /// Takes the rules' names out of a manifest that is too long with them.
    mutating func dropRuleNames() {
        var counted: [Jouleflow_V1_Rule] = []
        for rule in rules {
            if let last = counted.last, last.scenario == rule.scenario {
                counted[counted.count - 1].count += 1
            } else {
                var first = Jouleflow_V1_Rule()
                first.scenario = rule.scenario
                first.count = 1
                counted.append(first)
            }
        }
        rules = counted
    }

    func describedRules() throws(RecordError) -> [RuleDescription] {
        var described: [RuleDescription] = []
        var before: UInt32 = 0
        for rule in rules {
            guard rule.scenario < scenarios.count else {
                throw .outOfRange(field: "rule's scenario", number: UInt64(rule.scenario))
            }
            guard rule.scenario >= before else { throw .contradiction(field: "rule's scenario") }
            before = rule.scenario
            guard rule.count <= 1 || rule.name.isEmpty else {
                throw .contradiction(field: "rule's count")
            }
            let count = described.count + Int(max(rule.count, 1))
            try checkCount(count, "rules", limit: RecordCodec.maximumRules)
            let one = RuleDescription(scenario: Int(rule.scenario), name: rule.name)
            described += Array(repeating: one, count: count - described.count)
        }
        return described
    }

    func describedFlows() throws(RecordError) -> [ScenarioFlows] {
        var described: [ScenarioFlows] = []
        for flows in scenarioFlows {
            described.append(
                ScenarioFlows(
                    refusalCounts: flows.refusalCounts,
                    deduplication: try known(flows.deduplication, "deduplication")))
        }
        if !described.isEmpty {
            try checkCount(described.count, "scenario_flows", equals: scenarios.count)
        }
        guard described.contains(where: { $0.deduplication == .fleet }) == (flowSecretID != 0)
        else { throw .contradiction(field: "flow_secret_id") }
        return described
    }
}
