/// The keys inside `scenarios` of agent.yaml.
enum ScenarioKeys {
    static let id = Key("id", "the scenario's name", write: "id: credit")
    static let steps = Key(
        "steps", "the list of exchanges a flow consists of; this version takes exactly one",
        write: "steps: [{when: {path: /api/credit}, completes: true}]")
    static let all = [id, steps]

    enum Step {
        static let name = Key("name", "the step's name", write: "name: decision")
        static let when = Key(
            "when", "which requests the step matches",
            write: "when: {method: POST, path: \"/api/credit/{applyNo}/decision\"}")
        static let completes = Key(
            "completes", "whether the step completes a flow; the only step of a scenario does",
            write: "completes: true")
        static let outcome = Key(
            "outcome", "which responses complete, refuse or fail the flow",
            write: "outcome: {completed: {status: 2xx}}")
        static let flowKey = Key(
            "flow_key", "what tells a repeated flow from a new one",
            later: "leave it out: this version counts each completing exchange as one flow")
        static let requires = Key(
            "requires", "which steps must come before",
            later: "leave it out: this version knows the completing step alone")
        static let all = [name, when, completes, outcome, flowKey, requires]
    }

    enum When {
        static let method = Key(
            "method", "the request's method in capitals; left out, any method",
            write: "method: POST")
        static let path = Key(
            "path",
            "the request's path, without query, where a {name} between slashes stands for any "
                + "one segment",
            write: "path: \"/api/credit/{applyNo}/decision\"")
        static let all = [method, path]
    }

    enum Outcome {
        static let completed = Key(
            "completed", "the response to a completed flow", write: "completed: {status: 2xx}")
        static let refused = Key(
            "refused", "the response to a flow that ran and was refused",
            write: "refused: {status: 2xx, body: {code: [E1001]}}")
        static let failed = Key(
            "failed", "the response to a flow that failed", write: "failed: {status: 5xx}")
        static let all = [completed, refused, failed]
    }

    enum Condition {
        static let status = Key(
            "status", "the status codes that match, as numbers or classes like 2xx",
            write: "status: [2xx, 404]")
        static let body = Key(
            "body",
            "one field of the JSON response, by its keys joined with dots, and its values that "
                + "match",
            write: "body: {result.code: [\"0000\"]}")
        static let all = [status, body]
    }
}
