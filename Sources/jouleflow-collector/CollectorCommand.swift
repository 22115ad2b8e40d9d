import ArgumentParser
import CommandLines

/// The command line of the collector.
@main
struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jouleflow-collector",
        abstract: "Receives the records of jouleflow-agent, keeps each once, and reports.",
        discussion: """
            On the receiving host:
              jouleflow-collector run --config /etc/jouleflow/collector.yaml
            Certificates for TLS between agents and collector:
              jouleflow-collector ca --help
            Before an assessment, its plan:
              jouleflow-collector plan --help
            For any period, also while the collector runs:
              jouleflow-collector report --config /etc/jouleflow/collector.yaml \\
                --from 2026-11-01T00:00+08:00 --to 2026-11-08T00:00+08:00 \\
                --round 24h --factor 全国-2023-average

            Exit status: 0 done, 1 the answer is no, 2 usage, 3 configuration, 4 permission,
            5 input unreadable or output unwritable, 6 the address to listen on is taken or not there.

            Manuals, such as report.md, are in /usr/share/doc/jouleflow-collector, and in docs/ of the \
            sources.
            """,
        version: ProgramVersion.text,
        subcommands: [
            RunCommand.self, PlanCommand.self, ReportCommand.self, FactorsCommand.self,
            CACommand.self, ExportCommand.self, ImportCommand.self, VerifyCommand.self,
            AlphaCommand.self, ExperimentCommand.self, UsageCommand.self, ImportsCommand.self,
            BackupCommand.self, RollupsCommand.self,
        ])

    static func main() async { await runToExit() }
}
