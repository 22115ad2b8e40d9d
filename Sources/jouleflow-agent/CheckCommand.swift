import Agent
import ArgumentParser
import CommandLines

/// `jouleflow-agent check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Reads the settings and says in plain sentences what they mean.",
        discussion:
            "Captures nothing and writes nothing. Exit status 3 where the settings are wrong.")

    @Option(help: "The settings, such as /etc/jouleflow/agent.yaml.")
    var config: String

    @Flag(
        help: ArgumentHelp(
            "Print the kernel filter that capture would install, and nothing else.",
            discussion: """
                First what it passes, one kind a line; then its instructions, as tcpdump -d prints \
                those of its filters, for an Ethernet interface. It follows from services.ports \
                and capture.tunnels: to see a tunnel's traffic, name the tunnel there.
                """))
    var filter = false

    func run() async throws {
        let settings = try settings(at: config)
        if filter {
            for line in SettingsSummary.filter(settings) { print(line) }
        } else {
            for line in SettingsSummary.lines(settings) { print(line) }
            for line in InterfaceSummary.lines(settings) { print(line) }
        }
    }
}
