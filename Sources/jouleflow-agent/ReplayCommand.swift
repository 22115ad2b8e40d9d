import Agent
import ArgumentParser
import CommandLines
import Glibc
import Synchronization

/// `jouleflow-agent replay`.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Counts the exchanges and business flows in capture files.",
        discussion: """
            Takes the path that live traffic takes, on packet time, and reads no energy. Files are \
            pcap or pcapng, gzip-compressed ones too; - stands for standard input.

            Count flows by the rules of a configuration:
              jouleflow-agent replay traffic.pcap --config /etc/jouleflow/agent.yaml
            See what is in a capture before there are rules, port 8080 being HTTP:
              jouleflow-agent replay traffic.pcap --port 8080 --exchanges
            Find the exchanges that a rule's outcomes do not describe:
              jouleflow-agent replay traffic.pcap --config agent.yaml --exchanges \\
                | grep '"outcome":"incomplete"'
            See which exchanges repeat what was counted before:
              jouleflow-agent replay traffic.pcap --config agent.yaml --exchanges \\
                | grep '"counted":"duplicate"'
            Count while capturing:
              tcpdump -i lo -U -w - 'tcp port 8080' | jouleflow-agent replay - --port 8080

            Several files are one capture in the order given, as tcpdump -C and -G write it: \
            connections go on from one to the next. A file that begins more than a second before \
            the end of the files before it is of another capture: the connections that are open \
            end there. Files of the same time, from two interfaces, are joined first: \
            mergecap -w both.pcapng one.pcap two.pcap

            --exchanges prints a line of JSON for each exchange to standard output, and the \
            summary then goes to standard error. A line holds no header, no body, and of a target \
            the template of the rule that matched, else the path without values of parameters. \
            "outcome" is what the rule says of the response, "counted" what that made of the flow: \
            completed, refused, failed, incomplete, duplicate or passed, and null where the \
            service counts no flows. The summary names the rules that took no exchange. \
            The manual replay.md explains every key.

            Exit status: 0 done, also where a file ends inside a packet, which is said; 2 usage, \
            3 configuration, 4 no right to read a file, 5 a file is unreadable, or damaged at some \
            place: what came before it is counted and printed.
            """)

    @Argument(help: "The capture files, in the order of time.")
    var files: [String]

    @Option(help: "The settings, such as /etc/jouleflow/agent.yaml.")
    var config: String?

    @Option(help: "Replay without settings: an HTTP service's port. May be repeated.")
    var port: [UInt16] = []

    @Option(help: "table for people, json for programs.")
    var format = Format.table

    @Flag(help: "Print each exchange as a line of JSON; the summary goes to standard error.")
    var exchanges = false

    @Flag(help: "With --exchanges: the whole target too, with its values. For test traffic only.")
    var showTarget = false

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    func validate() throws {
        if config == nil && port.isEmpty {
            throw ValidationError(
                "Say what to count: --config FILE for rules, or --port P for an HTTP service.")
        }
        if config != nil && !port.isEmpty {
            throw ValidationError(
                "--port stands for the services of a configuration: leave out --port or --config.")
        }
        if port.contains(0) { throw ValidationError("--port 0 is no TCP port: 1 to 65535.") }
        if Set(port).count < port.count {
            throw ValidationError("A port is given twice: name each port once.")
        }
        if showTarget && !exchanges {
            throw ValidationError("--show-target says how --exchanges prints: add --exchanges.")
        }
        let inputs = files.count { $0 == "-" }
        if inputs > 1 {
            throw ValidationError("Standard input (-) can be read once only.")
        }
        if inputs == 1 && isatty(STDIN_FILENO) == 1 {
            throw ValidationError(
                "Standard input (-) is a terminal: pipe a capture into it, as tcpdump -w - does.")
        }
    }

    /// The plan, whose thousands of rules nobody needs to free one by one before the program ends.
    private static let kept = Mutex<ReplayPlan?>(nil)

    func run() async throws {
        let plan = try config.map { ReplayPlan(try settings(at: $0)) } ?? ReplayPlan(ports: port)
        Self.kept.withLock { $0 = plan }
        let isWatched = isatty(STDERR_FILENO) == 1 && !(exchanges && isatty(STDOUT_FILENO) == 1)
        let result = replay(files, plan, exchanges: exchanges ? output : nil) { progress in
            if isWatched { complain("\r\(words(for: progress))\u{1b}[K") }
        }
        if isWatched { complain("\r\u{1b}[K") }
        let isEmpty = result.files.allSatisfy { $0.packets == 0 }
        if result.failure == nil || !isEmpty {
            let report = ReplayReport(result)
            switch format {
            case .json: try report.writeJSON(put)
            case .table: try put(Array("\(report.table)\n".utf8))
            }
        }
        guard let failure = result.failure else { return }
        let end = isEmpty ? "" : "\nWhat came before was counted."
        switch failure {
        case .permission(let text):
            throw Failure(.permission, "\(text)\nRun it as a user who may read the file.\(end)")
        case .unreadable(let text):
            let hint = "\nA capture is a pcap or pcapng file, as tcpdump -w FILE writes it."
            throw Failure(.unreadable, text + (isEmpty ? hint : end))
        }
    }

    /// Writes a part of the report, beside lines of exchanges to standard error.
    private func put(_ text: [UInt8]) throws(Failure) {
        if exchanges { complain(String(decoding: text, as: UTF8.self)) } else { try write(text) }
    }

    /// Lines go straight out; where they cannot, there is nothing left to do.
    private var output: ExchangeOutput {
        ExchangeOutput(showsTarget: showTarget) { lines in
            do throws(Failure) {
                try write(lines)
            } catch {
                complain("jouleflow-agent: \(error.message)\n")
                Glibc.exit(error.status.rawValue)
            }
        }
    }

    private func words(for progress: ReplayProgress) -> String {
        let read = "\(progress.read >> 20)"
        let share = progress.total.map { " of \($0 >> 20)" } ?? ""
        let place = (files.firstIndex(of: progress.path) ?? 0) + 1
        let file = files.count > 1 ? "file \(place) of \(files.count): " : ""
        return "\(file)\(read)\(share) MiB"
    }
}
