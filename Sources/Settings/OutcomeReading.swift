import Traffic

extension OutcomeCondition {
    /// Any 2xx completes the step.
    static let standard = [OutcomeCondition(.completed, statuses: [.hundred(2)])]
}

extension Field {
    /// The mapping `outcome`, in the order of trial: what is named most narrowly by custom comes
    /// first, so that a refusal inside `200` is not taken for a success whose condition is the
    /// status alone.
    ///
    /// - Parameter areInstead: Whether it is a step's, in place of those of its scenario.
    func outcomes(areInstead: Bool, _ union: inout OutcomeUnion) -> [OutcomeCondition]? {
        typealias Keys = ScenarioKeys.Outcome
        guard let section = section(Keys.all) else { return nil }
        let order: [(Key, Outcome)] = [
            (Keys.failed, .failed), (Keys.refused, .refused), (Keys.pending, .pending),
            (Keys.completed, .completed),
        ]
        if !section.contains(Keys.completed) {
            section.reportMissing(
                Keys.completed,
                areInstead
                    ? "; this replaces the outcome of the scenario as a whole, and takes nothing "
                        + "from it" : "")
        }
        // All are read before any is compared, so that what is wrong is told in this order.
        let read = order.compactMap { key, outcome in
            section.field(key).map { $0.alternatives(of: outcome) }
        }
        var earlier: [OutcomeCondition] = []
        var isGood = section.contains(Keys.completed)
        for alternatives in read {
            guard let alternatives else {
                isGood = false
                continue
            }
            let met = alternatives.filter {
                $0.field.canBeMet($0.condition, after: earlier, &union)
            }
            for one in met { one.field.warnOfShared(one.condition, with: earlier) }
            if met.count < alternatives.count || !Self.areNeeded(met, &union) { isGood = false }
            earlier += met.map(\.condition)
        }
        return isGood ? earlier : nil
    }

    /// One response or a list of them, any of which has the outcome.
    private func alternatives(of outcome: Outcome) -> [PlacedOutcome]? {
        elementsOrOne(upTo: ScenarioLimits.alternatives)?.readAll { field in
            field.condition(outcome).map { PlacedOutcome(field: field, condition: $0) }
        }
    }

    private func condition(_ outcome: Outcome) -> OutcomeCondition? {
        typealias Keys = ScenarioKeys.Condition
        guard let section = section(Keys.all) else { return nil }
        guard Keys.all.contains(where: { section.mentions($0) }) else {
            return reject(
                .wrongType(
                    path: path, expected: Keys.all.map(\.name).alternatives, found: "none of them"))
        }
        let statuses = section.value(Keys.status, default: []) { $0.statuses() }
        let header = section.value(Keys.header, default: []) {
            $0.conditions(of: .responseHeader)
        }
        let body = section.value(Keys.body, default: []) { $0.conditions(of: .responseBody) }
        let xml = section.value(Keys.xml, default: []) { $0.conditions(of: .responseXML) }
        guard let statuses, let header, let body, let xml else { return nil }
        return OutcomeCondition(outcome, statuses: statuses, fields: header + body + xml)
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
        if bytes.first == 0x31, bytes.count == 3 {
            doubt(
                "is no final response's status: those are 200 to 599",
                "name the status of the response that decides",
                zh: "不是最终响应的状态码：最终响应为 200 至 599", "写出决定结果的那个响应的状态码")
        }
        if bytes.count == 3, text.hasSuffix("xx"), (0x31...0x35).contains(bytes[0]) {
            return .hundred(UInt16(bytes[0] - 0x30))
        }
        guard !bytes.isEmpty, bytes.allSatisfy(Self.isDigit) else {
            return reject(expected: "a status like 200 or 2xx")
        }
        guard bytes.count == 3, let code = UInt16(text), (100...599).contains(code) else {
            return reject(.outOfRange(path: path, written: text, range: "100 to 599"))
        }
        return .code(code)
    }
}

// MARK: - Outcomes that no response meets

extension Field {
    /// Whether some response meets `condition` and none of the outcomes tried before it; reports
    /// where it is certain that none does.
    private func canBeMet(
        _ condition: OutcomeCondition, after earlier: [OutcomeCondition],
        _ union: inout OutcomeUnion
    ) -> Bool {
        if FinalCodes(condition.statuses).isEmpty {
            return refuse(
                "no response can meet it, as a final response's status is 200 to 599",
                "name the status of the response that decides")
        }
        let fields = condition.fields.map(\.field)
        let isJSON = fields.contains {
            if case .message(.responseJSON) = $0 { true } else { false }
        }
        let isXML = fields.contains { if case .message(.responseXML) = $0 { true } else { false } }
        if isJSON && isXML {
            return refuse(
                "no response can meet it, as one body is not both JSON (body) and XML (xml)",
                "keep the kind that the server answers with")
        }
        if condition.codes().isEmpty {
            return refuse(
                "no response can meet it, as one with that status has no body",
                "leave out the \(isJSON ? "body" : "xml") condition, or name a status whose "
                    + "responses have a body")
        }
        guard let taking = union.describing(condition, earlier) else { return true }
        var names: [String] = []
        for other in taking.map({ earlier[$0].outcome.rawValue }) where !names.contains(other) {
            names.append(other)
        }
        return refuse(
            "no response can meet it, as each that would is \(names.alternatives) first",
            "outcomes are tried in the order failed, refused, pending, completed: narrow "
                + "\(names.alternatives) by a field of the response or by other statuses")
    }

    /// Whether each of an outcome's alternatives is met by some response that the others are not;
    /// reports those that are not needed.
    private static func areNeeded(
        _ alternatives: [PlacedOutcome], _ union: inout OutcomeUnion
    ) -> Bool {
        var needed = alternatives
        // The later of two that are alike is reported.
        for index in alternatives.indices.reversed() {
            let one = alternatives[index]
            var others = needed
            others.remove(at: index)
            guard let taking = union.describing(one.condition, others.map(\.condition)) else {
                continue
            }
            needed = others
            let names = taking.map { others[$0].field }.map { "\($0.path) (line \($0.place.line))" }
            _ = one.field.refuse(
                "adds nothing, as each response that it describes is described by "
                    + names.alternatives,
                "any one of the list is enough: leave this one out, or correct what should differ")
        }
        return needed.count == alternatives.count
    }

    /// Warns of values that an outcome tried earlier asks for too, and then has.
    fileprivate func warnOfShared(_ condition: OutcomeCondition, with earlier: [OutcomeCondition]) {
        guard condition.fields.count == 1, let field = condition.fields.first else { return }
        for other in earlier {
            guard other.fields.count == 1, let known = other.fields.first,
                other.outcome != condition.outcome, known.field == field.field,
                other.statusesOrAll.contains(where: {
                    $0.isCovered(by: condition.statuses) || condition.statusesOrAll.contains($0)
                })
            else { continue }
            let both = field.values.filter(known.values.contains)
            guard !both.isEmpty else { continue }
            let values = both.map { String(decoding: $0, as: UTF8.self).quoted }
            let word = other.outcome.rawValue
            doubt(
                "\(values.firstFew) is told by \(word) too, which is tried first",
                "leave the value out where it is not meant",
                zh: "\(values.chineseFew) 也写在 \(word) 中，而 \(word) 先比对", "在不应出现之处去掉该值")
        }
    }

    fileprivate func refuse(_ sentence: String, _ hint: String) -> Bool {
        findings.add(.contradiction(path: path, sentence), at: place, hint: hint)
        return false
    }
}

/// One of an outcome's responses, and where the file has it.
private struct PlacedOutcome {
    let field: Field
    let condition: OutcomeCondition
}

extension OutcomeCondition {
    fileprivate var statusesOrAll: [StatusPattern] {
        statuses.isEmpty ? StatusPattern.classes : statuses
    }
}

extension StatusPattern {
    fileprivate static let classes = (2...5).map { StatusPattern.hundred($0) }

    /// Whether one of `patterns` has all codes of this one; none of them: all codes there are.
    fileprivate func isCovered(by patterns: [StatusPattern]) -> Bool {
        if patterns.isEmpty { return true }
        return switch self {
        case .hundred: patterns.contains(self)
        case .code(let code): patterns.contains { $0.contains(code) }
        }
    }
}

extension StepDraft {
    /// Whether some response to its methods has the outcome completed; reports where none has.
    func canPass() -> Bool {
        let methods = request.methods
        let canPass = methods.contains { outcomes.canComplete(to: $0) }
        guard !methods.isEmpty, !canPass else { return true }
        let bodiless = [("HEAD", "one to HEAD"), ("CONNECT", "a 2xx to CONNECT")]
            .filter { methods.contains($0.0) }.map(\.1)
        let place = section.field(ScenarioKeys.Step.outcome) ?? field
        return place.refuse(
            "no response can complete the step, as \(bodiless.conjunction) "
                + "\(bodiless.count == 1 ? "has" : "have") no body, and completed asks for a field "
                + "of it",
            "name the status or a header of the response, or another method")
    }
}
