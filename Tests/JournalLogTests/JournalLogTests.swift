import Glibc
import Logging
import Testing

@testable import JournalLog

private var noon: tm {
    var fields = tm()
    var seconds: time_t = 1_795_219_200 + 43_200
    gmtime_r(&seconds, &fields)
    return fields
}

private func line(
    _ style: JournalLine.Style, _ level: Logger.Level, _ message: String,
    _ metadata: Logger.Metadata = [:]
) -> String {
    JournalLine.text(style, level, message, metadata, at: noon)
}

@Suite("A log line")
struct Lines {
    @Test(
        "carries the journal's priority",
        arguments: zip(Logger.Level.allCases, [7, 7, 6, 5, 4, 3, 2]))
    func journal(level: Logger.Level, priority: Int) {
        #expect(line(.journal, level, "ready") == "<\(priority)>ready\n")
    }

    @Test("carries time and level for people, and its values in order")
    func plain() {
        let text = line(.plain, .notice, "agent connected", ["b": "two words", "a": "1"])
        #expect(text == "2026-11-21T12:00:00Z notice  agent connected a=1 b=\"two words\"\n")
    }

    @Test("is one line whatever it is given")
    func hostile() {
        let text = line(.journal, .error, "x\n<0>forged\r", ["k": "\u{1B}[31m\n", "e": ""])
        #expect(text.dropLast().allSatisfy { !$0.isNewline })
        #expect(
            text
                == "<3>x <0>forged  e=\"\" k=\"  [31m \"\n".replacing(
                    "\"  [31m \"", with: "\" [31m \""))
        #expect(line(.plain, .error, String(repeating: "x", count: 5_000)).utf8.count < 1_100)
    }

    @Test("goes to the descriptor it was given, with the logger's and its own values")
    func written() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        let out = ends[1]
        var logger = Logger(label: "test") { _ in JournalLog(descriptor: out) }
        logger[metadataKey: "agent"] = "a"
        logger.debug("hidden")
        logger.warning("seen", metadata: ["sequence": "7"])
        var buffer = [UInt8](repeating: 0, count: 500)
        let count = read(ends[0], &buffer, buffer.count)
        let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        #expect(text.hasSuffix("Z warning seen agent=a sequence=7\n"))
    }
}
