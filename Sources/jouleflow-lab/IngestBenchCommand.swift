import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab bench ingest`.
struct IngestBenchCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "How many records a second a collector keeps; prints JSON.",
        discussion: """
            Signs the records of many agents beforehand, then delivers them to a collector on \
            127.0.0.1 that accepts plain TCP, each agent over its own connection, one batch after \
            the acknowledgement of the one before. `cpu_seconds` is what the collector of --pid used \
            meanwhile; pin that to one core to know what one core does.
            """)

    @Option(help: "The port of the collector.")
    var port: Int
    @Option(help: "The process id of the collector.")
    var pid: Int32
    @Option(help: "How many agents, 1 to 1000.")
    var agents = 100
    @Option(help: "How many batches of each, 1 to 1000.")
    var batches = 10
    @Option(help: "How many records of each batch, 1 to 1000.")
    var records = 500

    func validate() throws {
        guard [agents, batches, records].allSatisfy({ (1...1_000).contains($0) }),
            (1...65_535).contains(port)
        else { throw ValidationError("A number is out of its range.") }
    }

    mutating func run(until signals: StopSignals) throws {
        let load = try (1...agents).map { number in
            try IngestAgent("bench-\(number)", batches: batches, records: records)
        }
        let before = try Self.cpuSeconds(of: pid)
        let start = ContinuousClock.now
        let failures = IngestAgent.deliver(load, port: port)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = try Self.cpuSeconds(of: pid) - before
        guard failures.isEmpty else {
            throw quit("\(failures.count) agents failed, the first: \(failures[0])", status: 1)
        }
        let count = Double(agents * batches * records)
        let figures: [String: Double] = [
            "records": count, "seconds": seconds, "cpu_seconds": used,
            "records_per_second": count / seconds, "records_per_cpu_second": count / used,
            "record_bytes": load.map(\.meanRecord).reduce(0, +) / Double(agents),
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        say(String(decoding: try encoder.encode(figures), as: UTF8.self))
    }

    /// User and system time of a process.
    ///
    /// Source: proc_pid_stat(5), fields 14 and 15, in clock ticks of 10 ms.
    private static func cpuSeconds(of pid: Int32) throws -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { throw quit("there is no process \(pid)", status: 5) }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[12]), let system = Double(fields[13])
        else { throw quit("cannot read the times of process \(pid)", status: 5) }
        return (user + system) / 100
    }
}
