import ArgumentParser
import Lab

/// `jouleflow-lab flows-config`: the agent's settings for the multi-step application.
struct FlowsConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows-config",
        abstract: "Print agent.yaml for jouleflow-lab flows-app.")

    @Option(help: "The edge's port.")
    var port: PortArgument

    @Option(help: "The core service's port.")
    var corePort: PortArgument

    @Option(help: "Where a flow that is completed twice is recognised: host or fleet.")
    var dedupe: FlowSettings.Deduplication = .host

    @Option(help: "When open flows expire, e.g. 30s; else the agent's default.")
    var expires: String?

    @Option(help: "The file of the flows' secret, for --dedupe fleet.")
    var secret: String?

    @Option(help: "Keys kept in memory at most; else the agent's default.")
    var keyLimit: UInt64?

    @Option(help: "The agent's name.")
    var id: String = "flows-host"

    @Option(help: "The agent's folder of state.")
    var state: String = "state"

    @Option(help: "The time one record covers.")
    var window: String = "5s"

    @Option(help: "An interface to capture on; may be repeated.")
    var interface: [String] = ["lo"]

    @Option(help: "The collector's address and port; else records stay in the spool.")
    var collector: String?

    @Flag(help: "Print services, flow keys and scenarios alone, to go into another file.")
    var rulesOnly = false

    func validate() throws {
        guard port.number != corePort.number else {
            throw ValidationError("--port and --core-port must differ.")
        }
        guard dedupe != .fleet || secret != nil else {
            throw ValidationError("--dedupe fleet needs --secret, the file all hosts share.")
        }
    }

    func run() {
        var settings = FlowSettings(port: port.number, corePort: corePort.number)
        settings.deduplication = dedupe
        settings.expires = expires
        settings.secret = secret
        settings.keyLimit = keyLimit
        settings.agentID = id
        settings.state = state
        settings.window = window
        settings.interfaces = interface
        settings.collector = collector
        Console.output.write(rulesOnly ? settings.rules : settings.agent)
    }
}

extension FlowSettings.Deduplication: ExpressibleByArgument {}
