import ArgumentParser
import CommandLines
import Collector
import Glibc
import JournalLog
import Logging
import ServiceLifecycle
import Settings
import Store
import UnixSignals

/// `jouleflow-collector run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Accepts agents and stores their records until SIGTERM or SIGINT.")

    @Option(help: "The settings, such as /etc/jouleflow/collector.yaml.")
    var config: String

    func run() async throws {
        let settings = try Failure.reading { () throws(SettingsErrors) in
            try CollectorSettings.load(path: config)
        }
        let log = Logger(label: "jouleflow-collector") { _ in JournalLog() }
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(path: settings.sqlite)
        }
        log.notice("store opened", metadata: ["path": "\(settings.sqlite)"])
        log.warning("agents connect without encryption: plaintext is true in \(config)")
        let server = Server(
            host: settings.agents.host, port: Int(settings.agents.port), store: store, log: log)
        var configuration = ServiceGroupConfiguration(
            services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
        configuration.maximumGracefulShutdownDuration = .milliseconds(1_500)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as ServerError {
            if case .permissionDenied = error { throw Failure(.permission, "\(error)") }
            throw Failure(.configuration, "\(error)")
        }
        try Failure.opening { () throws(StoreError) in try store.close() }
    }
}

extension Failure {
    /// Settings: a file that cannot be read, or one that is wrong.
    static func reading<T>(_ body: () throws(SettingsErrors) -> T) throws -> T {
        do { return try body() } catch { throw Failure(.configuration, "\(error)") }
    }

    /// The store: no permission, or a file that is not a store.
    static func opening<T>(_ body: () throws(StoreError) -> T) throws -> T {
        do { return try body() } catch {
            if case .permissionDenied = error { throw Failure(.permission, "\(error)") }
            throw Failure(.unreadable, "\(error)")
        }
    }
}
