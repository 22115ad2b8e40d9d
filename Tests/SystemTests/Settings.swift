/// The settings files of a test.
struct AgentSettings {
    var id = "host-a"
    var state = "state"
    /// `false` reads no energy counters at all.
    var hasCounters = true
    var interfaces = "lo"
    var tunnels = ""
    var ringMebibytes = 16
    /// Such as `1%`; empty: no limit.
    var cpuLimit = ""
    var windowSeconds = 1
    var port: UInt16
    var collectorPort: UInt16?
    /// How the collector is spoken to.
    var transport = "plaintext: true"
    /// A second service, which comes first.
    var otherPort: UInt16?
    var isReversed = false
    /// The key `scenarios` and what is below it, where it is not the four of `scenarios`.
    var rules: String?
    /// Further keys of the top level.
    var further = ""

    /// The four scenarios: name, method, path.
    static let scenarios = [
        ("credit", "POST", "/api/credit/{applyNo}/decision"),
        ("drawdown", "POST", "/api/loan/{loanNo}/payout"),
        ("repayment", "POST", "/api/repay/{loanNo}/settle"),
        ("query", "GET", "/api/account/{accountNo}/summary"),
    ]

    /// `agent.yaml`.
    var text: String {
        let energy = hasCounters ? "{sysfs: sys, idle_watts: 60}" : "{source: none}"
        var lines = [
            "version: 1",
            "agent: {id: \(id), state: \(state)}",
            "window: \(windowSeconds)s",
            "energy: \(energy)",
            "capture: {interfaces: [\(interfaces)], tunnels: [\(tunnels)], "
                + "ring_mib: \(ringMebibytes)\(cpuLimit.isEmpty ? "" : ", cpu_limit: \(cpuLimit)")}",
            "services:",
        ]
        if let otherPort {
            lines.append("  - {name: other, ports: [\(otherPort)], cpu: process}")
        }
        lines += [
            "  - {name: web, ports: [\(port)], cpu: process, counts_flows: true}"
        ]
        if let rules { lines.append(rules) } else { lines += standardRules }
        if !further.isEmpty { lines.append(further) }
        let addresses = collectorPort.map { "{address: \"127.0.0.1:\($0)\", \(transport)}" }
        lines.append("collectors: [\(addresses ?? "")]")
        return lines.joined(separator: "\n") + "\n"
    }

    private var standardRules: [String] {
        var lines = ["scenarios:"]
        for (id, method, path) in isReversed ? Self.scenarios.reversed() : Self.scenarios {
            lines += [
                "  - id: \(id)",
                "    steps:",
                "      - when: {method: \(method), path: \"\(path)\"}",
                "        completes: true",
                "        outcome:",
                "          completed: {status: 2xx, body: {code: [\"0000\"]}}",
                "          refused: {status: 2xx, body: {code: [\"E1001\"]}}",
                "          failed: {body: {code: [\"E9999\"]}}",
            ]
        }
        return lines
    }
}
