import Traffic

/// Makes the rows of a table of rules.
struct RuleBuilder {
    /// Rules of one path that are tried one by one at most, before their values are made an index.
    private static let small = 4

    private(set) var selectors: [FieldSelector] = []
    private var texts = TextBuilder()
    private var paths = PathBuilder()
    private var rules: [RuleRow] = []
    private var conditions: [ConditionRow] = []
    private var outcomes: [OutcomeRow] = []
    private var shortOutcomes: [ShortOutcomeRow] = []
    private var statuses: [StatusRow] = []
    private var services: [Int32] = []
    private var values: [RuleText] = []
    /// The texts of `values`.
    private var valueBytes: [[UInt8]] = []
    private var names: [RuleText] = []
    private var nameNumbers: [String: Int] = [:]
    private var selectorNumbers: [FieldSelector: Int] = [:]
    private var members: [Int32] = []
    private var lists: [[Int32]] = []

    init() {}

    mutating func rows(_ scenarios: [FlowScenario]) -> RuleRows {
        var ofPaths: [[Int]] = []
        var pathless: [Int] = []
        for (number, scenario) in scenarios.enumerated() {
            for step in scenario.steps {
                if let path = step.request.path {
                    let group = paths.group(of: path, else: ofPaths.count, &texts)
                    if group == ofPaths.count { ofPaths.append([]) }
                    ofPaths[group].append(rules.count)
                } else {
                    pathless.append(rules.count)
                }
                add(step, scenario: number)
            }
        }
        let groups = (ofPaths + [pathless]).enumerated().map { group($0.offset, $0.element) }
        let ranges = lists.map { add($0) }
        return RuleRows(
            rules: PlainRows(rules),
            paths: PathIndex(texts: texts.frozen(), nodes: PlainRows(paths.nodes)),
            groups: PlainRows(groups), members: PlainRows(members), lists: PlainRows(ranges),
            conditions: PlainRows(conditions), outcomes: PlainRows(outcomes),
            shortOutcomes: PlainRows(shortOutcomes), statuses: PlainRows(statuses),
            services: PlainRows(services),
            values: PlainRows(values), names: PlainRows(names),
            hostSlot: selectorNumbers[.requestHeader("host")] ?? .max)
    }

    // MARK: Rules

    private mutating func add(_ step: FlowStep, scenario: Int) {
        let request = step.request
        let firstService = services.count
        services += request.services.map { Int32($0) }
        let outcomes = add(step.outcomes, of: request.path)
        let shortSlot = shortSlot(of: outcomes)
        let firstShort = shortOutcomes.count
        if shortSlot != nil { addShort(outcomes) }
        if !request.hosts.isEmpty { _ = slot(of: .requestHeader("host")) }
        rules.append(
            RuleRow(
                scenario: Int32(scenario), completes: step.completes,
                services: RowRange(firstService..<services.count),
                methods: add(request.methods.map { Array($0.utf8) }),
                hosts: add(request.hosts.map { Array($0.utf8) }),
                fields: add(request.fields, of: request.path),
                outcomes: outcomes, shortSlot: shortSlot ?? -1,
                shortOutcomes: RowRange(firstShort..<shortOutcomes.count),
                key: step.key.map { place(of: $0, in: request.path) },
                count: step.count.map { place(of: $0, in: request.path) }))
    }

    private mutating func add(_ added: [[UInt8]]) -> RowRange {
        let first = values.count
        for text in added { values.append(texts.add(text)) }
        valueBytes += added
        return RowRange(first..<values.count)
    }

    private mutating func add(_ added: [Int32]) -> RowRange {
        members += added
        return RowRange((members.count - added.count)..<members.count)
    }

    private mutating func add(_ fields: [FieldCondition], of path: PathTemplate?) -> RowRange {
        let rows = fields.map {
            ConditionRow(place: place(of: $0.field, in: path), values: add($0.values))
        }
        conditions += rows
        return RowRange((conditions.count - rows.count)..<conditions.count)
    }

    private mutating func add(_ added: [OutcomeCondition], of path: PathTemplate?) -> RowRange {
        let rows = added.map { condition in
            let first = statuses.count
            statuses += condition.statuses.map { pattern in
                switch pattern {
                case .code(let code): StatusRow(low: code, high: code)
                case .hundred(let hundred):
                    StatusRow(low: hundred &* 100, high: hundred &* 100 &+ 99)
                }
            }
            return OutcomeRow(
                outcome: OutcomeCode(condition.outcome),
                statuses: RowRange(first..<statuses.count), fields: add(condition.fields, of: path))
        }
        outcomes += rows
        return RowRange((outcomes.count - rows.count)..<outcomes.count)
    }

    /// The slot whose short values all of these outcomes ask for, each beside one range of
    /// statuses at most; `nil` where it is not so.
    private func shortSlot(of range: RowRange) -> Int32? {
        var found: Int32?
        for outcome in outcomes[range.indices] {
            let fields = conditions[outcome.fields.indices]
            guard outcome.statuses.count <= 1, fields.count == 1, let field = fields.first,
                case .slot(let slot) = field.place, slot == found ?? slot, !field.values.isEmpty,
                values[field.values.indices].allSatisfy({ $0.count <= 8 })
            else { return nil }
            found = slot
        }
        return found
    }

    private mutating func addShort(_ range: RowRange) {
        for outcome in outcomes[range.indices] {
            let status = statuses[outcome.statuses.indices].first
            for field in conditions[outcome.fields.indices] {
                shortOutcomes += values[field.values.indices].map {
                    ShortOutcomeRow(
                        word: $0.word, count: UInt32($0.count), low: status?.low ?? 0,
                        high: status?.high ?? .max, outcome: outcome.outcome)
                }
            }
        }
    }

    private mutating func place(of field: MessageField, in path: PathTemplate?) -> FieldPlace {
        switch field {
        case .message(let selector): return .slot(Int32(slot(of: selector)))
        case .query(let name):
            if let known = nameNumbers[name] { return .query(Int32(known)) }
            names.append(texts.add(Array(name.utf8)))
            nameNumbers[name] = names.count - 1
            return .query(Int32(names.count - 1))
        case .path(let name):
            let segment = path?.segments.firstIndex(of: .parameter(name))
            return segment.map { .segment(Int32($0)) } ?? .nowhere
        }
    }

    private mutating func slot(of selector: FieldSelector) -> Int {
        if let known = selectorNumbers[selector] { return known }
        selectors.append(selector)
        selectorNumbers[selector] = selectors.count - 1
        return selectors.count - 1
    }

    // MARK: Groups

    /// The rules of one path. Where there are many, as behind a gateway with one endpoint, and most
    /// of them ask for values of the same field, these are found by the field's value.
    private mutating func group(_ number: Int, _ rules: [Int]) -> GroupRow {
        guard rules.count > Self.small, let place = commonPlace(of: rules) else {
            return GroupRow(plain: add(rules.map { Int32($0) }), place: nil, firstByValue: 0)
        }
        var plain: [Int32] = []
        var first: Int32?
        for rule in rules {
            guard let condition = valueConditions(of: rule).first(where: { $0.place == place })
            else {
                plain.append(Int32(rule))
                continue
            }
            first = first ?? Int32(rule)
            for value in condition.values.indices { list(Int32(rule), under: value, of: number) }
        }
        return GroupRow(plain: add(plain), place: place, firstByValue: first ?? 0)
    }

    /// The field that most rules ask for values of; of equally common ones the one named first.
    private func commonPlace(of rules: [Int]) -> FieldPlace? {
        let places = rules.flatMap { valueConditions(of: $0).map(\.place) }
        let uses = Dictionary(grouping: places) { $0 }.mapValues(\.count)
        let most = uses.values.max() ?? 0
        return most > Self.small ? places.first { uses[$0] == most } : nil
    }

    private func valueConditions(of rule: Int) -> [ConditionRow] {
        conditions[rules[rule].fields.indices].filter { !$0.values.isEmpty }
    }

    private mutating func list(_ rule: Int32, under value: Int, of group: Int) {
        let number = texts.number(valueBytes[value], of: .group(group), else: lists.count)
        if number == lists.count { lists.append([]) }
        if lists[number].last != rule { lists[number].append(rule) }
    }
}
