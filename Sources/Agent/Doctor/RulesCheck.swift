import Metering
import Settings

/// Names the rules that took no request in the windows that are kept: they may be misspelt, or their
/// traffic may pass elsewhere.
struct RulesCheck {
    let settings: AgentSettings
    let kept: KeptWindows
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard !settings.scenarios.isEmpty else {
            return [
                DoctorFinding(
                    .rules, .warning,
                    language.say("there is no scenario: no flow is counted", "没有场景：不统计业务流程"),
                    fix: language.say(
                        "write scenarios (\(Manual.path(of: "scenarios")))",
                        "请填写 scenarios（\(Manual.path(of: "scenarios"))）"))
            ]
        }
        guard let rules = kept.rules, rules.manifest.rulesDigest == settings.rulesDigest,
            kept.rulesCount > 0, let since = kept.rulesSince, let end = kept.end
        else { return [untried] }
        let time = language.length(.seconds(end.since(since).rawValue / 1_000_000_000))
        let idle = zip(rules.manifest.rules, rules.hits).filter { $0.1 == 0 }
        guard !idle.isEmpty else {
            return [
                DoctorFinding(
                    .rules, .ok,
                    language.say(
                        "each of the \(rules.hits.count) rules took requests in the \(kept.rulesCount) "
                            + "windows kept with these rules (\(time))",
                        "在按此规则保留的 \(kept.rulesCount) 个窗口（\(time)）中，\(rules.hits.count) "
                            + "条规则均有请求"))
            ]
        }
        return idle.map { rule, _ in finding(rule, rules.manifest, time) }
    }

    private func finding(
        _ rule: RuleDescription, _ manifest: Manifest, _ time: String
    ) -> DoctorFinding {
        let scenario =
            rule.scenario < manifest.scenarios.count
            ? manifest.scenarios[rule.scenario].name : "?"
        return DoctorFinding(
            .rules, "\(scenario)/\(rule.name)", .warning,
            language.say(
                "took no request in the \(kept.rulesCount) windows kept with these rules (\(time))",
                "在按此规则保留的 \(kept.rulesCount) 个窗口（\(time)）中没有任何请求"),
            fix: language.say(
                "where there was such traffic, compare the rule with it: `jouleflow-agent replay "
                    + "CAPTURE --config agent.yaml --exchanges --show-target` shows every request",
                "若有此类流量，请与规则比对：`jouleflow-agent replay CAPTURE --config agent.yaml "
                    + "--exchanges --show-target` 显示每个请求"))
    }

    private var untried: DoctorFinding {
        DoctorFinding(
            .rules, .unknown,
            language.say(
                "no window with these rules is kept in the spool yet", "待发区中还没有按此规则的窗口"),
            fix: language.say(
                "let the agent run with them for some windows", "请让代理按此规则运行若干窗口"))
    }
}
