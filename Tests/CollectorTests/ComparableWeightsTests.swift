import Assessment
import Foundation
import Metering
import Report
import Store
import Testing

@testable import Collector

/// A store of windows of a minute, and what measured weights tell of the first 1,100 of them.
struct MinuteWeights {
    static let minutes: UInt64 = 1_100
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
    }

    /// Exchanges by scenario, whose mix varies; at first the four of the standard.
    static func rows(_ means: [Double] = [60, 180, 600, 6_000]) -> [[UInt64]] {
        var random = SplitMix(state: 8)
        return (0..<minutes).map { minute in
            let level = 1 + 0.7 * sin(Double(minute) / 229)
            return means.map { UInt64($0 * level * Double.random(in: 0.5...1.5, using: &random)) }
        }
    }

    func keep(_ agent: WeighedAgent, _ rows: [[UInt64]] = rows(), after minutes: UInt64 = 0) throws
    {
        try agent.store(rows, from: origin + minutes * 60, in: store, noiseJoules: 10)
    }

    func answer(
        _ hosts: WeightsRequest.Hosts = .all, by factor: EmissionFactor? = nil
    ) throws -> WeightsContent {
        var request = try WeightsRequest(
            from: Timestamp(origin * 1_000_000_000),
            to: Timestamp((origin + Self.minutes * 60) * 1_000_000_000), window: .seconds(60),
            block: .seconds(1_800), hosts: hosts, counting: .exchanges)
        request.factor = factor
        return try Pipeline.weights(request, from: store)
    }

    /// Expects no figure, and a reason of each part.
    static func expectUntold(_ content: WeightsContent, _ words: String) {
        for part in content.parts {
            #expect(part.obstacles.contains { $0.contains(words) }, "\(part.obstacles)")
            #expect(part.lines.allSatisfy { $0.perFlow == nil && $0.ratio == nil })
            #expect(part.lines.map(\.verdict).prefix(4) == nothingTold[...])
            #expect(part.units == nil && part.probability == nil)
        }
        #expect(content.shapley.perFlow.allSatisfy { $0 == nil })
    }
}

@Suite("What measured weights do not take for a count")
struct ComparableWeightsTests {
    let weights: MinuteWeights

    init() throws { weights = try MinuteWeights() }

    @Test("windows without a rule that others have are not whole, and no 0", arguments: [1, 300])
    func missingRule(windows: Int) throws {
        var agent = WeighedAgent("a", length: 60)
        for index in 0..<windows {
            agent.altering[index] = { record in
                record.tally.scenarios[0] = ScenarioTally(observation: .noRule)
                record.tally.services[0].flows[0] = 0
            }
        }
        try weights.keep(agent)
        let content = try weights.answer()
        #expect(content.wholeWindows == 1_100 - windows)
        let lack = "host a: no rule for credit in \(windows) of them, as it has in others"
        #expect(content.lackingRules == [lack])
        #expect(content.table().contains("           " + lack))
        guard windows == 1 else {
            return #expect(content.parts[0].obstacles.contains { $0.contains("800 windows") })
        }
        for part in content.parts {
            #expect(part.obstacles.isEmpty)
            #expect(part.lines.map(\.verdict) == ["consistent", "consistent", "consistent", nil])
        }
    }

    @Test("a host that never has the rule is no reason: others count for it")
    func otherLayers() throws {
        try weights.keep(WeighedAgent("a", length: 60))
        try weights.keep(WeighedAgent("b", length: 60, counts: false))
        let content = try weights.answer()
        #expect(content.wholeWindows == 1_100)
        #expect(content.parts[0].obstacles.isEmpty)
    }

    @Test("a scenario that no host has a rule for leaves R unknown: no units")
    func noRule() throws {
        var agent = WeighedAgent("a", length: 60)
        agent.scenarios = [.credit, ScenarioID("loan"), .repayment, .query]
        try weights.keep(agent)
        let content = try weights.answer()
        #expect(content.parts[0].lines[0].verdict == "consistent")
        #expect(content.parts[0].units == nil)
        #expect(
            content.parts[0].obstacles == [
                "no host has a rule for drawdown, so that R is not known: no units"
            ])
    }

    @Test("scenarios beyond 16 are other exchanges, and where they took place they are named")
    func tooMany() throws {
        let others = (1...16).map { ScenarioID("s\(10 + $0)") }
        for mean in [100.0, 0] {
            let weights = try MinuteWeights()
            var agent = WeighedAgent("a", length: 60)
            agent.scenarios = StandardWeights.scenarios + others
            agent.costs += Array(repeating: 0.01, count: 16)
            let means = Array(repeating: 100.0, count: 12) + Array(repeating: mean, count: 4)
            let rows = MinuteWeights.rows([60, 180, 600, 6_000] + means).prefix(60)
            try weights.keep(agent, Array(rows))
            let content = try weights.answer()
            #expect(content.scenarios.count == 16)
            // 3 health checks in each window.
            let beyond = rows.reduce(0) { $0 + $1[16...].reduce(0, +) }
            #expect(content.otherExchanges == 180 + beyond)
            guard mean == 0 else {
                MinuteWeights.expectUntold(content, "beyond them s23, s24, s25, s26; count several")
                continue
            }
            #expect(!content.parts[0].obstacles.contains { $0.contains("scenarios took place") })
        }
    }

    @Test("two runs of a host that cover one half of each window twice do not make it whole")
    func overlapping() throws {
        for run in [RunID(0xA1FA), RunID(0xA1FB)] {
            var agent = WeighedAgent("a", length: 30, run: run)
            agent.pause = 30
            try weights.keep(agent, Array(MinuteWeights.rows().prefix(20)))
        }
        #expect(try weights.answer().wholeWindows == 0)
        // One after the other they do.
        let other = try MinuteWeights()
        for (run, later) in [(RunID(0xA1FA), 0), (RunID(0xA1FB), 30)] as [(RunID, UInt64)] {
            var agent = WeighedAgent("a", length: 30, run: run)
            agent.pause = 30
            try agent.store(
                Array(MinuteWeights.rows().prefix(20)), from: origin + later, in: other.store)
        }
        #expect(try other.answer().wholeWindows == 20)
    }

    @Test("the host that leaves no window whole is named")
    func spoiling() throws {
        try weights.keep(WeighedAgent("a", length: 60))
        try weights.keep(WeighedAgent("old", length: 60), Array(MinuteWeights.rows().prefix(3)))
        let content = try weights.answer()
        #expect(content.wholeWindows == 3)
        #expect(content.table().contains("           host old: 3 of them are whole\n"))
        #expect(!content.table().contains("host a: 1100 of them"))
        #expect(
            content.json().replacing(/\s/, with: "")
                .contains("\"whole_windows_by_host\":{\"a\":1100,\"old\":3}"))
        // One record 57 s into the period, and no window is whole.
        let other = try MinuteWeights()
        try other.keep(WeighedAgent("a", length: 60))
        try WeighedAgent("old", length: 60).store(
            [[1, 1, 1, 1]], from: origin - 57, in: other.store)
        for part in try other.answer().parts {
            #expect(part.obstacles == ["no window is whole on every host, on host old 0 of 1100"])
        }
    }

    @Test("a host that counted by two sets of rules is named, with when, and nothing is told")
    func changedRules() throws {
        let rows = MinuteWeights.rows()
        try weights.keep(WeighedAgent("a", length: 60), Array(rows.prefix(600)))
        var agent = WeighedAgent("a", length: 60, run: RunID(0xA1FB))
        agent.rules = String(repeating: "1", count: 64)
        try weights.keep(agent, Array(rows.dropFirst(600)), after: 600)
        let content = try weights.answer()
        #expect(content.wholeWindows == 1_100)
        MinuteWeights.expectUntold(content, "host a counted by 2 sets of rules, from ")
        MinuteWeights.expectUntold(content, "evaluate a time under one set of rules")
    }

    @Test("other rules of a host that counts nothing are no reason")
    func rulesWithoutCounts() throws {
        try weights.keep(WeighedAgent("a", length: 60))
        let rows = MinuteWeights.rows()
        try weights.keep(WeighedAgent("b", length: 60, counts: false), Array(rows.prefix(600)))
        var agent = WeighedAgent("b", length: 60, counts: false, run: RunID(0xA1FB))
        agent.rules = String(repeating: "1", count: 64)
        try weights.keep(agent, Array(rows.dropFirst(600)), after: 600)
        let content = try weights.answer()
        #expect(content.wholeWindows == 1_100)
        #expect(content.parts[0].obstacles.isEmpty)
    }
}
