import Agent
import ArgumentParser
import JournalLog
import Logging
import CommandLines
import ServiceLifecycle
import UnixSignals

/// `jouleflow-agent run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Meters until SIGTERM or SIGINT, then closes the open window and stores it.",
        discussion: """
            Where a right or an interface is missing it says so once, goes on with the rest, tries \
            again, and marks in the records what is unknown.
            """)

    @Option(help: "The settings, such as /etc/jouleflow/agent.yaml.")
    var config: String

    func run() async throws {
        let settings = try settings(at: config)
        let log = Logger(label: "jouleflow-agent") { _ in JournalLog() }
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
        for collector in settings.collectors {
            log.warning(
                "records are sent without encryption: plaintext is true in \(config)",
                metadata: ["collector": "\(collector.address)"])
        }
        if settings.collectors.isEmpty {
            log.warning(
                "no collector is configured: records stay in the spool under \(settings.state)")
        }
        let meter = Meter(pipeline: pipeline) {
            log.notice(
                "ready",
                metadata: ["agent": "\(settings.id)", "window": "\(settings.window.seconds)s"])
        }
        let configuration = ServiceGroupConfiguration(
            services: [.init(service: meter, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
        try await ServiceGroup(configuration: configuration).run()
    }
}

/// The pipeline as a service that ends in order.
private struct Meter: Service {
    let pipeline: Pipeline
    let ready: @Sendable () -> Void

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await pipeline.run(ready: ready)
        } onGracefulShutdown: {
            pipeline.stop()
        }
    }
}
