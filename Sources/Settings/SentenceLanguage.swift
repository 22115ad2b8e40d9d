package import Metering

/// The language in which settings are explained.
package enum SentenceLanguage: String, Sendable, CaseIterable {
    case english = "en"
    case chinese = "zh"

    /// The language that the environment's variables ask for: Chinese where the first of LC_ALL, LC_MESSAGES
    /// and LANG that is not empty begins with `zh`, else English.
    ///
    /// Source: POSIX.1-2017, XBD 8.2 "Internationalization Variables" (their order).
    package init(variable: (String) -> String?) {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"]
        let value = names.compactMap(variable).first { !$0.isEmpty } ?? ""
        self = value.lowercased().hasPrefix("zh") ? .chinese : .english
    }

    /// What is said in this language.
    package func say(_ english: String, _ chinese: String) -> String {
        self == .english ? english : chinese
    }

    /// `a, b or c`, `a、b 或 c`.
    package func alternatives(_ words: [String]) -> String {
        list(words, last: say(" or ", " 或 "))
    }

    /// `a, b and c`, `a、b 和 c`.
    package func conjunction(_ words: [String]) -> String {
        list(words, last: say(" and ", " 和 "))
    }

    private func list(_ words: [String], last: String) -> String {
        guard let end = words.last, words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: say(", ", "、")) + last + end
    }

    /// A length of time in the largest unit that it is a whole number of; days from two on.
    package func length(_ time: Nanoseconds) -> String {
        let milliseconds = time.rawValue / 1_000_000
        let units: [(UInt64, String)] = [
            (86_400_000, say("days", "天")), (3_600_000, say("h", "小时")),
            (60_000, say("min", "分钟")), (1000, say("s", "秒")),
        ]
        for (unit, name) in units where milliseconds.isMultiple(of: unit) && milliseconds > 0 {
            let number = milliseconds / unit
            if number > 1 || unit < 86_400_000 { return "\(number) \(name)" }
        }
        return "\(milliseconds) \(say("ms", "毫秒"))"
    }
}
