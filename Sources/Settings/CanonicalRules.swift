import Metering
import Traffic

extension AgentSettings {
    /// Services and scenarios as text that is the same for the same rules, for a digest.
    ///
    /// Independent of layout, comments, key order, defaults left out, and of the order of ports,
    /// methods, hosts, fields, statuses, values, required steps and responses of one outcome, which are
    /// sets. The order of
    /// services, scenarios and steps is kept: records refer to the former by it, and the first step
    /// that matches counts. `cpu` is not part of it, as it decides nothing about counting; tunnels
    /// are, where there are any, and so are the limits of flow keys, where there are keys. One fact
    /// per line; text that may hold spaces has its length in bytes before it.
    package var canonicalRules: [UInt8] {
        var lines = ["jouleflow-rules 2"]
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
        if scenarios.contains(where: { $0.steps.contains { $0.key != nil } }) {
            lines.append("flow_keys limit=\(flowKeys.limit) remember=\(flowKeys.remember.rawValue)")
        }
        for scenario in scenarios {
            lines.append(
                "scenario \(scenario.id.name) refusal_counts=\(scenario.refusalCounts) "
                    + "dedupe=\(scenario.deduplication) expires=\(scenario.expiry.rawValue)")
            for step in scenario.steps {
                lines += step.canonical(in: scenario, services: services.map(\.name))
            }
        }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }
}

extension FlowStep {
    fileprivate func canonical(in scenario: FlowScenario, services: [String]) -> [String] {
        let methods =
            request.methods.isEmpty ? "*" : request.methods.sorted().joined(separator: ",")
        var lines = ["step \(name) \(methods) \(request.path.map { "\($0)" } ?? "*")"]
        lines[0] += completes ? " completes" : ""
        if !request.services.isEmpty {
            let names = request.services.map { services[$0] }.sorted()
            lines.append("services \(names.joined(separator: ","))")
        }
        if !request.hosts.isEmpty {
            lines.append("hosts \(request.hosts.sorted().joined(separator: ","))")
        }
        lines += request.fields.canonical("when")
        if let key { lines.append("flow_key \(key.canonical)") }
        if !requires.isEmpty {
            let names = requires.map { scenario.steps[$0].name }.sorted()
            lines.append("requires \(names.joined(separator: ","))")
        }
        if let count { lines.append("count \(count.canonical)") }
        // They are in the order of trial; those of one outcome are a set.
        for same in outcomes.chunked(by: \.outcome) {
            let blocks = same.map(\.canonical).sorted { $0.lexicographicallyPrecedes($1) }
            lines += blocks.flatMap { $0 }
        }
        return lines
    }
}

extension OutcomeCondition {
    fileprivate var canonical: [String] {
        let word = outcome.rawValue
        let written = statuses.map(\.written).sorted().joined(separator: ",")
        return ["\(word) status=\(written.isEmpty ? "*" : written)"] + fields.canonical(word)
    }
}

extension Array {
    /// The runs of elements that are alike in something.
    fileprivate func chunked<Value: Equatable>(by value: (Element) -> Value) -> [ArraySlice<
        Element
    >] {
        var chunks: [ArraySlice<Element>] = []
        var rest = self[...]
        while let first = rest.first {
            let chunk = rest.prefix { value($0) == value(first) }
            chunks.append(chunk)
            rest = rest.dropFirst(chunk.count)
        }
        return chunks
    }
}

extension [FieldCondition] {
    fileprivate func canonical(_ word: String) -> [String] {
        let blocks = map { condition in
            let values = condition.values.sorted { $0.lexicographicallyPrecedes($1) }
            return ["\(word) field \(condition.field.canonical)"]
                + values.map { "\(word) value \(String(decoding: $0, as: UTF8.self).netstring)" }
        }
        return blocks.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 }
    }
}

extension MessageField {
    /// Its part of the message, and each name on the way to it with its length.
    fileprivate var canonical: String {
        switch self {
        case .path(let name): "path \(name.netstring)"
        case .query(let name): "query \(name.netstring)"
        case .message(.requestHeader(let name)): "header \(name.netstring)"
        case .message(.requestJSON(let keys)): "body \(keys.map(\.netstring).joined())"
        case .message(.requestForm(let name)): "form \(name.netstring)"
        case .message(.requestXML(let names)): "xml \(names.map(\.netstring).joined())"
        case .message(.responseHeader(let name)): "response.header \(name.netstring)"
        case .message(.responseJSON(let keys)):
            "response.body \(keys.map(\.netstring).joined())"
        case .message(.responseXML(let names)):
            "response.xml \(names.map(\.netstring).joined())"
        }
    }
}

extension StatusPattern {
    /// As settings write it: `404` or `2xx`.
    var written: String {
        switch self {
        case .code(let code): "\(code)"
        case .hundred(let digit): "\(digit)xx"
        }
    }
}

extension String {
    fileprivate var netstring: String { "\(utf8.count):\(self)," }
}
