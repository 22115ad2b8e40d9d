import Traffic

/// Rules by the segments of their paths, and where one path has many, by the values of a field:
/// finds the few earlier rules that a rule can share requests with, in place of all of them.
struct RuleIndex {
    /// Places visited, rules compared, and a part for the length of what is compared, for one file.
    /// Where a file needs more, the rest of its
    /// rules is not compared, and a warning says so.
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

    /// What earlier rules take of a rule's requests.
    struct Comparison {
        /// The first that hides it.
        var hiding: Int?
        /// Those that may hide it with others, in their order, where none does alone.
        var partial: [Int] = []
        /// The first of another scenario that shares requests with it and is not the narrower one.
        var sharing: Int?
    }

    /// Compares a rule with the earlier ones; `nil` where the limit was reached.
    mutating func compare(_ rule: PlacedRule, with rules: [PlacedRule]) -> Comparison? {
        var found = Comparison()
        let buckets = buckets(reachedBy: rule.scope.path)
        let traits = buckets.isEmpty ? [] : rule.traits
        for bucket in buckets {
            candidates(in: bucket, traits) { number, steps in
                let other = rules[number]
                steps += rule.scope.effort(with: other.scope)
                if number < found.hiding ?? .max, other.scope.covers(rule.scope) {
                    found.hiding = number
                } else if found.hiding == nil, other.scope.takesPart(of: rule.scope) {
                    found.partial.append(number)
                }
                guard other.scenario != rule.scenario, number < found.sharing ?? .max,
                    other.scope.shares(rule.scope), !rule.scope.covers(other.scope)
                else { return }
                found.sharing = number
            }
            if steps > Self.maximumSteps { return nil }
        }
        // One that stands under several of the rule's values was met for each.
        found.partial = found.hiding == nil ? Set(found.partial).sorted() : []
        return steps > Self.maximumSteps ? nil : found
    }

    mutating func insert(_ rule: PlacedRule, as number: Int) {
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
    static func traits(of request: RequestMatch) -> [(trait: Trait, values: [[UInt8]])] {
        let fields = request.fields.filter { !$0.values.isEmpty }.map {
            (trait: Trait.field($0.field), values: $0.values)
        }
        let words: [(Trait, [String])] = [(.host, request.hosts), (.method, request.methods)]
        return fields
            + words.filter { !$0.1.isEmpty }.map { ($0.0, $0.1.map { Array($0.utf8) }) }
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

    /// Visits the rules of the bucket that no value of `traits` tells apart from a rule with them.
    private mutating func candidates(
        in bucket: Bucket, _ traits: [(trait: Trait, values: [[UInt8]])],
        _ visit: (Int, _ steps: inout Int) -> Void
    ) {
        func all(_ numbers: [Int]) {
            for number in numbers where steps <= Self.maximumSteps { visit(number, &steps) }
        }
        all(bucket.plain)
        for (trait, byValue) in bucket.byTrait {
            if let own = traits.first(where: { $0.trait == trait }) {
                for value in own.values { byValue[value].map(all) }
            } else {
                byValue.values.forEach(all)
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
            return own.values.reduce(0) { $0 + (known[$1]?.count ?? 0) }
        }
        guard let best = crowds.indices.min(by: { crowds[$0] < crowds[$1] }) else {
            plain.append(number)
            return
        }
        for value in traits[best].values {
            byTrait[traits[best].trait, default: [:]][value, default: []].append(number)
        }
    }
}
