import Metering
import Traffic

extension AgentSettings {
    /// Services and scenarios as text that is the same for the same rules, for a digest.
    ///
    /// Independent of layout, comments, key order, defaults left out, and of the order of ports,
    /// statuses and values, which are sets. The order of services and scenarios is kept: records
    /// refer to them by it. `cpu` is not part of it, as it decides nothing about counting; tunnels
    /// are, where there are any. One fact per line; text that may hold spaces has its length in
    /// bytes before it.
    package var canonicalRules: [UInt8] {
        var lines = ["jouleflow-rules 1"]
        for service in services {
            lines.append(
                "service \(service.name) \(service.direction.rawValue) "
                    + "\(service.protocol.rawValue) counts_flows=\(service.countsFlows) "
                    + "ports=\(service.ports.sorted().map(String.init).joined(separator: ","))")
        }
        if !capture.tunnels.isEmpty {
            lines.append(
                "tunnels " + capture.tunnels.map { "\($0)" }.sorted().joined(separator: ","))
        }
        for scenario in scenarios {
            lines.append("scenario \(scenario.id.name)")
            for step in scenario.steps { lines += step.canonical }
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }
}

extension StepSettings {
    fileprivate var canonical: [String] {
        var lines = ["step \(name) \(method ?? "*") \(path)"]
        lines.append(contentsOf: outcome.completed.canonical("completed"))
        lines.append(contentsOf: outcome.refused?.canonical("refused") ?? [])
        lines.append(contentsOf: outcome.failed?.canonical("failed") ?? [])
        return lines
    }
}

extension ResponseCondition {
    fileprivate func canonical(_ outcome: String) -> [String] {
        let statuses = status.map(\.canonical).sorted()
        var lines = ["\(outcome) status=\(statuses.joined(separator: ","))"]
        guard let body else { return lines }
        switch body.field {
        case .responseJSON(let keys):
            lines.append("\(outcome) field \(keys.map(\.netstring).joined())")
        }
        let values = body.values.sorted { $0.lexicographicallyPrecedes($1) }
        for value in values {
            lines.append("\(outcome) value \(String(decoding: value, as: UTF8.self).netstring)")
        }
        return lines
    }
}

extension StatusPattern {
    fileprivate var canonical: String {
        switch self {
        case .code(let code): "\(code)"
        case .hundred(let digit): "\(digit)xx"
        }
    }
}

extension String {
    fileprivate var netstring: String { "\(utf8.count):\(self)," }
}
