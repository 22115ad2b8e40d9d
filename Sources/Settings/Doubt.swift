/// A warning about a plan in both languages of the program, with what to do.
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
    /// As it prints, in a language.
    package func text(in language: SentenceLanguage) -> String {
        let told = finding.problem.told(in: language, hint: finding.hint)
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
