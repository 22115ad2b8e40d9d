import Testing

@testable import Settings

@Suite("A warning in Chinese")
struct WarningLanguageTests {
    private static let head = """
        version: 1
        services: [{name: a, ports: [80], counts_flows: true}, {name: b, ports: [81]}]
        collectors: []
        scenarios:

        """

    @Test(
        "says what its English says",
        arguments: [
            (
                "  - {id: a, steps: [{when: {method: GET, path: \"/q/{id}\"}}]}\n"
                    + "  - {id: b, steps: [{when: {path: /q/all}}]}",
                """
                agent.yaml:6:28: 警告：scenarios[1].steps[0].when："任意方法 /q/all" 与第 5 行场景 \
                "a" 的 "GET /q/{id}" 可能是同一请求，该请求归后者
                    6 |   - {id: b, steps: [{when: {path: /q/all}}]}
                      |                            ^
                  一个请求只属于一个场景：用 when 中的内容（例如 service、method 或字段的值）区分两者
                """
            ),
            (
                "  - {id: a, expires: 1h, steps: [{when: {path: /x}}]}",
                """
                agent.yaml:5:22: 警告：scenarios[0].expires：不起作用：各步骤都没有 flow_key，请求结束后没有进行中的流程
                    5 |   - {id: a, expires: 1h, steps: [{when: {path: /x}}]}
                      |                      ^
                  去掉它，或在每个步骤写 flow_key
                """
            ),
            (
                "  - {id: a, steps: [{when: {path: /x}, outcome: {completed: {status: [2xx, 102]}}}]}",
                """
                agent.yaml:5:76: 警告：scenarios[0].steps[0].outcome.completed.status[1]：不是最终响应的状态码：\
                最终响应为 200 至 599
                    5 |   - {id: a, steps: [{when: {path: /x}, outcome: {completed: {status: [2xx, 102]}}}]}
                      |                                                                            ^
                  写出决定结果的那个响应的状态码
                """
            ),
        ])
    func sentence(scenarios: String, expected: String) throws {
        let warnings = try Samples.agent(Self.head + scenarios + "\n").warnings
        #expect(warnings.map { $0.text(in: .chinese) } == [expected])
        #expect(warnings.map { $0.text(in: .english) } == warnings.map(\.description))
    }

    @Test("is given for every one that there is of rules")
    func all() throws {
        let text = """
              - id: s
                expires: 1h
                outcome: {completed: {status: 200}}
                steps:
                  - when: {method: GET, path: /c, body: {x: y}}
                    outcome:
                      refused: {body: {code: [E1, E2]}}
                      completed: {status: [2xx, 103], body: {code: [A, E1]}}
              - id: t
                steps:
                  - {name: x, when: {method: POST, path: "/{k}"}, flow_key: path.k, completes: true}
                  - name: y
                    when: {service: b, path: "/t/{k}"}
                    flow_key: path.k
                    requires: x
              - {id: u, steps: [{when: {path: /c}}]}

            """
        let warnings = try Samples.agent(Self.head + text).warnings
        let sentences = warnings.map { $0.told(in: .chinese).sentence }
        let parts = [
            "各步骤都没有 flow_key", "整体取代它", "GET 或 HEAD", "\"E1\" 也写在 refused 中", "不是最终响应",
            "可能是同一请求", "b 没有 counts_flows: true", "该步骤不完成流程",
        ]
        for part in parts {
            #expect(sentences.contains { $0.contains(part) }, "\(part): \(sentences)")
        }
        #expect(sentences.count == parts.count)
        for warning in warnings {
            let (chinese, english) = (warning.told(in: .chinese), warning.told(in: .english))
            #expect(chinese.sentence != english.sentence && chinese.advice != english.advice)
            #expect(chinese.advice.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) })
        }
    }

    @Test("tells that rules are not compared any more, and how many more there are")
    func cut() {
        let cut = SettingsProblem.comparisonCut(path: "p", limit: 7)
        let more = SettingsProblem.furtherWarnings(3)
        #expect(
            cut.description
                == "p: the rules are too many and too alike to compare them all; from here on a rule "
                + "that can never match, or that shares requests with one of another scenario, may "
                + "go unseen (limit: 7 comparisons)")
        let texts = [cut, more].map {
            SettingsWarning(
                finding: SettingsError(file: "f", place: nil, problem: $0, hint: "", excerpt: nil)
            ).text(in: .chinese)
        }
        #expect(
            texts == [
                "f: 警告：p：规则过多且过于相似，无法全部比对；从此处起，永远不会匹配的规则，"
                    + "以及与其他场景可能匹配同一请求的规则，可能不被发现（上限：7 次比对）\n"
                    + "  路径和取值不能区分的规则才逐条比对；写出更多路径，或以具体的值代替 any",
                "f: 警告：另有 3 条警告",
            ])
    }
}
