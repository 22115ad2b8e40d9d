import Metering
import Testing
import Traffic

@testable import Settings

@Suite("An outcome that is written once for a scenario")
struct SharedOutcomeTests {
    private static let head = """
        version: 1
        services: [{name: a, ports: [80], counts_flows: true}]
        collectors: []
        scenarios:

        """
    private static let choices = [
        "{completed: {status: 2xx}}",
        "{completed: {status: 200, body: {code: \"0000\"}}, failed: {status: 5xx}}",
        "{completed: {xml: {R.Code: [A, B]}}, refused: [{status: 409}, {xml: {R.Code: C}}]}",
        "{completed: {header: {x: any}}, pending: {status: 202}}",
    ]

    /// A scenario and its steps, each with an outcome, or without.
    private struct Written {
        let shared: String?
        let own: [String?]

        static func random(_ random: inout Seeded) -> Self {
            func choice() -> String? {
                Bool.random(using: &random) ? choices.randomElement(using: &random) : nil
            }
            let steps = Int.random(in: 1...6, using: &random)
            return Written(shared: choice(), own: (0..<steps).map { _ in choice() })
        }

        /// With the outcome once where it is shared, or at each step.
        func text(_ number: Int, once: Bool) -> String {
            let outcome = { (text: String?) in text.map { ", outcome: \($0)" } ?? "" }
            let steps = own.enumerated().map { place, own in
                "{name: n\(place), when: {path: /\(number)/\(place)}, completes: true"
                    + outcome(own ?? (once ? nil : shared)) + "}"
            }
            return "  - {id: s\(number)\(outcome(once ? shared : nil)), steps: ["
                + steps.joined(separator: ", ") + "]}\n"
        }
    }

    @Test("means what it means written at each step without one of its own")
    func same() throws {
        var random = Seeded(state: 7)
        for _ in 0..<300 {
            let all = (0..<3).map { _ in Written.random(&random) }
            let texts = [true, false].map { once in
                Self.head + all.enumerated().map { $1.text($0, once: once) }.joined()
            }
            let once = try Samples.agent(texts[0])
            let each = try Samples.agent(texts[1])
            #expect(once.scenarios == each.scenarios, "\(texts[0])")
            #expect(once.canonicalRules == each.canonicalRules)
            let unused = all.filter { $0.shared != nil && !$0.own.contains(nil) }
            #expect(once.warnings.count == unused.count)
            #expect(each.warnings.isEmpty && each.sharedOutcomes.isEmpty)
            for language in SentenceLanguage.allCases {
                let said = RuleSentences.scenarios(once, in: language).filter {
                    !$0.contains("outcome")
                }
                #expect(said == RuleSentences.scenarios(each, in: language))
            }
        }
    }

    @Test("is one value of all its steps, however many")
    func one() throws {
        let steps = (0..<4096).map { "{name: n\($0), when: {path: /\($0)}, completes: true}" }
        let text =
            Self.head + "  - {id: s, outcome: \(Self.choices[1]), steps: [\n"
            + steps.joined(separator: ",\n") + "]}\n"
        let read = try #require(try Samples.agent(text).scenarios.first).steps
        let places = read.map { step in
            step.outcomes.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
        }
        #expect(read.count == 4096 && Set(places).count == 1)
        #expect(read.first?.outcomes.map(\.outcome) == [.failed, .completed])
    }

    @Test("is warned of once, and so is one that no step has")
    func warnings() throws {
        let text = """
              - id: s
                outcome:
                  refused: {status: 2xx, body: {code: [E1, E2]}}
                  completed: {status: 2xx, body: {code: [A, E1]}}
                steps:
                  - {name: a, when: {path: /a}, completes: true}
                  - {name: b, when: {path: /b}, completes: true}
              - id: t
                outcome: {completed: {status: 200}}
                steps: [{when: {path: /c}, outcome: {completed: {status: 2xx}}}]

            """
        #expect(
            try Samples.agent(Self.head + text).warnings.map(\.description) == [
                """
                agent.yaml:8:18: warning: scenarios[0].outcome.completed: "E1" is told by refused \
                too, which is tried first
                    8 |       completed: {status: 2xx, body: {code: [A, E1]}}
                      |                  ^
                  leave the value out where it is not meant
                """,
                """
                agent.yaml:13:14: warning: scenarios[1].outcome: does nothing, as each step has an \
                outcome of its own, which replaces it as a whole
                   13 |     outcome: {completed: {status: 200}}
                      |              ^
                  leave it out, or leave out the outcome of the steps for which it is meant
                """,
            ])
    }

    @Test("asks for its fields where a step has it, and for none where no step has")
    func fields() throws {
        func text(_ own: String) -> String {
            let fields = { (first: Int) in
                (first..<first + 16).map { "f\($0): any" }.joined(separator: ", ")
            }
            var text = Self.head
            for number in 0..<31 {
                text +=
                    "  - {id: s\(number), outcome: {completed: {body: {\(fields(number * 16))}}}, "
                    + "steps: [{when: {path: /\(number)}}]}\n"
            }
            // 496 so far, and 17 more: 16 of the outcome, one of the step itself.
            return text + "  - {id: t, outcome: {completed: {body: {\(fields(600))}}}, steps: "
                + "[{when: {path: /t, header: {x: a}}\(own)}]}\n"
                + "  - {id: u, steps: [{when: {path: /u}, outcome: {completed: {status: 2xx}}}]}\n"
        }
        #expect(
            Samples.message(text("")).contains(
                "scenarios[31].steps[0]: with this step the rules ask for more than 512 different "
                    + "fields of messages"))
        let other = text(", outcome: {completed: {status: 2xx}}")
        #expect(try Samples.agent(other).scenarios.count == 33)
        // What no step of one scenario has may be that of the next.
        let next = other.replacing(
            "path: /u}, outcome: {completed: {status: 2xx}}}",
            with: "path: /u}, outcome: {completed: {body: {"
                + (600..<616).map { "f\($0): any" }.joined(separator: ", ") + "}}}}")
        #expect(
            Samples.message(next).contains("scenarios[32].steps[0]: with this step the rules ask"))
    }

    @Test("is told as such by check, with the rules that have one of their own")
    func sentences() throws {
        let text = """
              - id: s
                outcome: {completed: {status: 200}}
                steps:
                  - {name: a, when: {path: /a}, completes: true}
                  - {name: b, when: {path: /b}, completes: true, outcome: {completed: {status: 201}}}

            """
        let settings = try Samples.agent(Self.head + text)
        let lines = SentenceLanguage.allCases.map { language in
            RuleSentences.scenarios(settings, in: language).dropFirst(2).joined(separator: "\n")
        }
        #expect(
            lines == [
                """
                   A refused flow is told apart and does not count in TA.
                   Each completing exchange is a flow: no step has a flow_key, so that repeated \
                ones are not recognised.
                   The outcome is written once, for all rules of the scenario; a rule with one of \
                its own has that alone, and nothing of the scenario's.
                   Rule 1.1 a: any method /a
                       Completes the flow:
                       - completed if the status is 200;
                       - otherwise incomplete.
                   Rule 1.2 b: any method /b
                       Its own outcome replaces the scenario's as a whole.
                       Completes the flow:
                       - completed if the status is 201;
                       - otherwise incomplete.
                """,
                """
                   被拒绝的流程单独列出，不计入 TA。
                   每次完成的请求各计一笔：各步骤都没有 flow_key，无法识别重复。
                   outcome 对本场景各规则统一写出；自带 outcome 的规则只用自己的：整体取代，不合并。
                   规则 1.1 a：任意方法 /a
                       此步骤完成流程：
                       - 若状态码为 200，则完成；
                       - 其他情况：未完成。
                   规则 1.2 b：任意方法 /b
                       本规则自带 outcome，整体取代场景的 outcome。
                       此步骤完成流程：
                       - 若状态码为 201，则完成；
                       - 其他情况：未完成。
                """,
            ])
    }
}
