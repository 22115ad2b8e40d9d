import Glibc
import Logging
import Metering
import NIOCore
import Prometheus
import Settings

/// The agent's numbers as a page for Prometheus. docs/metrics.md tells each.
struct MetricsPage: Sendable {
    private let server: MetricsServer

    /// Shows the page; `nil` where it is not wanted, or cannot be shown, which is said.
    init?(
        _ address: NetworkAddress?, keeper: RecordKeeper, shippers: [Shipper],
        softwareVersion: String, group: any EventLoopGroup, log: Logger
    ) async {
        guard let address else { return nil }
        let metrics = AgentMetrics(
            keeper: keeper, shippers: shippers, softwareVersion: softwareVersion)
        do {
            server = try await MetricsServer(
                host: address.host, port: Int(address.port), group: group
            ) { await metrics.page() }
            log.notice("metrics are shown", metadata: ["address": "\(address)"])
        } catch {
            let code = (error as? IOError)?.errnoCode
            let reason = code.map { String(cString: strerror($0)) }
            let fix = MetricsServer.fix(code, port: Int(address.port), of: "agent")
            log.error(
                "no metrics are shown: \(reason ?? "\(error)")",
                metadata: ["address": "\(address)", "fix": "\(fix)"])
            return nil
        }
    }

    func close() async { await server.close() }
}

/// What the page says.
private struct AgentMetrics: Sendable {
    let keeper: RecordKeeper
    let shippers: [Shipper]
    let softwareVersion: String

    /// The page as of now.
    func page() async -> String {
        var text = MetricsText()
        text.add(
            "jouleflow_agent_info", .gauge, "The agent's version.",
            [.init(1, (name: "version", value: softwareVersion))])
        add(await keeper.counts, to: &text)
        await addShippers(to: &text)
        text.addProcess()
        return text.text
    }

    private func add(_ counts: KeepingCounts, to text: inout MetricsText) {
        let numbers: [(String, MetricsText.Kind, String, UInt64)] = [
            ("windows_total", .counter, "Windows metered.", counts.windows),
            (
                "windows_energy_unknown_total", .counter, "Windows whose energy is not known.",
                counts.unknownEnergy
            ),
            (
                "windows_counts_doubtful_total", .counter,
                "Windows whose counts are doubtful or not known.", counts.doubtfulCounts
            ),
            (
                "windows_waiting", .gauge,
                "Windows in memory alone, as the spool cannot be written.", UInt64(counts.waiting)
            ),
            ("records_spooled_total", .counter, "Entries written to the spool.", counts.spooled),
            (
                "records_dropped", .gauge,
                "Entries of this run lost before all collectors had them, restarts included.",
                counts.dropped
            ),
            ("spool_bytes", .gauge, "Bytes of the spool.", UInt64(counts.spoolBytes)),
            (
                "spool_failing", .gauge, "1 while the spool cannot be written.",
                counts.isFailing ? 1 : 0
            ),
            ("packets_total", .counter, "Packets captured.", counts.packets),
            (
                "packets_dropped_total", .counter,
                "Packets the kernel dropped because the ring was full.", counts.kernelDrops
            ),
        ]
        for (name, kind, help, number) in numbers {
            text.add("jouleflow_agent_\(name)", kind, help, [.init(number)])
        }
    }

    private func addShippers(to text: inout MetricsText) async {
        var standing: [(name: String, counts: ShippingCounts, backlog: UInt64, age: Double?)] = []
        let now = Timestamp.now
        for shipper in shippers {
            let name = shipper.destination.name
            let backlog = await keeper.backlog(of: name)
            let oldest = await keeper.oldestStart(for: name)
            // Nothing waits: 0. What waits and cannot be read is unknown.
            let age = oldest.map { Double(now.rawValue.subtractingClamped($0.rawValue)) / 1e9 }
            standing.append((name, shipper.counts, backlog, backlog == 0 ? 0 : age))
        }
        func add(
            _ name: String, _ kind: MetricsText.Kind, _ help: String,
            _ value: (ShippingCounts) -> UInt64
        ) {
            text.add(
                "jouleflow_agent_\(name)", kind, help,
                standing.map { .init(value($0.counts), (name: "collector", value: $0.name)) })
        }
        add("collector_connected", .gauge, "1 while the collector is connected.") {
            $0.isConnected ? 1 : 0
        }
        add("connections_total", .counter, "Connections that the collector welcomed.") {
            $0.welcomes
        }
        add(
            "connection_failures_total", .counter, "Connections that ended or could not be made."
        ) { $0.failures }
        add("records_sent_total", .counter, "Entries sent, those sent again included.") { $0.sent }
        add("records_acknowledged_total", .counter, "Entries the collector has durably.") {
            $0.acknowledged
        }
        text.add(
            "jouleflow_agent_backlog_records", .gauge, "Entries the collector does not have yet.",
            standing.map { .init($0.backlog, (name: "collector", value: $0.name)) })
        text.add(
            "jouleflow_agent_backlog_seconds", .gauge,
            "Age of the oldest window the collector does not have.",
            standing.map { .init($0.age, (name: "collector", value: $0.name)) })
    }
}

extension UInt64 {
    fileprivate func subtractingClamped(_ other: UInt64) -> UInt64 {
        self > other ? self - other : 0
    }
}

extension Timestamp {
    /// The wall clock (CLOCK_REALTIME).
    fileprivate static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec))
    }
}
