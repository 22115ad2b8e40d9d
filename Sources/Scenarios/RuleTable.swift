// Hot path: matching allocates, copies and retains nothing.
import Glibc
package import Traffic

/// The rules in the form that exchanges are matched against; the first rule that matches wins.
///
/// Rows of plain values that name ranges of other rows, down to the bytes: an exchange is matched
/// without a copy of anything that is counted by reference.
package struct RuleTable: Sendable {
    /// The fields that the rules ask for: what an engine must extract, in this order.
    package let selectors: [FieldSelector]
    /// The template's text of each rule, in the order of `Match.rule`.
    package let paths: [String]
    private var rules: [RuleRow] = []
    private var conditions: [ConditionRow] = []
    private var statuses: [StatusPattern] = []
    /// Texts, as ranges of `bytes`.
    private var texts: [Range<Int>] = []
    private var bytes: [UInt8] = []

    package init(_ rules: [ScenarioRule]) {
        var selectors: [FieldSelector] = []
        for path in rules.flatMap(\.outcomes).compactMap(\.field) {
            let selector = FieldSelector.responseJSON(path)
            if !selectors.contains(selector) { selectors.append(selector) }
        }
        self.selectors = selectors
        paths = rules.map(\.path.text)
        for rule in rules { append(rule) }
    }

    private mutating func append(_ rule: ScenarioRule) {
        let first = conditions.count
        for condition in rule.outcomes {
            let firstStatus = statuses.count
            statuses += condition.statuses
            conditions.append(
                ConditionRow(
                    outcome: condition.outcome, statuses: firstStatus..<statuses.count,
                    slot: condition.field.flatMap { selectors.firstIndex(of: .responseJSON($0)) },
                    values: append(condition.values)))
        }
        rules.append(
            RuleRow(
                lengths: rule.path.lengths, scenario: rule.scenario,
                method: append(rule.method.map { [Array($0.utf8)] } ?? []),
                literals: append(rule.path.literals), conditions: first..<conditions.count))
    }

    /// The range of `texts` that these become.
    private mutating func append(_ added: [[UInt8]]) -> Range<Int> {
        let first = texts.count
        for text in added {
            texts.append(bytes.count..<(bytes.count + text.count))
            bytes += text
        }
        return first..<texts.count
    }

    /// The first rule that matches, and the outcome it tells; `nil` where none matches.
    package func match(_ exchange: Exchange) -> Match? {
        let path = path(ofTarget: exchange.target)
        return bytes.withUnsafeBytes { bytes in
            for index in rules.indices where rules[index].lengths.contains(path.count) {
                let rule = rules[index]
                guard rule.method.isEmpty || isAny(rule.method, exchange.method, bytes),
                    isPath(path, of: rule.literals, bytes)
                else { continue }
                let outcome =
                    exchange.isComplete
                    ? outcome(of: exchange, among: rule.conditions, bytes) : .incomplete
                return Match(
                    rule: index, scenario: rule.scenario, outcome: outcome,
                    isUnread: outcome == .incomplete && exchange.isComplete
                        && isAnyUnread(rule.conditions, of: exchange))
            }
            return nil
        }
    }

    private func outcome(
        of exchange: Exchange, among range: Range<Int>, _ bytes: UnsafeRawBufferPointer
    ) -> Outcome {
        for index in range {
            let condition = conditions[index]
            guard condition.statuses.isEmpty || isStatus(exchange.status, in: condition.statuses)
            else { continue }
            guard let slot = condition.slot else { return condition.outcome }
            if slot < exchange.fields.count, case .value(let value) = exchange.fields[slot],
                isAny(condition.values, value, bytes)
            {
                return condition.outcome
            }
        }
        return .incomplete
    }

    /// Whether a condition whose status is met asks for a field that could not be read.
    private func isAnyUnread(_ range: Range<Int>, of exchange: Exchange) -> Bool {
        for index in range {
            guard let slot = conditions[index].slot, slot < exchange.fields.count,
                case .unread = exchange.fields[slot]
            else { continue }
            let statuses = conditions[index].statuses
            if statuses.isEmpty || isStatus(exchange.status, in: statuses) { return true }
        }
        return false
    }

    private func isStatus(_ status: UInt16, in range: Range<Int>) -> Bool {
        for index in range where statuses[index].contains(status) { return true }
        return false
    }

    /// Whether `value` is one of the texts.
    private func isAny(
        _ range: Range<Int>, _ value: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        for index in range
        where texts[index].count == value.count && isText(index, at: 0, of: value, bytes) {
            return true
        }
        return false
    }

    /// Whether a text stands at `offset`; the caller has seen to the room.
    @inline(__always)
    private func isText(
        _ index: Int, at offset: Int, of value: UnsafeRawBufferPointer,
        _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        let text = texts[index]
        guard let left = value.baseAddress, let right = bytes.baseAddress else { return true }
        return memcmp(left + offset, right + text.lowerBound, text.count) == 0
    }

    /// Whether `path`, without its query, is the literals with one segment, that is not empty,
    /// between each two.
    private func isPath(
        _ path: UnsafeRawBufferPointer, of literals: Range<Int>, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        var position = 0
        for index in literals {
            if index > literals.lowerBound {
                let start = position
                while position < path.count, path[position] != UInt8(ascii: "/") { position += 1 }
                guard position > start else { return false }
            }
            let length = texts[index].count
            guard path.count - position >= length, isText(index, at: position, of: path, bytes)
            else { return false }
            position += length
        }
        return position == path.count
    }
}

private struct RuleRow: Sendable {
    /// Of a path that can match, in bytes.
    let lengths: ClosedRange<Int>
    let scenario: Int
    /// Texts; empty: any method.
    let method: Range<Int>
    /// Texts.
    let literals: Range<Int>
    let conditions: Range<Int>
}

private struct ConditionRow: Sendable {
    let outcome: Outcome
    /// Empty: any status.
    let statuses: Range<Int>
    /// The field, in the order of the selectors.
    let slot: Int?
    /// Texts.
    let values: Range<Int>
}
