import Agent
import ArgumentParser
import Glibc
import CommandLines
import Settings

/// `jouleflow-agent check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Reads the settings and says in plain sentences what they mean.",
        usage: "jouleflow-agent check FILE [--language en|zh] [--filter]",
        discussion: """
            Captures nothing, sends nothing and writes nothing: use it before going live, and to \
            show to others how business flows are counted. It prints the services, then each \
            scenario with its weight and its rules in the order in which they are tried: which \
            requests a rule takes, what tells flows apart, and which responses complete, refuse \
            or fail a flow. Whether the file flow_secret and the certificates can be used is said where \
            they are named. What is probably not meant is printed last, as a warning.

            Check a file before the agent uses it:
              jouleflow-agent check /etc/jouleflow/agent.yaml
            The same in Chinese, for the assessor:
              jouleflow-agent check /etc/jouleflow/agent.yaml --language zh
            A scenario that is complete when one response says so:
              scenarios:
                - id: credit
                  steps:
                    - when: {method: POST, path: "/api/credit/{applyNo}/decision"}
                      flow_key: path.applyNo
                      outcome:
                        completed: {status: 2xx, body: {code: ["0000"]}}
                        refused: {status: 2xx, body: {code: ["E1001"]}}
            Then count with it in a capture, without going live:
              jouleflow-agent replay traffic.pcap --config agent.yaml

            The manual scenarios.md teaches how scenarios are written, with worked examples; \
            the manual configuration.md explains every key.

            Exit status: 0 the settings are usable, also where there are warnings; 2 usage, 3 the \
            settings are wrong: every error is printed with its line and what to write, or \
            flow_secret or tls name files that cannot be used; 4 no right to read one of them; 5 \
            the output cannot be written.
            """)

    @Argument(help: "The settings, such as /etc/jouleflow/agent.yaml.")
    var file: String?

    @Option(help: "The settings, in place of FILE.")
    var config: String?

    @Option(
        help: """
            The language of the sentences and warnings: en or zh; errors are in English. Left \
            out, zh where LC_ALL, LC_MESSAGES or LANG begins with zh.
            """)
    var language: Language?

    enum Language: String, ExpressibleByArgument, CaseIterable {
        case en
        case zh
    }

    @Flag(
        help: ArgumentHelp(
            "Print the kernel filter that capture would install, and nothing else.",
            discussion: """
                First what it passes, one kind a line; then its instructions, as tcpdump -d prints \
                those of its filters, for an Ethernet interface. It follows from services.ports \
                and capture.tunnels: to see a tunnel's traffic, name the tunnel there.
                """))
    var filter = false

    func validate() throws {
        guard (file == nil) != (config == nil) else {
            throw ValidationError("Name one settings file: jouleflow-agent check FILE.")
        }
    }

    func run() async throws {
        let settings = try settings(at: file ?? config ?? "")
        let language =
            language.flatMap { SentenceLanguage(rawValue: $0.rawValue) }
            ?? SentenceLanguage { name in getenv(name).map { String(cString: $0) } }
        if filter {
            for line in FilterSummary.lines(settings, in: language) { print(line) }
            return
        }
        for line in SettingsSummary.lines(settings, in: language) { print(line) }
        let fields = FieldSummary(settings, in: language)
        if let fields { print(fields.line) }
        // An error is not to be sought between lines of what is well.
        do throws(SecretFileError) {
            if let line = try FlowSecretSummary.line(settings, in: language) { print(line) }
        } catch {
            throw Failure(isPermission(error) ? .permission : .configuration, "\(error)")
        }
        let transport = TransportSummary(settings, in: language)
        guard transport.problems.isEmpty else {
            throw Failure(
                transport.isPermission ? .permission : .configuration,
                transport.problems.joined(separator: "\n"))
        }
        for line in transport.lines { print(line) }
        for line in InterfaceSummary.lines(settings, in: language) { print(line) }
        for warning in settings.warnings { print(warning.text(in: language)) }
        if let warning = fields?.warning { print(language.say("warning: ", "警告：") + warning) }
    }
}
