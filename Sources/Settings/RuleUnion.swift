import Traffic

/// Finds rules that hide a later one together, each a part of its requests.
///
/// What a rule leaves open, such as a field with any value, can be hidden by rules alone that leave
/// it open too: some value is named by none of them. What it lists is a box of values, a side for
/// its services, methods, hosts and each field, from which each earlier rule cuts its part. To tell
/// in general whether nothing is left takes time without bound (the tautology of a disjunctive
/// normal form); where the limits are reached nothing is said of the rule.
struct RuleUnion {
    private var cutter = BoxCutter(maximumSteps: 1_000_000)

    /// What earlier rules take of one.
    enum Cover {
        case none
        /// All, between the rules with these numbers.
        case whole([Int])
        /// All but the requests without a path, for which they do not ask.
        case allWithPaths([Int])
    }

    /// What the rules that a comparison found take of `rule`.
    mutating func cover(
        of rule: RuleScope, _ found: RuleIndex.Comparison, _ rules: [PlacedRule]
    ) -> Cover {
        if let one = found.hiding { return .whole([one]) }
        if rule.asksForPath {
            return hiding(rule, found.partial, rules).map { .whole($0) } ?? .none
        }
        let pathless = found.partial.filter { !rules[$0].scope.asksForPath }
        if let all = hiding(rule, pathless, rules) { return .whole(all) }
        if let one = found.hidingPaths { return .allWithPaths([one]) }
        return hiding(rule, found.partial, rules).map { .allWithPaths($0) } ?? .none
    }

    /// Those of `parts`, each of which takes a part of `rule`, that leave nothing of it when they are
    /// tried in this order; `nil` where something may be left.
    mutating func hiding(_ rule: RuleScope, _ parts: [Int], _ rules: [PlacedRule]) -> [Int]? {
        guard parts.count > 1, !cutter.isAtLimit else { return nil }
        let sides = RuleSides(rule)
        return cutter.cut([sides.whole], by: parts) {
            CollectionOfOne(sides.part(of: rules[$0].scope))
        }
    }
}

/// The numbers of a rule's values on each side; what it leaves open is one value, which has no number.
private struct RuleSides {
    private let services: UInt64
    private let methods: [String: Int]
    private let hosts: [String: Int]
    private let fields: [(field: MessageField, values: [[UInt8]: Int])]

    init(_ rule: RuleScope) {
        services = rule.services
        methods = Self.numbered(rule.request.methods)
        hosts = Self.numbered(rule.request.hosts)
        fields = rule.request.fields.map { ($0.field, Self.numbered($0.values)) }
    }

    private static func numbered<Value: Hashable>(_ values: [Value]) -> [Value: Int] {
        Dictionary(zip(values, values.indices), uniquingKeysWith: { first, _ in first })
    }

    /// The rule itself.
    var whole: ValueBox {
        let counts = [methods.count, hosts.count] + fields.map(\.values.count)
        return ValueBox(
            sides: [SideValues(services, 0, 0, 0)]
                + counts.map { SideValues(numbers: 0..<max(1, $0)) })
    }

    /// What another rule that takes part of it has.
    func part(of other: RuleScope) -> ValueBox {
        ValueBox(
            sides: [
                SideValues(other.services, 0, 0, 0), Self.part(other.request.methods, of: methods),
                Self.part(other.request.hosts, of: hosts),
            ]
                + fields.map { own in
                    let condition = other.request.fields.first { $0.field == own.field }
                    return Self.part(condition?.values ?? [], of: own.values)
                })
    }

    private static func part<Value: Hashable>(
        _ values: [Value], of own: [Value: Int]
    ) -> SideValues {
        values.isEmpty ? .all : SideValues(numbers: values.lazy.compactMap { own[$0] })
    }
}
