import Scenarios
package import Settings
import Traffic
import Transactions

/// What a replay follows, and by which rules it counts.
package struct ReplayPlan: Sendable {
    let services: [EngineService]
    let serviceNames: [String]
    let tunnelPorts: TunnelPorts
    let counter: FlowCounter
    let flowLimits: FlowBookLimits
    /// Those that the counter was made of.
    let scenarios: [FlowScenario]

    /// What `run` would do with the settings.
    package init(_ settings: AgentSettings) {
        let meter = MeterSettings(settings)
        self.init(
            names: meter.serviceNames, services: meter.engineServices,
            tunnelPorts: meter.tunnelPorts, scenarios: settings.scenarios, counter: meter.counter,
            flowLimits: FlowBookLimits(settings.flowKeys))
    }

    /// Each of `ports` as an HTTP service, and no rules: every exchange is counted as other.
    package init(ports: [UInt16]) {
        self.init(
            names: ports.map { "port \($0)" },
            services: ports.map { EngineService(ports: [$0], selectors: []) }, scenarios: [],
            counter: FlowCounter([], countsFlows: ports.map { _ in false }))
    }

    init(
        names: [String], services: [EngineService], tunnelPorts: TunnelPorts = .init(),
        scenarios: [FlowScenario], counter: FlowCounter,
        flowLimits: FlowBookLimits = FlowBookLimits(keys: 1, remember: .zero)
    ) {
        self.flowLimits = flowLimits
        serviceNames = names
        self.tunnelPorts = tunnelPorts
        self.services = services
        self.counter = counter
        self.scenarios = scenarios
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
