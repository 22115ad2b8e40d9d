import Traffic

/// Finds rules that hide a later one together, each a part of its requests.
///
/// What a rule leaves open, such as a field with any value, can be hidden by rules alone that leave
/// it open too: some value is named by none of them. What it lists is a box of values, a side for
/// its services, methods, hosts and each field, from which each earlier rule cuts its part. To tell
/// in general whether nothing is left takes time without bound (the tautology of a disjunctive
/// normal form); where the limits are reached nothing is said of the rule.
struct RuleUnion {
    /// Sides of boxes cut, for one file.
    static let maximumSteps = 1_000_000
    /// Boxes that are left of one rule at once.
    static let maximumBoxes = 256

    private var steps = 0

    /// Those of `parts`, each of which takes a part of `rule`, that leave nothing of it when they are
    /// tried in this order; `nil` where something may be left.
    mutating func hiding(_ rule: RuleScope, _ parts: [Int], _ rules: [PlacedRule]) -> [Int]? {
        guard parts.count > 1, steps <= Self.maximumSteps else { return nil }
        let sides = RuleSides(rule)
        var left = [sides.whole]
        var taking: [Int] = []
        for number in parts {
            let part = sides.part(of: rules[number].scope)
            var rest: [RuleBox] = []
            var isTaking = false
            for box in left {
                let before = rest.count
                isTaking = box.cut(part, leaving: &rest) || isTaking
                steps += box.sides.count * (1 + rest.count - before)
                guard steps <= Self.maximumSteps, rest.count <= Self.maximumBoxes else {
                    return nil
                }
            }
            if isTaking { taking.append(number) }
            if rest.isEmpty { return taking }
            left = rest
        }
        return nil
    }
}

extension RuleScope {
    /// Whether this rule takes some of the requests of `other`, and of what `other` leaves open all:
    /// then several such rules may hide it together.
    func takesPart(of other: RuleScope) -> Bool {
        services & other.services != 0 && path.covers(other.path)
            && Self.takesPart(request.methods, of: other.request.methods)
            && Self.takesPart(request.hosts, of: other.request.hosts)
            && request.fields.allSatisfy { condition in
                other.request.fields.contains {
                    $0.field == condition.field && Self.takesPart(condition.values, of: $0.values)
                }
            }
    }

    private static func takesPart<Value: Equatable>(_ part: [Value], of all: [Value]) -> Bool {
        part.isEmpty || part.contains(where: all.contains)
    }
}

/// A set of numbers below 256: no side has more values.
private typealias SideValues = SIMD4<UInt64>

extension SideValues {
    fileprivate static var all: Self { Self(repeating: .max) }

    fileprivate init(numbers: some Sequence<Int>) {
        self = .zero
        for number in numbers { self[(number >> 6) & 3] |= 1 << UInt64(number & 63) }
    }
}

/// Requests of a rule: all that have one of the values of each side.
private struct RuleBox {
    var sides: [SideValues]

    /// Adds to `rest`, in boxes that have no request in common, what `part` leaves of this one.
    /// Whether it takes any.
    func cut(_ part: RuleBox, leaving rest: inout [RuleBox]) -> Bool {
        let isApart = zip(sides, part.sides).contains { $0 & $1 == .zero }
        guard !isApart else {
            rest.append(self)
            return false
        }
        var inner = self
        for side in sides.indices {
            let beside = sides[side] & ~part.sides[side]
            guard beside != .zero else { continue }
            var box = inner
            box.sides[side] = beside
            rest.append(box)
            inner.sides[side] = sides[side] & part.sides[side]
        }
        return true
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
    var whole: RuleBox {
        let counts = [methods.count, hosts.count] + fields.map(\.values.count)
        return RuleBox(
            sides: [SideValues(services, 0, 0, 0)]
                + counts.map { SideValues(numbers: 0..<max(1, $0)) })
    }

    /// What another rule that takes part of it has.
    func part(of other: RuleScope) -> RuleBox {
        RuleBox(
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
