import Metering
import Traffic

/// The lines about one rule of a scenario.
struct StepSentences {
    /// Its place in the order: `1.2`.
    let title: String
    let step: FlowStep
    let scenario: FlowScenario
    /// What the scenario says of its responses, which a step may replace; `nil` where it says nothing.
    let replaced: [OutcomeCondition]?
    let services: [String]
    let language: SentenceLanguage

    var lines: [String] {
        let inner =
            [place, conditions, key, required, count, own, role].compactMap { $0 } + outcomes
        return ["   \(rule)"] + inner.map { "       " + $0 }
    }

    private var rule: String {
        let request = step.request
        let method =
            request.methods.isEmpty
            ? language.say("any method", "任意方法") : language.alternatives(request.methods)
        let path = request.path.map { "\($0)" } ?? language.say("any path", "任意路径")
        let between = request.path == nil ? language.say(", ", "，") : " "
        return language.say("Rule \(title) \(step.name): ", "规则 \(title) \(step.name)：")
            + method + between + path
    }

    private var place: String? {
        let names = step.request.services.map { services[$0] }
        let hosts = step.request.hosts
        let on = names.isEmpty ? nil : language.alternatives(names)
        let to = hosts.isEmpty ? nil : language.alternatives(hosts)
        switch (on, to) {
        case (nil, nil): return nil
        case (let on?, nil): return language.say("On service \(on).", "服务：\(on)。")
        case (nil, let to?): return language.say("For host \(to).", "主机名：\(to)。")
        case (let on?, let to?):
            return language.say(
                "On service \(on), for host \(to).", "服务：\(on)；主机名：\(to)。")
        }
    }

    private var conditions: String? {
        guard !step.request.fields.isEmpty else { return nil }
        let words = language.conjoined(step.request.fields.map(language.words))
        return language.say("Only where \(words).", "条件：\(words)。")
    }

    private var key: String? {
        guard let key = step.key else { return nil }
        return language.say(
            "Flow key: \(language.words(key)).", "流程键：\(language.words(key))。")
    }

    private var required: String? {
        guard step.completes, !step.requires.isEmpty else { return nil }
        let names = language.conjunction(step.requires.map { scenario.steps[$0].name })
        return language.say(
            "Completion counts only for flows that have passed \(names); of others it is "
                + "incomplete.",
            "流程须先经过 \(names)，否则其完成记为未完成。")
    }

    private var own: String? {
        guard let replaced, replaced != step.outcomes else { return nil }
        return language.say(
            "Its own outcome replaces the scenario's as a whole.",
            "本规则自带 outcome，整体取代场景的 outcome。")
    }

    private var role: String {
        step.completes
            ? language.say("Completes the flow:", "此步骤完成流程：")
            : language.say(
                "Belongs to the flow and does not complete it:", "此步骤属于流程，但不完成流程：")
    }

    private var count: String? {
        guard let count = step.count else { return nil }
        let field = language.words(count)
        return language.say(
            "One exchange counts as many flows as the number in this field says: \(field).",
            "一次请求的笔数取自\(field)。")
    }

    /// In the order of trial.
    private var outcomes: [String] {
        step.outcomes.map { condition in
            language.say(
                "- \(words(condition.outcome)) if \(words(condition));",
                "- 若\(words(condition))，则\(words(condition.outcome))；")
        } + [language.say("- otherwise incomplete.", "- 其他情况：未完成。")]
    }

    private func words(_ outcome: Outcome) -> String {
        switch outcome {
        case .failed:
            step.key == nil
                ? language.say("failed", "失败")
                : language.say("failed, the flow stays open,", "失败，流程仍可继续")
        case .refused:
            step.completes
                ? language.say("refused", "被拒绝")
                : language.say("refused, which ends the flow,", "被拒绝，流程结束")
        case .pending: language.say("undecided (pending)", "尚无结果（pending）")
        case .completed:
            step.completes
                ? language.say("completed", "完成") : language.say("passed", "通过此步骤")
        case .incomplete: language.say("incomplete", "未完成")
        }
    }

    private func words(_ condition: OutcomeCondition) -> String {
        var parts = condition.fields.map(language.words)
        if !condition.statuses.isEmpty {
            let codes = language.alternatives(condition.statuses.map(\.written))
            parts.insert(
                language.say("the status is \(codes)", "状态码为 \(codes)"), at: 0)
        }
        return language.conjoined(parts)
    }
}

extension SentenceLanguage {
    /// Clauses that all hold.
    fileprivate func conjoined(_ clauses: [String]) -> String {
        clauses.joined(separator: say(", and ", "，且"))
    }

    /// `a is b or c`.
    fileprivate func words(_ condition: FieldCondition) -> String {
        let field = words(condition.field)
        guard !condition.values.isEmpty else {
            return condition.field.isJSON
                ? say(
                    "\(field) is present and no object or list",
                    "\(field) 存在且不是对象或数组")
                : say("\(field) is present", "\(field) 存在")
        }
        let values = alternatives(
            condition.values.map { String(decoding: $0, as: UTF8.self).quotable })
        return say("\(field) is \(values)", "\(field) 为 \(values)")
    }

    /// Where a field stands.
    fileprivate func words(_ field: MessageField) -> String {
        let parts: (String, String, String)
        switch field {
        case .path(let name): return say("{\(name)} in the path", "路径中的 {\(name)}")
        case .query(let name):
            return say("query parameter \(name.quotable)", "查询参数 \(name.quotable)")
        case .message(.requestHeader(let name)):
            return say("request header \(name.quotable)", "请求头 \(name.quotable)")
        case .message(.responseHeader(let name)):
            return say("response header \(name.quotable)", "响应头 \(name.quotable)")
        case .message(.requestForm(let name)):
            return say("form field \(name.quotable)", "表单字段 \(name.quotable)")
        case .message(.requestJSON(let keys)):
            parts = (keys.joined(separator: "."), "request's JSON body", "请求 JSON 体")
        case .message(.responseJSON(let keys)):
            parts = (keys.joined(separator: "."), "response's JSON body", "响应 JSON 体")
        case .message(.requestXML(let names)):
            parts = (names.joined(separator: "."), "request's XML body", "请求 XML 体")
        case .message(.responseXML(let names)):
            parts = (names.joined(separator: "."), "response's XML body", "响应 XML 体")
        }
        let name = parts.0.quotable
        return say("\(name) in the \(parts.1)", "\(parts.2)中的 \(name)")
    }
}

extension MessageField {
    fileprivate var isJSON: Bool {
        switch self {
        case .message(.requestJSON), .message(.responseJSON): true
        default: false
        }
    }
}
