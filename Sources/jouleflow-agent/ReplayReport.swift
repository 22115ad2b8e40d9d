import Agent
import CommandLines
import Metering

/// A replay's result for people and for programs.
struct ReplayReport {
    private let result: ReplayResult

    init(_ result: ReplayResult) { self.result = result }

    private var tally: Tally { result.tally }

    private var otherRequests: UInt64 { tally.services.reduce(0) { $0 &+ $1.otherRequests } }

    /// The numbers that are single, by key.
    private var numbers: [(String, UInt64)] {
        let counters = result.counters
        return [
            ("packets", result.files.reduce(0) { $0 &+ $1.packets }),
            ("bytes", result.files.reduce(0) { $0 &+ $1.bytes }),
            ("connections", counters.connections), ("exchanges", counters.exchanges),
            ("unpaired_requests", counters.unpairedRequests),
            ("unpaired_responses", counters.unpairedResponses),
            ("suspicious", counters.suspicious), ("gaps", counters.gaps),
            ("gap_bytes", counters.gapBytes), ("evicted", counters.evicted),
            ("encrypted_connections", counters.encryptedConnections),
            ("untimed", result.files.reduce(0) { $0 &+ $1.untimed }),
            ("restarts", result.restarts), ("unread", tally.losses.unread),
            ("keyless", tally.losses.keyless), ("forgotten_keys", tally.losses.forgottenKeys),
        ]
    }

    /// The numbers that have parts, by key.
    private var groups: [(String, [(String, UInt64)])] {
        let fragments = result.counters.fragments
        return [
            ("malformed", result.malformed.map { ($0.name, $0.count) }),
            ("undecoded", result.undecoded.map { ($0.name, $0.count) }),
            (
                "fragments",
                [
                    ("received", fragments.received), ("joined", fragments.joined),
                    ("tiny", fragments.tiny),
                ]
            ),
        ]
    }

    private func outcomes(_ scenario: ScenarioTally) -> [(String, UInt64)] {
        [
            ("requests", scenario.requests), ("flows", scenario.flows),
            ("completed", scenario.completed), ("refused", scenario.refused),
            ("failed", scenario.failed), ("incomplete", scenario.incomplete),
            ("duplicates", scenario.duplicates),
        ]
    }

    /// Whether a service that completes the scenario's flows was seen and could be read. What was
    /// not is unknown in a capture, and not nothing.
    private func isObserved(_ scenario: ScenarioTally) -> Bool { scenario.observation == .seen }

    // MARK: For programs

    /// Bytes of JSON that are written at once, about.
    private static let chunkBytes = 64 << 10

    /// Writes one JSON object and a line feed; counts that are not known are null.
    func writeJSON(_ write: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        let scenarios = zip(result.scenarios, tally.scenarios).map { id, scenario in
            let isObserved = isObserved(scenario)
            let values = outcomes(scenario).map { key, value in
                (key, key == "requests" || isObserved ? "\(value)" : "null")
            }
            return (id.name, object(values + [("observed", "\(isObserved)")]))
        }
        let first =
            numbers.map { ($0, "\($1)") }
            + groups.map { ($0, object($1.map { ($0, "\($1)") })) }
            + [("scenarios", object(scenarios))]
        let last = [
            ("other", object([("requests", "\(otherRequests)")])),
            ("truncated", "\(result.files.contains { $0.truncatedAt != nil })"),
            ("files", "[" + result.files.map(file).joined(separator: ",") + "]"),
            ("error", result.failure.map { jsonString("\($0)") } ?? "null"),
            ("cpu_seconds", "\(result.cpuSeconds)"), ("peak_rss_bytes", "\(result.peakBytes)"),
        ]
        // There may be thousands of rules.
        var bytes = Array("{\(members(first)),\"rules\":[".utf8)
        var isFirst = true
        try result.rules.forEach { rule throws(Failure) in
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            append(rule, to: &bytes)
            guard bytes.count >= Self.chunkBytes else { return }
            try write(bytes)
            bytes.removeAll(keepingCapacity: true)
        }
        bytes += "],\(members(last))}\n".utf8
        try write(bytes)
    }

    private func append(_ rule: ReplayedRule, to bytes: inout [UInt8]) {
        bytes += "{\"scenario\":".utf8
        bytes.appendJSON(rule.scenario)
        bytes += ",\"step\":".utf8
        bytes.appendJSON(rule.step)
        bytes += ",\"matches\":".utf8
        bytes.appendJSON(rule.matches)
        bytes += ",\"hits\":".utf8
        bytes += String(rule.hits).utf8
        bytes.append(UInt8(ascii: "}"))
    }

    private func file(_ file: ReplayedFile) -> String {
        object([
            ("path", jsonString(file.path)), ("packets", "\(file.packets)"),
            ("bytes", "\(file.bytes)"),
            ("truncated_at", file.truncatedAt.map { "\($0)" } ?? "null"),
        ])
    }

    private func object(_ fields: [(String, String)]) -> String { "{\(members(fields))}" }

    private func members(_ fields: [(String, String)]) -> String {
        fields.map { "\(jsonString($0)):\($1)" }.joined(separator: ",")
    }

    // MARK: For people

    /// Lines for people; counts of nothing are left out.
    var table: String {
        var lines = result.files.compactMap { file in
            file.truncatedAt.map {
                "\(file.path == "-" ? "standard input" : file.path) ends inside a packet, at byte \($0); what came before it was counted."
            }
        }
        if result.restarts > 0 {
            lines.append(
                "\(result.restarts) of the files began earlier than the ones before them ended:"
                    + " open connections ended there.")
        }
        lines += scenarioLines
        lines += numbers.filter { $0.1 > 0 || $0.0 == "exchanges" }.map {
            pad($0.0, 32) + "\($0.1)"
        }
        for (name, parts) in groups {
            lines += parts.filter { $0.1 > 0 }.map { pad("\(name), \($0.0)", 32) + "\($0.1)" }
        }
        lines.append(pad("cpu_seconds", 32) + "\(result.cpuSeconds)")
        lines.append(pad("peak_rss_bytes", 32) + "\(result.peakBytes)")
        return lines.joined(separator: "\n")
    }

    private var scenarioLines: [String] {
        guard !result.scenarios.isEmpty else { return [] }
        var lines = [
            row([
                "scenario", "requests", "flows", "completed", "refused", "failed", "incomplete",
                "duplicates",
            ])
        ]
        for (id, scenario) in zip(result.scenarios, tally.scenarios) {
            let isObserved = isObserved(scenario)
            lines.append(
                row(
                    ["\(id)"]
                        + outcomes(scenario).map {
                            $0 == "requests" || isObserved ? "\($1)" : "unknown"
                        }))
        }
        return lines + [row(["other", "\(otherRequests)"])] + idleRules + [""]
    }

    /// The rules that took no exchange, as many as people read; JSON has all.
    private var idleRules: [String] {
        let most = 20
        let idle = result.rules.filter { $0.hits == 0 }
        guard !idle.isEmpty else { return [] }
        let lines = idle.prefix(most).map { "  \($0.scenario), \($0.step): \($0.matches)" }
        let rest = idle.count - lines.count
        return ["", "Rules that took no exchange:"] + lines
            + (rest > 0 ? ["  and \(rest) more"] : [])
    }

    private func row(_ cells: [String]) -> String {
        cells.enumerated().map {
            $0 == 0 ? pad($1, 14) : String(repeating: " ", count: max(1, 12 - $1.count)) + $1
        }
        .joined()
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
