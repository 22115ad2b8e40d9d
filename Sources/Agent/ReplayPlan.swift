package import Settings
import Scenarios
import Transactions

/// What a replay follows, and by which rules it counts.
package struct ReplayPlan: Sendable {
    let services: [EngineService]
    let serviceNames: [String]
    let tunnelPorts: TunnelPorts
    let counter: FlowCounter

    /// What `run` would do with the settings.
    package init(_ settings: AgentSettings) {
        let meter = MeterSettings(settings)
        self.init(
            names: meter.serviceNames, ports: meter.ports, tunnelPorts: meter.tunnelPorts,
            counter: meter.counter)
    }

    /// Each of `ports` as an HTTP service, and no rules: every exchange is counted as other.
    package init(ports: [UInt16]) {
        self.init(
            names: ports.map { "port \($0)" }, ports: ports.map { [$0] },
            counter: FlowCounter(scenarios: [], rules: [], countsFlows: ports.map { _ in false }))
    }

    init(
        names: [String], ports: [[UInt16]], tunnelPorts: TunnelPorts = .init(),
        counter: FlowCounter
    ) {
        serviceNames = names
        self.tunnelPorts = tunnelPorts
        services = ports.map { EngineService(ports: $0, selectors: counter.rules.selectors) }
        self.counter = counter
    }
}

/// Where a replay writes its exchanges.
package struct ExchangeOutput {
    /// Whether lines tell the whole target as it was sent: for test traffic alone.
    let showsTarget: Bool
    /// Receives whole lines.
    let write: ([UInt8]) -> Void

    package init(showsTarget: Bool, write: @escaping ([UInt8]) -> Void) {
        self.showsTarget = showsTarget
        self.write = write
    }
}
