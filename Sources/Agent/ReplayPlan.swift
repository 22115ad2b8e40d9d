package import Settings
import Scenarios
import Transactions

/// What a replay follows, and by which rules it counts.
package struct ReplayPlan: Sendable {
    let services: [EngineService]
    let serviceNames: [String]
    let counter: FlowCounter

    /// What `run` would do with the settings.
    package init(_ settings: AgentSettings) {
        let meter = MeterSettings(settings)
        self.init(names: meter.serviceNames, ports: meter.ports, counter: meter.counter)
    }

    /// Each of `ports` as an HTTP service, and no rules: every exchange is counted as other.
    package init(ports: [UInt16]) {
        self.init(
            names: ports.map { "port \($0)" }, ports: ports.map { [$0] },
            counter: FlowCounter(scenarios: [], rules: [], countsFlows: ports.map { _ in false }))
    }

    init(names: [String], ports: [[UInt16]], counter: FlowCounter) {
        serviceNames = names
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
