import ArgumentParser
import Foundation
import Lab
import Metering
import SyntheticLoad
import Weights

/// `jouleflow-lab bench alpha`.
struct AlphaBenchCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alpha",
        abstract: "How often the intervals of measured weights hold the true ones.",
        discussion: """
            Evaluates windows of synthetic load whose weights are 24, 7, 3 and 1: a day and a week of \
            production and a factorial test, each from as many seeds. Tells for each scenario how often \
            the 95 % interval of the ratio to a query held the true one, and the median of half the \
            intervals' widths as a part of it. `alpha.coverage` and `alpha.half_width` are of all \
            intervals; the worst of one kind and scenario stand beside them.

            The goal, said on standard error, is one of each scenario by itself: 92 to 98 % of its intervals \
            hold the true ratio, over all kinds and of each, and the median of half their widths is at most \
            10 % of it, of one kind at most 12 %. Ends with status 1 where it is missed.
            """)

    @Option(help: "How many seeds, 10 to 100000.")
    var seeds = 1_000

    func validate() throws {
        guard (10...100_000).contains(seeds) else {
            throw ValidationError("--seeds must be 10 to 100000.")
        }
    }

    mutating func run(until signals: StopSignals) throws {
        var kinds: [String: Kind] = [:]
        for kind in SyntheticLoad.Kind.allCases {
            var trial = Trial(kind)
            for seed in 1...UInt64(seeds) {
                try trial.add(seed)
                guard signals.wait(until: .zero) == nil else { throw ExitCode(1) }
            }
            kinds[kind.rawValue] = trial.result
        }
        let all = kinds.values.flatMap(\.scenarios)
        let widths = all.flatMap(\.widths).sorted()
        let result = Result(
            coverage: all.map(\.coverage).reduce(0, +) / Double(max(1, all.count)),
            lowestCoverage: all.map(\.coverage).min() ?? 0,
            highestCoverage: all.map(\.coverage).max() ?? 0,
            halfWidth: widths[widths.count / 2],
            largestHalfWidth: all.map(\.halfWidth).max() ?? 0, seeds: seeds, kinds: kinds)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        say(String(decoding: try encoder.encode(["alpha": result]), as: UTF8.self))
        say(AlphaGoal.words, to: .error)
        let missed = AlphaGoal.missed(Self.found(kinds))
        guard missed.isEmpty else {
            throw quit("the goal is missed: " + missed.joined(separator: "; "), status: 1)
        }
    }

    /// Each scenario of all kinds together, then of each.
    private static func found(_ kinds: [String: Kind]) -> [AlphaGoal.Found] {
        let sorted = kinds.sorted { $0.key < $1.key }
        return Trial.names.indices.flatMap { index -> [AlphaGoal.Found] in
            let each = sorted.map { $0.value.scenarios[index] }
            let widths = each.flatMap(\.widths).sorted()
            let all = AlphaGoal.Found(
                name: Trial.names[index], isOfOneLoad: false,
                coverage: each.map(\.coverage).reduce(0, +) / Double(max(1, each.count)),
                halfWidth: widths.isEmpty ? .infinity : widths[widths.count / 2])
            return [all]
                + zip(sorted, each).map { kind, scenario in
                    AlphaGoal.Found(
                        name: "\(Trial.names[index]), \(kind.key)", isOfOneLoad: true,
                        coverage: scenario.coverage, halfWidth: scenario.halfWidth)
                }
        }
    }

    private struct Result: Encodable {
        let coverage: Double
        let lowestCoverage: Double
        let highestCoverage: Double
        let halfWidth: Double
        let largestHalfWidth: Double
        let seeds: Int
        let kinds: [String: Kind]
    }

    private struct Kind: Encodable {
        let scenarios: [Scenario]
        /// The median, and how many of the seeds passed all gates.
        let condition: Double
        let passed: Int
        /// How often the hypothesis of the true weights was rejected at 5 %.
        let rejected: Double
    }

    private struct Scenario: Encodable {
        let weight: Double
        let coverage: Double
        let halfWidth: Double
        let widths: [Double]

        enum CodingKeys: CodingKey { case weight, coverage, halfWidth }
    }

    private struct Trial {
        /// In the order of their weights.
        static let names = ["credit", "drawdown", "repayment"]

        let kind: SyntheticLoad.Kind
        private let weights = [24.0, 7, 3]
        private var held = [0, 0, 0]
        private var widths: [[Double]] = [[], [], []]
        private var conditions: [Double] = []
        private var passed = 0
        private var rejected = 0

        init(_ kind: SyntheticLoad.Kind) { self.kind = kind }

        mutating func add(_ seed: UInt64) throws {
            var load = SyntheticLoad(kind, seed: seed)
            let found = try Regression(load.windows(), scenarios: 4, settings: load.settings)
            conditions.append(found.condition)
            if found.obstacles.isEmpty { passed += 1 }
            if (found.weightsProbability ?? 1) <= 0.05 { rejected += 1 }
            for (index, weight) in weights.enumerated() {
                let interval = found.ratios[index]?.interval
                if interval?.contains(weight) ?? false { held[index] += 1 }
                widths[index].append(
                    interval.map { ($0.high - $0.low) / 2 / weight } ?? .infinity)
            }
        }

        var result: Kind {
            let runs = max(1, conditions.count)
            return Kind(
                scenarios: weights.indices.map { index in
                    Scenario(
                        weight: weights[index], coverage: Double(held[index]) / Double(runs),
                        halfWidth: widths[index].sorted()[runs / 2], widths: widths[index])
                }, condition: conditions.sorted()[runs / 2], passed: passed,
                rejected: Double(rejected) / Double(runs))
        }
    }
}
