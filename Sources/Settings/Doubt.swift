/// A warning in both languages of the program, with what to do.
package struct Doubt: Sendable, Hashable {
    /// In English; each goes on behind the path of the setting.
    let sentence: String
    /// The same in Chinese.
    let chinese: String
    /// What to do, in Chinese; the English is the finding's hint.
    let advice: String
}

extension SettingsProblem {
    /// The problem in Chinese, where it is one that is told in both languages.
    private var chinese: (sentence: String, advice: String)? {
        switch self {
        case .doubt(let path, let doubt):
            ("\(path == Section.wholePlan ? "计划" : path)：\(doubt.chinese)", doubt.advice)
        case .overlappingRule(let path, let written, let earlier, let scenario, let line):
            (
                "\(path)：\(written.chinese.quotedRule) 与第 \(line) 行场景 \(scenario.quoted) 的 "
                    + "\(earlier.chinese.quotedRule) 可能是同一请求，该请求归后者",
                "一个请求只属于一个场景：用 when 中的内容（例如 service、method 或字段的值）区分两者"
            )
        case .comparisonCut(let path, let limit):
            (
                "\(path)：规则过多且过于相似，无法全部比对；从此处起，永远不会匹配的规则，"
                    + "以及与其他场景可能匹配同一请求的规则，可能不被发现（上限：\(limit) 次比对）",
                "路径和取值不能区分的规则才逐条比对；写出更多路径，或以具体的值代替 any"
            )
        case .furtherWarnings(let count): ("另有 \(count) 条警告", "")
        default: nil
        }
    }

    /// In a language, with what to do, which is `hint` in English.
    fileprivate func told(
        in language: SentenceLanguage, hint: String
    ) -> (sentence: String, advice: String) {
        if language == .chinese, let chinese { return chinese }
        return (description, hint)
    }
}

extension SettingsWarning {
    /// What is unusual, and what to do.
    package func told(in language: SentenceLanguage) -> (sentence: String, advice: String) {
        finding.problem.told(in: language, hint: finding.hint)
    }

    /// As it prints, in a language.
    package func text(in language: SentenceLanguage) -> String {
        let told = told(in: language)
        return finding.described(
            as: language == .chinese ? "警告：" : "warning: ", told.sentence, told.advice)
    }
}

extension Field {
    /// Notes what can be followed but is probably not meant. The sentences go on behind the path.
    func doubt(_ sentence: String, _ hint: String, zh: String, _ advice: String) {
        findings.warn(
            .doubt(path: path, Doubt(sentence: sentence, chinese: zh, advice: advice)), at: place,
            hint: hint)
    }
}

extension Section {
    static let wholePlan = "the plan"

    /// Notes what can be followed but is probably not meant.
    func doubt(_ sentence: String, _ hint: String, zh: String, _ advice: String) {
        findings.warn(
            .doubt(
                path: path.isEmpty ? Self.wholePlan : path,
                Doubt(sentence: sentence, chinese: zh, advice: advice)), at: place, hint: hint)
    }
}
