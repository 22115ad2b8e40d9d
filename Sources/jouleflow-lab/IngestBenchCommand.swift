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
            meanwhile; pin that to one core to know what one core does. `finish_seconds` tells when \
            the first, the median and the last of the agents had delivered all, and \
            `longest_wait_seconds` the longest that the luckiest, the median and the unluckiest of \
            them waited from one acknowledgement to the next; `small` is one more agent that has as \
            many batches, of --small-records each.
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

    @Option(help: "How many records of each batch of one more agent, 1 to 1000.")
    var smallRecords = 10

    func validate() throws {
        guard [agents, batches, records, smallRecords].allSatisfy({ (1...1_000).contains($0) }),
            (1...65_535).contains(port)
        else { throw ValidationError("A number is out of its range.") }
    }

    mutating func run(until signals: StopSignals) throws {
        var load = try (1...agents).map { number in
            try IngestAgent("bench-\(number)", batches: batches, records: records)
        }
        let meanRecord = load.map(\.meanRecord).reduce(0, +) / Double(agents)
        load.append(try IngestAgent("bench-small", batches: batches, records: smallRecords))
        let before = try Self.cpuSeconds(of: pid)
        let start = ContinuousClock.now
        let (deliveries, failures) = IngestAgent.deliver(load, port: port)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = try Self.cpuSeconds(of: pid) - before
        guard failures.isEmpty, let small = deliveries.last else {
            throw quit(
                "\(failures.count) agents failed, the first: \(failures.first ?? "")", status: 1)
        }
        let count = Double(load.map(\.count).reduce(0, +))
        let figures = Figures(
            records: count, seconds: seconds, cpuSeconds: used,
            recordsPerSecond: count / seconds, recordsPerCpuSecond: count / used,
            recordBytes: meanRecord, finishSeconds: Spread(deliveries.dropLast().map(\.finish)),
            longestWaitSeconds: Spread(deliveries.dropLast().map(\.longestWait)),
            smallFinishSeconds: small.finish, smallLongestWaitSeconds: small.longestWait)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.keyEncodingStrategy = .convertToSnakeCase
        say(String(decoding: try encoder.encode(figures), as: UTF8.self))
    }

    private struct Figures: Encodable {
        let records, seconds, cpuSeconds, recordsPerSecond, recordsPerCpuSecond: Double
        let recordBytes: Double
        let finishSeconds, longestWaitSeconds: Spread
        let smallFinishSeconds, smallLongestWaitSeconds: Double
    }

    /// Of a number of each agent.
    private struct Spread: Encodable {
        let least, median, most: Double

        /// At least one.
        init(_ values: [Double]) {
            let sorted = values.sorted()
            (least, median) = (sorted.first ?? 0, sorted[sorted.count / 2])
            most = sorted.last ?? 0
        }
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
