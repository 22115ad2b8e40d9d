import Traffic

/// Rules by the segments of their paths, and where one path has many, by the values of a field:
/// finds the few earlier rules that a rule can share requests with, in place of all of them.
struct RuleIndex {
    /// Places visited, values looked up, rules compared, and a part for the length of what is
    /// compared, for one file. Where a file needs more, the rest of its rules is not compared, and
    /// a warning says so.
    static let maximumSteps = 1_000_000
    /// Segments of a path that are told apart; rules with longer ones stand together.
    private static let maximumDepth = 8

    /// What tells rules of one path apart.
    enum Trait: Hashable {
        case field(MessageField)
        case host
        case method
    }

    /// A value as its bytes, which are hashed at once.
    private struct Value: Hashable {
        let bytes: [UInt8]

        func hash(into hasher: inout Hasher) {
            bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    /// Rules of one place that values tell apart.
    private struct Bucket {
        /// Those without values.
        var plain: [Int] = []
        var byTrait: [(trait: Trait, rules: [Value: [Int]])] = []
        /// The places in `byTrait`.
        var traitPlaces: [Trait: Int] = [:]

        func place(of trait: Trait) -> Int? {
            // To hash a field takes as long as to compare some.
            byTrait.count <= 8
                ? byTrait.firstIndex { $0.trait == trait } : traitPlaces[trait]
        }
    }

    /// The rules that end at one place of their paths, or that go on from there. One alone needs no
    /// bucket.
    private enum Rules {
        case none
        case alone(Int32)
        /// Those of the bucket.
        case many(Int32)
    }

    private struct Node {
        var literals: [String: Int32] = [:]
        var parameter: Int32?
        /// Those whose path ends here.
        var ending = Rules.none
        /// Those whose path goes on from here in any way.
        var open = Rules.none

        /// The node that the segment leads to, where a rule has it.
        func child(_ segment: PathTemplate.Segment) -> Int32? {
            switch segment {
            case .literal(let text): literals[text]
            case .parameter: parameter
            }
        }

        func forEachChild(_ body: (Int32) -> Void) {
            literals.values.forEach(body)
            if let parameter { body(parameter) }
        }
    }

    private var nodes = [Node()]
    private var buckets: [Bucket] = []
    private var steps = 0

    /// For each rule the last comparison in which it was met, counted from 1.
    private var met: [Int]
    private var comparisons = 0
    /// What one comparison goes through: nodes and their depths, buckets, rules.
    private var open: [(node: Int32, depth: Int)] = []
    private var reached: [Int32] = []
    private var candidates: [Int] = []

    /// - Parameter count: How many rules there will be.
    init(_ count: Int) {
        met = Array(repeating: 0, count: count)
        nodes.reserveCapacity(count + 1)
    }

    /// What earlier rules take of a rule's requests.
    struct Comparison {
        /// The first that hides it.
        var hiding: Int?
        /// The first that hides it but for the requests without a path, for which it does not ask.
        var hidingPaths: Int?
        /// Those that may hide it with others, in their order, where none does alone.
        var partial: [Int] = []
        /// The first of another scenario that shares requests with it and is not the narrower one.
        var sharing: Int?
    }

    /// Compares a rule with the earlier ones; `nil` where the limit was reached.
    mutating func compare(_ rule: PlacedRule, with rules: [PlacedRule]) -> Comparison? {
        comparisons += 1
        let scope = rule.scope
        guard reach(scope.path) else { return nil }
        for bucket in reached {
            guard collect(from: Int(bucket), for: rule) else { return nil }
        }
        var found = Comparison()
        for number in candidates {
            let other = rules[number]
            steps += scope.effort(with: other.scope)
            guard steps <= Self.maximumSteps else { return nil }
            guard scope.services & other.scope.services != 0 else { continue }
            if other.scope.takesPart(of: scope) { found.partial.append(number) }
            if number < found.hiding ?? .max, other.scope.coversPaths(of: scope) {
                if other.scope.covers(scope) {
                    found.hiding = number
                } else {
                    found.hidingPaths = min(number, found.hidingPaths ?? .max)
                }
            }
            guard other.scenario != rule.scenario, number < found.sharing ?? .max,
                other.scope.shares(scope), !scope.coversPaths(of: other.scope)
            else { continue }
            found.sharing = number
        }
        found.partial = found.hiding == nil ? found.partial.sorted() : []
        return found
    }

    /// Adds the rule with this number, the next one of `rules`.
    mutating func insert(_ number: Int, of rules: [PlacedRule]) {
        let path = rules[number].scope.path
        var at = 0
        for segment in path.segments.prefix(Self.maximumDepth) {
            if let next = nodes[at].child(segment) {
                at = Int(next)
                continue
            }
            switch segment {
            case .literal(let text): nodes[at].literals[text] = Int32(nodes.count)
            case .parameter: nodes[at].parameter = Int32(nodes.count)
            }
            at = nodes.count
            nodes.append(Node())
        }
        if Self.goesOn(path) {
            nodes[at].open = joined(nodes[at].open, number, rules)
        } else {
            nodes[at].ending = joined(nodes[at].ending, number, rules)
        }
    }

    private mutating func joined(
        _ known: Rules, _ number: Int, _ rules: [PlacedRule]
    ) -> Rules {
        switch known {
        case .none: return .alone(Int32(number))
        case .alone(let first):
            let bucket = buckets.count
            buckets.append(Bucket())
            put(Int(first), rules[Int(first)], into: bucket)
            put(number, rules[number], into: bucket)
            return .many(Int32(bucket))
        case .many(let bucket):
            put(number, rules[number], into: Int(bucket))
            return known
        }
    }

    private static func goesOn(_ path: PathTemplate) -> Bool {
        path.isPrefix || path.segments.count > maximumDepth
    }

    /// Puts the rule where its values have the fewest rules so far: codes that differ from rule to
    /// rule tell more apart than a channel that most share.
    private mutating func put(_ number: Int, _ rule: PlacedRule, into bucket: Int) {
        guard let (trait, values) = mostTelling(of: rule, in: bucket) else {
            buckets[bucket].plain.append(number)
            return
        }
        let place = buckets[bucket].place(of: trait) ?? buckets[bucket].byTrait.count
        if place == buckets[bucket].byTrait.count {
            buckets[bucket].byTrait.append((trait, [:]))
            buckets[bucket].traitPlaces[trait] = place
        }
        for value in values {
            buckets[bucket].byTrait[place].rules[Value(bytes: value), default: []].append(number)
        }
    }

    private func mostTelling(
        of rule: PlacedRule, in bucket: Int
    ) -> (trait: Trait, values: [[UInt8]])? {
        var best: (trait: Trait, values: [[UInt8]])?
        var least = Int.max
        func weigh(_ trait: Trait) {
            guard least > 0, let values = rule.values(of: trait)?.all else { return }
            let known = buckets[bucket].place(of: trait).map { buckets[bucket].byTrait[$0].rules }
            let crowd = values.reduce(0) { $0 + (known?[Value(bytes: $1)]?.count ?? 0) }
            guard crowd < least else { return }
            best = (trait, values)
            least = crowd
        }
        for field in rule.scope.fields { weigh(.field(field.field)) }
        weigh(.host)
        weigh(.method)
        return best
    }

    /// Finds the rules of the places whose paths `path` may share: those alone at their place as
    /// candidates, and the buckets of the others. Whether the limit allows it.
    private mutating func reach(_ path: PathTemplate) -> Bool {
        let segments = path.segments.prefix(Self.maximumDepth)
        let goesOn = Self.goesOn(path)
        reached.removeAll(keepingCapacity: true)
        candidates.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        open.append((0, 0))
        while let (node, depth) = open.popLast() {
            let number = Int(node)
            steps += 1
            if steps > Self.maximumSteps { return false }
            take(nodes[number].open)
            if depth >= segments.count {
                if depth == segments.count || goesOn { take(nodes[number].ending) }
                if goesOn { nodes[number].forEachChild { open.append(($0, depth + 1)) } }
                continue
            }
            switch segments[depth] {
            case .literal(let text):
                if let next = nodes[number].literals[text] { open.append((next, depth + 1)) }
                if !text.isEmpty, let next = nodes[number].parameter {
                    open.append((next, depth + 1))
                }
            case .parameter: nodes[number].forEachChild { open.append(($0, depth + 1)) }
            }
        }
        return true
    }

    private mutating func take(_ rules: Rules) {
        switch rules {
        case .none: break
        case .alone(let rule): add(CollectionOfOne(Int(rule)))
        case .many(let bucket): reached.append(bucket)
        }
    }

    /// Adds the rules of the bucket that no value of a trait tells apart from `rule`, each once in a
    /// comparison. Whether the limit allows it.
    private mutating func collect(from bucket: Int, for rule: PlacedRule) -> Bool {
        add(buckets[bucket].plain)
        for place in buckets[bucket].byTrait.indices {
            let trait = buckets[bucket].byTrait[place].trait
            let known = buckets[bucket].byTrait[place].rules
            steps += 1 + rule.scope.fields.count / 16
            if let own = rule.values(of: trait) {
                steps += min(own.all.count, known.count)
                guard steps <= Self.maximumSteps else { return false }
                if own.all.count <= known.count {
                    for value in own.all { known[Value(bytes: value)].map { add($0) } }
                } else {
                    for (value, numbers) in known where own.contains(value.bytes) { add(numbers) }
                }
            } else {
                steps += known.count
                guard steps <= Self.maximumSteps else { return false }
                for numbers in known.values { add(numbers) }
            }
        }
        return steps <= Self.maximumSteps
    }

    private mutating func add(_ numbers: some Collection<Int>) {
        steps += numbers.count / 16
        for number in numbers where met[number] != comparisons {
            met[number] = comparisons
            candidates.append(number)
        }
    }
}
