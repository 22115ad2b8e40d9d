import Foundation
import Testing

@testable import Settings

@Suite("The manual docs/configuration.md")
struct ManualTests {
    private let manual: String

    init() throws {
        let file = Samples.root.appending(path: "docs/configuration.md")
        manual = try String(contentsOf: file, encoding: .utf8)
    }

    private func example(_ name: String) throws -> String {
        let start = try #require(manual.range(of: "```yaml \(name)\n"))
        let end = try #require(manual.range(of: "```\n", range: start.upperBound..<manual.endIndex))
        return String(manual[start.upperBound..<end.lowerBound])
    }

    private static let agentKeys =
        AgentKeys.top + AgentKeys.Agent.all + AgentKeys.Energy.all + AgentKeys.Capture.all
        + AgentKeys.Service.all + AgentKeys.FlowKeys.all + AgentKeys.Collector.all
        + TLSKeys.agent.all + AgentKeys.Spool.all + AgentKeys.Listen.all
        + ScenarioKeys.all
        + AgentKeys.Attribution.all + AgentKeys.ServiceShare.all
        + ScenarioKeys.Step.all + ScenarioKeys.When.all + ScenarioKeys.Outcome.all
        + ScenarioKeys.Condition.all

    @Test("has examples that are accepted and use every key there is")
    func examples() throws {
        let agent = try example("agent")
        #expect(try Samples.agent(agent).scenarios.map(\.id) == [.credit, .query])
        for key in Self.agentKeys where !key.isLater {
            #expect(agent.contains("\(key.name): ") || agent.contains("\(key.name):\n"))
        }
        let collector = try example("collector")
        #expect(try Samples.collector(collector).agents.port == 7443)
    }

    @Test("explains every key")
    func keys() {
        let collectorKeys =
            [CollectorKeys.version, CollectorKeys.plaintext, CollectorKeys.tls].map(\.name)
            + CollectorKeys.Listen.all.map { "listen.\($0.name)" }
            + CollectorKeys.Store.all.map { "store.\($0.name)" }
        for name in Self.agentKeys.map(\.name) + collectorKeys {
            let isExplained = manual.split(separator: "\n").contains { line in
                line.hasPrefix("|") && line.dropFirst().prefix { $0 != "|" }.contains("`\(name)`")
            }
            #expect(isExplained, "\(name)")
        }
    }

    @Test("and messages give examples of keys that are accepted as they stand")
    func examplesInMessages() throws {
        let base: [String: String] = [
            "version": "version: 1",
            "services": "services: [{name: loan-gateway, ports: [80], counts_flows: true}]",
            "collectors": "collectors: []",
        ]
        for key in AgentKeys.top {
            let lines = base.filter { $0.key != key.name }.values + [key.example]
            _ = try Samples.agent(lines.joined(separator: "\n"))
        }
        try check(AgentKeys.Agent.all) { "agent: {\($0)}" }
        let withIdle = [AgentKeys.Energy.maximumWatts]
        try check(AgentKeys.Energy.all.filter { !withIdle.map(\.name).contains($0.name) }) {
            "energy: {\($0)}"
        }
        try check(withIdle) { "energy: {idle_watts: 85.5, \($0)}" }
        try check(AgentKeys.Capture.all) { "capture: {\($0)}" }
        try check(AgentKeys.FlowKeys.all) { "flow_keys: {\($0)}" }
        try check(AgentKeys.Attribution.all) { "attribution: {\($0)}" }
        typealias Share = AgentKeys.ServiceShare
        try check([Share.name]) { "attribution: {services: [{\($0)}]}" }
        try check([Share.workers, Share.reserved]) {
            "attribution: {idle: reserved, services: [{name: loan-gateway, reserved: 1%}]}"
                .replacing(
                    "reserved: 1%", with: $0.contains("reserved") ? $0 : "reserved: 1%, \($0)")
        }
        let scenario = { (text: String) in "scenarios: [{\(text)}]" }
        try check([ScenarioKeys.id]) { scenario("\($0), steps: [{when: {path: /a}}]") }
        try check([ScenarioKeys.steps]) { scenario("id: a, \($0)") }
        try check([ScenarioKeys.refusalCounts, ScenarioKeys.expires, ScenarioKeys.dedupe]) {
            scenario("id: a, \($0), steps: [{when: {path: \"/{x}\"}, flow_key: path.x}]")
        }
        try check([ScenarioKeys.outcome]) { scenario("id: a, \($0), steps: [{when: {path: /a}}]") }
        let step = { (text: String) in
            scenario(
                "id: a, steps: [{name: precheck, when: {path: \"/p/{applyNo}\"}, "
                    + "flow_key: path.applyNo}, {\(text)}]")
        }
        typealias Step = ScenarioKeys.Step
        let last = "when: {path: \"/a/{applyNo}\"}, completes: true"
        for key in [Step.requires, Step.count, Step.outcome] {
            try check([key]) { step("name: b, \(last), flow_key: path.applyNo, \($0)") }
        }
        try check([Step.name]) { step("\(last), flow_key: path.applyNo, \($0)") }
        try check([Step.flowKey]) { step("name: b, \(last), \($0)") }
        for key in [Step.when, Step.completes] {
            let others = [Step.when, Step.completes].filter { $0.name != key.name }.map(\.example)
            try check([key]) {
                step("name: b, \(others[0]), flow_key: path.applyNo, \($0)")
            }
        }
        let single = { (text: String) in scenario("id: a, steps: [{\(text)}]") }
        typealias When = ScenarioKeys.When
        try check(When.all.filter { $0.name != "path" }) { single("when: {path: /a, \($0)}") }
        try check([When.path]) { single("when: {\($0)}") }
        typealias Outcome = ScenarioKeys.Outcome
        try check(Outcome.all.filter { $0.name != "completed" }) {
            single("when: {path: /a}, outcome: {completed: {status: 2xx}, \($0)}")
        }
        try check([Outcome.completed]) { single("when: {path: /a}, outcome: {\($0)}") }
        try check(ScenarioKeys.Condition.all) {
            single("when: {path: /a}, outcome: {completed: {\($0)}}")
        }
    }

    private func check(_ keys: [Key], _ place: (String) -> String) throws {
        for key in keys where !key.isLater {
            let base = """
                version: 1
                services: [{name: loan-gateway, ports: [80], counts_flows: true}]
                collectors: []

                """
            _ = try Samples.agent(base + place(key.example))
        }
    }
}

@Suite("The manual docs/scenarios.md")
struct ScenarioManualTests {
    private let manual: String

    init() throws {
        let file = Samples.root.appending(path: "docs/scenarios.md")
        manual = try String(contentsOf: file, encoding: .utf8)
    }

    @Test(
        "has examples that are accepted without a warning",
        arguments: ["rest": 2, "credit": 1, "gateway": 3])
    func example(name: String, scenarios: Int) throws {
        let start = try #require(manual.range(of: "```yaml \(name)\n"))
        let end = try #require(manual.range(of: "```\n", range: start.upperBound..<manual.endIndex))
        let settings = try Samples.agent(String(manual[start.upperBound..<end.lowerBound]))
        #expect(settings.scenarios.count == scenarios)
        #expect(settings.warnings.isEmpty)
        #expect(manual.components(separatedBy: "```yaml").count == 4)
    }

    @Test("and the first steps in README.md are accepted")
    func readme() throws {
        let file = Samples.root.appending(path: "README.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: "```yaml\nversion: 1\nservices:"))
        let end = try #require(text.range(of: "```\n", range: start.upperBound..<text.endIndex))
        let settings = try Samples.agent(
            "version: 1\nservices:" + text[start.upperBound..<end.lowerBound])
        #expect(settings.scenarios.map(\.id) == [.credit, .query])
        #expect(settings.warnings.isEmpty)
    }

    @Test("shows an error as it is printed")
    func error() throws {
        let start = try #require(manual.range(of: "```text\n"))
        let end = try #require(manual.range(of: "\n```", range: start.upperBound..<manual.endIndex))
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            scenarios:
              - id: query
                steps:
                  - when: {path: "/q/{id}"}
              - id: overview
                steps:
                  - when: {method: GET, path: /q/all}
            collectors: []
            """
        #expect(Samples.message(text) == manual[start.upperBound..<end.lowerBound])
    }

    @Test("names every key")
    func keys() {
        let keys =
            ScenarioKeys.all + ScenarioKeys.Step.all + ScenarioKeys.When.all
            + ScenarioKeys.Outcome.all + ScenarioKeys.Condition.all + AgentKeys.FlowKeys.all
        for key in keys {
            #expect(manual.contains("`\(key.name)`") || manual.contains(".\(key.name)`"))
        }
    }
}
