import Agent
import ArgumentParser
import Glibc
import CommandLines

/// `jouleflow-agent replay`.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Counts the flows in capture files by the rules of the settings.",
        discussion: """
            Takes the path that live traffic takes, on packet time, and reads no energy. The files \
            are pcap or pcapng files, gzip-compressed ones too; - stands for standard input.
            """)

    @Argument(help: "The capture files, in the order of time.")
    var files: [String]

    @Option(help: "The settings, such as /etc/jouleflow/agent.yaml.")
    var config: String

    @Option(help: "table for people, json for programs.")
    var format = Format.table

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    func run() async throws {
        let settings = try settings(at: config)
        let isWatched = isatty(STDERR_FILENO) == 1
        let result: ReplayResult
        do throws(ReplayError) {
            result = try replay(files, settings: settings) { read, total in
                guard isWatched else { return }
                let all = total.map { " of \($0 >> 20)" } ?? ""
                complain("\r\(read >> 20)\(all) MiB")
            }
        } catch {
            throw Failure(.unreadable, "\(error)")
        }
        if isWatched { complain("\r\u{1b}[K") }
        let report = ReplayReport(result)
        print(format == .json ? report.json : report.table)
    }
}
