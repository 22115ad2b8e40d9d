import Settings
import Testing
import Traffic

@testable import Agent
@testable import Scenarios

@Suite("Rules with an outcome written once")
struct SharedOutcomeReplayTests {
    private static let shared =
        "outcome: {completed: {status: 2xx, body: {code: \"0000\"}}, "
        + "refused: {status: 2xx, body: {code: E1}}, failed: {status: 5xx}}"
    private static let own = "outcome: {completed: {status: [2xx, 503]}}"
    private static let places = ["/a", "/b/{no}", "/c", "/d/**"]

    /// The third step has an outcome of its own; the others that of the scenario, or the same.
    private static func settings(once: Bool) throws -> AgentSettings {
        let steps = places.enumerated().map { number, path in
            let outcome = number == 2 ? own : once ? nil : shared
            return "      - {name: s\(number), when: {path: \"\(path)\"}, completes: true"
                + (outcome.map { ", " + $0 } ?? "") + "}\n"
        }
        let text = """
            version: 1
            services: [{name: a, ports: [8080], counts_flows: true}]
            collectors: []
            scenarios:
              - id: credit
                \(once ? shared : "expires: 24h")
                dedupe: none
                steps:

            """
        return try AgentSettings.parse(
            Array((text + steps.joined()).utf8), name: "agent.yaml", hostName: "host")
    }

    @Test("count a capture as they do with the outcome at each step")
    func counts() throws {
        var capture = MadeCapture()
        for target in ["/a", "/b/7", "/c", "/d/x/y", "/e"] {
            for (status, code) in [(200, "0000"), (200, "E1"), (200, "E9"), (503, "0000")] {
                capture.exchange(target: target, status: status, body: "{\"code\":\"\(code)\"}")
            }
        }
        try withFiles([capture.bytes]) { paths in
            let once = replay(paths, ReplayPlan(try Self.settings(once: true)))
            let each = replay(paths, ReplayPlan(try Self.settings(once: false)))
            #expect(once.tally == each.tally)
            #expect(once.rules.all.map(\.hits) == [4, 4, 4, 4])
            #expect(each.rules.all.map(\.hits) == [4, 4, 4, 4])
            let counted = once.tally.scenarios[0]
            // One of each kind at three steps; all four complete by the third one's own outcome.
            #expect(counted.flows == 10)
            #expect(counted.completed == 7)
            #expect(counted.refused == 3)
            #expect(counted.failed == 3)
            #expect(counted.incomplete == 3)
        }
    }

    @Test("ask messages for the same fields, and are compiled to as many rows")
    func table() throws {
        let tables = try [true, false].map {
            RuleTable(try Self.settings(once: $0).scenarios)
        }
        #expect(tables[0].rows.outcomes.count == tables[1].rows.outcomes.count)
        #expect(tables[0].selectors == tables[1].selectors)
        #expect(tables[0].selectors == [.responseJSON(["code"])])
    }
}
