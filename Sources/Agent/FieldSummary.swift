package import Settings
import Traffic
import Transactions

/// What it costs that rules look for fields in messages, for people.
package struct FieldSummary {
    private let room: FieldRoom
    private let language: SentenceLanguage

    /// `nil` where no rule asks for a field of a message.
    package init?(_ settings: AgentSettings, in language: SentenceLanguage = .english) {
        var selectors: Set<FieldSelector> = []
        for step in settings.scenarios.flatMap(\.steps) {
            let conditions = step.request.fields + step.outcomes.flatMap(\.fields)
            for field in conditions.map(\.field) + [step.key, step.count].compactMap({ $0 }) {
                if case .message(let selector) = field { selectors.insert(selector) }
            }
        }
        guard let room = FieldRoom(Array(selectors)) else { return nil }
        self.room = room
        self.language = language
    }

    /// Who keeps the fields, how much they take of it, and until when.
    private func cost(_ what: (english: String, chinese: String)) -> String {
        room.isOfRequest
            ? language.say(
                "each request takes \(room.bytes) bytes for \(what.english) until it is answered",
                "每个请求在得到响应之前为\(what.chinese)占用 \(room.bytes) 字节")
            : language.say(
                "each open connection takes \(room.bytes) bytes for \(what.english)",
                "每个打开的连接为\(what.chinese)占用 \(room.bytes) 字节")
    }

    private var kind: String {
        room.isOfRequest
            ? language.say("requests", "请求") : language.say("responses", "响应")
    }

    /// What is looked for, what it takes, and how much room there is.
    package var line: String {
        let fields = language.say(
            room.fields == 1 ? "1 field" : "\(room.fields) different fields",
            "\(room.fields) 个不同的字段")
        return language.say(
            "Rules look for \(fields) in \(kind): \(cost(("them", ""))), and \(room.messages) of "
                + "these have room at most.",
            "规则在\(kind)中查找 \(fields)：\(cost(("", "其")))，最多容纳 \(room.messages) 个。")
    }

    /// That they are so many that little has room; `nil` where they are not.
    package var warning: String? {
        shortage.map { language.say("rules look for many fields: ", "规则查找的字段很多：") + $0 }
    }

    /// What they take, how much there is, and what to do, where there is too little.
    package var shortage: String? {
        guard !room.isEnough else { return nil }
        let (mebibytes, most, least) = (room.memory >> 20, room.messages, room.wanted)
        return language.say(
            "\(cost(("\(room.fields) of them", ""))), and \(mebibytes) MiB hold \(most) of these at "
                + "most, not \(least). Beyond them the connections used longest ago are let go of "
                + "and counted as evicted, and the window's counts are doubtful; each message takes "
                + "more processor time, too. Ask for fewer different fields",
            "\(cost(("", "其中 \(room.fields) 个字段")))，\(mebibytes) MiB 最多容纳 \(most) 个，"
                + "不足 \(least) 个。超出时放弃最久未用的连接，计为 evicted，该窗口的计数存疑；"
                + "每个报文也更耗处理器时间。请减少不同的字段")
    }
}
