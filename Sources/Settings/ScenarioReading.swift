import Metering
import Traffic

extension Field {
    /// The list `scenarios`: at most 64, ids unique, no rule hidden by an earlier one.
    func scenarios() -> [ScenarioSettings]? {
        var ids = FirstUses<String>()
        var rules: [String: Int] = [:]
        return elements(0...64)?.readAll { $0.scenario(&ids, &rules) }
    }

    private func scenario(
        _ ids: inout FirstUses<String>, _ rules: inout [String: Int]
    ) -> ScenarioSettings? {
        typealias Keys = ScenarioKeys
        guard let section = section(Keys.all) else { return nil }
        let id = section.required(Keys.id) { field in
            field.identifier().flatMap { ids.claim($0, by: field) ? $0 : nil }
        }
        let steps = section.required(Keys.steps) { $0.steps(&rules) }
        guard let id, let steps else { return nil }
        return ScenarioSettings(id: ScenarioID(id), steps: steps, place: place)
    }

    private func steps(_ rules: inout [String: Int]) -> [StepSettings]? {
        guard let fields = elements(1...64) else { return nil }
        guard fields.count == 1 else {
            return fields[1].reject(
                .notAvailable(path: fields[1].path, written: ""),
                "this version takes one step per scenario; keep the one that completes the flow")
        }
        return fields.readAll { $0.step(&rules) }
    }

    private func step(_ rules: inout [String: Int]) -> StepSettings? {
        typealias Keys = ScenarioKeys.Step
        guard let section = section(Keys.all) else { return nil }
        let name = section.value(Keys.name, default: "step") { $0.identifier() }
        let when = section.required(Keys.when) { $0.when(&rules) }
        let completes: Void? = section.required(Keys.completes) { field in
            guard let completes = field.boolean() else { return nil }
            return completes ? () : field.reject(.notAvailable(path: field.path, written: "false"))
        }
        let outcome = section.value(Keys.outcome, default: .standard) { $0.outcome() }
        guard let name, let when, completes != nil, let outcome else { return nil }
        return StepSettings(
            name: name, method: when.method, path: when.path, outcome: outcome, place: place)
    }

    private func when(_ rules: inout [String: Int]) -> (method: String?, path: PathTemplate)? {
        typealias Keys = ScenarioKeys.When
        guard let section = section(Keys.all) else { return nil }
        let method = section.optional(Keys.method) { $0.method() }
        let path = section.required(Keys.path) { $0.pathTemplate() }
        guard let method, let path else { return nil }
        let rule = "\(method ?? "any method") \(path.shape)"
        if let line = rules[rule] {
            let written = "\(method ?? "any method") \(path)"
            return reject(
                .unreachableRule(path: self.path, written: written, firstLine: line),
                "one request belongs to one scenario; tell the two apart by method or path, or "
                    + "keep one of them")
        }
        rules[rule] = place.line
        return (method, path)
    }

    private func outcome() -> OutcomeSettings? {
        typealias Keys = ScenarioKeys.Outcome
        guard let section = section(Keys.all) else { return nil }
        let completed = section.required(Keys.completed) { $0.condition() }
        let refused = section.optional(Keys.refused) { $0.condition() }
        let failed = section.optional(Keys.failed) { $0.condition() }
        guard let completed, let refused, let failed else { return nil }
        return OutcomeSettings(completed: completed, refused: refused, failed: failed)
    }
}

extension OutcomeSettings {
    /// Any 2xx completes the flow.
    static let standard = OutcomeSettings(
        completed: ResponseCondition(status: [.hundred(2)], body: nil), refused: nil, failed: nil)
}

// MARK: - Conditions

extension Field {
    private func condition() -> ResponseCondition? {
        typealias Keys = ScenarioKeys.Condition
        guard let section = section(Keys.all) else { return nil }
        guard section.contains(Keys.status.name) || section.contains(Keys.body.name) else {
            return reject(
                .wrongType(path: path, expected: "status, body or both", found: "neither"))
        }
        let status = section.value(Keys.status, default: []) { $0.statuses() }
        let body = section.optional(Keys.body) { $0.body() }
        guard let status, let body else { return nil }
        return ResponseCondition(status: status, body: body)
    }

    private func statuses() -> [StatusPattern]? {
        var seen = FirstUses<StatusPattern>()
        return elementsOrOne(upTo: 64)?.readAll { field in
            guard let pattern = field.status() else { return nil }
            return seen.claim(pattern, written: field.written, by: field) ? pattern : nil
        }
    }

    /// Source: RFC 9110, 15 "Status Codes": 100 to 599, in classes by the first digit.
    private func status() -> StatusPattern? {
        guard case .scalar(let text, isQuoted: false) = node.content else {
            return reject(expected: "a status like 200 or 2xx")
        }
        let bytes = Array(text.utf8)
        if bytes.count == 3, text.hasSuffix("xx"), (0x31...0x35).contains(bytes[0]) {
            return .hundred(bytes[0] - 0x30)
        }
        guard !bytes.isEmpty, bytes.allSatisfy(Self.isDigit) else {
            return reject(expected: "a status like 200 or 2xx")
        }
        guard bytes.count == 3, let code = UInt16(text), (100...599).contains(code) else {
            return reject(.outOfRange(path: path, written: text, range: "100 to 599"))
        }
        return .code(code)
    }

    private func body() -> BodyCondition? {
        guard let entries = freeEntries() else { return nil }
        guard entries.count == 1, let entry = entries.first else {
            let fields = entries.isEmpty ? "no field" : "\(entries.count) fields"
            return reject(
                .wrongType(path: path, expected: "exactly one field", found: fields))
        }
        guard let keys = fieldPath(entry) else { return nil }
        let field = Field(
            entry.value, path: "\(path).\(entry.key.quotable)", key: key, findings: findings)
        return field.bodyValues().map { BodyCondition(field: .responseJSON(keys), values: $0) }
    }

    /// At most 16 keys and 256 bytes.
    private func fieldPath(_ entry: YAMLEntry) -> [String]? {
        let keys = entry.key.split(separator: ".", omittingEmptySubsequences: false)
            .map(String.init)
        guard keys.count <= 16, entry.key.utf8.count <= 256, !keys.contains("") else {
            findings.add(
                .badValue(
                    path: path, written: entry.key,
                    reason: "is not 1 to 16 keys joined with dots, 256 bytes at most"),
                at: entry.place, hint: key.hint)
            return nil
        }
        return keys
    }

    /// 1 to 256 values, none twice.
    private func bodyValues() -> [[UInt8]]? {
        var seen = FirstUses<[UInt8]>()
        return elementsOrOne(upTo: 256)?.readAll { field in
            guard case .scalar(let text, _) = field.node.content else {
                return field.reject(expected: "a value or a list of values")
            }
            let bytes = Array(text.utf8)
            guard (1...64).contains(bytes.count) else {
                let length = "a text of \(bytes.count) bytes"
                let range = "1 to 64 bytes"
                return field.reject(.outOfRange(path: field.path, written: length, range: range))
            }
            return seen.claim(bytes, written: text, by: field) ? bytes : nil
        }
    }
}
