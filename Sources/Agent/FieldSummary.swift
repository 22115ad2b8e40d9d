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
    private func cost(_ what: (FieldRoom.Side) -> (english: String, chinese: String)) -> String {
        let request = room.request.map { side in
            language.say(
                "each request takes \(side.bytes) bytes for \(what(side).english) until it is answered",
                "每个请求在得到响应之前为\(what(side).chinese)占用 \(side.bytes) 字节")
        }
        let response = room.response.map { side in
            language.say(
                "each open connection takes \(side.bytes) bytes for \(what(side).english)",
                "每个打开的连接为\(what(side).chinese)占用 \(side.bytes) 字节")
        }
        return [request, response].compactMap { $0 }
            .joined(separator: language.say(", and ", "，"))
    }

    /// How many fields there are, and where.
    private var fields: String {
        let request = room.request.map { side in
            language.say(
                side.fields == 1
                    ? "1 field in requests" : "\(side.fields) different fields in requests",
                "在请求中查找 \(side.fields) 个不同的字段")
        }
        let response = room.response.map { side in
            language.say(
                side.fields == 1
                    ? "1 field in responses" : "\(side.fields) different fields in responses",
                "在响应中查找 \(side.fields) 个不同的字段")
        }
        return [request, response].compactMap { $0 }
            .joined(separator: language.say(" and ", "，"))
    }

    /// What is looked for, what it takes, and how much room there is.
    package var line: String {
        let cost = cost { side in (side.fields == 1 ? "it" : "them", "其") }
        return language.say(
            "Rules look for \(fields): \(cost); \(room.connections) connections with a request that "
                + "waits have room.",
            "规则\(fields)：\(cost)；可容纳 \(room.connections) 个有请求等待响应的连接。")
    }

    /// That they are so many that little has room; `nil` where they are not.
    package var warning: String? {
        shortage.map { language.say("rules look for many fields: ", "规则查找的字段很多：") + $0 }
    }

    /// What they take, how much there is, and what to do, where there is too little.
    package var shortage: String? {
        guard !room.isEnough else { return nil }
        let (mebibytes, most, least) = (room.memory >> 20, room.connections, room.wanted)
        let cost = cost { side in ("\(side.fields) of them", "其中 \(side.fields) 个字段") }
        return language.say(
            "\(cost), and \(mebibytes) MiB hold \(most) connections with a request that waits, "
                + "not \(least). Beyond them connections are let go of, first those that hold the "
                + "most, then idle ones, then those whose request waits; they are counted as "
                + "evicted, and the window's counts are doubtful. Each message takes more processor "
                + "time, too. Ask for fewer different fields",
            "\(cost)，\(mebibytes) MiB 可容纳 \(most) 个有请求等待响应的连接，不足 \(least) 个。"
                + "超出时放弃连接：先是占用最多的，再是空闲的，最后是有请求等待响应的；"
                + "放弃的连接计为 evicted，该窗口的计数存疑。每个报文也更耗处理器时间。请减少不同的字段")
    }
}
