// Hot path: matching allocates, copies and retains nothing.
import Traffic

/// A rule: ranges of other rows.
struct RuleRow: BitwiseCopyable {
    let scenario: Int32
    let completes: Bool
    let services: RowRange
    let methods: RowRange
    let hosts: RowRange
    let fields: RowRange
    let outcomes: RowRange
    /// The outcomes once more, where all ask for short values of the field in this slot; else -1.
    let shortSlot: Int32
    let shortOutcomes: RowRange
    let key: FieldPlace?
    let keyCoding: KeyCoding
    let count: FieldPlace?
}

/// Where in an exchange a field stands.
enum FieldPlace: BitwiseCopyable, Sendable, Hashable {
    /// In the order of the selectors.
    case slot(Int32)
    /// A parameter of the query: an index of the names.
    case query(Int32)
    /// A segment of the path, from 0.
    case segment(Int32)
    /// The host's name, in lower case.
    case host
    /// Nowhere: the path's template has no such parameter.
    case nowhere
}

struct ConditionRow: BitwiseCopyable {
    let place: FieldPlace
    /// Empty: any value.
    let values: RowRange
}

struct OutcomeRow: BitwiseCopyable {
    let outcome: OutcomeCode
    /// Empty: any status.
    let statuses: RowRange
    let fields: RowRange
}

/// An outcome that asks for one value of eight bytes at most, beside a status.
struct ShortOutcomeRow: BitwiseCopyable {
    let word: UInt64
    let count: UInt32
    let low: UInt16
    let high: UInt16
    let outcome: OutcomeCode
}

/// The codes from one to another.
struct StatusRow: BitwiseCopyable {
    let low: UInt16
    let high: UInt16
}

/// `Outcome` as a number.
enum OutcomeCode: UInt8, BitwiseCopyable {
    case completed, refused, failed, pending, incomplete

    init(_ outcome: Outcome) {
        self =
            switch outcome {
            case .completed: .completed
            case .refused: .refused
            case .failed: .failed
            case .pending: .pending
            case .incomplete: .incomplete
            }
    }

    @inline(__always)
    var outcome: Outcome {
        switch self {
        case .completed: .completed
        case .refused: .refused
        case .failed: .failed
        case .pending: .pending
        case .incomplete: .incomplete
        }
    }
}

/// The rules of one path: those that are tried one by one, ascending, and those that are found by
/// the value of a field.
struct GroupRow: BitwiseCopyable {
    let plain: RowRange
    let finders: RowRange
}

/// Rules that are found by the value of one field.
struct FinderRow: BitwiseCopyable {
    let place: FieldPlace
    /// The first of the rules.
    let first: Int32
    /// Those rules that are tried where the field could not be read.
    let tried: RowRange
    let areMore: Bool
}

/// The first rules that match a request, and that may, were all their fields read.
struct RuleSearch {
    var found = Int.max
    var unread = Int.max
}

/// Whether a message is what is asked for.
enum Fit {
    case fits, differs
    /// All that was read fits.
    case unread
}

/// All rows of a table of rules. `RuleTable` owns them.
// Any thread may read them; `places` and `known` are set in a `BoundCounter`'s copy, which one has.
struct RuleRows: BitwiseCopyable, @unchecked Sendable {
    let rules: PlainRows<RuleRow>
    let paths: PathIndex
    let groups: PlainRows<GroupRow>
    let finders: PlainRows<FinderRow>
    /// Rules of the groups, and of their values.
    let members: PlainRows<Int32>
    let lists: PlainRows<RowRange>
    let conditions: PlainRows<ConditionRow>
    let outcomes: PlainRows<OutcomeRow>
    let shortOutcomes: PlainRows<ShortOutcomeRow>
    let statuses: PlainRows<StatusRow>
    let services: PlainRows<Int32>
    /// Values, methods and hosts.
    let values: PlainRows<RuleText>
    let names: PlainRows<RuleText>
    let hostSlot: Int
    /// Of the target of the latest exchange; without them each is looked for alone.
    var places: ParameterPlaces?
    var known: KnownPaths?

    func deallocate() {
        rules.deallocate()
        paths.nodes.deallocate()
        paths.only.deallocate()
        paths.texts.entries.deallocate()
        paths.texts.bytes.deallocate()
        groups.deallocate()
        finders.deallocate()
        members.deallocate()
        lists.deallocate()
        conditions.deallocate()
        outcomes.deallocate()
        shortOutcomes.deallocate()
        statuses.deallocate()
        services.deallocate()
        values.deallocate()
        names.deallocate()
    }

    // MARK: Requests

    @inline(__always)
    func search(_ exchange: Exchange) -> RuleSearch {
        var search = RuleSearch()
        let path = path(ofTarget: exchange.target)
        paths.forEachGroup(of: path, known) { find(exchange, $0, &search) }
        find(exchange, groups.count - 1, &search)
        return search
    }

    /// Notes the first rule of a group that the request is, where it is before the one found.
    @inline(__always)
    private func find(_ exchange: Exchange, _ number: Int, _ search: inout RuleSearch) {
        let group = groups[number]
        if !group.plain.isEmpty { tryAll(group.plain, exchange, &search) }
        for finder in group.finders.indices { findByValue(exchange, finder, &search) }
    }

    private func findByValue(
        _ exchange: Exchange, _ finder: Int, _ search: inout RuleSearch
    ) {
        guard Int(finders[finder].first) < search.found else { return }
        var list: Int?
        withValue(of: finders[finder].place, in: exchange) { value in
            switch value {
            case .value(let bytes): list = paths.texts.find(bytes, of: .finder(finder))
            case .unread: tryUnread(finders[finder], exchange, &search)
            case .absent: break
            }
        }
        if let list { tryAll(lists[list], exchange, &search) }
    }

    /// Notes the first rule that may be meant, were its field read.
    private func tryUnread(
        _ finder: FinderRow, _ exchange: Exchange, _ search: inout RuleSearch
    ) {
        for index in finder.tried.indices {
            let rule = Int(members[index])
            guard rule < min(search.found, search.unread) else { return }
            if fit(exchange, rules[rule]) != .differs { search.unread = rule }
        }
        if finder.areMore { search.unread = min(search.unread, Int(finder.first)) }
    }

    @inline(__always)
    private func tryAll(_ range: RowRange, _ exchange: Exchange, _ search: inout RuleSearch) {
        for index in range.indices {
            let rule = Int(members[index])
            guard rule < search.found else { return }
            switch fit(exchange, rules[rule]) {
            case .fits:
                search.found = rule
                return
            case .unread: search.unread = min(search.unread, rule)
            case .differs: continue
            }
        }
    }

    /// Whether a request is one that the rule asks for; its path is known to be.
    @inline(__always)
    private func fit(_ exchange: Exchange, _ row: RuleRow) -> Fit {
        guard row.methods.isEmpty || isAny(row.methods, exchange.method),
            row.services.isEmpty || isService(exchange.service, among: row.services)
        else { return .differs }
        var isUnread = false
        for index in row.fields.indices where !holds(conditions[index], of: exchange) {
            guard self.isUnread(conditions[index].place, of: exchange) else { return .differs }
            isUnread = true
        }
        guard row.hosts.isEmpty || isHost(of: exchange, among: row.hosts) else { return .differs }
        return isUnread ? .unread : .fits
    }

    private func isService(_ service: Int, among range: RowRange) -> Bool {
        for index in range.indices where Int(services[index]) == service { return true }
        return false
    }

    @inline(__always)
    private func isAny(_ range: RowRange, _ value: UnsafeRawBufferPointer) -> Bool {
        let first = word(value)
        for index in range.indices
        where values[index].isEqual(to: value, first, in: paths.texts.bytes) { return true }
        return false
    }

    @inline(__always)
    private func holds(_ condition: ConditionRow, of exchange: Exchange) -> Bool {
        withValue(of: condition.place, in: exchange) { value in
            guard case .value(let bytes) = value else { return false }
            return condition.values.isEmpty || isAny(condition.values, bytes)
        }
    }

    private func isHost(of exchange: Exchange, among hosts: RowRange) -> Bool {
        withHost(of: exchange) { value in
            if case .value(let name) = value { isAny(hosts, name) } else { false }
        }
    }

    @inline(never)
    private func withHost<Result>(
        of exchange: Exchange, _ body: (FieldValue) -> Result
    ) -> Result {
        var name = host(ofTarget: exchange.target)
        if name == nil, hostSlot < exchange.fields.count,
            case .value(let authority) = exchange.fields[hostSlot]
        {
            name = host(ofAuthority: authority)
        }
        guard let name, (1...255).contains(name.count) else { return body(.absent) }
        // The rules' hosts are in lower case.
        return withUnsafeTemporaryAllocation(byteCount: name.count, alignment: 1) { lowered in
            for index in 0..<name.count {
                let byte = name[index]
                lowered[index] = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
            }
            return body(.value(UnsafeRawBufferPointer(lowered)))
        }
    }

    // MARK: Fields

    @inline(__always)
    func withValue<Result>(
        of place: FieldPlace, in exchange: Exchange, _ body: (FieldValue) -> Result
    ) -> Result {
        switch place {
        case .slot(let slot):
            return body(
                Int(slot) < exchange.fields.count ? exchange.fields[Int(slot)] : .unread)
        case .query(let name): return withQuery(Int(name), in: exchange, body)
        case .segment(let number):
            return body(
                segment(Int(number), of: path(ofTarget: exchange.target)).map(FieldValue.value)
                    ?? .absent)
        case .host: return withHost(of: exchange, body)
        case .nowhere: return body(.absent)
        }
    }

    @inline(never)
    private func withQuery<Result>(
        _ name: Int, in exchange: Exchange, _ body: (FieldValue) -> Result
    ) -> Result {
        guard let value = parameter(name, inTarget: exchange.target) else {
            return body(exchange.isTargetCut ? .unread : .absent)
        }
        if exchange.isTargetCut, value.isLast, !value.isLong { return body(.unread) }
        return value.withBytes { body(.value($0)) }
    }

    @inline(__always)
    private func parameter(
        _ name: Int, inTarget target: UnsafeRawBufferPointer
    ) -> DecodedValue? {
        if let places {
            return places.value(of: name, inTarget: target, among: paths.texts).map {
                DecodedValue($0, inTarget: target)
            }
        }
        let text = paths.texts.bytes.bytes(
            from: Int(names[name].start), count: Int(names[name].count))
        return DecodedValue(text, inTarget: target)
    }

    func isUnread(_ place: FieldPlace, of exchange: Exchange) -> Bool {
        withValue(of: place, in: exchange) { if case .unread = $0 { true } else { false } }
    }

    // MARK: Outcomes

    @inline(__always)
    func outcome(of exchange: Exchange, by rule: RuleRow) -> Outcome {
        guard rule.shortSlot >= 0 else { return outcome(of: exchange, among: rule.outcomes) }
        guard Int(rule.shortSlot) < exchange.fields.count,
            case .value(let value) = exchange.fields[Int(rule.shortSlot)], value.count <= 8
        else { return .incomplete }
        let (word, status) = (word(value), exchange.status)
        for index in rule.shortOutcomes.indices {
            let row = shortOutcomes[index]
            if row.word == word, Int(row.count) == value.count, row.low <= status,
                status <= row.high
            {
                return row.outcome.outcome
            }
        }
        return .incomplete
    }

    /// The first outcome whose conditions are met. Where one before it may be met by a field that
    /// could not be read, none is known.
    private func outcome(of exchange: Exchange, among range: RowRange) -> Outcome {
        for index in range.indices {
            switch fit(exchange, outcomes[index]) {
            case .fits: return outcomes[index].outcome.outcome
            case .unread: return .incomplete
            case .differs: continue
            }
        }
        return .incomplete
    }

    private func fit(_ exchange: Exchange, _ row: OutcomeRow) -> Fit {
        guard row.statuses.isEmpty || isStatus(exchange.status, in: row.statuses) else {
            return .differs
        }
        var isUnread = false
        for index in row.fields.indices where !holds(conditions[index], of: exchange) {
            guard self.isUnread(conditions[index].place, of: exchange) else { return .differs }
            isUnread = true
        }
        return isUnread ? .unread : .fits
    }

    /// Whether a condition whose status is met asks for a field that could not be read.
    func isAnyUnread(_ range: RowRange, of exchange: Exchange) -> Bool {
        for index in range.indices {
            let row = outcomes[index]
            guard row.statuses.isEmpty || isStatus(exchange.status, in: row.statuses) else {
                continue
            }
            for field in row.fields.indices where isUnread(conditions[field].place, of: exchange) {
                return true
            }
        }
        return false
    }

    @inline(__always)
    private func isStatus(_ status: UInt16, in range: RowRange) -> Bool {
        for index in range.indices
        where statuses[index].low <= status && status <= statuses[index].high { return true }
        return false
    }
}
