import Traffic

/// Makes the rows of a table of rules.
struct RuleBuilder {
    /// Rules of one path that are tried one by one at most, before their values are made an index.
    private static let small = 4
    /// Rules of a field that are tried where it could not be read.
    private static let triedUnread = 64

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
    private var selectorNumbers: [FieldSelector: Int] = [:]
    private var finders: [FinderRow] = []
    private var members: [Int32] = []
    private var lists: [[Int32]] = []
    /// What the last rule said: as most say the same, its rows are shared.
    private var lastOutcomes: (said: [OutcomeCondition], rows: OutcomeRows)?
    private var lastMethods: (said: [String], rows: RowRange)?

    /// The rows of a rule's outcomes.
    private struct OutcomeRows {
        let all: RowRange
        /// -1: none.
        let shortSlot: Int32
        let short: RowRange
        /// The path where one of them asks for a part of it.
        let path: PathTemplate?
    }

    init() {}

    mutating func rows(_ scenarios: [FlowScenario]) -> RuleRows {
        var ofPaths: [[Int]] = []
        var pathless: [Int] = []
        rules.reserveCapacity(scenarios.reduce(0) { $0 + $1.steps.count })
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
        let groups = (ofPaths + [pathless]).map { group($0) }
        let ranges = lists.map { add($0) }
        return RuleRows(
            rules: PlainRows(rules),
            paths: PathIndex(texts: texts.frozen(), nodes: PlainRows(paths.nodes)),
            groups: PlainRows(groups), finders: PlainRows(finders), members: PlainRows(members),
            lists: PlainRows(ranges),
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
        let outcomes = outcomeRows(step.outcomes, of: request.path)
        if !request.hosts.isEmpty { _ = slot(of: .requestHeader("host")) }
        rules.append(
            RuleRow(
                scenario: Int32(scenario), completes: step.completes,
                services: RowRange(firstService..<services.count),
                methods: methodRows(request.methods),
                hosts: add(request.hosts.map { Array($0.utf8) }),
                fields: add(request.fields, of: request.path),
                outcomes: outcomes.all, shortSlot: outcomes.shortSlot,
                shortOutcomes: outcomes.short,
                key: step.key.map { place(of: $0, in: request.path) },
                keyCoding: KeyCoding(step.key),
                count: step.count.map { place(of: $0, in: request.path) }))
    }

    private mutating func methodRows(_ methods: [String]) -> RowRange {
        if let lastMethods, lastMethods.said == methods { return lastMethods.rows }
        let rows = add(methods.map { Array($0.utf8) })
        lastMethods = (methods, rows)
        return rows
    }

    private mutating func outcomeRows(
        _ conditions: [OutcomeCondition], of path: PathTemplate?
    ) -> OutcomeRows {
        if let lastOutcomes, lastOutcomes.said == conditions,
            lastOutcomes.rows.path == nil || lastOutcomes.rows.path == path
        {
            return lastOutcomes.rows
        }
        let all = add(conditions, of: path)
        let firstShort = shortOutcomes.count
        let slot = shortSlot(of: all)
        if slot != nil { addShort(all) }
        let isOfPath = conditions.contains { condition in
            condition.fields.contains { if case .path = $0.field { true } else { false } }
        }
        let rows = OutcomeRows(
            all: all, shortSlot: slot ?? -1, short: RowRange(firstShort..<shortOutcomes.count),
            path: isOfPath ? path : nil)
        lastOutcomes = (conditions, rows)
        return rows
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
            let number = texts.number(Array(name.utf8), of: .query, else: names.count)
            if number == names.count { names.append(texts.add(Array(name.utf8))) }
            return .query(Int32(number))
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

    /// The rules of one path. Where there are many, as behind a gateway with one endpoint, those
    /// that ask for values of a field are found by its value; the others, where these are still
    /// many, by that of another, and so on.
    private mutating func group(_ rules: [Int]) -> GroupRow {
        var rest = rules
        let firstFinder = finders.count
        while rest.count > Self.small, let place = mostTelling(of: rest) {
            let finder = finders.count
            var others: [Int] = []
            var found: [Int32] = []
            for rule in rest {
                guard let values = wanted(by: rule).first(where: { $0.place == place })?.values
                else {
                    others.append(rule)
                    continue
                }
                found.append(Int32(rule))
                for value in values.indices { list(Int32(rule), under: value, of: finder) }
            }
            finders.append(
                FinderRow(
                    place: place, first: found.first ?? 0,
                    tried: add(Array(found.prefix(Self.triedUnread))),
                    areMore: found.count > Self.triedUnread))
            rest = others
        }
        return GroupRow(
            plain: add(rest.map { Int32($0) }),
            finders: RowRange(firstFinder..<finders.count))
    }

    /// Of the fields that many rules ask for values of, that of most different values; of equal
    /// ones the one named first.
    private func mostTelling(of rules: [Int]) -> FieldPlace? {
        var found: [FieldPlace: (rules: Int, values: Set<[UInt8]>)] = [:]
        var places: [FieldPlace] = []
        for condition in rules.flatMap({ wanted(by: $0) }) {
            if found[condition.place] == nil { places.append(condition.place) }
            found[condition.place, default: (0, [])].rules += 1
            for value in condition.values.indices {
                found[condition.place]?.values.insert(valueBytes[value])
            }
        }
        let different = places.map { place in
            found[place].map { $0.rules > Self.small ? $0.values.count : 0 } ?? 0
        }
        guard let most = different.max(), most > 1 else { return nil }
        return different.firstIndex(of: most).map { places[$0] }
    }

    /// The fields that a rule asks for values of, its hosts among them.
    private func wanted(by rule: Int) -> [ConditionRow] {
        let rule = rules[rule]
        let fields = conditions[rule.fields.indices].filter { !$0.values.isEmpty }
        return fields + (rule.hosts.isEmpty ? [] : [ConditionRow(place: .host, values: rule.hosts)])
    }

    private mutating func list(_ rule: Int32, under value: Int, of finder: Int) {
        let number = texts.number(valueBytes[value], of: .finder(finder), else: lists.count)
        if number == lists.count { lists.append([]) }
        if lists[number].last != rule { lists[number].append(rule) }
    }
}
