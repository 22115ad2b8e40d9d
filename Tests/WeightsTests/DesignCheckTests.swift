import Assessment
import Metering
import Testing

@testable import Weights

@Suite("A designed test is refused where it could tell nothing")
struct DesignCheckTests {
    private func plan(
        _ scenarios: [ScenarioID], repeats: Int
    ) throws -> LoadSchedule {
        let design = try #require(
            FactorialDesign(scenarios: scenarios.count, repeats: repeats, seed: 1))
        return try LoadSchedule(
            design, of: scenarios.map { ($0, 1) }, start: Timestamp(0), block: .seconds(60),
            washout: .zero)
    }

    @Test(
        "too few blocks are refused, with the least repeats that suffice",
        arguments: [(1, 15, 16), (2, 7, 8), (3, 3, 4), (4, 1, 2)])
    func fewBlocks(scenarios: Int, few: Int, enough: Int) throws {
        let names = Array(StandardWeights.scenarios.reversed().prefix(scenarios))
        let problem = #expect(throws: ScheduleError.self) {
            try plan(names, repeats: few).checkPlan(repeats: few)
        }
        let words = try #require(problem).description
        #expect(words.contains("32 are needed: write --repeats \(enough) or more"), "\(words)")
        try plan(names, repeats: enough).checkPlan(repeats: enough)
        #expect(try plan(names, repeats: enough).blocks.count >= RegressionGates.designed.blocks)
    }

    @Test("a test without a query is refused, with what to add")
    func noQuery() throws {
        let problem = #expect(throws: ScheduleError.noQuery) {
            try plan([.credit], repeats: 16).checkPlan(repeats: 16)
        }
        #expect(try #require(problem).description.hasSuffix("add --load query=N"))
    }

    @Test("every plan is a design", arguments: 1...6)
    func planned(scenarios: Int) throws {
        let names = (0..<scenarios).map { ScenarioID("s\($0)") }
        try plan(names, repeats: 1).checkDesign()
    }

    /// 32 blocks, of which each element of `columns` says whether one scenario is on.
    private func schedule(_ columns: [(Int) -> Bool]) throws -> LoadSchedule {
        let names = columns.indices.map { ",s\($0)" }.joined()
        let lines = (0..<32).map { index in
            let times = ["\(index):00", "\(index):00", "\(index):30"].map { time in
                "2026-11-21T00:" + (index < 10 ? "0" : "") + time + "Z"
            }
            return (["\(index + 1)"] + times + columns.map { $0(index) ? "2" : "0" })
                .joined(separator: ",")
        }
        return try LoadSchedule(
            csv: (["block,start,measured_from,end" + names] + lines).joined(separator: "\n") + "\n")
    }

    @Test("a schedule whose scenarios cannot be told apart is none of a designed test")
    func fixed() throws {
        let odd: (Int) -> Bool = { $0 % 2 == 1 }
        let half: (Int) -> Bool = { $0 < 16 }
        try schedule([odd, half]).checkDesign()
        #expect(throws: ScheduleError.constant("s0", isOn: false)) {
            try schedule([{ _ in false }, { _ in false }]).checkDesign()
        }
        #expect(throws: ScheduleError.constant("s1", isOn: true)) {
            try schedule([odd, { _ in true }]).checkDesign()
        }
        #expect(throws: ScheduleError.together("s0", "s2")) {
            try schedule([odd, half, odd]).checkDesign()
        }
        #expect(throws: ScheduleError.byTurns("s1", "s2")) {
            try schedule([odd, half, { $0 >= 16 }]).checkDesign()
        }
    }

    private func load(on: UInt64, off: UInt64) -> ScheduledLoad {
        var load = ScheduledLoad()
        // Rates count, not counts: twice as long off as on.
        load.add(on, seconds: 10, isOn: true)
        load.add(off, seconds: 10, isOn: false)
        load.add(off, seconds: 10, isOn: false)
        return load
    }

    @Test("what took place follows a schedule where it is at most half as frequent while off")
    func follows() {
        for (on, off) in [(100, 0), (100, 50), (0, 0)] as [(UInt64, UInt64)] {
            #expect(load(on: on, off: off).obstacle(of: .query) == nil)
        }
        for (on, off) in [(100, 51), (100, 100), (0, 1)] as [(UInt64, UInt64)] {
            let words = load(on: on, off: off).obstacle(of: .query) ?? ""
            #expect(words.hasPrefix("query did not follow the schedule"), "\(words)")
        }
        var half = ScheduledLoad()
        half.add(100, seconds: 10, isOn: true)
        #expect(half.obstacle(of: .query)?.contains("off are not whole") ?? false)
    }
}
