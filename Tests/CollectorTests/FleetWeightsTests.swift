import Metering
import Report
import Store
import Testing

@testable import Collector

@Suite("Measured weights of flows that several hosts complete")
struct FleetWeightsTests {
    let weights: MinuteWeights
    private let rows = MinuteWeights.rows()

    init() throws { weights = try MinuteWeights() }

    /// All scenarios, of which credit's flows are told apart over hosts.
    private func agent(_ name: String, firstDigest: UInt64?, secret: UInt64 = 9) -> WeighedAgent {
        var agent = WeighedAgent(name, length: 60)
        agent.flows = [Deduplication.fleet, .none, .none, .none].map {
            ScenarioFlows(refusalCounts: false, deduplication: $0)
        }
        agent.secret = secret
        agent.firstDigest = firstDigest
        return agent
    }

    private func credits(_ content: WeightsContent) -> (exchanges: UInt64, flows: UInt64) {
        (content.scenarios[0].exchanges, content.scenarios[0].flows)
    }

    @Test("a flow that two hosts completed counts once, and costs what both used")
    func both() throws {
        try weights.keep(agent("a", firstDigest: 0), rows)
        try weights.keep(agent("b", firstDigest: 0), rows)
        let content = try weights.answer()
        let flows = rows.reduce(0) { $0 + $1[0] }
        #expect(credits(content) == (2 * flows, flows))
        #expect(content.parts[0].obstacles.isEmpty)
        let perFlow = try #require(content.parts[0].lines[0].perFlow)
        #expect((perFlow.value - 0.096).magnitude < 0.001)
        // The others' flows are those of each host.
        let ratio = try #require(content.parts[0].lines[0].ratio)
        #expect((ratio.value - 48).magnitude < 0.5)
        // Of one host nothing is repeated.
        #expect(credits(try weights.answer(.named(["b"]))) == (flows, flows))
    }

    @Test("other flows on each host are all counted")
    func each() throws {
        try weights.keep(agent("a", firstDigest: 0), rows)
        try weights.keep(agent("b", firstDigest: 1 << 40), rows)
        let content = try weights.answer()
        let flows = rows.reduce(0) { $0 + $1[0] }
        #expect(credits(content) == (2 * flows, 2 * flows))
        #expect(content.parts[0].obstacles.isEmpty)
    }

    @Test("flows without digests, and several secrets, tell nothing and say why")
    func untold() throws {
        try weights.keep(agent("a", firstDigest: 0), rows)
        try weights.keep(agent("b", firstDigest: nil), rows)
        MinuteWeights.expectUntold(
            try weights.answer(), "flows are missing, so that a flow that two of the hosts a, b")
        let other = try MinuteWeights()
        try other.keep(agent("a", firstDigest: 0), rows)
        try other.keep(agent("b", firstDigest: 0, secret: 10), rows)
        MinuteWeights.expectUntold(try other.answer(), "told apart under 2 secrets")
        #expect(try other.answer(.named(["a"])).parts[0].lines[0].verdict == "undetermined")
        #expect(try other.answer(.named(["a"])).parts[0].lines[0].perFlow != nil)
    }
}
