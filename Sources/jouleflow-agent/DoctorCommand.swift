import Agent
import ArgumentParser
import CommandLines
import Glibc
import Settings

/// `jouleflow-agent doctor`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks at all that metering on this host stands on, and says what to do.",
        discussion: """
            Settings, user, kernel, clock, energy counters, capture, ring, services, rules, state \
            folder and secrets, spool, certificates, collectors, the running agent and its sandbox: \
            one line each with what was found, and below it what to do. It reads the counters for a \
            second, opens each interface for an instant, and connects to the collectors up to the end \
            of the TLS handshake. It writes nothing, and does not disturb a running agent.

            Run it as root: it looks with the user and the rights of the agent, in a process of its own \
            without a terminal, because what root may do tells nothing of the agent. That user is the \
            unit's, or that of the running agent, or the owner of the state folder, or that of --user. \
            Another user may run it too: what that one may not look at is said to be unknown.

            Right after the installation, and whenever something seems wrong:
              jouleflow-agent doctor
            For programs:
              jouleflow-agent doctor --format json

            The manual operating.md explains each check and the keys of the JSON; the packages put it \
            into /usr/share/doc/jouleflow-agent.

            Exit status: 0 metering is right, or would be if the agent ran, also where there are warnings; \
            1 there is a fault: energy or counts are missing or wrong, records do not arrive, or the unit \
            cannot run; 2 usage; 4 it cannot take the user's rights; 5 what has them said nothing for \
            5 minutes, or more than 1 MiB.
            """)

    @Option(help: "The settings.")
    var config = "/etc/jouleflow/agent.yaml"

    @Option(help: "The agent's user; for root only.")
    var user: String?

    @Flag(help: "Look as root, where root runs it.")
    var asRoot = false

    @Option(help: "The agent's unit of systemd.")
    var unit = "jouleflow-agent.service"

    @Option(help: "table for people, json for programs.")
    var format = ReplayCommand.Format.table

    @Option(
        help: """
            The language of the sentences: en or zh. Left out, zh where LC_ALL, LC_MESSAGES or LANG \
            begins with zh.
            """)
    var language: CheckCommand.Language?

    func validate() throws {
        guard user == nil || !asRoot else {
            throw ValidationError("Give --user or --as-root: each says whose rights are used.")
        }
    }

    func run() async throws {
        if !asRoot, let process = try startAsUser() { try passOn(process.account()) }
        let language =
            language.flatMap { SentenceLanguage(rawValue: $0.rawValue) }
            ?? SentenceLanguage { name in getenv(name).map { String(cString: $0) } }
        let report = try await Doctor(
            file: config, unit: unit, isAgentsUser: user != nil, language: language
        ).run()
        try write(Array(((format == .json ? report.json : report.table) + "\n").utf8))
        guard report.isSound else { Glibc.exit(ExitStatus.answerIsNo.rawValue) }
    }

    private func startAsUser() throws(Failure) -> UserProcess? {
        do throws(ServiceUser.Failure) {
            return try ServiceUser.start(named: user, settings: config, unit: unit)
        } catch {
            throw Failure(
                .permission, "\(error). Name the agent's user with --user, or say --as-root")
        }
    }

    /// Says what the process with the user's rights said, and ends as it did.
    private func passOn(_ account: UserProcess.Account) throws(Failure) -> Never {
        try write(account.output)
        complain(String(decoding: account.errors, as: UTF8.self))
        switch account.end {
        case .status(let status): Glibc.exit(status)
        case .signal(let signal):
            complain("doctor: the process with the user's rights ended by signal \(signal)\n")
            Glibc.exit(128 + signal)
        case .silent:
            throw Failure(
                .unreadable,
                "the process with the user's rights said nothing for "
                    + "\(UserProcess.longestSilence) s, and was killed")
        case .tooMuch:
            throw Failure(
                .unreadable,
                "the process with the user's rights said more than "
                    + "\(UserProcess.mostBytes >> 20) MiB, and was killed")
        }
    }
}
