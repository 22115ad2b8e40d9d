import Foundation
import Testing

/// The sources' log lines and metrics as docs/operating.md must tell them.
@Suite("The manual docs/operating.md")
struct OperatingManualTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    /// The lab is no part of what is operated.
    private static let lab = ["Lab", "CLab", "jouleflow-lab"]

    private let manual: String
    private let sources: [(name: String, text: String)]

    init() throws {
        let folder = Self.root.appending(path: "Sources")
        manual = try String(
            contentsOf: Self.root.appending(path: "docs/operating.md"), encoding: .utf8)
        let names = FileManager.default.enumerator(atPath: folder.path)?
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted()
        sources = try (names ?? []).compactMap { name in
            guard !Self.lab.contains(String(name.prefix { $0 != "/" })) else { return nil }
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            return (name, text)
        }
    }

    /// Messages that are made elsewhere than in the call: what the call is, how often the file has
    /// it, and how the messages begin.
    private static let indirect: [(file: String, calls: Int, messages: [String])] = [
        (
            "Collector/Connection.swift", 2,
            [
                "two agents share an id: ", "two processes use one identity, run ",
                "windows end more than ",
            ]
        ),
        ("TransportSecurity/LiveCredentials.swift", 1, ["the certificate in "]),
        ("jouleflow-agent/RunCommand.swift", 1, ["agent.yaml:12:5: "]),
        (
            "Agent/IdlePowerState.swift", 1,
            ["idle power was learned", "idle power is known from earlier"]
        ),
    ]

    @Test("tells every message that the programs log")
    func messages() throws {
        var told = 0
        var untold: [String: Int] = [:]
        for (name, text) in sources {
            for call in LogCall.all(in: text) {
                if call.messages.isEmpty { untold[name, default: 0] += 1 }
                for message in call.messages {
                    told += 1
                    #expect(manual.contains("`\(message)`"), "\(name): \(message)")
                }
            }
        }
        #expect(told > 70, "the sources were read")
        #expect(
            untold == Dictionary(uniqueKeysWithValues: Self.indirect.map { ($0.file, $0.calls) }))
        for message in Self.indirect.flatMap(\.messages) {
            #expect(manual.contains(message), "\(message)")
        }
    }

    @Test("has no message that no program logs")
    func staleMessages() throws {
        var known = Set(sources.flatMap { LogCall.all(in: $0.text) }.flatMap(\.messages))
        known.formUnion(["idle power was learned", "idle power is known from earlier"])
        let made = ["two agents share an id: …", "two processes use one identity, run …"]
        known.formUnion(made)
        known.insert("run …: windows end more than … s after the collector's clock")
        let start = try #require(manual.range(of: "## The agent's log"))
        for line in manual[start.upperBound...].split(separator: "\n") {
            let cells = line.split(separator: "|")
            guard line.hasPrefix("| `"), let cell = cells.first else { continue }
            let messages = cell.split(separator: "`", omittingEmptySubsequences: false)
            for (index, message) in messages.enumerated() where index % 2 == 1 {
                #expect(known.contains(String(message)), "\(message)")
            }
        }
    }

    @Test("tells every metric, and what to do")
    func metrics() throws {
        let pages = [
            ("Agent/AgentMetrics.swift", "jouleflow_agent_"),
            ("Collector/IngestMetrics.swift", "jouleflow_collector_"),
            ("Prometheus/ProcessMetrics.swift", ""),
        ]
        var count = 0
        for (file, prefix) in pages {
            let text = try #require(sources.first { $0.name == file }?.text)
            let name = #/"([a-z]+_[a-z_]+|info)",\s*(?:\.counter|\.gauge|"[A-Z])/#
            for match in text.matches(of: name) {
                count += 1
                let short = String(match.1)
                let full = short.hasPrefix(prefix) ? short : prefix + short
                // Prose may speak of it before its row does.
                let line = manual.split(separator: "\n").first {
                    $0.hasPrefix("|") && $0.contains("`\(full)`")
                }
                #expect(line?.split(separator: "|").count == 3, "\(full)")
            }
        }
        #expect(count > 25, "the pages were read")
    }

    @Test("tells every check of the doctor")
    func checks() throws {
        let text = try #require(
            sources.first { $0.name == "Agent/Doctor/DoctorFinding.swift" }?.text)
        let start = try #require(text.range(of: "enum Topic"))
        let end = try #require(text.range(of: "}", range: start.upperBound..<text.endIndex))
        let cases = text[start.upperBound..<end.lowerBound].split(separator: "\n")
            .filter { $0.contains("case ") }
            .flatMap { $0.replacing("case", with: "").split(separator: ",") }
            .map { $0.filter { $0.isLetter } }
        #expect(cases.count == 17)
        for name in cases { #expect(manual.contains("\n| `\(name)` |"), "\(name)") }
    }
}

/// A call of a logger in Swift text.
private struct LogCall {
    /// Its message, or both of a choice, with … for what is interpolated; none where it is made
    /// elsewhere.
    let messages: [String]

    static func all(in text: String) -> [LogCall] {
        text.matches(of: #/\blog\??\.(?:error|warning|notice|info|debug|critical|log)\(/#)
            .map { LogCall(text[$0.range.upperBound...]) }
    }

    /// From behind the opening parenthesis.
    private init(_ text: Substring) {
        var (rest, depth, found) = (text, 1, [String]())
        while depth > 0, let first = rest.first {
            if rest.hasPrefix("metadata:"), depth == 1 { break }
            if first == "\"" {
                found.append(Self.literal(&rest))
                continue
            }
            if "([{".contains(first) { depth += 1 }
            if ")]}".contains(first) { depth -= 1 }
            rest.removeFirst()
        }
        messages = found.filter { $0 != "…" && !$0.isEmpty }
    }

    /// Takes the literal at the beginning; interpolations become ….
    private static func literal(_ rest: inout Substring) -> String {
        let quote = rest.hasPrefix("\"\"\"") ? "\"\"\"" : "\""
        rest.removeFirst(quote.count)
        var text = ""
        while !rest.isEmpty, !rest.hasPrefix(quote) {
            if rest.hasPrefix("\\(") {
                rest.removeFirst(2)
                skipInterpolation(&rest)
                text += "…"
            } else if rest.hasPrefix("\\\n") {
                rest.removeFirst(2)
                rest = rest.drop { $0 == " " }
            } else if rest.hasPrefix("\\") {
                rest.removeFirst()
                text.append(rest.removeFirst())
            } else {
                text.append(rest.removeFirst())
            }
        }
        rest.removeFirst(min(quote.count, rest.count))
        return text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
    }

    private static func skipInterpolation(_ rest: inout Substring) {
        var depth = 1
        while depth > 0, let first = rest.first {
            if first == "\"" {
                _ = literal(&rest)
                continue
            }
            if first == "(" { depth += 1 }
            if first == ")" { depth -= 1 }
            rest.removeFirst()
        }
    }
}
