import Metering
import Store
import Testing
import Weights

@testable import Collector

@Suite("What ran in production is no designed test")
struct ProductionAsTestTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore
    let schedule: LoadSchedule

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
        let design = try #require(FactorialDesign(scenarios: 4, repeats: 3, seed: 5))
        schedule = try LoadSchedule(
            design, of: [(.credit, 4), (.drawdown, 10), (.repayment, 25), (.query, 80)],
            start: Timestamp(origin * 1_000_000_000), block: .seconds(60), washout: .seconds(10))
    }

    /// Six windows of each block; `part` of the load takes place where the schedule says it is off.
    private func rows(leaking part: [Double]) -> [[UInt64]] {
        let full = [40.0, 100, 250, 800]
        var random = SplitMix(state: 3)
        return schedule.blocks.flatMap { block in
            (0..<6).map { _ in
                full.indices.map { index in
                    let mean = full[index] * (block.rates[index] > 0 ? 1 : part[index])
                    return UInt64(mean * Double.random(in: 0.8...1.2, using: &random))
                }
            }
        }
    }

    @Test("a schedule over production tells no figure, and says of each scenario why")
    func production() throws {
        try WeighedAgent("a", length: 10).store(
            rows(leaking: [1, 1, 1, 1]), from: origin, in: store)
        let content = try Pipeline.weights(
            WeightsRequest(schedule, hosts: .all, counting: .exchanges), from: store)
        #expect(content.wholeWindows == 48)
        for part in content.parts {
            #expect(part.windows == 48)
            for name in ["credit", "drawdown", "repayment", "query"] {
                #expect(
                    part.obstacles.contains { $0.hasPrefix("\(name) did not follow the schedule") })
            }
            #expect(part.background == nil && part.probability == nil && part.units == nil)
            #expect(part.lines.allSatisfy { $0.perFlow == nil && $0.ratio == nil })
            #expect(part.lines.map(\.verdict) == nothingTold)
        }
        #expect(content.shapley.perFlow.allSatisfy { $0 == nil })
        #expect(content.shapley.obstacle != nil)
    }

    @Test("a scenario beside the test, which the schedule does not name, is named")
    func unplanned() throws {
        let design = try #require(FactorialDesign(scenarios: 2, repeats: 9, seed: 5))
        let schedule = try LoadSchedule(
            design, of: [(.credit, 4), (.query, 80)], start: Timestamp(origin * 1_000_000_000),
            block: .seconds(60), washout: .seconds(10))
        func rows(drawdowns: UInt64) -> [[UInt64]] {
            schedule.blocks.flatMap { block in
                (0..<6).map { number in
                    let other = drawdowns == 0 ? 0 : drawdowns + UInt64(number % 2)
                    return [block.rates[0] > 0 ? 40 : 0, other, 0, block.rates[1] > 0 ? 800 : 0]
                }
            }
        }
        for (agent, drawdowns) in [("a", 0), ("b", 100)] as [(String, UInt64)] {
            try WeighedAgent(agent, length: 10).store(
                rows(drawdowns: drawdowns), from: origin, in: store)
            let content = try Pipeline.weights(
                WeightsRequest(schedule, hosts: .named([agent]), counting: .exchanges), from: store)
            for part in content.parts {
                let isNamed = part.obstacles.contains { $0.hasPrefix("drawdown took place, and") }
                #expect(isNamed == (drawdowns > 0), "\(part.obstacles)")
                #expect(drawdowns == 0 || part.lines.allSatisfy { $0.perFlow == nil })
            }
        }
    }

    @Test("one scenario that went on is enough, and some load beside the test is none")
    func partly() throws {
        try WeighedAgent("a", length: 10).store(
            rows(leaking: [0, 0.7, 0, 0]), from: origin, in: store)
        let content = try Pipeline.weights(
            WeightsRequest(schedule, hosts: .all, counting: .exchanges), from: store)
        #expect(content.parts.allSatisfy { $0.lines.allSatisfy { $0.ratio == nil } })
        #expect(content.parts[0].obstacles.count == 1)
        let other = try SQLiteRecordStore(path: directory.path + "/other.db")
        try WeighedAgent("a", length: 10).store(
            rows(leaking: [0.3, 0.3, 0.3, 0.3]), from: origin, in: other)
        let told = try Pipeline.weights(
            WeightsRequest(schedule, hosts: .all, counting: .exchanges), from: other)
        #expect(told.parts[0].obstacles.isEmpty)
        #expect(told.parts[0].lines[0].verdict == "consistent")
    }

    @Test("a test that is not over is to be read later, not to be planned")
    func halfWay() throws {
        let rows = rows(leaking: [0, 0, 0, 0])
        try WeighedAgent("a", length: 10).store(
            Array(rows.prefix(rows.count / 2)), from: origin, in: store)
        let content = try Pipeline.weights(
            WeightsRequest(schedule, hosts: .all, counting: .exchanges), from: store)
        #expect(content.wholeWindows == 24)
        for part in content.parts {
            let blocks = part.obstacles.filter {
                $0.hasPrefix("24 whole blocks tell it, and 32 are needed")
            }
            #expect(blocks.count == 1)
            #expect(!part.obstacles.contains { $0.contains("longer period") })
            #expect(!part.obstacles.contains { $0.contains("plan a factorial test") })
        }
    }

    @Test("a schedule of blocks without load is refused")
    func withoutLoad() throws {
        let text = schedule.csv.replacing(/,(4|10|25|80)\.0/) { _ in ",0.0" }
        let idle = try LoadSchedule(csv: text)
        #expect(throws: WeightsRequest.Problem.design(.constant("credit", isOn: false))) {
            _ = try WeightsRequest(idle, hosts: .all, counting: .exchanges)
        }
    }
}
