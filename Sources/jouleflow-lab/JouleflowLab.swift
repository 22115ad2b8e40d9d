import ArgumentParser
import Glibc
import Lab

@main
struct JouleflowLab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jouleflow-lab",
        abstract: "Development only: simulated counters, loan applications, load, and the demo.",
        subcommands: [
            PowercapCommand.self, AppCommand.self, LoadCommand.self, DemoCommand.self,
            LoadScheduleCommand.self, FlowsAppCommand.self, FlowsLoadCommand.self,
            FlowsConfigCommand.self, BenchCommand.self, BurnCommand.self,
            DivideCommand.self,
        ])

    static func main() {
        // Blocked before any thread starts, so that the commands can wait for them.
        let signals = StopSignals()
        do {
            var command = try parseAsRoot()
            if var command = command as? any StoppableCommand {
                try command.run(until: signals)
            } else {
                try command.run()
            }
        } catch let status as ExitCode {
            Glibc.exit(status.rawValue)
        } catch {
            end(with: error)
        }
    }

    private static func end(with error: any Error) -> Never {
        let status = exitStatus(for: error)
        let text = fullMessage(for: error)
        if !text.isEmpty { say(text, to: status == 0 ? .output : .error) }
        Glibc.exit(status)
    }

    /// The project's exit status: 2 for a usage error, whatever the parser's own number is.
    static func exitStatus(for error: any Error) -> Int32 {
        let status = exitCode(for: error)
        return status == .validationFailure ? 2 : status.rawValue
    }
}

/// A command that ends early on SIGINT, SIGTERM or SIGHUP.
protocol StoppableCommand: ParsableCommand {
    mutating func run(until signals: StopSignals) throws
}

/// Ends with a sentence on standard error and a status as all programs use it.
func quit(_ sentence: String, status: Int32) -> ExitCode {
    say("jouleflow-lab: " + sentence, to: .error)
    return ExitCode(status)
}
