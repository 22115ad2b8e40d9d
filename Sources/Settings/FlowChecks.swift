import Metering
import Traffic

/// A scenario's steps as read, to be compared with one another.
struct FlowDraft {
    typealias Keys = ScenarioKeys.Step

    let scenario: Field
    let steps: [StepDraft]
    let surroundings: ScenarioSurroundings

    /// The steps with names resolved, or `nil` where they do not fit together.
    func checkedSteps() -> [FlowStep]? {
        let required = requiredSteps()
        let isGood = [completes(), countsWhereItCompletes(), keysFit(), keysAreFew(), isCounted()]
            .allSatisfy { $0 }
        guard let required, hasNoCycle(required), isGood else { return nil }
        warnOfNeedless()
        return zip(steps, required).map { step, required in
            FlowStep(
                name: step.name, request: step.request, key: step.key, requires: required,
                completes: step.completes, count: step.count, outcomes: step.outcomes.conditions)
        }
    }

    /// Where a flow that is completed twice is recognised, `scope` being what the file says.
    func deduplication(
        _ scope: Deduplication?, written: Field?, hasSecretOf surroundings: ScenarioSurroundings
    ) -> Deduplication? {
        let hasKeys = steps.contains { $0.key != nil }
        guard let scope, let written else { return hasKeys ? .host : Deduplication.none }
        if scope != .none, !hasKeys {
            return written.reject(
                written.written, "needs a flow_key, and no step of the scenario has one",
                "flows that are completed twice are known by their key: write, for example, "
                    + "flow_key: path.applyNo at each step, or dedupe: none")
        }
        if scope == .fleet, !surroundings.hasSecret {
            return written.reject(
                written.written, "needs a flow_secret, and the file names none",
                "hosts know each other's flows only if they hash keys alike: write, at the top "
                    + "level, \(AgentKeys.flowSecret.example), the same file on every host")
        }
        return scope
    }

    /// Warns of the scenario's outcome where no step has it.
    func warnOfUnused(_ outcome: Field?) {
        guard let outcome, steps.allSatisfy({ $0.section.contains(Keys.outcome) }) else { return }
        outcome.doubt(
            "does nothing, as each step has an outcome of its own, which replaces it as a whole",
            "leave it out, or leave out the outcome of the steps for which it is meant",
            zh: "不起作用：每个步骤都有自己的 outcome，整体取代它", "去掉它，或去掉应使用它的步骤自带的 outcome")
    }

    /// Warns of what says nothing where it stands.
    private func warnOfNeedless() {
        for step in steps where !step.completes && !step.requires.isEmpty {
            (step.section.field(Keys.requires) ?? step.field).doubt(
                "does nothing, as the step does not complete the flow",
                "write requires at the step with completes: true",
                zh: "不起作用：该步骤不完成流程", "把 requires 写在 completes: true 的步骤")
        }
        for step in steps where step.hasBodyless {
            (step.section.field(Keys.when) ?? step.field).doubt(
                "asks for a field of the body of a GET or HEAD, which has none as a rule",
                "see what clients send: a field of the path, the query or a header is meant, or "
                    + "another method",
                zh: "要求 GET 或 HEAD 的消息体字段，而这类请求通常没有消息体",
                "核对客户端实际发送的内容：应为路径、查询参数或请求头中的字段，或另一种方法")
        }
    }

    // MARK: - Completion

    private func completes() -> Bool {
        guard !steps.contains(where: \.completes) else { return true }
        return refuse(
            steps.count == 1 ? steps[0].section.field(Keys.completes) ?? scenario : scenario,
            "no step completes the flow", Keys.completes.hint)
    }

    private func countsWhereItCompletes() -> Bool {
        steps.map { step in
            guard !step.completes, let field = step.section.field(Keys.count) else { return true }
            return refuse(
                field, "the step does not complete flows, so that it has none to count",
                "write count at the step with completes: true")
        }.allSatisfy { $0 }
    }

    /// Whether a completing step can be on a service whose flows count. Steps that can only be on
    /// others are warned of.
    private func isCounted() -> Bool {
        guard let services = surroundings.services else { return true }
        let counting = Set(services.indices.filter { services[$0].countsFlows })
        func canCount(_ step: StepDraft) -> Bool {
            let named = step.request.services
            return named.isEmpty ? !counting.isEmpty : named.contains(where: counting.contains)
        }
        let completing = steps.filter(\.completes)
        guard completing.isEmpty || completing.contains(where: canCount) else {
            let named = Set(completing.flatMap(\.request.services)).sorted()
            let names = (named.isEmpty ? Array(services.indices) : named).map { services[$0].name }
            let place = names.count == 1 ? "the service" : "one of the services"
            return refuse(
                scenario, "no step that completes can be on a service with counts_flows: true",
                "flows are counted on such services alone: write counts_flows: true at "
                    + "\(place) \(names.firstFew)")
        }
        for step in steps where !canCount(step) && !step.request.services.isEmpty {
            let names = step.request.services.map { services[$0].name }
            (step.section.field(Keys.when) ?? step.field).doubt(
                "counts requests and no flows, as \(names.firstFew) "
                    + "\(names.count == 1 ? "has" : "have") no counts_flows: true",
                AgentKeys.Service.countsFlows.hint,
                zh: "只统计请求，不统计流程：\(names.chineseFew) 没有 counts_flows: true",
                "counts_flows 指是否在该服务上统计流程，每个场景只在一层统计；例如写 counts_flows: true")
        }
        return true
    }

    // MARK: - Keys

    /// Where a scenario has a key, or steps that do not complete, every step needs a key: without
    /// one an exchange cannot be told to belong to any flow.
    private func keysFit() -> Bool {
        let keyed = steps.first { $0.key != nil }
        let early = steps.first { !$0.completes }
        guard keyed != nil || early != nil, steps.contains(where: \.completes) else { return true }
        return steps.map { step in
            guard step.key == nil else { return true }
            if step.completes, let keyed {
                return refuse(
                    step.field,
                    "the step completes flows and has no flow_key, while step "
                        + "\(keyed.name.quoted) has one: it cannot tell which flow it completes",
                    Keys.flowKey.hint)
            }
            if step.completes { return true }
            return refuse(
                step.field,
                "the step has no flow_key, so that no flow can be told to have passed it",
                Keys.flowKey.hint
                    + "; or leave the step out, as only completed flows are counted")
        }.allSatisfy { $0 }
    }

    /// Whether the agent can tell the steps with a key apart.
    private func keysAreFew() -> Bool {
        let most = ScenarioLimits.keyedSteps
        let keyed = steps.filter { $0.key != nil }
        guard keyed.count > most else { return true }
        return refuse(
            keyed[most].field,
            "one of \(keyed.count) steps with a flow_key, and a scenario has \(most) of them at "
                + "most",
            "one step may match several paths with {name} or **, and several values in a list; "
                + "leave out steps that neither complete a flow nor are required")
    }

    // MARK: - Required steps

    /// Indices of the steps that each step requires.
    private func requiredSteps() -> [[Int]]? {
        if steps.allSatisfy({ $0.requires.isEmpty }) { return steps.map { _ in [] } }
        let indices = Dictionary(
            zip(steps.map(\.name), steps.indices), uniquingKeysWith: { first, _ in first })
        // Of other steps without a key it is said at the step.
        let isKeyless = steps.allSatisfy { $0.key == nil && $0.completes }
        return steps.enumerated().map { $0 }.readAll { own, step in
            step.requires.readAll { name, field in
                guard let index = indices[name] else { return unknown(name, in: step, field) }
                guard index != own else {
                    return field.reject(
                        name, "is this step itself",
                        "name another step of the scenario, or leave requires out")
                }
                guard !isKeyless else {
                    return field.reject(
                        name, "cannot be required, as no step of the scenario has a flow_key",
                        Keys.flowKey.hint)
                }
                return index
            }
        }
    }

    /// Reports a required step that is not there; what was meant is sought among the first 50 names.
    private func unknown(_ name: String, in step: StepDraft, _ field: Field) -> Int? {
        guard field.findings.isKeeping else {
            field.findings.addUnkept()
            return nil
        }
        let names = steps.map(\.name).filter { $0 != step.name }
        var reason = "is not the name of a step of this scenario"
        if let near = nearest(to: name, among: Array(names.prefix(50))) {
            reason += "; did you mean \"\(near)\"?"
        }
        return field.reject(
            name, reason,
            names.isEmpty
                ? "leave it out: the scenario has no other step"
                : "the other steps are \(names.firstFew)")
    }

    private func hasNoCycle(_ required: [[Int]]) -> Bool {
        guard let cycle = Self.cycle(required), let first = cycle.first else { return true }
        let names = (cycle + [first]).map { steps[$0].name }
        return refuse(
            steps[first].section.field(Keys.requires) ?? steps[first].field,
            "the steps require one another: \(names.firstChain), so that none can count",
            "requires names what comes before; leave out one of the names")
    }

    /// Steps each of which requires the next, and the last the first; `nil` where there are none.
    private static func cycle(_ required: [[Int]]) -> [Int]? {
        if required.allSatisfy({ $0.isEmpty }) { return nil }
        var open = required.map(\.count)
        var dependents = [[Int]](repeating: [], count: required.count)
        for (step, others) in required.enumerated() {
            for other in others { dependents[other].append(step) }
        }
        var free = open.indices.filter { open[$0] == 0 }
        while let step = free.popLast() {
            for other in dependents[step] {
                open[other] -= 1
                if open[other] == 0 { free.append(other) }
            }
        }
        guard var step = open.firstIndex(where: { $0 > 0 }) else { return nil }
        var walked: [Int] = []
        var places: [Int: Int] = [:]
        while places[step] == nil {
            places[step] = walked.count
            walked.append(step)
            guard let next = required[step].first(where: { open[$0] > 0 }) else { return nil }
            step = next
        }
        let cycle = Array(walked[(places[step] ?? 0)...])
        let least = cycle.indices.min { cycle[$0] < cycle[$1] } ?? 0
        return Array(cycle[least...] + cycle[..<least])
    }

    private func refuse(_ field: Field, _ sentence: String, _ hint: String) -> Bool {
        field.findings.add(
            .contradiction(path: field.path, sentence), at: field.place, hint: hint)
        return false
    }
}

extension StepDraft {
    /// Whether it asks for a field in a request that has no body.
    fileprivate var hasBodyless: Bool {
        let methods = request.methods
        guard !methods.isEmpty, methods.allSatisfy({ $0 == "GET" || $0 == "HEAD" }) else {
            return false
        }
        return (request.fields.map(\.field) + [key, count].compactMap { $0 })
            .contains { $0.requestBodyKind != nil }
    }
}

extension [String] {
    /// `a → b → a`, the middle left out where long.
    fileprivate var firstChain: String {
        let shown = count > 9 ? prefix(7) + ["…"] + suffix(1) : self[...]
        return shown.joined(separator: " → ")
    }
}
