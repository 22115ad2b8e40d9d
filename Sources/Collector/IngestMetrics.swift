import Glibc
package import Logging
import Metering
import NIOCore
import NIOPosix
import Prometheus
import ServiceLifecycle
import Synchronization

/// What the server did since its start, for whoever watches it.
package final class IngestMetrics: Sendable {
    private struct Counts {
        var connections: UInt64 = 0
        var welcomes: UInt64 = 0
        var refusals: [String: UInt64] = [:]
        var agents = 0
        var batches: UInt64 = 0
        var stored: UInt64 = 0
        var duplicates: UInt64 = 0
        var lag: Double?
    }

    private let counts = Mutex(Counts())

    package init() {}

    func connected() { counts.withLock { $0.connections &+= 1 } }

    func welcomed() {
        counts.withLock {
            $0.welcomes &+= 1
            $0.agents += 1
        }
    }

    func left() { counts.withLock { $0.agents -= 1 } }

    func refused(_ reason: String) { counts.withLock { $0.refusals[reason, default: 0] &+= 1 } }

    /// Counts a batch that is durable. `lag` is the time from its last window's end to now.
    func kept(stored: Int, duplicates: Int, lag: Double?) {
        counts.withLock {
            $0.batches &+= 1
            $0.stored &+= UInt64(stored)
            $0.duplicates &+= UInt64(duplicates)
            $0.lag = lag ?? $0.lag
        }
    }

    /// The page as of now.
    func page() -> String {
        let now = counts.withLock { $0 }
        var text = MetricsText()
        let numbers: [(String, String, UInt64)] = [
            ("connections_total", "Connections accepted.", now.connections),
            ("welcomes_total", "Connections of agents that were welcomed.", now.welcomes),
            ("batches_total", "Batches acknowledged.", now.batches),
            ("records_stored_total", "Entries stored.", now.stored),
            ("records_duplicate_total", "Entries that were stored already.", now.duplicates),
        ]
        for (name, help, number) in numbers {
            text.add("jouleflow_collector_\(name)", .counter, help, [.init(number)])
        }
        text.add(
            "jouleflow_collector_refusals_total", .counter, "Connections ended by a refusal.",
            now.refusals.sorted { $0.key < $1.key }.map {
                .init($0.value, (name: "reason", value: $0.key))
            })
        text.add(
            "jouleflow_collector_agents_connected", .gauge, "Connections of agents.",
            [.init(now.agents)])
        text.add(
            "jouleflow_collector_ingest_lag_seconds", .gauge,
            "Time from the end of the latest batch's last window to its storing.",
            [.init(now.lag)])
        text.addProcess()
        return text.text
    }
}

/// Shows the server's metrics until graceful shutdown.
package struct IngestMetricsPage: Service {
    private let host: String
    private let port: Int
    private let metrics: IngestMetrics
    private let log: Logger

    package init(host: String, port: Int, metrics: IngestMetrics, log: Logger) {
        self.host = host
        self.port = port
        self.metrics = metrics
        self.log = log
    }

    /// Where the page cannot be shown, says so and waits: records matter more.
    package func run() async throws {
        var server: MetricsServer?
        let address = Server.address(host, port)
        do {
            let metrics = metrics
            server = try await MetricsServer(
                host: host, port: port, group: MultiThreadedEventLoopGroup.singleton
            ) { metrics.page() }
            log.notice("metrics are shown", metadata: ["address": "\(address)"])
        } catch {
            let code = (error as? IOError)?.errnoCode
            let reason = code.map { String(cString: strerror($0)) }
            let fix = MetricsServer.fix(code, port: port, of: "collector")
            log.error(
                "no metrics are shown: \(reason ?? "\(error)")",
                metadata: ["address": "\(address)", "fix": "\(fix)"])
        }
        try? await gracefulShutdown()
        await server?.close()
    }
}
