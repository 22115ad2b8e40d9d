import Foundation
import Metering
import Report
import Store
import Testing
import Weights

@testable import Collector

/// A factorial test of 48 blocks of 60 s, the first 10 s of each washed out.
private func plannedTest() throws -> LoadSchedule {
    let design = try #require(FactorialDesign(scenarios: 4, repeats: 3, seed: 5))
    return try LoadSchedule(
        design, of: [(.credit, 4), (.drawdown, 10), (.repayment, 25), (.query, 80)],
        start: Timestamp(origin * 1_000_000_000), block: .seconds(60), washout: .seconds(10))
}

/// What took place in windows of `length` seconds of a schedule, as agents would count it.
private func rows(_ schedule: LoadSchedule, length: UInt64, seed: UInt64 = 3) -> [[UInt64]] {
    var random = SplitMix(state: seed)
    return schedule.blocks.flatMap { block in
        (0..<block.end.since(block.start).rawValue / 1_000_000_000 / length).map { _ in
            block.rates.map { rate in
                let mean = rate * Double(length)
                return UInt64(mean * Double.random(in: 0.8...1.2, using: &random))
            }
        }
    }
}

/// Verdicts where nothing is told: none of the reference.
let nothingTold: [String?] = ["undetermined", "undetermined", "undetermined", nil]

@Suite("Measured weights come from the records of hosts")
struct MeasuredWeightsTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore
    let schedule: LoadSchedule

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
        schedule = try plannedTest()
    }

    private func answer(
        _ hosts: WeightsRequest.Hosts = .all, _ counting: WeightsRequest.Counting = .exchanges
    ) throws -> WeightsContent {
        try Pipeline.weights(
            WeightsRequest(schedule, hosts: hosts, counting: counting), from: store)
    }

    private func perFlow(_ content: WeightsContent, _ part: Int) -> [Double] {
        content.parts[part].lines.map { $0.perFlow?.value ?? .nan }
    }

    private func expectNear(_ found: [Double], _ truth: [Double], _ part: Double = 0.03) {
        #expect(found.count == truth.count)
        for (found, truth) in zip(found, truth) {
            #expect((found - truth).magnitude <= part * truth)
        }
    }

    @Test("a designed test tells what was put in, and that Table 2 holds")
    func designed() throws {
        try WeighedAgent("a", length: 10).store(rows(schedule, length: 10), from: origin, in: store)
        let content = try answer()
        #expect(content.isDesigned && content.isWhole && content.simulated)
        #expect(content.windows == 48 && content.wholeWindows == 48)
        #expect(content.parts.map(\.obstacles) == [[], [], []])
        expectNear(perFlow(content, 0), [0.048, 0.014, 0.006, 0.002], 1e-6)
        expectNear(perFlow(content, 1), [0.48, 0.14, 0.06, 0.02])
        expectNear(perFlow(content, 2), [0.48, 0.14, 0.06, 0.02], 0.002)
        #expect(content.parts.map { $0.prices.map(\.host) } == [[], [], ["a"]])
        for part in content.parts {
            #expect(part.lines.map(\.verdict) == ["consistent", "consistent", "consistent", nil])
            let units = try #require(part.units)
            let measured = try #require(part.measuredUnits)
            #expect((units / measured - 1).magnitude < 0.05)
            let interval = try #require(part.measuredInterval)
            #expect(interval.low <= measured && measured <= interval.high)
            #expect(interval.high - interval.low < 0.2 * measured)
        }
        let background = try #require(content.parts[1].background)
        #expect((background.value - 101).magnitude < 1)
        // The curve is straight: Shapley's value is the CPU time's.
        #expect(content.shapley.obstacle == nil)
        expectNear(content.shapley.perFlow.map { $0 ?? .nan }, [0.48, 0.14, 0.06, 0.02])
        // 3 health checks in each of 5 windows of each of 48 blocks.
        #expect(content.otherExchanges == 720)
    }

    @Test("other weights are told from Table 2")
    func otherWeights() throws {
        var agent = WeighedAgent("a", length: 10)
        agent.costs = [0.02, 0.01, 0.008, 0.002]
        try agent.store(rows(schedule, length: 10), from: origin, in: store)
        let content = try answer()
        #expect(content.parts[0].lines[0].verdict == "differs")
        #expect(content.parts[0].lines[1].verdict == "differs")
        #expect(content.parts[0].lines[2].verdict == "differs")
        #expect(content.parts[1].lines[0].verdict == "differs")
        let probability = try #require(content.parts[0].probability)
        #expect(probability < 0.01)
    }

    @Test("what hosts without counts use belongs to the flows that others count")
    func twoHosts() throws {
        let rows = rows(schedule, length: 10)
        try WeighedAgent("front", length: 10).store(rows, from: origin, in: store)
        var back = WeighedAgent("back", length: 10, counts: false)
        back.costs = [0.024, 0.014, 0, 0.004]
        try back.store(rows, from: origin, in: store, seed: 9)
        let content = try answer()
        #expect(content.hosts == ["back", "front"])
        expectNear(perFlow(content, 0), [0.072, 0.028, 0.006, 0.006], 1e-6)
        expectNear(perFlow(content, 2), [0.72, 0.28, 0.06, 0.06], 0.002)
        #expect(content.shapley.curves.map(\.host) == ["back", "front"])
        expectNear(
            content.shapley.perFlow.map { $0 ?? .nan }, [0.72, 0.28, 0.06, 0.06], 0.05)

        let part = try answer(.named(["front"]))
        #expect(!part.isWhole)
        expectNear(perFlow(part, 0), [0.048, 0.014, 0.006, 0.002], 1e-6)
        for quantity in part.parts {
            #expect(quantity.lines[0].verdict == "undetermined")
            #expect(quantity.probability == nil)
            #expect(
                quantity.obstacles == [
                    "a part of the boundary does not test Table 2 and has no SCI_CF: no verdict, "
                        + "no units"
                ])
        }
    }

    @Test("flows of several exchanges cost what all of them do, by either count")
    func severalExchanges() throws {
        var agent = WeighedAgent("a", length: 10)
        agent.exchangesPerFlow = 2
        let rows = rows(schedule, length: 10).map { $0.map { $0 / 2 * 2 } }
        try agent.store(rows, from: origin, in: store)
        for counting in WeightsRequest.Counting.allCases {
            let content = try answer(.all, counting)
            expectNear(perFlow(content, 0), [0.096, 0.028, 0.012, 0.004], 1e-6)
            #expect(
                content.parts[0].lines.map(\.verdict).prefix(3)
                    == .init(repeating: "consistent", count: 3))
            let measured = try #require(content.parts[0].measuredUnits)
            let interval = try #require(content.parts[0].measuredInterval)
            #expect((interval.low / measured - 1).magnitude < 1e-3)
            #expect((interval.high / measured - 1).magnitude < 1e-3)
        }
    }

    @Test(
        "a window that tells too little is left out of what it does not tell",
        arguments: [
            (WeighedAgent.Change.doubtful, 47, 47, 47), (.encrypted, 47, 47, 47),
            (.carried, 48, 48, 47), (.energyUnknown, 48, 48, 47), (.cpuUnknown, 48, 47, 48),
        ])
    func leftOut(change: WeighedAgent.Change, whole: Int, cpu: Int, joules: Int) throws {
        try WeighedAgent("a", length: 10).store(
            rows(schedule, length: 10), from: origin, in: store, changes: [8: change])
        let content = try answer()
        #expect(content.wholeWindows == whole)
        #expect(content.parts.map(\.windows) == [cpu, joules, min(cpu, joules)])
        expectNear(perFlow(content, 0), [0.048, 0.014, 0.006, 0.002], 1e-6)
        expectNear(perFlow(content, 1), [0.48, 0.14, 0.06, 0.02])
    }

    @Test("what lies in a washout, and what is missing, is no part of a block")
    func washout() throws {
        // The first window of each block is in the washout; one block lacks most of its records.
        try WeighedAgent("a", length: 10).store(
            Array(rows(schedule, length: 10).dropLast(3)), from: origin, in: store,
            changes: [0: .doubtful, 6: .doubtful])
        #expect(try answer().wholeWindows == 47)
    }

    @Test("a model's energy tells no joules, and says so")
    func model() throws {
        var agent = WeighedAgent("a", length: 10)
        agent.source = .model
        try agent.store(rows(schedule, length: 10), from: origin, in: store)
        let content = try answer()
        expectNear(perFlow(content, 0), [0.048, 0.014, 0.006, 0.002], 1e-6)
        #expect(content.parts[1].lines.allSatisfy { $0.perFlow == nil })
        #expect(content.parts[1].lines.map(\.verdict) == nothingTold)
        #expect(content.parts[1].obstacles.first?.contains("model") ?? false)
        #expect(content.shapley.obstacle != nil)
    }

    @Test("what a busy host's other programs draw is no flow's by CPU time, and idle must be known")
    func byCPUTime() throws {
        var agent = WeighedAgent("a", length: 10)
        let rows = rows(schedule, length: 10)
        // The host's joules say little: its other programs draw more than all flows, now and then.
        agent.otherCPUs = 30
        try agent.store(rows, from: origin, in: store)
        let content = try answer()
        #expect(!content.parts[1].obstacles.isEmpty)
        #expect(content.parts[2].obstacles.isEmpty)
        expectNear(perFlow(content, 2), [0.48, 0.14, 0.06, 0.02], 0.002)
        #expect(content.table().contains("10.000 J above idle of a CPU second"))

        agent = WeighedAgent("b", length: 10)
        agent.knowsIdle = false
        try agent.store(rows, from: origin, in: store)
        let unknown = try answer(.named(["b"]))
        #expect(unknown.parts[2].obstacles.first?.contains("idle power") ?? false)
        #expect(!unknown.parts[1].lines.contains { $0.perFlow == nil })
    }

    @Test(
        "an idle power that windows contradict withholds what is reckoned from it",
        arguments: [(90_000, "too low"), (110_000, "too high")])
    func wrongIdle(milliwatts: UInt64, words: String) throws {
        var agent = WeighedAgent("a", length: 10)
        agent.idleMilliwatts = milliwatts
        try agent.store(rows(schedule, length: 10), from: origin, in: store)
        let content = try answer()
        expectNear(perFlow(content, 1), [0.48, 0.14, 0.06, 0.02])
        let obstacle = try #require(content.parts[2].obstacles.first)
        #expect(obstacle.hasPrefix("host a: ") && obstacle.contains(words))
        #expect(content.parts[2].lines.allSatisfy { $0.perFlow == nil })
        #expect(content.shapley.obstacle?.contains(words) == true)
    }

    @Test("a scenario that did not take place has no figure and no part")
    func absent() throws {
        let rows = rows(schedule, length: 10).map { [$0[0], 0, $0[2], $0[3]] }
        try WeighedAgent("a", length: 10).store(rows, from: origin, in: store)
        let content = try answer()
        #expect(content.parts[0].lines[1].perFlow == nil)
        #expect(content.parts[0].lines[1].verdict == "undetermined")
        #expect(content.shapley.perFlow[1] == nil)
        #expect(content.parts.allSatisfy { $0.obstacles.isEmpty && $0.probability == nil })
        #expect(content.table().contains("and there is no ratio of drawdown"))
        expectNear([0, 2, 3].map { perFlow(content, 0)[$0] }, [0.048, 0.006, 0.002], 1e-6)
    }

    @Test("a scenario whose exchanges all fail has no ratio, and Table 2 is not tested without it")
    func withoutFlow() throws {
        var agent = WeighedAgent("a", length: 10)
        let rows = rows(schedule, length: 10)
        for index in rows.indices {
            agent.altering[index] = { record in
                record.tally.scenarios[0].failed = record.tally.scenarios[0].completed
                record.tally.scenarios[0].completed = 0
                record.tally.scenarios[0].flows = 0
                record.tally.services[0].flows[0] = 0
            }
        }
        try agent.store(rows, from: origin, in: store)
        let part = try #require(try answer().parts.first)
        #expect(part.obstacles.isEmpty)
        #expect(part.lines[0].ratio == nil && part.lines[1].ratio != nil)
        #expect(part.probability == nil)
    }

    @Test("a host without a record in the period leaves the boundary not whole")
    func silentHost() throws {
        try WeighedAgent("a", length: 10).store(rows(schedule, length: 10), from: origin, in: store)
        try WeighedAgent("gone", length: 10).store([[1, 1, 1, 1]], from: origin - 600, in: store)
        let content = try answer()
        #expect(content.silent == ["gone"] && !content.isWhole)
        #expect(content.parts[0].lines.map(\.verdict) == nothingTold)
        expectNear(perFlow(content, 0), [0.048, 0.014, 0.006, 0.002], 1e-6)
    }

    @Test("a scenario of a schedule that no host knows is mistyped")
    func mistyped() throws {
        try WeighedAgent("a", length: 10).store(rows(schedule, length: 10), from: origin, in: store)
        let text = schedule.csv.replacing(",credit", with: ",kredit", maxReplacements: 1)
        let request = try WeightsRequest(
            LoadSchedule(csv: text), hosts: .all, counting: .flows)
        #expect(throws: WeightsRequest.Problem.unknownScenarios(["kredit"])) {
            try Pipeline.weights(request, from: store)
        }
    }

    @Test("without records, with hosts that nobody knows, and where records are too long")
    func nothing() throws {
        let empty = try answer()
        #expect(empty.wholeWindows == 0)
        #expect(empty.parts.allSatisfy { !$0.obstacles.isEmpty && $0.lines.count == 4 })
        #expect(!empty.table().isEmpty)
        #expect(throws: WeightsRequest.Problem.unknownHosts(["x"])) { try answer(.named(["x"])) }
        try WeighedAgent("a", length: 640).store([[1, 1, 1, 1]], from: origin, in: store)
        #expect(try answer().misaligned == 1)
    }
}

@Suite("alpha and experiment from the command line", .serialized)
struct WeightsCommandTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    var database: String { directory.path + "/records.db" }

    func collector(_ arguments: [String]) async throws -> Finished {
        try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
    }

    static let loads = [
        "--load", "credit=4", "--load", "drawdown=10", "--load", "repayment=25", "--load",
        "query=80",
    ]

    @Test("a test is planned, sent, and read, as a table and as JSON")
    func course() async throws {
        let path = directory.path + "/schedule.csv"
        let planned = try await collector(
            [
                "experiment", "plan", "--start", "2026-11-21T08:00:00+08:00", "--block", "60s",
                "--washout", "10s", "--output", path,
            ] + Self.loads)
        #expect(planned.status == 0, "\(planned.errors)")
        let again = try await collector(
            ["experiment", "plan", "--start", "2026-11-21T08:00:00+08:00", "--output", path]
                + Self.loads)
        #expect(again.status == 2)
        #expect(again.errors.contains("is there: name another file"))
        let schedule = try LoadSchedule(csv: String(contentsOfFile: path, encoding: .utf8))
        #expect(schedule.blocks.count == 48)
        let store = try SQLiteRecordStore(path: database)
        try WeighedAgent("a", length: 10).store(
            rows(schedule, length: 10), from: origin, in: store)

        let table = try await collector(
            ["experiment", "read", path, "--store", database, "--factor", "全国-2023-average"])
        #expect(table.status == 0, "\(table.errors)")
        #expect(table.output.hasPrefix("非评估结果 / not an assessment"))
        #expect(table.output.contains("SIMULATED"))
        #expect(table.output.contains("48 of 48 blocks of a designed test"))
        #expect(table.output.contains("consistent"))
        #expect(table.output.contains("by CPU seconds: SCI_CF × "))
        #expect(table.output.contains("M not counted"))
        let factor = /by joules: SCI_CF × [0-9.]+ \([0-9.]+ to [0-9.]+\) = [0-9.e-]+ \([0-9.e-]+ to/
        #expect(table.output.contains(factor))

        let json = try await collector(
            ["experiment", "read", path, "--store", database, "--format", "json"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        let root = try #require(object as? [String: Any])
        #expect(root["assessment"] as? Bool == false)
        let parts = try #require(root["parts"] as? [[String: Any]])
        let scenarios = try #require(parts.first?["scenarios"] as? [[String: Any]])
        #expect(scenarios.compactMap { $0["verdict"] as? String }.count == 3)
        let ratio = try #require(scenarios.first?["ratio_to_query"] as? [String: Double])
        #expect(((ratio["value"] ?? 0) - 24).magnitude < 0.1)

        let alpha = try await collector(
            [
                "alpha", "--store", database, "--from", "2026-11-21T00:00Z", "--to",
                "2026-11-21T00:48Z", "--window", "10s", "--block", "60s",
            ])
        #expect(alpha.status == 0, "\(alpha.errors)")
        #expect(alpha.output.contains("288 of 288 windows of 10.00 s are whole on every host"))
        #expect(alpha.output.contains("Not told: 288 windows, and 1000 are needed"))
    }

    @Test(
        "what is no request ends with 2",
        arguments: [
            ["alpha"], ["alpha", "--store", "x", "--from", "2026-11-21T00:00Z"],
            [
                "alpha", "--store", "x", "--from", "2026-11-21T00:00Z", "--to",
                "2026-11-21T00:00:59Z",
            ],
            [
                "alpha", "--store", "x", "--from", "2026-11-21T00:00Z", "--to", "2026-11-22T00:00Z",
                "--site", "s",
            ],
            [
                "alpha", "--store", "x", "--from", "2026-11-21T00:00Z", "--to", "2026-11-22T00:00Z",
                "--agent", "a", "--plan", "abcd",
            ],
            ["experiment", "plan", "--start", "2026-11-21T00:00Z"],
            ["experiment", "plan", "--start", "2026-11-21T00:00Z", "--load", "credit"],
            ["experiment", "plan", "--start", "2026-11-21T00:00Z", "--load", "credit=0"],
            [
                "experiment", "plan", "--start", "2026-11-21T00:00Z", "--load", "credit=1",
                "--repeats", "0",
            ],
            [
                "experiment", "plan", "--start", "2026-11-21T00:00Z", "--load", "query=1",
                "--repeats", "16", "--window", "60s",
            ],
            ["experiment", "read", "x"],
        ])
    func usage(arguments: [String]) async throws {
        #expect(try await collector(arguments).status == 2)
    }
}
