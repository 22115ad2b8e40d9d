import ArgumentParser
import Foundation
import Lab
import Metering
import Weights

/// `jouleflow-lab load-schedule`: the load generator by a schedule of `jouleflow-collector experiment`.
struct LoadScheduleCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load-schedule",
        abstract: "Send what a schedule says, block after block, to jouleflow-lab app.",
        discussion: """
            Waits for each block's start by the wall clock. A block that is over is left out, and one that \
            has begun is sent for what is left of it. All flows complete. Prints what was sent as JSON.
            """)

    @Argument(help: "The schedule: CSV as `jouleflow-collector experiment plan` writes it.")
    var schedule: String

    @Option(help: "The application's port.")
    var port: PortArgument

    @Option(help: "Keep-alive connections, 1 to 512.")
    var connections: Int = 8

    @Option(help: "The same seed gives the same sequence of requests.")
    var seed: UInt64 = 1

    func validate() throws {
        guard (1...LoadPlan.maximumConnections).contains(connections) else {
            throw ValidationError("--connections must be 1 to \(LoadPlan.maximumConnections).")
        }
    }

    mutating func run(until signals: StopSignals) throws {
        let schedule = try read()
        var whole = LoadResult()
        for (index, block) in schedule.blocks.enumerated() {
            if let result = try run(block, index, schedule.scenarios, signals) { whole.add(result) }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        say(String(decoding: try encoder.encode(whole), as: UTF8.self))
        if whole.errors > 0 {
            throw quit("\(whole.errors) errors; first: \(whole.firstError ?? "")", status: 1)
        }
    }

    private func read() throws -> LoadSchedule {
        let text: String
        do { text = try String(contentsOfFile: schedule, encoding: .utf8) } catch {
            throw quit("cannot read \(schedule): \(error.localizedDescription)", status: 5)
        }
        do throws(ScheduleError) { return try LoadSchedule(csv: text) } catch {
            throw quit("\(schedule): \(error)", status: 5)
        }
    }

    /// Sends one block; `nil` of one that is over, or in which nothing is on.
    private func run(
        _ block: LoadSchedule.Block, _ index: Int, _ scenarios: [ScenarioID],
        _ signals: StopSignals
    ) throws -> LoadResult? {
        let wait = block.start.since(LabClock.wall)
        guard signals.wait(for: wait) == nil else { throw ExitCode(1) }
        let left = block.end.since(LabClock.wall)
        guard left > .zero, let plan = try plan(block, index, scenarios, left) else { return nil }
        let generator = LoadGenerator(plan)
        var stopped = false
        while generator.result == nil {
            if signals.wait(for: .milliseconds(20)) != nil {
                generator.stop()
                stopped = true
            }
        }
        let result = generator.result
        try generator.shutdown()
        guard !stopped else { throw ExitCode(1) }
        return result
    }

    private func plan(
        _ block: LoadSchedule.Block, _ index: Int, _ scenarios: [ScenarioID], _ length: Nanoseconds
    ) throws -> LoadPlan? {
        var shares = [Double](repeating: 0, count: LoanScenario.allCases.count)
        for (scenario, rate) in zip(scenarios, block.rates) {
            let place = LoanScenario.allCases.firstIndex { $0.rawValue == scenario.name }
            guard let place else {
                throw quit("the application has no scenario \(scenario.name)", status: 2)
            }
            shares[place] = rate
        }
        let rate = shares.reduce(0, +)
        guard rate > 0 else { return nil }
        guard (0.1...LoadPlan.maximumRate).contains(rate),
            let mix = LoadMix(
                shares: shares, refused: 0, errors: 0, seed: seed &+ UInt64(index))
        else {
            throw quit(
                "block \(index + 1): flows a second must be 0.1 to \(Int(LoadPlan.maximumRate))",
                status: 2)
        }
        return LoadPlan(
            port: port.number, length: length, rate: rate, connections: connections, mix: mix)
    }
}
