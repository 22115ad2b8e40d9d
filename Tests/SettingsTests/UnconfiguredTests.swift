import Foundation
import Testing

@testable import Settings

@Suite("Settings in which nothing is configured yet")
struct UnconfiguredTests {
    @Test("are those of a missing file, and of one without services, scenarios and collectors")
    func accepted() throws {
        let missing = try AgentSettings.unconfigured(name: "agent.yaml", hostName: "loan-07")
        for text in ["version: 1\n", "# nothing\nversion: 1\nwindow: 1m\n"] {
            let settings = try Samples.agent(text)
            #expect(settings.isUnconfigured && missing.isUnconfigured)
            #expect(settings.services.isEmpty && settings.collectors.isEmpty)
            #expect(settings.scenarios.isEmpty)
        }
        #expect(missing.id == "loan-07")
        #expect(missing.state == "/var/lib/jouleflow")
    }

    @Test(
        "are not those of a file that names one of them, which lacks the others",
        arguments: [
            "services: [{name: a, ports: [80]}]", "collectors: []", "scenarios: []",
            "servces: [{name: a, ports: [80]}]", "collector: []",
        ])
    func refused(line: String) {
        #expect(throws: SettingsErrors.self) { try Samples.agent("version: 1\n\(line)\n") }
    }

    @Test("are not those of a file with an error")
    func wrong() {
        for text in ["window: 7s\nversion: 1\n", "version: 2\n", "window: 10s\n", "", "- a\n"] {
            #expect(throws: SettingsErrors.self) { try Samples.agent(text) }
        }
    }

    // MARK: The files that come with the packages

    private func packaged(_ name: String) throws -> String {
        try String(
            contentsOf: Samples.root.appending(path: "packaging/etc/\(name)"), encoding: .utf8)
    }

    /// The file with all that is commented out taken in: lines with "#" and no single space behind
    /// it, which is where sentences begin.
    private func takenIn(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let isSentence = line.hasPrefix("# ") && !line.hasPrefix("#  ")
            return line.hasPrefix("#") && !isSentence && line != "#"
                ? String(line.dropFirst()) : String(line)
        }.joined(separator: "\n")
    }

    @Test("are the agent's of the package, which is right as it stands and with all taken in")
    func agentFile() throws {
        let text = try packaged("agent.yaml")
        let settings = try Samples.agent(text)
        #expect(settings.isUnconfigured)
        #expect(settings.warnings.isEmpty)
        let all = try Samples.agent(takenIn(text))
        #expect(all.id == "loan-07")
        #expect(all.scenarios.map(\.id.name) == ["credit", "query"])
        #expect(all.services.contains { $0.countsFlows })
        #expect(all.collectors.count == 1)
        #expect(all.warnings.isEmpty)
        // What the comments give as defaults are the defaults.
        #expect(all.spool == settings.spool && all.window == settings.window)
        #expect(all.capture.ringMebibytes == settings.capture.ringMebibytes)
        #expect(all.energy == settings.energy)
        for key in AgentKeys.purpose { #expect(text.contains("\n#\(key.name):"), "\(key.name)") }
    }

    @Test("have a collector's beside them, open to its own host alone")
    func collectorFile() throws {
        let text = try packaged("collector.yaml")
        let settings = try Samples.collector(text)
        #expect(settings.agents.host == "127.0.0.1")
        #expect(settings.transport == .plaintext)
        let secured = takenIn(text.replacing("\nplaintext: true", with: ""))
        let all = try Samples.collector(secured)
        #expect(all.transport != .plaintext)
        #expect(all.agents == settings.agents && all.metrics == settings.metrics)
        #expect(all.sqlite == settings.sqlite && all.keepWindows == settings.keepWindows)
    }
}
