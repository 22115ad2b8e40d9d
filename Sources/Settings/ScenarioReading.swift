import Metering
import Traffic

/// The limits of `scenarios`. What goes beyond is refused.
enum ScenarioLimits {
    static let scenarios = 256
    static let stepsOfScenario = 4096
    /// Steps of all scenarios together.
    static let steps = 16_384
    /// Conditions in one mapping of fields.
    static let conditions = 16
    /// Values of one condition.
    static let values = 256
    /// Bytes of one value.
    static let valueBytes = 64
    /// Responses of one outcome.
    static let alternatives = 16
    /// Steps of one scenario that have a key: so many does the agent tell apart in a flow.
    static let keyedSteps = 64
    /// Different fields that all rules together ask for: the agent looks for each in every message.
    static let fields = 512
}

/// What else the file says that scenarios refer to.
struct ScenarioSurroundings {
    /// `nil` where they could not be read.
    let services: [ServiceSettings]?
    let hasSecret: Bool
}

/// What `scenarios` says.
struct ScenarioList {
    var scenarios: [FlowScenario] = []
    /// The outcomes that a scenario says for its steps, where it does.
    var sharedOutcomes: [ScenarioID: [OutcomeCondition]] = [:]
}

extension Field {
    /// The list `scenarios`: ids unique, no rule hidden by an earlier one.
    func scenarios(_ surroundings: ScenarioSurroundings) -> ScenarioList? {
        var ids = FirstUses<String>(
            "give one of the two another id, or write the steps of both in one scenario")
        var reading = RuleReading(surroundings)
        let scenarios = elements(0...ScenarioLimits.scenarios)?.readAll {
            $0.scenario(&ids, &reading)
        }
        guard let scenarios else { return nil }
        let steps = scenarios.reduce(0) { $0 + $1.steps.count }
        guard steps <= ScenarioLimits.steps else {
            return reject(
                .outOfRange(
                    path: path, written: "\(steps) steps",
                    range: "1 to \(ScenarioLimits.steps) in all"),
                "one step may match several paths with {name} or **, and several values in a list")
        }
        guard reading.areInOrder(findings) else { return nil }
        return ScenarioList(scenarios: scenarios, sharedOutcomes: reading.sharedOutcomes)
    }

    private func scenario(
        _ ids: inout FirstUses<String>, _ reading: inout RuleReading
    ) -> FlowScenario? {
        typealias Keys = ScenarioKeys
        guard let section = section(Keys.all) else { return nil }
        let name = section.required(Keys.id) { field -> String? in
            guard let name = field.identifier(), ids.claim(name, by: field) else { return nil }
            field.warnOfScenario(name)
            return name
        }
        reading.begin(scenario: name ?? "")
        let refusalCounts = section.optional(Keys.refusalCounts) { $0.boolean() }
        let expiry = section.value(Keys.expires, default: .seconds(86_400)) {
            $0.upToNinetyDays()
        }
        let scope = section.optional(Keys.dedupe) { $0.deduplication() }
        let shared = section.optional(Keys.outcome) { reading.outcomes(at: $0) }
        let drafts = section.required(Keys.steps) { $0.steps(shared ?? nil, &reading) }
        guard let name, let refusalCounts, let expiry, let scope, let shared, let drafts
        else { return nil }
        let flow = FlowDraft(scenario: self, steps: drafts, surroundings: reading.surroundings)
        guard let steps = flow.checkedSteps(),
            let deduplication = flow.deduplication(
                scope, written: section.field(Keys.dedupe), hasSecretOf: reading.surroundings)
        else { return nil }
        if let written = section.field(Keys.expires), steps.allSatisfy({ $0.key == nil }) {
            written.doubt(
                "does nothing, as no step has a flow_key: no flow is open after its exchange",
                "leave it out, or write a flow_key at each step",
                zh: "不起作用：各步骤都没有 flow_key，请求结束后没有进行中的流程", "去掉它，或在每个步骤写 flow_key")
        }
        flow.warnOfUnused(section.field(Keys.outcome))
        let id = ScenarioID(name)
        reading.sharedOutcomes[id] = shared?.conditions
        return FlowScenario(
            id: id, steps: steps, refusalCounts: refusalCounts ?? id.refusalIsCompleteFlow,
            expiry: expiry, deduplication: deduplication)
    }

    private func deduplication() -> Deduplication? {
        word([("none", .none), ("host", .host), ("fleet", .fleet)])
    }

    /// - Parameter shared: what the responses to steps without an outcome mean, where the scenario
    ///   says so.
    private func steps(
        _ shared: ReadOutcomes?, _ reading: inout RuleReading
    ) -> [StepDraft]? {
        guard let fields = elements(1...ScenarioLimits.stepsOfScenario) else { return nil }
        var names = FirstUses<Int32>("give one of the two another name", count: fields.count)
        return fields.readAll { $0.step(isOnly: fields.count == 1, shared, &names, &reading) }
    }

    private func step(
        isOnly: Bool, _ shared: ReadOutcomes?, _ names: inout FirstUses<Int32>,
        _ reading: inout RuleReading
    ) -> StepDraft? {
        typealias Keys = ScenarioKeys.Step
        guard let section = section(Keys.all) else { return nil }
        let readName: (Field) -> String? = { field in
            field.identifier().flatMap {
                names.claim(field.node.textNumber, written: $0, by: field) ? $0 : nil
            }
        }
        let name =
            isOnly
            ? section.value(Keys.name, default: "step", readName)
            : section.required(Keys.name, readName)
        let request = section.required(Keys.when) { $0.request(reading.surroundings) }
        let key = section.optional(Keys.flowKey) { $0.messageField(of: request) }
        let requires = section.value(Keys.requires, default: []) { $0.requiredNames() }
        let completes = section.value(Keys.completes, default: isOnly) { $0.boolean() }
        let count = section.optional(Keys.count) { $0.messageField(of: request) }
        let outcomes = section.value(Keys.outcome, default: shared ?? reading.standard) {
            reading.outcomes(at: $0, insteadOf: shared)
        }
        guard let name, let request, let key, let requires, let completes, let count,
            let outcomes
        else { return nil }
        if let field = section.field(Keys.when) { reading.add(request, at: field) }
        let draft = StepDraft(
            field: self, section: section, name: name, request: request, key: key,
            requires: requires, completes: completes, count: count, outcomes: outcomes)
        let canPass = draft.canPass()
        return reading.takeFields(of: draft) && canPass ? draft : nil
    }

    /// 1 to 64 names, none twice.
    private func requiredNames() -> [(name: String, field: Field)]? {
        var seen = FirstUses<String>()
        return elementsOrOne(upTo: 64)?.readAll { field in
            guard let name = field.identifier(), seen.claim(name, by: field) else { return nil }
            return (name, field)
        }
    }
}

/// A step as read, before it is compared with the others of its scenario; by reference, as each
/// comparison goes through all.
final class StepDraft {
    let field: Field
    let section: Section
    let name: String
    let request: RequestMatch
    let key: MessageField?
    let requires: [(name: String, field: Field)]
    let completes: Bool
    let count: MessageField?
    let outcomes: ReadOutcomes

    init(
        field: Field, section: Section, name: String, request: RequestMatch, key: MessageField?,
        requires: [(name: String, field: Field)], completes: Bool, count: MessageField?,
        outcomes: ReadOutcomes
    ) {
        self.field = field
        self.section = section
        self.name = name
        self.request = request
        self.key = key
        self.requires = requires
        self.completes = completes
        self.count = count
        self.outcomes = outcomes
    }
}

/// Outcomes as read, once for all steps for which the file says the same; by reference, as it is
/// of all of them that their fields were counted.
final class ReadOutcomes {
    /// In the order of trial.
    let conditions: [OutcomeCondition]
    /// Whether a step has them, so that their fields are among those that the rules ask for.
    var areTaken = false

    /// Whether some response that has a body completes.
    private lazy var canCompleteWithBody = canComplete(toMethod: nil)

    init(_ conditions: [OutcomeCondition]) { self.conditions = conditions }

    /// Whether some response to the method completes.
    func canComplete(to method: String) -> Bool {
        // Most steps say the same and differ in their paths alone.
        FinalCodes.bodiless.contains(method)
            ? canComplete(toMethod: method) : canCompleteWithBody
    }

    private func canComplete(toMethod method: String?) -> Bool {
        conditions.contains { $0.outcome == .completed && !$0.codes(to: method).isEmpty }
    }
}
