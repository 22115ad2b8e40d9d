import Assessment
import Metering
import Report
import Testing

@testable import Collector

/// What a plan says of its boundary that hosts' records do not.
struct OtherBoundary: Sendable, CustomTestStringConvertible {
    let words: String
    let alter: @Sendable (inout Plan) -> Void

    var testDescription: String { words }

    static let all: [OtherBoundary] = [
        OtherBoundary(words: "host a belongs to it with 10.0 %, and all of it is here") {
            $0.hosts[0].allocation = .reserved(PartsPerMillion(rawValue: 100_000), reason: "r")
        },
        OtherBoundary(words: "host a has a wall ratio") {
            $0.hosts[0].wallRatio = MeasuredRatio(
                value: PlanFleet.wallRatio, source: "clamp", period: "2026-10")
        },
        OtherBoundary(words: "host a is not in service all the time") {
            $0.hosts[0].assignments[0].to = Timestamp((origin + 600) * 1_000_000_000)
        },
        OtherBoundary(words: "host a is not in service all the time") {
            $0.hosts[0].assignments[0].from = Timestamp((origin + 600) * 1_000_000_000)
        },
        OtherBoundary(words: "credit is told by its ledger, and counted in traffic here") {
            $0.scenarios[0].volume = .ledger(reason: "by file")
        },
        OtherBoundary(words: "host a counted by rules that it does not name") {
            $0.ruleDigests = [PlanFleet.rules]
        },
    ]
}

@Suite("Measured weights of a plan's hosts")
struct PlannedWeightsTests {
    let weights: MinuteWeights
    private let grid = PlanFleet.factor("grid", PlanFleet.grid)

    init() throws {
        weights = try MinuteWeights()
        try weights.keep(WeighedAgent("a", length: 60))
    }

    private var plan: Plan {
        Plan(
            title: "t", organization: "o", contact: "c", boundary: "b",
            schedule: RoundSchedule(
                start: Timestamp(origin * 1_000_000_000), length: .seconds(66_000), rounds: 1,
                reserve: 0, grace: .seconds(60)),
            scenarios: StandardWeights.scenarios.map { PlannedScenario(id: $0) },
            sites: [Site(id: "s", name: "S", supplies: [Supply(source: "grid", factor: "grid")])],
            hosts: [PlannedHost(id: "a", role: "app", assignments: [Assignment(site: "s")])],
            factors: [grid], embodied: .omitted(reason: "r"))
    }

    private func expectVerdicts(_ content: WeightsContent) {
        for part in content.parts {
            #expect(part.lines.map(\.verdict) == ["consistent", "consistent", "consistent", nil])
            #expect(part.units != nil)
        }
    }

    @Test("a plan that takes its hosts as they are is the whole boundary, and has grams")
    func plain() throws {
        let content = try weights.answer(.planned(plan, site: nil), by: grid)
        #expect(content.isWhole && content.boundary == "all of the plan's hosts")
        #expect(content.emission != nil && content.emissionObstacles.isEmpty)
        expectVerdicts(content)
        var halves = plan
        let noon = Timestamp((origin + 600) * 1_000_000_000)
        halves.hosts[0].assignments = [
            Assignment(site: "s", to: noon), Assignment(site: "s", from: noon),
        ]
        #expect(try weights.answer(.planned(halves, site: nil)).isWhole)
    }

    @Test(
        "a plan that takes them otherwise has another boundary: said, without verdict and grams",
        arguments: OtherBoundary.all)
    func otherwise(boundary: OtherBoundary) throws {
        var plan = plan
        boundary.alter(&plan)
        let content = try weights.answer(.planned(plan, site: nil), by: grid)
        #expect(!content.isWhole)
        #expect(
            content.boundary.contains("the plan's boundary is another: \(boundary.words)"),
            "\(content.boundary)")
        for part in content.parts {
            #expect(part.lines.map(\.verdict) == nothingTold)
            #expect(part.units == nil)
        }
        #expect(content.emission == nil)
        #expect(content.table().contains("No grams: the plan's boundary is another"))
        #expect(content.json().contains("\"emission\": null"))
        #expect(try weights.answer(.planned(plan, site: nil)).emissionObstacles.isEmpty)
    }

    @Test("grams by another factor than the plan's, or without its PUE, are not told")
    func otherGrams() throws {
        let same = PlanFleet.factor("grid", PlanFleet.grid + 1)
        for factor in [PlanFleet.factor("diesel", PlanFleet.diesel), same] {
            let content = try weights.answer(.planned(plan, site: nil), by: factor)
            #expect(content.emission == nil)
            #expect(content.emissionObstacles.count == 1)
            #expect(
                content.table().contains("No grams: the plan's sites have factors of their own"))
            expectVerdicts(content)
        }
        var facility = plan
        facility.scope = .facility
        let content = try weights.answer(.planned(facility, site: nil), by: grid)
        #expect(content.emission == nil)
        #expect(content.emissionObstacles.first?.contains("times PUE") ?? false)
        expectVerdicts(content)
    }

    @Test("exchanges of a scenario that is not in the plan are other exchanges")
    func unplannedScenario() throws {
        let weights = try MinuteWeights()
        let rows = MinuteWeights.rows()
        var agent = WeighedAgent("a", length: 60)
        agent.scenarios = [.credit, ScenarioID("loan"), .repayment, .query]
        try weights.keep(agent, rows)
        let content = try weights.answer(.planned(plan, site: nil))
        #expect(content.otherExchanges == rows.reduce(3_300) { $0 + $1[1] })
    }
}
