import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab load`: the load generator.
struct LoadCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Send a bounded mix of flows to jouleflow-lab app and count how each ended.")

    @Option(help: "The application's port.")
    var port: PortArgument

    @Option(help: "How long to send, 1 to 86400 seconds.")
    var seconds: Int = 60

    @Option(help: "Flows a second, 0.1 to 20000.")
    var rate: Double = 250

    @Option(help: "Keep-alive connections, 1 to 512.")
    var connections: Int = 8

    @Option(help: "The same seed gives the same sequence of requests.")
    var seed: UInt64 = 1

    @Option(help: "Shares of credit, drawdown, repayment and query.")
    var mix: SharesArgument = SharesArgument(shares: [10, 20, 20, 50])

    @Option(help: "The part of the flows that is refused.")
    var refused: Double = 0.08

    @Option(help: "The part of the flows that fails technically.")
    var errors: Double = 0.02

    @Flag(help: "Flows fall due independently of each other, in place of at equal distances.")
    var random = false

    @Option(help: "With --random, how far each scenario's rate swings about its mean, 0 to 1.")
    var swing: Double = 0

    @Flag(help: "With --random, 1 s in 4 has five times the rate of the others.")
    var bursts = false

    @Option(help: "text or json.")
    var format: OutputFormat = .text

    @Flag(help: "Say on standard error every second how many flows have ended.")
    var progress = false

    func validate() throws { _ = try plan() }

    mutating func run(until signals: StopSignals) throws {
        let generator = LoadGenerator(try plan())
        let start = LabClock.boot
        var told = 0
        while generator.result == nil {
            if signals.wait(for: .milliseconds(20)) != nil { generator.stop() }
            let second = Int(LabClock.boot.subtractingClamped(start).seconds)
            if progress, second > told {
                told = second
                say("progress seconds=\(second) flows=\(generator.flows)", to: .error)
            }
        }
        guard let result = generator.result else { return }
        try generator.shutdown()
        try tell(result)
        if result.errors > 0 {
            throw quit("\(result.errors) errors; first: \(result.firstError ?? "")", status: 1)
        }
    }

    private func tell(_ result: LoadResult) throws {
        switch format {
        case .text: say(result.table)
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            say(String(decoding: try encoder.encode(result), as: UTF8.self))
        }
    }

    private func plan() throws -> LoadPlan {
        guard (1...86_400).contains(seconds) else {
            throw ValidationError("--seconds must be 1 to 86400.")
        }
        guard (0.1...LoadPlan.maximumRate).contains(rate) else {
            throw ValidationError("--rate must be 0.1 to \(Int(LoadPlan.maximumRate)).")
        }
        guard (1...LoadPlan.maximumConnections).contains(connections) else {
            throw ValidationError("--connections must be 1 to \(LoadPlan.maximumConnections).")
        }
        let mix = LoadMix(shares: mix.shares, refused: refused, errors: errors, seed: seed)
        guard let mix else {
            throw ValidationError(
                "--mix takes four shares of 0 or more, not all 0; --refused and --errors are parts"
                    + " from 0 to 1 whose sum is at most 1.")
        }
        guard (0...1).contains(swing), random || (swing == 0 && !bursts) else {
            throw ValidationError("--swing must be 0 to 1; it and --bursts need --random.")
        }
        var plan = LoadPlan(
            port: port.number, length: .seconds(UInt64(seconds)), rate: rate,
            connections: connections, mix: mix)
        if random { plan.rhythm = .random(swing: swing, bursts: bursts) }
        return plan
    }
}
