import ArgumentParser
import Foundation
import Lab
import Metering
import Weights

/// `jouleflow-lab divide`: what each model makes of the same windows.
struct DivideCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "divide",
        abstract: "Divide the windows in agents' spools by each model; prints JSON.",
        discussion: """
            For `Benchmarks/accuracy`. The agents have ended; they measured time in flight \
            (attribution model concurrency) and sent nothing. What the collector's models tell of a run is \
            fitted to the windows of the others; of a single one, to its own.
            """)

    @Argument(help: "Agents' state folders.")
    var states: [String]

    mutating func run() throws {
        let runs: [[MeasuredWindow]]
        do { runs = try states.map(MeasuredWindow.windows(inState:)) } catch {
            throw quit("\(error)", status: 5)
        }
        let result: Result
        do { result = try Self.divide(runs) } catch {
            throw quit("the windows bear no regression: \(error)", status: 1)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        say(String(decoding: try encoder.encode(result), as: UTF8.self))
    }

    private static func divide(_ runs: [[MeasuredWindow]]) throws(RegressionError) -> Result {
        let all = runs.flatMap(\.self)
        let whole = try FittedModels(all, pricedBy: all)
        var divided: [Run] = []
        for (index, run) in runs.enumerated() {
            let others = runs.indices.filter { $0 != index }.flatMap { runs[$0] }
            divided.append(
                Run(run, try FittedModels(others.isEmpty ? run : others, pricedBy: run)))
        }
        return Result(
            runs: divided, condition: whole.condition, holdOut: whole.holdOut,
            obstacles: whole.obstacles, joulesByCPUTime: whole.joulesByCPUTime,
            curve: whole.curve?.factors)
    }

    private struct Result: Encodable {
        let runs: [Run]
        /// Of the regression of all runs' windows together.
        let condition: Double
        let holdOut: Double?
        /// Which gates of the collector they do not pass.
        let obstacles: [String]
        /// Joules of a flow by scenario, fitted to all windows.
        let joulesByCPUTime: [Double]
        /// Watts for √u, u and u².
        let curve: [Double]?
    }

    private struct Run: Encodable {
        let windows: Int
        /// Windows whose parts do not sum to the energy of the counted zones, to the microjoule.
        let unconserved: Int
        /// Windows in which something was counted and not all energy could be divided.
        let undivided: Int
        let flows: [UInt64]
        /// Requests whose response did not come.
        let unfinished: UInt64
        /// Joules by model and scenario.
        let models: [String: [Double]]
        /// Joules of the services beyond the scenarios', by the agent's model.
        let background: Double

        init(_ windows: [MeasuredWindow], _ fitted: FittedModels) {
            self.windows = windows.count
            unconserved = windows.count { !$0.isConserved }
            undivided = windows.count { !$0.isDivided && $0.counts.contains { $0 > 0 } }
            let none = [Double](repeating: 0, count: windows.first?.scenarios ?? 0)
            flows = none.indices.map { index in
                windows.reduce(0) { $0 + UInt64($1.counts[index]) }
            }
            unfinished = windows.reduce(0) { $0 + $1.record.tally.losses.unfinished }
            models = DividingModel.allCases.reduce(into: [:]) { models, model in
                models[model.rawValue] = windows.reduce(none) { sums, window in
                    zip(sums, model.joules(window, fitted)).map { $0 + $1 }
                }
            }
            background = windows.reduce(0) {
                let parts = $1.record.partition
                let beyond = (parts?.background ?? .zero) + (parts?.other ?? .zero)
                return $0 + Double(beyond.rawValue) / 1e6
            }
        }
    }
}
