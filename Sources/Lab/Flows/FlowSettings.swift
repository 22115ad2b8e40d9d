/// The agent's settings for the multi-step loan application: one source for tests and demonstration.
package struct FlowSettings: Sendable {
    /// Where a flow that is completed twice is recognised.
    package enum Deduplication: String, Sendable, CaseIterable {
        case host
        case fleet
    }

    package let port: Int
    package let corePort: Int
    package var deduplication = Deduplication.host
    /// As the settings take it, e.g. `24h`; `nil`: the agent's default.
    package var expires: String?
    /// The file of the flows' secret; `nil`: the agent's own.
    package var secret: String?
    package var keyLimit: UInt64?
    package var agentID = "flows-host"
    package var state = "state"
    package var window = "5s"
    package var interfaces = ["lo"]
    /// `ADDRESS:PORT`; `nil`: records stay in the spool.
    package var collector: String?

    package init(port: Int, corePort: Int) {
        self.port = port
        self.corePort = corePort
    }

    /// `agent.yaml` as a whole.
    package var agent: String {
        let head = [
            "version: 1",
            "agent: {id: \(Self.quoted(agentID)), state: \(Self.quoted(state))}",
            "window: \(window)",
            "capture: {interfaces: [\(interfaces.map(Self.quoted).joined(separator: ", "))]}",
        ]
        var tail = "collectors: []"
        if let collector {
            tail = "collectors: [{address: \(Self.quoted(collector)), plaintext: true}]"
        }
        return Self.text(head) + rules + Self.text([tail])
    }

    /// The part of `agent.yaml` that tells services, flows and scenarios.
    package var rules: String {
        var lines = [
            "services:",
            "  - {name: gateway, ports: [\(port)], cpu: process, counts_flows: true}",
            "  - {name: core, ports: [\(corePort)], cpu: process, counts_flows: true}",
        ]
        if let keyLimit { lines.append("flow_keys: {limit: \(keyLimit)}") }
        if let secret { lines.append("flow_secret: \(Self.quoted(secret))") }
        lines.append("scenarios:")
        for scenario in LoanScenario.allCases { lines += self.lines(scenario) }
        return Self.text(lines)
    }

    private func lines(_ scenario: LoanScenario) -> [String] {
        var lines = ["  - id: \(scenario.rawValue)"]
        if scenario != .query {
            if let expires { lines.append("    expires: \(expires)") }
            lines.append("    dedupe: \(deduplication.rawValue)")
        }
        lines.append("    steps:")
        for endpoint in FlowEndpoint.steps(of: scenario) { lines += Self.lines(endpoint) }
        return lines
    }

    private static func lines(_ endpoint: FlowEndpoint) -> [String] {
        var when = "service: \(endpoint.service.rawValue), method: \(endpoint.method)"
        when += ", path: \"\(endpoint.template)\""
        // A query by staff has the same path and is no flow.
        if endpoint == .query { when += ", header: {x-channel: [app]}" }
        var lines = ["      - name: \(endpoint.rawValue)", "        when: {\(when)}"]
        if let key = key(endpoint) { lines.append("        flow_key: \(key)") }
        if let required = endpoint.requires {
            lines.append("        requires: [\(required.rawValue)]")
        }
        if endpoint.completes { lines.append("        completes: true") }
        if endpoint == .batch { lines.append("        count: response.body.posted") }
        lines.append("        outcome:")
        return lines + outcomes(endpoint).map { "          \($0)" }
    }

    private static func key(_ endpoint: FlowEndpoint) -> String? {
        guard let name = endpoint.keyName else { return nil }
        return switch endpoint {
        case .apply: "response.body.data.\(name)"
        case .decision, .creditStatus: "path.\(name)"
        case .payoutStatus: "query.\(name)"
        case .batch: "response.body.\(name)"
        default: "body.\(name)"
        }
    }

    private static func outcomes(_ endpoint: FlowEndpoint) -> [String] {
        let failed = "failed: {status: 5xx}"
        switch endpoint {
        case .apply, .submit:
            return [
                "completed: {status: 2xx, body: {code: [\"0000\"]}}",
                "failed: [{status: 5xx}, {status: 2xx, body: {code: [\"E2001\"]}}]",
            ]
        case .repay, .query:
            return [
                "completed: {status: 2xx, body: {code: [\"0000\"]}}",
                "refused: {status: 2xx, body: {code: [\"E1001\"]}}", failed,
            ]
        case .batch: return ["completed: {status: 2xx, body: {code: [\"0000\"]}}", failed]
        default:
            let good = FlowReply.approved.state(endpoint)
            let lines = [
                "completed: {status: 2xx, body: {code: [\"0000\"], data.state: [\(good)]}}",
                "refused: {status: 2xx, body: {data.state: [REFUSED]}}", failed,
            ]
            guard endpoint.method == "GET" else { return lines }
            return lines + ["pending: {status: 2xx, body: {data.state: [PROCESSING]}}"]
        }
    }

    private static func text(_ lines: [String]) -> String {
        lines.map { $0 + "\n" }.joined()
    }

    /// A text as a YAML scalar.
    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
