/// The settings files the demonstration writes for the agent and the collector.
struct DemoSettings {
    let work: String
    let appPort: UInt16
    let collectorPort: UInt16
    let simulated: Bool

    /// Watts of the simulated host when idle: the simulation's and the agent's one figure.
    static let idleWatts = 60
    static let windowSeconds: UInt64 = 5

    /// `agent.yaml`.
    var agent: String {
        var lines = [
            "version: 1",
            "agent: {id: demo-host, state: \(quoted("agent"))}",
            "window: \(Self.windowSeconds)s",
        ]
        if simulated {
            lines.append("energy: {sysfs: \(quoted("sys")), idle_watts: \(Self.idleWatts)}")
        }
        lines += [
            "capture: {interfaces: [lo]}",
            "services:",
            "  - {name: loan-app, ports: [\(appPort)], cpu: process, counts_flows: true}",
            "scenarios:",
        ]
        for scenario in LoanScenario.allCases { lines += Self.rule(scenario) }
        lines += [
            "collectors:",
            "  - {address: \"127.0.0.1:\(collectorPort)\", plaintext: true}",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// `collector.yaml`.
    var collector: String {
        """
        version: 1
        listen: {agents: "127.0.0.1:\(collectorPort)"}
        plaintext: true
        store: {sqlite: \(quoted("collector.db"))}

        """
    }

    private static func rule(_ scenario: LoanScenario) -> [String] {
        let completed = LoanOutcome.completed.code
        let refused = LoanOutcome.refused.code
        return [
            "  - id: \(scenario.rawValue)",
            "    steps:",
            "      - name: \(scenario.step)",
            "        when: {method: \(scenario.method), path: \"\(scenario.template)\"}",
            "        completes: true",
            "        outcome:",
            "          completed: {status: 2xx, body: {code: [\"\(completed)\"]}}",
            "          refused: {status: 2xx, body: {code: [\"\(refused)\"]}}",
            "          failed: {status: [4xx, 5xx]}",
        ]
    }

    /// A path below the work folder as a YAML scalar.
    private func quoted(_ name: String) -> String {
        let path = "\(work)/\(name)".replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(path)\""
    }
}
