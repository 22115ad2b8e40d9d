import Traffic

/// Makes the rows of a table of rules.
struct RuleBuilder: ~Copyable {
    /// Rules of one path that are tried one by one at most, before their values are made an index.
    private static let small = 4
    /// Rules of a field that are tried where it could not be read.
    private static let triedUnread = 64

    private(set) var selectors: [FieldSelector] = []
    private var texts: TextBuilder
    private var paths = PathBuilder()
    private var rules: GrowingRows<RuleRow>
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
    private var lists = ListBuilder()
    private var groups: [GroupRow] = []
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

    /// - Parameter count: How many rules there will be.
    private init(_ count: Int) {
        texts = TextBuilder(count)
        rules = GrowingRows(count)
    }

    /// The rows of the rules, and the fields that they ask for.
    static func table(_ scenarios: [FlowScenario]) -> (rows: RuleRows, selectors: [FieldSelector]) {
        var builder = RuleBuilder(scenarios.reduce(0) { $0 + $1.steps.count })
        builder.add(scenarios)
        let selectors = builder.selectors
        return (builder.rows(), selectors)
    }

    private mutating func add(_ scenarios: [FlowScenario]) {
        // The rules of each path, and those without one behind them.
        var ofPaths = ListBuilder()
        var pathless: [Int32] = []
        for (number, scenario) in scenarios.enumerated() {
            for step in scenario.steps {
                let rule = Int32(rules.count)
                if let path = step.request.path {
                    let group = paths.group(of: path, else: ofPaths.count, &texts)
                    ofPaths.append(rule, to: group)
                } else {
                    pathless.append(rule)
                }
                add(step, scenario: number)
            }
        }
        let (ranges, ordered) = ofPaths.lists()
        for range in ranges { groups.append(group(ordered[range])) }
        groups.append(group(pathless[...]))
    }

    private consuming func rows() -> RuleRows {
        let (listed, rulesOfLists) = lists.lists()
        let first = members.count
        members += rulesOfLists
        let hostSlot = selectorNumbers[.requestHeader("host")] ?? .max
        return RuleRows(
            rules: rules.frozen(),
            paths: PathIndex(
                texts: texts.frozen(), nodes: PlainRows(paths.nodes), only: PlainRows(paths.only)),
            groups: PlainRows(groups), finders: PlainRows(finders), members: PlainRows(members),
            lists: PlainRows(
                listed.map { RowRange($0.lowerBound + first..<$0.upperBound + first) }),
            conditions: PlainRows(conditions), outcomes: PlainRows(outcomes),
            shortOutcomes: PlainRows(shortOutcomes), statuses: PlainRows(statuses),
            services: PlainRows(services),
            values: PlainRows(values), names: PlainRows(names), hostSlot: hostSlot)
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

    private mutating func add(_ added: ArraySlice<Int32>) -> RowRange {
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
    private mutating func group(_ rules: ArraySlice<Int32>) -> GroupRow {
        var rest = rules
        let firstFinder = finders.count
        while rest.count > Self.small, let place = mostTelling(of: rest) {
            let finder = finders.count
            var others: [Int32] = []
            var found: [Int32] = []
            for rule in rest {
                guard let values = values(of: place, wantedBy: rule) else {
                    others.append(rule)
                    continue
                }
                found.append(rule)
                for value in values.indices { list(rule, under: value, of: finder) }
            }
            finders.append(
                FinderRow(
                    place: place, first: found.first ?? 0,
                    tried: add(found.prefix(Self.triedUnread)),
                    areMore: found.count > Self.triedUnread))
            rest = others[...]
        }
        return GroupRow(plain: add(rest), finders: RowRange(firstFinder..<finders.count))
    }

    /// Of the fields that many rules ask for values of, that of most different values; of equal
    /// ones the one named first.
    private func mostTelling(of rules: ArraySlice<Int32>) -> FieldPlace? {
        var places: [(place: FieldPlace, rules: Int)] = []
        var numbers: [FieldPlace: Int] = [:]
        for rule in rules {
            forEachWanted(by: rule) { condition in
                let number = numbers[condition.place] ?? places.count
                if number == places.count {
                    places.append((condition.place, 0))
                    numbers[condition.place] = number
                }
                places[number].rules += 1
            }
        }
        let many = places.filter { $0.rules > Self.small }.map(\.place)
        var best: FieldPlace?
        var most = 1
        for place in many {
            // Where there is one, it is enough that its values differ.
            let values = differentValues(of: place, rules, upTo: many.count == 1 ? 2 : .max)
            if values > most { (best, most) = (place, values) }
        }
        return best
    }

    private func differentValues(
        of place: FieldPlace, _ rules: ArraySlice<Int32>, upTo limit: Int
    ) -> Int {
        var different: Set<[UInt8]> = []
        for rule in rules where different.count < limit {
            forEachWanted(by: rule) { condition in
                guard condition.place == place else { return }
                for value in condition.values.indices { different.insert(valueBytes[value]) }
            }
        }
        return different.count
    }

    /// The fields that a rule asks for values of, its hosts among them.
    private func forEachWanted(by rule: Int32, _ body: (ConditionRow) -> Void) {
        let rule = rules[Int(rule)]
        for index in rule.fields.indices where !conditions[index].values.isEmpty {
            body(conditions[index])
        }
        if !rule.hosts.isEmpty { body(ConditionRow(place: .host, values: rule.hosts)) }
    }

    private func values(of place: FieldPlace, wantedBy rule: Int32) -> RowRange? {
        var values: RowRange?
        forEachWanted(by: rule) { if values == nil, $0.place == place { values = $0.values } }
        return values
    }

    private mutating func list(_ rule: Int32, under value: Int, of finder: Int) {
        let number = texts.number(valueBytes[value], of: .finder(finder), else: lists.count)
        lists.append(rule, to: number)
    }
}

/// Lists of rules that are made all at once, each in ascending order.
private struct ListBuilder {
    private var entries: [(list: Int32, rule: Int32)] = []
    /// By list.
    private var counts: [Int32] = []
    private var last: [Int32] = []

    var count: Int { counts.count }

    /// Adds a rule to a list, the next one where there is none of this number; once, also where it
    /// comes again at once.
    mutating func append(_ rule: Int32, to list: Int) {
        if list == count {
            counts.append(0)
            last.append(-1)
        }
        guard last[list] != rule else { return }
        entries.append((Int32(list), rule))
        counts[list] += 1
        last[list] = rule
    }

    /// The places of each list among the rules.
    func lists() -> (ranges: [Range<Int>], rules: [Int32]) {
        var ends: [Int] = []
        ends.reserveCapacity(count)
        var end = 0
        for count in counts {
            ends.append(end)
            end += Int(count)
        }
        var rules = [Int32](repeating: 0, count: entries.count)
        for entry in entries {
            rules[ends[Int(entry.list)]] = entry.rule
            ends[Int(entry.list)] += 1
        }
        return (zip(counts, ends).map { $1 - Int($0)..<$1 }, rules)
    }
}
