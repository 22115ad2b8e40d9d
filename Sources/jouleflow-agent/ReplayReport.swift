import Agent
import Metering

/// A replay's result for people and for programs.
struct ReplayReport {
    private let result: ReplayResult

    init(_ result: ReplayResult) { self.result = result }

    private var tally: Tally { result.tally }

    private var otherRequests: UInt64 { tally.services.reduce(0) { $0 + $1.otherRequests } }

    /// The numbers that are single, by key.
    private var numbers: [(String, UInt64)] {
        [
            ("packets", result.files.reduce(0) { $0 + $1.packets }),
            ("bytes", result.files.reduce(0) { $0 + $1.bytes }),
            ("connections", result.counters.connections), ("exchanges", tally.exchanges),
            ("unpaired_requests", tally.losses.unpairedRequests),
            ("unpaired_responses", tally.losses.unpairedResponses),
            ("suspicious", result.counters.suspicious), ("gaps", tally.losses.gaps),
            ("gap_bytes", tally.losses.gapBytes), ("evicted", tally.losses.evicted),
            (
                "undecoded",
                result.files.reduce(tally.losses.undecoded) { $0.addingClamped($1.unknownLinkType) }
            ),
            ("encrypted_connections", result.counters.encryptedConnections),
        ]
    }

    private func outcomes(_ scenario: ScenarioTally) -> [(String, UInt64)] {
        [
            ("requests", scenario.requests), ("flows", scenario.flows),
            ("completed", scenario.completed), ("refused", scenario.refused),
            ("failed", scenario.failed), ("incomplete", scenario.incomplete),
        ]
    }

    /// One JSON object; counts that are not known are null.
    var json: String {
        let scenarios = zip(result.scenarios, tally.scenarios).map { id, scenario in
            let values = outcomes(scenario).map { key, value in
                let isKnown = key == "requests" || scenario.observation.isKnown
                return "\"\(key)\":" + (isKnown ? "\(value)" : "null")
            }
            let observed = "\"observed\":\(scenario.observation == .seen)"
            return "\"\(id)\":{" + (values + [observed]).joined(separator: ",") + "}"
        }
        let malformed = result.counters.malformed.filter { $0.count > 0 }
        let fields =
            numbers.map { "\"\($0)\":\($1)" } + [
                "\"malformed\":{"
                    + malformed.map { "\"\($0.name)\":\($0.count)" }.joined(separator: ",")
                    + "}",
                "\"scenarios\":{" + scenarios.joined(separator: ",") + "}",
                "\"other\":{\"requests\":\(otherRequests)}",
                "\"truncated\":\(result.files.contains { $0.truncatedAt != nil })",
                "\"cpu_seconds\":\(result.cpuSeconds)", "\"peak_rss_bytes\":\(result.peakBytes)",
            ]
        return "{" + fields.joined(separator: ",") + "}"
    }

    /// Lines for people.
    var table: String {
        var lines: [String] = []
        for file in result.files {
            if let place = file.truncatedAt {
                lines.append(
                    "\(file.path) is truncated at \(place); what came before it was counted.")
            }
        }
        lines.append(
            row(["scenario", "requests", "flows", "completed", "refused", "failed", "incomplete"]))
        for (id, scenario) in zip(result.scenarios, tally.scenarios) {
            let isKnown = scenario.observation.isKnown
            lines.append(
                row(
                    ["\(id)"]
                        + outcomes(scenario).map {
                            $0 == "requests" || isKnown ? "\($1)" : "unknown"
                        }))
        }
        lines.append(row(["other", "\(otherRequests)"]))
        lines.append("")
        lines += numbers.filter { $0.1 > 0 || $0.0 == "exchanges" }.map {
            pad($0.0, 24) + "\($0.1)"
        }
        for reason in result.counters.malformed where reason.count > 0 {
            lines.append(pad("malformed, \(reason.name)", 24) + "\(reason.count)")
        }
        lines.append(pad("cpu_seconds", 24) + "\(result.cpuSeconds)")
        lines.append(pad("peak_rss_bytes", 24) + "\(result.peakBytes)")
        return lines.joined(separator: "\n")
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
