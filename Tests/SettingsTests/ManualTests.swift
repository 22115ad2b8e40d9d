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
        + AgentKeys.Service.all + AgentKeys.Collector.all + ScenarioKeys.all
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
            "version": "version: 1", "services": "services: [{name: a, ports: [80]}]",
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
        let step = { (text: String) in "scenarios: [{id: a, steps: [{\(text)}]}]" }
        try check([ScenarioKeys.Step.name, ScenarioKeys.Step.outcome]) {
            step("when: {path: /a}, completes: true, \($0)")
        }
        try check([ScenarioKeys.When.path]) { step("when: {\($0)}, completes: true") }
        try check([ScenarioKeys.When.method]) { step("when: {path: /a, \($0)}, completes: true") }
        try check([ScenarioKeys.Outcome.refused, ScenarioKeys.Outcome.failed]) {
            step("when: {path: /a}, completes: true, outcome: {completed: {status: 2xx}, \($0)}")
        }
        try check(ScenarioKeys.Condition.all) {
            step("when: {path: /a}, completes: true, outcome: {completed: {\($0)}}")
        }
    }

    private func check(_ keys: [Key], _ place: (String) -> String) throws {
        for key in keys where !key.isLater {
            let base = "version: 1\nservices: [{name: a, ports: [80]}]\ncollectors: []\n"
            _ = try Samples.agent(base + place(key.example))
        }
    }
}
