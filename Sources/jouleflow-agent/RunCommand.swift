import Agent
import ArgumentParser
import JournalLog
import Logging
import CommandLines
import Glibc
import ServiceLifecycle
import ServiceManager
import Settings
import UnixSignals

/// `jouleflow-agent run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Meters until SIGTERM or SIGINT, then closes the open window and stores it.",
        discussion: """
            Where a right or an interface is missing it says so once, goes on with the rest, tries \
            again, and marks in the records what is unknown.

            Check the settings first, then run:
              jouleflow-agent check /etc/jouleflow/agent.yaml
              jouleflow-agent run --config /etc/jouleflow/agent.yaml
            The manual scenarios.md teaches how business scenarios are written, with worked examples; \
            the manual configuration.md explains every key.

            SIGHUP reads the settings again: services, scenarios, interfaces and tunnels change \
            without losing an exchange, from a moment on that ends a window. Where the file is \
            wrong, or differs in what holds until a restart (agent, window, energy, ring_mib, \
            flow_keys, flow_secret, collectors, delivery, spool, listen), it says so and the agent goes on as before. Open \
            flows go on by the new rules, as they do over a restart: none counts twice.

            Where the file is missing, or names neither services nor scenarios nor collectors, energy is \
            metered and kept in the spool, nothing is counted and nothing is sent.

            Exit status: 0 ended by a signal; 2 usage; 3 the settings, or the file that \
            flow_secret names, are wrong; 4 no right to read or write a file that it needs.
            """)

    @Option(help: "The settings, such as /etc/jouleflow/agent.yaml.")
    var config: String

    func run() async throws {
        // Whoever sends SIGHUP early must not end the agent.
        signal(SIGHUP, SIG_IGN)
        let (settings, isThere) = try settingsOrUnconfigured(at: config)
        let log = Logger(label: "jouleflow-agent") { _ in JournalLog() }
        warn(of: settings, log)
        let pipeline: Pipeline
        do {
            pipeline = try Pipeline(
                settings, host: .current(softwareVersion: ProgramVersion.text), log: log)
        } catch {
            throw Failure(isPermission(error) ? .permission : .configuration, "\(error)")
        }
        if settings.energy.isSimulated {
            log.warning(
                "counters are SIMULATED: energy.sysfs or energy.procfs is not the system's own")
        }
        for collector in settings.collectors where collector.transport == .plaintext {
            log.warning(
                "records are sent without encryption: plaintext is true in \(config)",
                metadata: ["collector": "\(collector.address)"])
        }
        if settings.isUnconfigured {
            log.warning(
                "nothing is configured: nothing is counted, nothing is sent",
                metadata: [
                    "file": "\(config)", "exists": "\(isThere)",
                    "fix": "write services and collectors in it, then restart the agent",
                ])
        } else if settings.collectors.isEmpty {
            log.warning(
                "no collector is configured: records stay in the spool under \(settings.state)")
        }
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        let manager = ServiceManager.fromEnvironment()
        let status = StatusLine(settings, file: config) { line in
            log.notice("status", metadata: ["is": "\(line)"])
            manager?.tell(.status(line))
        }
        let meter = Meter(pipeline: pipeline, status: status, reloads: reloads, manager: manager) {
            log.notice(
                "ready",
                metadata: ["agent": "\(settings.id)", "window": "\(settings.window.seconds)s"])
            manager?.tell(.ready, .status(status.text))
        } reload: {
            manager?.tell(.reloading)
            await reload(pipeline, status, log)
            manager?.tell(.ready)
        }
        let configuration = ServiceGroupConfiguration(
            services: [.init(service: meter, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// Logs what is probably not meant in the settings.
    private func warn(of settings: AgentSettings, _ log: Logger) {
        for warning in settings.warnings { log.warning("\(warning.line)") }
        if let shortage = FieldSummary(settings)?.shortage {
            log.warning("rules look for many fields: \(shortage)")
        }
    }

    /// Reads the settings again. What is wrong with them is said, and the old ones hold on.
    private func reload(_ pipeline: Pipeline, _ status: StatusLine, _ log: Logger) async {
        do {
            let settings = try settings(at: config)
            warn(of: settings, log)
            try await pipeline.reload(settings)
            status.hold(settings)
            log.notice("settings read again", metadata: ["file": "\(config)"])
        } catch {
            let reason = (error as? Failure)?.message ?? "\(error)"
            log.error("the old settings hold on: \(reason)", metadata: ["file": "\(config)"])
        }
    }
}

/// The pipeline as a service that ends in order.
private struct Meter: Service {
    let pipeline: Pipeline
    let status: StatusLine
    let reloads: UnixSignalsSequence
    let manager: ServiceManager?
    let ready: @Sendable () -> Void
    let reload: @Sendable () async -> Void

    func run() async throws {
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { for await _ in reloads { await reload() } }
            // A hot loop that hangs is no longer told of, and the manager starts the agent anew.
            tasks.addTask { await manager?.keepAlive { pipeline.isMoving() } }
            try await withGracefulShutdownHandler {
                try await pipeline.run(status: status, ready: ready)
            } onGracefulShutdown: {
                manager?.tell(.stopping)
                pipeline.stop()
            }
            tasks.cancelAll()
        }
    }
}
