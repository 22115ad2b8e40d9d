package import Metering

extension Jouleflow_V1_Record {
    mutating func setRuleHits(_ tally: Tally) throws(RecordError) {
        let (hits, requests) = (tally.ruleHits, tally.scenarios.map(\.requests))
        try checkCount(hits.count, "rule_hits", limit: RecordCodec.maximumRules)
        guard !hits.isEmpty else {
            ruleHitsUntold = requests.contains { $0 > 0 }
            return
        }
        // Hits that cannot be right are no reason to lose a window.
        guard hits.reduce(0, &+) == requests.reduce(0, &+) else { return dropRuleHits() }
        guard hits.withoutLastZeros != requests.withoutLastZeros else { return }
        var before = 0
        for (index, count) in hits.enumerated() where count > 0 {
            ruleIndex.append(UInt32(index - before))
            ruleHits.append(count)
            before = index
        }
    }

    /// Takes the rules' hits out of a record that is too long with them, or that they contradict.
    mutating func dropRuleHits() {
        ruleIndex = []
        ruleHits = []
        ruleHitsUntold = true
    }

    /// Up to the last rule that was hit; empty where they are not told.
    func ruleHits(of scenarios: [ScenarioTally]) throws(RecordError) -> [UInt64] {
        try checkCount(ruleIndex.count, "rule_index", equals: ruleHits.count)
        let requests = scenarios.map(\.requests)
        guard !ruleHits.isEmpty else { return ruleHitsUntold ? [] : requests.withoutLastZeros }
        guard !ruleHitsUntold else { throw .contradiction(field: "rule_hits_untold") }
        guard !ruleHits.contains(0), ruleHits.reduce(0, &+) == requests.reduce(0, &+) else {
            throw .contradiction(field: "rule_hits")
        }
        var hits: [UInt64] = []
        for (position, (step, count)) in zip(ruleIndex, ruleHits).enumerated() {
            guard position == 0 || step > 0 else { throw .contradiction(field: "rule_index") }
            let index = UInt64(step) + UInt64(max(hits.count, 1) - 1)
            guard index < RecordCodec.maximumRules else {
                throw .outOfRange(field: "rule_index", number: index)
            }
            hits += Array(repeating: 0, count: Int(index) - hits.count)
            hits.append(count)
        }
        return hits
    }
}

extension RecordCodec {
    /// The exchanges by rule of a decoded record, one element per rule of its manifest.
    ///
    /// `nil` where they are not told, or contradict the manifest or the scenarios' requests.
    package static func ruleHits(of tally: Tally, under manifest: Manifest) -> [UInt64]? {
        let (rules, requests) = (manifest.rules, tally.scenarios.map(\.requests))
        guard !rules.isEmpty, requests.count == manifest.scenarios.count else { return nil }
        let told = tally.ruleHits.withoutLastZeros
        guard told.count <= rules.count else { return nil }
        let hits = told + Array(repeating: 0, count: rules.count - told.count)
        var sums = Array(repeating: UInt64(0), count: requests.count)
        for (rule, count) in zip(rules, hits) { sums[rule.scenario] &+= count }
        return sums == requests ? hits : nil
    }
}

extension [UInt64] {
    fileprivate var withoutLastZeros: Self {
        Array(prefix((lastIndex { $0 > 0 } ?? -1) + 1))
    }
}
