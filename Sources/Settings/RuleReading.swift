import Metering
import Traffic

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
    private var outcomeUnion = OutcomeUnion()

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
        guard let conditions = field.outcomes(areInstead: shared != nil, &outcomeUnion) else {
            return nil
        }
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
        var index = RuleIndex(rules.count)
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
            switch union.cover(of: rule.scope, found, rules) {
            case .whole(let hiding):
                isGood = false
                report(rule, hiddenBy: hiding, findings)
            case .allWithPaths(let hiding): warn(of: rule, withoutPathsLeftBy: hiding)
            case .none:
                if let sharing = found.sharing {
                    warn(of: rule, sharingWith: rules[sharing], findings)
                }
            }
            index.insert(number, of: rules)
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
                path: rule.path, written: written(rule),
                by: HidingRules(
                    hiding.map { (written(rules[$0]), rules[$0].place) }, besides: rule.place)),
            at: rule.place,
            hint: hiding.count == 1
                ? "one request belongs to one rule, the first that matches it: put the narrower "
                    + "rule first, tell the two apart by what is in when, or keep one of them"
                : "one request belongs to one rule, the first that matches it, and these take all "
                    + "of this one's between them: leave it out, keep it in place of them, or "
                    + "tell it from them by what is in when")
    }

    private func warn(of rule: PlacedRule, withoutPathsLeftBy hiding: [Int]) {
        guard let first = hiding.first.map({ rules[$0] }) else { return }
        let more = hiding.count - 1
        let others = more == 0 ? "" : " and \(more) more"
        let chineseOthers = more == 0 ? "" : " 等 \(hiding.count) 条规则"
        rule.field.doubt(
            "only requests without a path, such as OPTIONS * and CONNECT host:port, are left to "
                + "\(written(rule).english.quotedRule): \(written(first).english.quotedRule) on "
                + "line \(first.place.line)\(others) takes all others",
            "put the narrower rule first, or tell the two apart by what is in when",
            zh: "留给 \(written(rule).chinese.quotedRule) 的只有没有路径的请求，例如 OPTIONS * 和 "
                + "CONNECT host:port：其余的都归第 \(first.place.line) 行的 "
                + "\(written(first).chinese.quotedRule)\(chineseOthers)",
            "把范围较窄的规则放在前面，或用 when 中的内容区分两者")
    }

    private func warn(
        of rule: PlacedRule, sharingWith earlier: PlacedRule, _ findings: Findings
    ) {
        findings.warn(
            .overlappingRule(
                path: rule.path, written: written(rule), earlier: written(earlier),
                scenario: earlier.scenarioName, firstLine: earlier.place.line),
            at: rule.place,
            hint: "one request belongs to one scenario: tell the two apart by what is in "
                + "when, such as service, method or a field's values")
    }

    /// The rule in one line, its services by their names.
    private func written(_ rule: PlacedRule) -> WrittenRule {
        WrittenRule(rule.scope.request, services: surroundings.services?.map(\.name) ?? [])
    }
}
