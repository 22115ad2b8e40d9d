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

    fileprivate struct Bucket {
        /// Rules that are always tried: those without values, and the first, as one alone needs no
        /// index.
        var plain: [Int] = []
        var byTrait: [Trait: [[UInt8]: [Int]]] = [:]

        var isEmpty: Bool { plain.isEmpty }
    }

    private struct Node {
        var literals: [String: Int] = [:]
        var parameter: Int?
        /// Rules whose path ends here.
        var ending = Bucket()
        /// Rules whose path goes on from here in any way.
        var open = Bucket()

        /// The node that the segment leads to, where a rule has it.
        func child(_ segment: PathTemplate.Segment) -> Int? {
            switch segment {
            case .literal(let text): literals[text]
            case .parameter: parameter
            }
        }

        func forEachChild(_ body: (Int) -> Void) {
            literals.values.forEach(body)
            if let parameter { body(parameter) }
        }
    }

    private var nodes = [Node()]
    private var steps = 0

    /// For each rule the last comparison in which it was met, counted from 1.
    private var met: [Int] = []
    private var comparisons = 0

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
        var found = Comparison()
        comparisons += 1
        let scope = rule.scope
        for bucket in buckets(reachedBy: scope.path) {
            candidates(in: bucket, rule) { number, steps in
                let other = rules[number]
                steps += scope.effort(with: other.scope)
                guard scope.services & other.scope.services != 0 else { return }
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
                else { return }
                found.sharing = number
            }
            if steps > Self.maximumSteps { return nil }
        }
        found.partial = found.hiding == nil ? found.partial.sorted() : []
        return steps > Self.maximumSteps ? nil : found
    }

    mutating func insert(_ rule: PlacedRule, as number: Int) {
        met += repeatElement(0, count: max(0, number + 1 - met.count))
        let path = rule.scope.path
        var at = 0
        for segment in path.segments.prefix(Self.maximumDepth) {
            if let next = nodes[at].child(segment) {
                at = next
                continue
            }
            switch segment {
            case .literal(let text): nodes[at].literals[text] = nodes.count
            case .parameter: nodes[at].parameter = nodes.count
            }
            at = nodes.count
            nodes.append(Node())
        }
        if Self.goesOn(path) {
            nodes[at].open.insert(number, rule)
        } else {
            nodes[at].ending.insert(number, rule)
        }
    }

    private static func goesOn(_ path: PathTemplate) -> Bool {
        path.isPrefix || path.segments.count > maximumDepth
    }

    /// What has values in the rule, fields first.
    static func traits(of rule: RuleScope) -> [(trait: Trait, values: RuleValues<[UInt8]>)] {
        let fields = rule.fields.filter { !$0.values.isEmpty }.map {
            (trait: Trait.field($0.field), values: $0.values)
        }
        let words: [(Trait, RuleValues<String>)] = [(.host, rule.hosts), (.method, rule.methods)]
        return fields
            + words.filter { !$0.1.isEmpty }.map { trait, values in
                (trait, RuleValues(values.all.map { Array($0.utf8) }))
            }
    }

    /// The buckets with rules of the places whose paths `path` may share.
    private mutating func buckets(reachedBy path: PathTemplate) -> [Bucket] {
        let segments = path.segments.prefix(Self.maximumDepth)
        var found: [Bucket] = []
        var open: [(node: Int, depth: Int)] = [(0, 0)]
        while let (number, depth) = open.popLast() {
            steps += 1
            if steps > Self.maximumSteps { return [] }
            if !nodes[number].open.isEmpty { found.append(nodes[number].open) }
            let goesOn = Self.goesOn(path)
            if depth >= segments.count {
                if depth == segments.count || goesOn, !nodes[number].ending.isEmpty {
                    found.append(nodes[number].ending)
                }
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
        return found
    }

    /// Visits the rules of the bucket that no value of a trait tells apart from `rule`, each once
    /// in a comparison.
    private mutating func candidates(
        in bucket: Bucket, _ rule: PlacedRule, _ visit: (Int, _ steps: inout Int) -> Void
    ) {
        func all(_ numbers: [Int]) {
            steps += numbers.count / 16
            for number in numbers where met[number] != comparisons {
                guard steps <= Self.maximumSteps else { return }
                met[number] = comparisons
                visit(number, &steps)
            }
        }
        all(bucket.plain)
        for (trait, byValue) in bucket.byTrait {
            steps += 1
            guard let place = rule.traitPlaces[trait] else {
                steps += byValue.count
                byValue.values.forEach(all)
                continue
            }
            let values = rule.traits[place].values
            steps += min(values.all.count, byValue.count)
            if steps > Self.maximumSteps { return }
            if values.all.count <= byValue.count {
                for value in values.all { byValue[value].map(all) }
            } else {
                for (value, numbers) in byValue where values.contains(value) { all(numbers) }
            }
        }
    }
}

extension RuleIndex.Bucket {
    /// Puts the rule where its values have the fewest rules so far: codes that differ from rule to
    /// rule tell more apart than a channel that most share.
    fileprivate mutating func insert(_ number: Int, _ rule: PlacedRule) {
        if isEmpty {
            plain.append(number)
            return
        }
        let traits = rule.traits
        let crowds = traits.map { own in
            let known = byTrait[own.trait] ?? [:]
            return own.values.all.reduce(0) { $0 + (known[$1]?.count ?? 0) }
        }
        guard let best = crowds.indices.min(by: { crowds[$0] < crowds[$1] }) else {
            plain.append(number)
            return
        }
        for value in traits[best].values.all {
            byTrait[traits[best].trait, default: [:]][value, default: []].append(number)
        }
    }
}
