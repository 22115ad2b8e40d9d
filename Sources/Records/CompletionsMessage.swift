internal import Metering

extension Jouleflow_V1_Completions {
    init(_ completions: Completions) throws(RecordError) {
        try setHeader(
            RecordHeader(
                run: completions.run, sequence: completions.sequence,
                manifest: completions.manifest, window: completions.window, kind: .completions))
        let flows = completions.flows
        try Self.check(flows)
        scenario = leftOut(flows.map { UInt32($0.scenario) }, where: 0)
        digest = flows.map(\.digest)
        self.flows = leftOut(flows.map(\.flows), where: 1)
    }

    func completions() throws(RecordError) -> Completions {
        let header = try RecordHeader(Jouleflow_V1_RecordHeader(self)).checked(.completions)
        let count = digest.count
        try checkCount(count, "digest", limit: RecordCodec.maximumCompletions)
        let scenarios = try column(scenario, "scenario", count: count, usual: 0)
        let added = try column(flows, "flows", count: count, usual: 1)
        let flows = (0..<count).map { index in
            FlowCompletion(
                scenario: Int(scenarios[index]), digest: digest[index], flows: added[index])
        }
        try Self.check(flows)
        return Completions(
            run: header.run, sequence: header.sequence, manifest: header.manifest,
            window: header.window, flows: flows)
    }

    private static func check(_ flows: [FlowCompletion]) throws(RecordError) {
        guard !flows.isEmpty else { throw .missing(field: "digest") }
        try checkCount(flows.count, "digest", limit: RecordCodec.maximumCompletions)
        for flow in flows {
            guard (0..<RecordCodec.maximumScenarios).contains(flow.scenario) else {
                throw .outOfRange(field: "scenario", number: UInt64(clamping: flow.scenario))
            }
            guard (1...RecordCodec.maximumFlowsOfCompletion).contains(flow.flows) else {
                throw .outOfRange(field: "flows", number: flow.flows)
            }
        }
    }
}
