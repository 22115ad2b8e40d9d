import Metering
package import Traffic

/// The rules of a file in its order, as they are read, to find those that hide or share requests
/// with others.
struct RuleReading {
    let surroundings: ScenarioSurroundings
    private var rules: [PlacedRule] = []
    private var scenario = 0
    private var scenarioName = ""
    private var fields: Set<MessageField> = []
    /// Those of steps for which the file says none.
    let standard = ReadOutcomes(OutcomeCondition.standard)
    /// What scenarios say for their steps.
    var sharedOutcomes: [ScenarioID: [OutcomeCondition]] = [:]
    /// Outcomes that were read and are right, by what the file says: most steps say the same.
    private var outcomes: [YAMLMeaning: ReadOutcomes] = [:]

    init(_ surroundings: ScenarioSurroundings) { self.surroundings = surroundings }

    /// What is added from now on belongs to the next scenario.
    mutating func begin(scenario name: String) {
        scenario += 1
        scenarioName = name
    }

    /// Adds the rule that `field` (`when`) writes.
    mutating func add(_ request: RequestMatch, at field: Field) {
        rules.append(
            PlacedRule(
                scenario: scenario, scenarioName: scenarioName,
                scope: RuleScope(request, services: surroundings.services?.count ?? 0),
                field: field))
    }

    /// The outcomes that `field` writes, `shared` being those of its scenario where it is a step's.
    mutating func outcomes(
        at field: Field, insteadOf shared: ReadOutcomes? = nil
    ) -> ReadOutcomes? {
        let meaning = YAMLMeaning(field.node)
        if let known = outcomes[meaning] { return known }
        let found = field.findings.count
        guard let conditions = field.outcomes(areInstead: shared != nil) else { return nil }
        let read = ReadOutcomes(conditions)
        // What is warned of is so at each place.
        if field.findings.count == found { outcomes[meaning] = read }
        return read
    }

    /// Adds the fields that a step asks for. Whether they are not too many; reports the step with
    /// which they become so.
    mutating func takeFields(of step: StepDraft) -> Bool {
        guard fields.count <= ScenarioLimits.fields else { return true }
        for condition in step.request.fields { fields.insert(condition.field) }
        if let key = step.key { fields.insert(key) }
        if let count = step.count { fields.insert(count) }
        if !step.outcomes.areTaken {
            step.outcomes.areTaken = true
            for condition in step.outcomes.conditions.flatMap(\.fields) {
                fields.insert(condition.field)
            }
        }
        guard fields.count > ScenarioLimits.fields else { return true }
        step.field.findings.add(
            .contradiction(
                path: step.field.path,
                "with this step the rules ask for more than \(ScenarioLimits.fields) different "
                    + "fields of messages"),
            at: step.field.place,
            hint: "each message is searched for all of them: ask for the same field with other "
                + "values, or leave out scenarios that this host does not serve")
        return false
    }

    /// Whether no rule is hidden by earlier ones; reports those that are, and warns of rules of
    /// different scenarios that share requests without one being the narrower and first.
    func areInOrder(_ findings: Findings) -> Bool {
        var index = RuleIndex()
        var union = RuleUnion()
        var isGood = true
        for (number, rule) in rules.enumerated() {
            guard let found = index.compare(rule, with: rules) else {
                findings.warn(
                    .comparisonCut(path: rule.path, limit: RuleIndex.maximumSteps), at: rule.place,
                    hint: "rules are compared where paths and values do not tell them apart; "
                        + "name more of the path, or values in place of any")
                return isGood
            }
            let hiding =
                found.hiding.map { [$0] } ?? union.hiding(rule.scope, found.partial, rules)
            if let hiding {
                isGood = false
                report(rule, hiddenBy: hiding, findings)
            } else if let sharing = found.sharing {
                findings.warn(
                    .overlappingRule(
                        path: rule.path, written: rule.scope.request.written,
                        earlier: rules[sharing].scope.request.written,
                        scenario: rules[sharing].scenarioName,
                        firstLine: rules[sharing].place.line),
                    at: rule.place,
                    hint: "one request belongs to one scenario: tell the two apart by what is in "
                        + "when, such as service, method or a field's values")
            }
            index.insert(rule, as: number)
        }
        return isGood
    }

    private func report(_ rule: PlacedRule, hiddenBy hiding: [Int], _ findings: Findings) {
        guard findings.isKeeping else {
            findings.addUnkept()
            return
        }
        findings.add(
            .unreachableRule(
                path: rule.path, written: rule.scope.request.written,
                by: HidingRules(hiding.map { rules[$0] })),
            at: rule.place,
            hint: hiding.count == 1
                ? "one request belongs to one rule, the first that matches it: put the narrower "
                    + "rule first, tell the two apart by what is in when, or keep one of them"
                : "one request belongs to one rule, the first that matches it, and these take all "
                    + "of this one's between them: leave it out, keep it in place of them, or "
                    + "tell it from them by what is in when")
    }
}

extension HidingRules {
    fileprivate init(_ rules: [PlacedRule]) {
        written = rules.prefix(Self.maximumWritten).map(\.scope.request.written)
        lines = rules.prefix(Self.maximumLines).map(\.place.line)
        count = rules.count
    }
}

/// A rule and where the file has it; by reference, as it is compared with many.
final class PlacedRule {
    let scenario: Int
    let scenarioName: String
    let scope: RuleScope
    /// Where it is written.
    let field: Field
    /// What tells it apart from rules of the same path.
    private(set) lazy var traits = RuleIndex.traits(of: scope.request)

    init(scenario: Int, scenarioName: String, scope: RuleScope, field: Field) {
        self.scenario = scenario
        self.scenarioName = scenarioName
        self.scope = scope
        self.field = field
    }

    var place: SourcePlace { field.place }
    var path: String { field.path }
}

/// The requests that a rule matches, to be compared with another's.
struct RuleScope {
    let request: RequestMatch
    /// One bit for each service.
    let services: UInt64
    /// No path is the path `/**`.
    let path: PathTemplate
    private let values: Int
    private let bodyKind: String?

    init(_ request: RequestMatch, services count: Int) {
        self.request = request
        let named = request.services
        let all = count == 0 ? UInt64.max : UInt64.max >> UInt64(clamping: 64 - count)
        services = named.isEmpty ? all : named.reduce(0) { $0 | 1 << UInt64($1 & 63) }
        path = request.path ?? PathTemplate(segments: [], isPrefix: true)
        values = request.fields.reduce(request.methods.count + request.hosts.count) {
            $0 + 1 + $1.values.count
        }
        bodyKind = request.fields.lazy.compactMap(\.field.requestBodyKind).first
    }

    /// What it takes to compare the two, 1 for short ones.
    func effort(with other: RuleScope) -> Int {
        1 + values * other.values / 16
            + min(path.segments.count, other.path.segments.count) / 4
    }

    /// Whether every request that `other` matches is one of this rule's.
    func covers(_ other: RuleScope) -> Bool {
        services & other.services == other.services
            && Self.covers(request.methods, other.request.methods)
            && Self.covers(request.hosts, other.request.hosts)
            && path.covers(other.path)
            && request.fields.allSatisfy { $0.isImplied(by: other.request.fields) }
    }

    /// Whether some request can be one of both rules'.
    func shares(_ other: RuleScope) -> Bool {
        services & other.services != 0
            && Self.shares(request.methods, other.request.methods)
            && Self.shares(request.hosts, other.request.hosts)
            && (bodyKind == nil || other.bodyKind == nil || bodyKind == other.bodyKind)
            && path.shares(other.path)
            && request.fields.allSatisfy { condition in
                other.request.fields.allSatisfy {
                    $0.field != condition.field || Self.shares($0.values, condition.values)
                }
            }
    }

    private static func covers<Value: Equatable>(_ a: [Value], _ b: [Value]) -> Bool {
        a.isEmpty || !b.isEmpty && b.allSatisfy(a.contains)
    }

    private static func shares<Value: Equatable>(_ a: [Value], _ b: [Value]) -> Bool {
        a.isEmpty || b.isEmpty || a.contains(where: b.contains)
    }
}

extension PathTemplate {
    /// Whether every path that `other` matches is one of this template's.
    func covers(_ other: PathTemplate) -> Bool {
        if isPrefix {
            guard other.segments.count >= segments.count + (other.isPrefix ? 0 : 1) else {
                return false
            }
        } else if other.isPrefix || other.segments.count != segments.count {
            return false
        }
        return zip(segments, other.segments).allSatisfy { $0.covers($1) }
    }

    /// Whether some path is one of both templates'.
    func shares(_ other: PathTemplate) -> Bool {
        switch (isPrefix, other.isPrefix) {
        case (false, false): guard segments.count == other.segments.count else { return false }
        case (true, false): guard other.segments.count > segments.count else { return false }
        case (false, true): guard segments.count > other.segments.count else { return false }
        case (true, true): break
        }
        return zip(segments, other.segments).allSatisfy { $0.covers($1) || $1.covers($0) }
    }
}

extension PathTemplate.Segment {
    fileprivate func covers(_ other: Self) -> Bool {
        switch (self, other) {
        case (.parameter, .parameter): true
        case (.parameter, .literal(let text)): !text.isEmpty
        case (.literal(let a), .literal(let b)): a == b
        case (.literal, .parameter): false
        }
    }
}

extension RequestMatch {
    /// The rule in one line, without its services: `POST /gw body.txnCode=CR01|CR02`. Of hosts and
    /// of a field's values, the first four; control characters as `?`.
    package var written: String {
        let most = 4
        var text = methods.isEmpty ? "any method" : methods.joined(separator: "|")
        text += " "
        text += path?.description ?? "any path"
        if !hosts.isEmpty { text += " host=\(hosts.prefix(most).joined(separator: "|"))" }
        for condition in fields {
            let values = condition.values.prefix(most).map { String(decoding: $0, as: UTF8.self) }
            text += " \(condition.field.written)="
            text += values.isEmpty ? "any" : values.joined(separator: "|")
            if condition.values.count > most { text += "|…" }
        }
        return text.harmless
    }
}
