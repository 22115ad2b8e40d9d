import Settings
import Testing

@testable import Agent

@Suite("What fields cost")
struct FieldSummaryTests {
    private func summary(
        _ fields: Int, _ side: String, _ language: SentenceLanguage
    ) throws -> FieldSummary? {
        // A mapping has 16 fields at most.
        let steps = stride(from: 0, to: max(1, fields), by: 16).map { first in
            let names = (first..<min(first + 16, fields)).map { "f\($0): any" }
            let asked = names.isEmpty ? "" : ", \(side): {\(names.joined(separator: ", "))}"
            return side == "body"
                ? "{name: n\(first), completes: true, when: {path: /\(first)\(asked)}}"
                : "{name: n\(first), completes: true, when: {path: /\(first)}, "
                    + "outcome: {completed: {status: 200\(asked.replacing("response.", with: ""))}}}"
        }
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios:
              - id: s
                steps:
            \(steps.map { "      - \($0)" }.joined(separator: "\n"))

            """
        return FieldSummary(
            try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "h"),
            in: language)
    }

    @Test("is told with numbers, and warned of where fewer than 4,096 requests have room")
    func many() throws {
        let english = try #require(try summary(500, "body", .english))
        #expect(
            english.line
                == "Rules look for 500 different fields in requests: each request takes 49152 bytes "
                + "for them until it is answered; 1530 connections with a request that waits have "
                + "room.")
        #expect(
            english.warning
                == "rules look for many fields: each request takes 49152 bytes for 500 of them until "
                + "it is answered, and 72 MiB hold 1530 connections with a request that waits, not "
                + "4096. Beyond them connections are let go of, first those that hold the most, "
                + "then idle ones, then those whose request waits; they are counted as evicted, "
                + "and the window's counts are doubtful. Each message takes more processor time, "
                + "too. Ask for fewer different fields")
        let chinese = try #require(try summary(500, "body", .chinese))
        #expect(
            chinese.line
                == "规则在请求中查找 500 个不同的字段：每个请求在得到响应之前为其占用 49152 字节；"
                + "可容纳 1530 个有请求等待响应的连接。")
        #expect(
            chinese.warning?.contains(
                "72 MiB 可容纳 1530 个有请求等待响应的连接，不足 4096 个。"
                    + "超出时放弃连接：先是占用最多的，再是空闲的，最后是有请求等待响应的；"
                    + "放弃的连接计为 evicted，该窗口的计数存疑。") == true)
    }

    @Test("is told of responses by the connection")
    func responses() throws {
        let summary = try #require(try summary(300, "response.body", .english))
        #expect(
            summary.line
                == "Rules look for 300 different fields in responses: each open connection takes "
                + "24576 bytes for them; 3048 connections with a request that waits have room.")
        #expect(
            summary.warning?.contains("72 MiB hold 3048 connections with a request that waits, not")
                == true)
    }

    @Test("is no warning where there is room for all, and nothing where no rule asks for a field")
    func few() throws {
        #expect(try summary(235, "body", .english)?.warning == nil)
        #expect(
            try summary(1, "body", .english)?.line
                == "Rules look for 1 field in requests: each request takes 192 bytes for it until it "
                + "is answered; 21845 connections with a request that waits have room.")
        #expect(try summary(0, "body", .english) == nil)
    }
}
