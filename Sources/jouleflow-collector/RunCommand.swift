import ArgumentParser
import CommandLines
import Collector
import Glibc
import JournalLog
import Logging
import Report
import SCI
import ServiceLifecycle
import ServiceManager
import Settings
import Store
import TransportSecurity
import UnixSignals

/// `jouleflow-collector run`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Accepts agents and stores their records until SIGTERM or SIGINT.")

    @Option(help: "The settings, such as /etc/jouleflow/collector.yaml.")
    var config: String

    func run() async throws {
        // Whoever takes it for a program that reads its settings again must not end it.
        signal(SIGHUP, SIG_IGN)
        let settings = try Failure.reading { () throws(SettingsErrors) in
            try CollectorSettings.load(path: config)
        }
        let log = Logger(label: "jouleflow-collector") { _ in JournalLog() }
        Self.raiseOpenFiles()
        // Before the store, which is made where it is missing: settings that are wrong leave none.
        let credentials = try credentials(settings.transport, log)
        let factors = try FactorTable.find(file: nil)
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(path: settings.sqlite)
        }
        log.notice("store opened", metadata: ["path": "\(settings.sqlite)"])
        let metrics = IngestMetrics()
        let manager = ServiceManager.fromEnvironment()
        let server = Server(
            host: settings.agents.host, port: Int(settings.agents.port), store: store,
            credentials: credentials, metrics: metrics, log: log
        ) { _ in manager?.tell(.ready, .status("listens for agents on \(settings.agents)")) }
        let upkeep = StoreUpkeep(store, keepWindows: settings.keepWindows, log: log)
        let closing = RoundClosing(store, factors: factors, software: .jouleflow, log: log)
        var services: [any Service] = [server, upkeep, closing]
        if let address = settings.metrics {
            services.append(
                IngestMetricsPage(
                    host: address.host, port: Int(address.port), metrics: metrics, log: log))
        }
        if let manager { services.append(ManagedService(manager)) }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: log)
        configuration.maximumGracefulShutdownDuration = .milliseconds(1_500)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as ServerError {
            if case .permissionDenied = error { throw Failure(.permission, "\(error)") }
            throw Failure(error.mayPass ? .addressUnavailable : .configuration, "\(error)")
        }
        try Failure.opening { () throws(StoreError) in try store.close() }
    }

    /// The files for TLS, read once; `nil` without encryption, which is said.
    private func credentials(
        _ transport: TransportSettings, _ log: Logger
    ) throws -> LiveCredentials? {
        guard case .tls(let tls) = transport else {
            log.warning("agents connect without encryption: plaintext is true in \(config)")
            return nil
        }
        let credentials = LiveCredentials(
            CredentialFiles(authorities: tls.ca, certificate: tls.certificate, key: tls.key),
            side: .collector, log: log)
        do throws(CredentialProblem) { try credentials.refresh() } catch {
            throw Failure(error.isPermission ? .permission : .configuration, "\(error)")
        }
        return credentials
    }

    /// Allows as many open files as the system lets this process have: the usual 1,024 are fewer than the
    /// connections that the server bounds itself to.
    private static func raiseOpenFiles() {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(files, &limit)
    }
}

extension Failure {
    /// Settings: a file that cannot be read, or one that is wrong.
    static func reading<T>(_ body: () throws(SettingsErrors) -> T) throws -> T {
        do { return try body() } catch { throw Failure(.configuration, "\(error)") }
    }

    /// The store: no permission, or a file that is not a store.
    static func opening<T>(
        in language: SentenceLanguage = .english, _ body: () throws(StoreError) -> T
    ) throws -> T {
        do { return try body() } catch {
            throw Failure(
                error.isPermission ? .permission : .unreadable, error.told(in: language))
        }
    }
}
