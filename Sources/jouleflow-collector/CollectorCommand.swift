import ArgumentParser
import Glibc

/// The command line of the collector.
@main
struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jouleflow-collector",
        abstract: "Receives the records of jouleflow-agent, keeps each once, and reports.",
        discussion: """
            On the receiving host:
              jouleflow-collector run --config /etc/jouleflow/collector.yaml
            For any period, also while the collector runs:
              jouleflow-collector report --config /etc/jouleflow/collector.yaml \\
                --from 2026-11-01T00:00+08:00 --to 2026-11-08T00:00+08:00 \\
                --round 24h --factor 全国-2023-average

            Exit status: 0 done, 1 the answer is no, 2 usage, 3 configuration, 4 permission,
            5 input unreadable.
            """,
        version: CollectorVersion.text,
        subcommands: [RunCommand.self, ReportCommand.self, FactorsCommand.self])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            complain("jouleflow-collector: \(failure.message)\n")
            Glibc.exit(failure.status.rawValue)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code == .success {
                print(text)
                Glibc.exit(0)
            }
            complain(text + "\n")
            Glibc.exit(code == .validationFailure ? ExitStatus.usage.rawValue : code.rawValue)
        }
    }

    private static func complain(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// What an exit status means.
enum ExitStatus: Int32 {
    case answerIsNo = 1
    case usage = 2
    case configuration = 3
    case permission = 4
    case unreadable = 5
}

/// Ends the program with a message and a status.
struct Failure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}

/// The version of this program.
enum CollectorVersion {
    static let text = "0.1.0"
}
