import ArgumentParser
import Collector
import CommandLines
import Foundation
import Metering
import Report
import Weights

/// `jouleflow-collector experiment`.
struct ExperimentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Plans a load test that tells scenarios apart, and reads its result.",
        discussion: """
            Four hours of a factorial test tell more than a day of production: every scenario is on or off \
            in every combination, in random order.

              jouleflow-collector experiment plan --start 2026-11-21T01:00+08:00 --load credit=4 \\
                --load drawdown=10 --load repayment=25 --load query=200 --output schedule.csv

            Send what the schedule says, with any load generator, to the system that agents measure. Then:

              jouleflow-collector experiment read schedule.csv --config collector.yaml
            """, subcommands: [ExperimentPlanCommand.self, ExperimentReadCommand.self])
}

/// `jouleflow-collector experiment plan`.
struct ExperimentPlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Writes the schedule of a factorial load test.",
        discussion: """
            A block for each combination of scenarios on and off, again for each repeat in another order; \
            three repeats of four scenarios in blocks of five minutes are four hours. Loads that use \
            about as much CPU time each tell most: few applications, many queries. Weights are ratios to \
            a query, so one of the loads is query=N. A result takes 32 blocks: two repeats of four \
            scenarios, four of three.

            Whole windows of the agents (--window, 10 s unless they are configured otherwise) must cover \
            90 % of each block without its washout. With blocks of 5 minutes that begin at a whole minute \
            and a washout of 30 s, windows of 1 to 30 s that divide 30 s do; those of 60 s need a washout \
            of 60 s.
            """)

    @Option(help: "When the first block begins, with its zone.", transform: PointInTime.parse)
    var start: Timestamp
    @Option(
        help: "A scenario and its flows a second where it is on, such as credit=4; one for each.")
    var load: [String]
    @Option(help: "Length of a block; 300s without it.", transform: LengthOfTime.parse)
    var block: Nanoseconds = .seconds(300)
    @Option(
        help: "How long after a block's start it is not measured; 30s without it, 0s for none.",
        transform: Washout.parse)
    var washout: Nanoseconds = .seconds(30)
    @Option(help: "Length of the agents' windows; 10s without it.", transform: LengthOfTime.parse)
    var window: Nanoseconds = .seconds(10)
    @Option(help: "How often each combination takes place.")
    var repeats = 3
    @Option(help: "The same seed gives the same order.")
    var seed: UInt64 = 1
    @Option(help: "The file to write, in place of standard output; one that is there is kept.")
    var output: String?

    func validate() throws { _ = try schedule() }

    func run() throws {
        let text = try schedule().csv
        guard let output else { return try write(Array(text.utf8)) }
        // A schedule that was sent is what its result is read with.
        guard !FileManager.default.fileExists(atPath: output) else {
            throw Failure(.usage, "\(output) is there: name another file, or remove it")
        }
        try OutputFile.write(text, to: output)
    }

    private func schedule() throws -> LoadSchedule {
        let loads = try load.map { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, let rate = Double(parts[1]) else {
                throw ValidationError(
                    TerminalText.tamed("\"\(text)\" is no load, such as credit=4."))
            }
            return (scenario: ScenarioID(String(parts[0])), rate: rate)
        }
        guard let design = FactorialDesign(scenarios: loads.count, repeats: repeats, seed: seed)
        else {
            throw ValidationError(
                "A test has 1 to \(FactorialDesign.maximumScenarios) scenarios and 1 to "
                    + "\(FactorialDesign.maximumRepeats) repeats.")
        }
        do throws(ScheduleError) {
            let schedule = try LoadSchedule(
                design, of: loads, start: start, block: block, washout: washout)
            try schedule.checkPlan(repeats: repeats)
            try schedule.check(window: window)
            return schedule
        } catch { throw ValidationError(TerminalText.tamed("\(error).")) }
    }
}

/// A length of time that may be none.
private enum Washout {
    @Sendable
    static func parse(_ text: String) throws -> Nanoseconds {
        text == "0s" ? .zero : try LengthOfTime.parse(text)
    }
}

/// `jouleflow-collector experiment read`.
struct ExperimentReadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "What a flow of each scenario uses, from the records of a load test.",
        discussion: """
            Each block is one window, without its washout. What took place is what agents counted, not \
            what was planned; it must follow the schedule: of each scenario, at most half as many \
            exchanges a second in blocks in which it is off as in those in which it is on. The schedule \
            must be one of a factorial test. The answer is that of `jouleflow-collector alpha`.
            """)

    /// More than the most blocks of the most scenarios take; a longer file is refused.
    private static let maximumBytes = 16 << 20

    @Argument(help: "The schedule that `experiment plan` wrote.")
    var schedule: String
    @OptionGroup var weights: WeightsArguments

    func run() throws {
        let schedule = try read()
        try weights.answer { try WeightsRequest(schedule, hosts: $0, counting: $1) }
    }

    private func read() throws -> LoadSchedule {
        let bytes = try InputFile.bytes(schedule, limit: Self.maximumBytes)
        guard bytes.count <= Self.maximumBytes else {
            throw Failure(
                .unreadable, "\(schedule): longer than any schedule, \(Self.maximumBytes) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.unreadable, "\(schedule): not UTF-8, so no schedule")
        }
        do throws(ScheduleError) { return try LoadSchedule(csv: text) } catch {
            throw Failure(.unreadable, TerminalText.tamed("\(self.schedule): \(error)"))
        }
    }
}
