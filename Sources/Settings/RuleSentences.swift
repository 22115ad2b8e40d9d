import Metering
import Traffic

/// What the services and the rules of a settings file mean, for people who do not know the file's
/// keys; one sentence a line.
package enum RuleSentences {
    /// One line for each service.
    package static func services(
        _ settings: AgentSettings, in language: SentenceLanguage
    ) -> [String] {
        settings.services.map { service($0, language) }
    }

    /// The scenarios with their rules in the order in which they are tried.
    package static func scenarios(
        _ settings: AgentSettings, in language: SentenceLanguage
    ) -> [String] {
        guard !settings.scenarios.isEmpty else {
            return [
                language.say(
                    "There is no scenario: requests are counted, business flows are not.",
                    "没有配置场景：只统计请求，不统计业务流程。")
            ]
        }
        let order = language.say(
            "Rules are tried in this order, and a request belongs to the first that matches it; "
                + "what matches none belongs to no scenario. TA is the number of complete business "
                + "flows (T/CQJR 032.2-2025, 8.2.1): completed ones, and refused ones where it is "
                + "said below.",
            "规则按以下顺序逐条比对，请求归入第一条匹配的规则；都不匹配的请求不属于任何场景。"
                + "TA 为完整业务流程的笔数（T/CQJR 032.2-2025，8.2.1）：已完成的流程，以及下文注明计入的被拒绝流程。")
        return [order]
            + settings.scenarios.enumerated().flatMap { index, scenario in
                ScenarioSentences(
                    number: index + 1, scenario: scenario, settings: settings, language: language
                ).lines
            }
    }

    private static func service(
        _ service: ServiceSettings, _ language: SentenceLanguage
    ) -> String {
        let ports = service.ports.map { "\($0)" }.joined(separator: language.say(", ", "、"))
        let isIncoming = service.direction == .incoming
        let place =
            isIncoming
            ? language.say("on port \(ports)", "端口 \(ports)")
            : language.say("that this host calls at port \(ports)", "本机调用的端口 \(ports)")
        let cpu =
            switch service.cpu {
            case .cgroup:
                language.say("the cgroup of its listening socket", "监听套接字所在的 cgroup")
            case .cgroupPath(let path):
                language.say("the cgroup \(path)", "路径为 \(path) 的 cgroup")
            case .process:
                language.say(
                    "the processes behind its listening socket", "监听套接字背后的进程")
            case .callers: language.say("the services that call it", "调用它的各服务")
            }
        let counted =
            service.countsFlows
            ? language.say("business flows are counted on it.", "在此服务上统计业务流程。")
            : language.say(
                "its requests are counted, and no business flows on it.",
                "只统计其请求，不在此服务上统计业务流程。")
        return language.say(
            "Service \(service.name) \(place), HTTP/1: CPU time of \(cpu); \(counted)",
            "服务 \(service.name)：\(place)，HTTP/1；CPU 时间取自\(cpu)；\(counted)")
    }
}

/// The lines about one scenario.
private struct ScenarioSentences {
    let number: Int
    let scenario: FlowScenario
    let settings: AgentSettings
    let language: SentenceLanguage

    private static let standardNames: [ScenarioID: String] = [
        .credit: "授信", .drawdown: "支用", .repayment: "还款", .query: "查询",
    ]

    var lines: [String] {
        [head] + ([refusals] + keys + [sharing].compactMap { $0 }).map { "   " + $0 }
            + scenario.steps.enumerated().flatMap { index, step in
                StepSentences(
                    title: "\(number).\(index + 1)", step: step, scenario: scenario,
                    replaced: shared, services: settings.services.map(\.name), language: language
                ).lines
            }
    }

    private var head: String {
        guard let weight = StandardWeights.weight(of: scenario.id) else {
            return language.say(
                "\(number). Scenario \(scenario.id): not one of the four of T/CQJR 032.2-2025, "
                    + "Table 2; it has no weight there, and no SCI_CF is reported with it.",
                "\(number). 场景 \(scenario.id)：不属于 T/CQJR 032.2-2025 表2的四种场景，"
                    + "标准未规定其权重，配置它时不输出 SCI_CF。")
        }
        let name = Self.standardNames[scenario.id] ?? ""
        return language.say(
            "\(number). Scenario \(scenario.id) (\(name)): weight \(weight) by T/CQJR "
                + "032.2-2025, Table 2.",
            "\(number). 场景 \(scenario.id)（\(name)）：权重 \(weight)，依据 T/CQJR 032.2-2025 表2。")
    }

    private var shared: [OutcomeCondition]? { settings.sharedOutcomes[scenario.id] }

    private var sharing: String? {
        guard shared != nil else { return nil }
        return language.say(
            "The outcome is written once, for all rules of the scenario; a rule with one of its "
                + "own has that alone, and nothing of the scenario's.",
            "outcome 对本场景各规则统一写出；自带 outcome 的规则只用自己的：整体取代，不合并。")
    }

    private var refusals: String {
        let isStandard = StandardWeights.weight(of: scenario.id) != nil
        let differs = isStandard && scenario.refusalCounts != scenario.id.refusalIsCompleteFlow
        let difference =
            differs
            ? language.say(
                " This differs from Table 1 of the standard, by which a refusal completes a flow "
                    + "of credit alone.",
                "这与标准表1不同：按表1，只有授信的拒绝结果才是完整业务流程。") : ""
        let text =
            scenario.refusalCounts
            ? language.say(
                "A refused flow is a complete business flow and counts in TA.",
                "被拒绝的流程也是完整业务流程，计入 TA。")
            : language.say(
                "A refused flow is told apart and does not count in TA.",
                "被拒绝的流程单独列出，不计入 TA。")
        return text + difference
    }

    private var keys: [String] {
        guard scenario.steps.contains(where: { $0.key != nil }) else {
            return [
                language.say(
                    "Each completing exchange is a flow: no step has a flow_key, so that repeated "
                        + "ones are not recognised.",
                    "每次完成的请求各计一笔：各步骤都没有 flow_key，无法识别重复。")
            ]
        }
        let remembered = language.length(settings.flowKeys.remember)
        let scope =
            switch scenario.deduplication {
            case .none:
                language.say(
                    "A flow that is completed again counts again (dedupe: none).",
                    "同一流程再次完成时再次计数（dedupe: none）。")
            case .host:
                language.say(
                    "A flow that is completed again on this host within \(remembered), on any "
                        + "connection or service, is a duplicate and counts once (dedupe: host).",
                    "同一流程 \(remembered)内在本机再次完成（不论哪个连接、哪个服务）记为重复，"
                        + "只计一笔（dedupe: host）。")
            case .fleet:
                language.say(
                    "A flow that is completed again on this host within \(remembered) is a "
                        + "duplicate and counts once; the collector removes those that other "
                        + "hosts with the same flow_secret completed too (dedupe: fleet).",
                    "同一流程 \(remembered)内在本机再次完成记为重复，只计一笔；使用同一 "
                        + "flow_secret 的其他主机也完成的，由采集端去重（dedupe: fleet）。")
            }
        let expiry = language.length(scenario.expiry)
        return [
            scope,
            language.say(
                "An open flow of which nothing is seen for \(expiry) is incomplete; completed "
                    + "later, it still counts.",
                "进行中的流程超过 \(expiry)没有新的请求，记为未完成；此后完成的仍然计数。"),
            language.say(
                "Keys are kept as keyed hashes, never as they are.",
                "流程键只以带密钥的散列值保存，不保存原文。"),
        ]
    }
}
