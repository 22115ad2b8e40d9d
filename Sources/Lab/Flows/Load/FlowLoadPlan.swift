package import Metering

/// A host of the multi-step application: its address and the ports of both services.
package struct FlowHost: Sendable, Hashable, CustomStringConvertible {
    package let address: String
    package let port: Int
    package let corePort: Int

    package init(address: String = "127.0.0.1", port: Int, corePort: Int) {
        self.address = address
        self.port = port
        self.corePort = corePort
    }

    /// As the truth names it: `ADDRESS:PORT:CORE`.
    package var description: String { "\(address):\(port):\(corePort)" }

    func port(of service: FlowService) -> Int { service == .gateway ? port : corePort }
}

/// What the flow load is asked to do.
package struct FlowLoadPlan: Sendable {
    package let hosts: [FlowHost]
    package let flows: UInt64
    package let seed: UInt64
    package var connections = 32
    /// Flows that may be on their way at a time: how far their requests are mixed.
    package var openFlows = 2_000
    /// Flows begun a second; `nil`: as fast as answers come.
    package var rate: Double?
    package var timeLimit = Nanoseconds.seconds(300)
    /// Numbers of begun flows at which all waits until it is resumed; ascending.
    package var pauses: [UInt64] = []

    /// `nil` for no host or more than `FlowScript.hostLimit`, or too many flows.
    package init?(hosts: [FlowHost], flows: UInt64, seed: UInt64) {
        guard (1...FlowScript.hostLimit).contains(hosts.count),
            (1...Self.maximumFlows).contains(flows)
        else { return nil }
        self.hosts = hosts
        self.flows = flows
        self.seed = seed
    }

    /// Flows of a load; a plan beyond it is refused: the truth holds each key in memory.
    package static let maximumFlows: UInt64 = 1_000_000
    /// Connections at a time; a plan beyond it is refused.
    package static let maximumConnections = 1_024
    /// Flows on their way at a time; a plan beyond it is refused.
    package static let maximumOpenFlows = 200_000
}
