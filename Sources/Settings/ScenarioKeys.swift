/// The keys inside `scenarios` of agent.yaml.
enum ScenarioKeys {
    static let id = Key("id", "the scenario's name", write: "id: credit")
    static let steps = Key(
        "steps", "the list of exchanges a flow consists of, at least one of which completes it",
        write: "steps: [{when: {path: /api/credit}, completes: true}]")
    static let refusalCounts = Key(
        "refusal_counts",
        "whether a refused flow is a complete one and counts; left out, so for credit alone",
        write: "refusal_counts: true")
    static let expires = Key(
        "expires", "the time without an exchange of it after which an open flow is incomplete",
        write: "expires: 24h")
    static let dedupe = Key(
        "dedupe",
        "where a flow that is completed twice counts once: nowhere (none), on this host (host), or "
            + "on all hosts with the same flow_secret (fleet); it needs a flow_key",
        write: "dedupe: host")
    static let outcome = Key(
        "outcome",
        "which responses complete, refuse or fail the flow, or leave it pending, at each step that "
            + "has no outcome of its own; a step's own replaces it as a whole",
        write: "outcome: {completed: {status: 2xx, body: {code: [\"0000\"]}}}")
    static let all = [id, refusalCounts, expires, dedupe, outcome, steps]

    enum Step {
        static let name = Key(
            "name", "the step's name, unique in its scenario", write: "name: decision")
        static let when = Key(
            "when", "which requests the step matches",
            write: "when: {method: POST, path: \"/api/credit/{applyNo}/decision\"}")
        static let flowKey = Key(
            "flow_key",
            "the field that is the same in all exchanges of one flow and differs between flows",
            write: "flow_key: path.applyNo")
        static let requires = Key(
            "requires",
            "the list of steps that must have been seen of a flow before this one counts",
            write: "requires: [precheck]")
        static let completes = Key(
            "completes",
            "whether the step completes a flow; left out, so where it is the only step",
            write: "completes: true")
        static let count = Key(
            "count", "the field that says how many flows one completing exchange is",
            write: "count: response.body.posted")
        static let outcome = Key(
            "outcome", "which responses complete, refuse or fail the flow, or leave it pending",
            write: "outcome: {completed: {status: 2xx}}")
        static let all = [name, when, flowKey, requires, completes, count, outcome]
    }

    enum When {
        static let service = Key(
            "service", "the name of the service, or a list of names; left out, any service",
            write: "service: loan-gateway")
        static let method = Key(
            "method", "the request's method in capitals, or a list; left out, any method",
            write: "method: POST")
        static let path = Key(
            "path",
            "the request's path, without query, where a {name} between slashes stands for any "
                + "one segment and a last ** for any rest",
            write: "path: \"/api/credit/{applyNo}/decision\"")
        static let host = Key(
            "host", "the host that the request is for, without port, or a list of them",
            write: "host: loan.example.com")
        static let query = Key(
            "query", "the parameters that the request's query must have, each with its values",
            write: "query: {txnCode: [CR01, CR02]}")
        static let header = Key(
            "header", "the header fields that the request must have, each with its values",
            write: "header: {x-channel: app}")
        static let body = Key(
            "body",
            "the fields that the request's JSON body must have, each by its keys joined with dots, "
                + "with its values",
            write: "body: {txn.code: CR01}")
        static let form = Key(
            "form",
            "the fields that the form in the request's body must have, each with its values",
            write: "form: {txnCode: CR01}")
        static let xml = Key(
            "xml",
            "the elements that the request's XML body must have, each by the names from the root "
                + "joined with dots, with its texts",
            write: "xml: {Envelope.Body.TxnCode: CR01}")
        static let all = [service, method, path, host, query, header, body, form, xml]
        /// One of these at least must be there.
        static let telling = [path, host, query, header, body, form, xml]
        static let parts: [(Key, MessagePart)] = [
            (query, .query), (header, .header), (body, .body), (form, .form), (xml, .xml),
        ]
    }

    enum Outcome {
        static let completed = Key(
            "completed", "the response to a flow that is complete, or to a step that is passed",
            write: "completed: {status: 2xx}")
        static let refused = Key(
            "refused", "the response to a flow that ran and was refused",
            write: "refused: {status: 2xx, body: {code: [E1001]}}")
        static let failed = Key(
            "failed",
            "the response to a flow that failed, or a list of responses, any of which does",
            write: "failed: [{status: 5xx}, {status: 2xx, body: {code: [E2001]}}]")
        static let pending = Key(
            "pending", "the response that decides nothing yet",
            write: "pending: {status: 2xx, body: {status: [PROCESSING]}}")
        static let all = [completed, refused, failed, pending]
    }

    enum Condition {
        static let status = Key(
            "status", "the status codes that match, as numbers or classes like 2xx",
            write: "status: [2xx, 404]")
        static let header = Key(
            "header", "the header fields that the response must have, each with its values",
            write: "header: {x-result: [\"0000\"]}")
        static let body = Key(
            "body",
            "the fields that the JSON response must have, each by its keys joined with dots, with "
                + "its values",
            write: "body: {result.code: [\"0000\"]}")
        static let xml = Key(
            "xml",
            "the elements that the XML response must have, each by the names from the root joined "
                + "with dots, with its texts",
            write: "xml: {Envelope.Body.RetCode: [\"0000\"]}")
        static let all = [status, header, body, xml]
    }
}
