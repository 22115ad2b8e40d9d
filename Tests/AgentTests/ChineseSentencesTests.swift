import Foundation
import Settings
import Testing

@testable import Agent

@Suite("What check says in Chinese")
struct ChineseSentencesTests {
    /// The manual's example, which uses every key.
    private static func example() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let manual = try String(
            contentsOf: root.appending(path: "docs/configuration.md"), encoding: .utf8)
        let start = try #require(manual.range(of: "```yaml agent\n"))
        let end = try #require(manual.range(of: "```\n", range: start.upperBound..<manual.endIndex))
        return String(manual[start.upperBound..<end.lowerBound])
    }

    private static func lines(_ text: String) throws -> [String] {
        let settings = try AgentSettings.parse(
            Array(text.utf8), name: "agent.yaml", hostName: "h")
        return SettingsSummary.lines(settings, in: .chinese)
            + [FieldSummary(settings, in: .chinese)?.line].compactMap { $0 }
    }

    @Test("has a space where Chinese meets other letters, and none between Chinese")
    func spaces() throws {
        let example = try Self.example()
        let texts = [
            example, example.replacing("cpu: cgroup ", with: "cpu: /sys/fs/cgroup/a "),
            "version: 1\nservices: [{name: a, ports: [80], cpu: process}]\ncollectors: []\n",
            "version: 1\n",
        ]
        let han = "[\u{4E00}-\u{9FFF}]"
        let flaw = try Regex("\(han)[A-Za-z0-9/\"{]|[A-Za-z0-9/\"}%]\(han)|\(han) \(han)")
        for text in texts {
            for line in try Self.lines(text) {
                // As the standard writes the names of its tables.
                let plain = line.replacing("表1", with: "表").replacing("表2", with: "表")
                #expect(plain.firstMatch(of: flaw) == nil, "\(line)")
            }
        }
        let placed = try Self.lines(texts[1])
        #expect(placed.contains { $0.contains("CPU 时间取自路径为 /sys/fs/cgroup/a 的 cgroup；") })
    }
}
