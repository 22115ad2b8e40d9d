import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab bench`: what parts of the agent and the collector cost, as JSON for `Benchmarks/bench`.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure what a part costs; prints JSON.",
        subcommands: [
            TickBenchCommand.self, IngestBenchCommand.self, YearBenchCommand.self,
            AlphaBenchCommand.self,
        ])
}

/// `jouleflow-lab bench tick`.
struct TickBenchCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tick",
        abstract: "CPU time and heap allocations of what the agent reads every second.",
        discussion: """
            Ticks follow each other at once; after every tenth a window ends, unmeasured. `energy` \
            reads all zones and takes them into the window; `whole` reads the host's CPU time too; \
            `rescan` is `energy` with a look at the whole tree: one tick of each minute takes it.
            """)

    @Option(help: "The folder that plays /sys.")
    var sysfs: String

    @Option(help: "How many ticks, 1000 to 10000000.")
    var ticks = 20_000

    func validate() throws {
        guard (1000...10_000_000).contains(ticks) else {
            throw ValidationError("--ticks must be 1000 to 10000000.")
        }
    }

    mutating func run(until signals: StopSignals) throws {
        var bench = TickBench(sysfs: sysfs)
        guard bench.countedZones > 0 else {
            throw quit("there is no counter under \(sysfs) that gives the host's energy", status: 5)
        }
        for part in TickBench.Part.allCases { bench.run(part, ticks: 500) }
        bench.forgetCosts()
        // Small turns, so that what else the machine does meets all parts alike.
        let turn = 500
        for _ in 0..<(ticks / turn) {
            bench.run(.energy, ticks: turn)
            bench.run(.whole, ticks: turn)
            bench.run(.rescan, ticks: turn / 50)
            guard signals.wait(until: .zero) == nil else { throw ExitCode(1) }
        }
        guard bench.isReading else {
            throw quit("not every counter under \(sysfs) could be read", status: 5)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        say(String(decoding: try encoder.encode(bench.costs), as: UTF8.self))
    }
}
