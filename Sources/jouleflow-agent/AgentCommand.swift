import ArgumentParser
import CommandLines

/// The command line of the agent.
@main
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jouleflow-agent",
        abstract: "Meters the energy of this host and counts the business flows it completes.",
        discussion: """
            See what this host's energy counters give:
              jouleflow-agent energy
            Write a configuration (the manual configuration.md explains every key), look at it, run it:
              jouleflow-agent check --config /etc/jouleflow/agent.yaml
              jouleflow-agent run --config /etc/jouleflow/agent.yaml
            See whether all that metering stands on is there, and what to do where it is not:
              jouleflow-agent doctor
            Count the flows in a recorded capture by the same rules:
              jouleflow-agent replay traffic.pcap --config /etc/jouleflow/agent.yaml

            Metering needs the right to read energy_uj and the capability CAP_NET_RAW, not root.

            Exit status: 0 done, 1 the answer is no, 2 usage, 3 configuration, 4 permission,
            5 input unreadable or output unwritable.

            Manuals, such as configuration.md, are in /usr/share/doc/jouleflow-agent, and in docs/ of the \
            sources.
            """,
        version: ProgramVersion.text,
        subcommands: [
            RunCommand.self, CheckCommand.self, DoctorCommand.self, EnergyCommand.self,
            ReplayCommand.self,
        ])

    static func main() async { await runToExit() }
}
