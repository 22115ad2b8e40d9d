/// A language that reports are written in.
package enum Language: String, Sendable, Hashable, CaseIterable {
    case chinese = "zh-CN"
    case english = "en"
}

/// A sentence in both languages of a report.
package struct Wording: Sendable, Hashable {
    package let zh: String
    package let en: String

    package init(zh: String, en: String) {
        self.zh = zh
        self.en = en
    }

    /// The same in both: names, and text that others wrote.
    package init(_ both: String) { self.init(zh: both, en: both) }

    /// What stands where the content was never filled in: an unknown, and no reason for it.
    package static let notGiven = Wording(zh: "未提供", en: "not given")

    /// The sentence in one language.
    package subscript(language: Language) -> String {
        switch language {
        case .chinese: zh
        case .english: en
        }
    }
}
