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
        help: "Print the kernel filter that capture would use, as pcap-filter(7), and nothing else."
    )
    var filter = false

    func run() async throws {
        let settings = try settings(at: config)
        if filter {
            print(SettingsSummary.filter(settings))
        } else {
            for line in SettingsSummary.lines(settings) { print(line) }
        }
    }
}
