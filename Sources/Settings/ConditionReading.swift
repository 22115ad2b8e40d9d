import Traffic

extension Field {
    /// 1 to 16 fields of a part of a message, each with the values that it may have.
    func conditions(of part: MessagePart) -> [FieldCondition]? {
        guard case .mapping(let entries) = node.content else {
            return reject(expected: "a mapping of fields to values")
        }
        guard (1...ScenarioLimits.conditions).contains(entries.count) else {
            return reject(
                .outOfRange(
                    path: path, written: "a mapping of \(entries.count)",
                    range: "1 to \(ScenarioLimits.conditions) fields"))
        }
        var seen = FirstUses<MessageField>("write the field once, with the values of both")
        return entries.readAll { $0.condition(in: self, of: part, &seen) }
    }
}

extension YAMLEntry {
    fileprivate func condition(
        in mapping: Field, of part: MessagePart, _ seen: inout FirstUses<MessageField>
    ) -> FieldCondition? {
        let key = key
        let named = Field(YAMLNode(document: document, index: index), key: mapping.key)
        let field: MessageField
        do throws(MessagePart.NameFault) {
            field = try part.field(key)
        } catch {
            return named.reject(key, error.reason)
        }
        guard seen.claim(field, written: key, by: named) else { return nil }
        named.warnOfJSONPath(field, written: key)
        return Field(value, key: mapping.key).conditionValues().map {
            FieldCondition(field: field, values: $0)
        }
    }
}

extension Field {
    private static let valueForms = "a value, a list of values or any"

    /// 1 to 256 values, none twice; the word `any` without quotes gives none.
    fileprivate func conditionValues() -> [[UInt8]]? {
        if isAny { return [] }
        guard case .sequence = node.content else { return conditionValue().map { [$0] } }
        var seen = FirstUses<[UInt8]>()
        return elements(1...ScenarioLimits.values)?.readAll { field in
            guard let value = field.conditionValue() else { return nil }
            return seen.claim(value, written: field.written, by: field) ? value : nil
        }
    }

    private func conditionValue() -> [UInt8]? {
        guard case .scalar(let text, let isQuoted) = node.content,
            isQuoted || text.isEmpty || !text.isNothing
        else { return reject(expected: Self.valueForms) }
        guard !isAny else {
            return reject(
                text, "stands among other values",
                "write any alone where every value matches, or \"any\" in quotes for the text")
        }
        let bytes = Array(text.utf8)
        guard (1...ScenarioLimits.valueBytes).contains(bytes.count) else {
            let length = "a text of \(bytes.count) bytes"
            let range = "1 to \(ScenarioLimits.valueBytes) bytes"
            return reject(.outOfRange(path: path, written: length, range: range))
        }
        return bytes
    }

    private var isAny: Bool {
        if case .scalar(let text, isQuoted: false) = node.content { text == "any" } else { false }
    }
}
