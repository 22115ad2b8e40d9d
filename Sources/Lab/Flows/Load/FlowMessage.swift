/// A step of a flow as it goes over a connection.
struct FlowMessage {
    let script: FlowScript
    let plan: FlowStepPlan
    let uri: String
    let body: [UInt8]

    init(_ script: FlowScript, step: Int, seed: UInt64) {
        let plan = script.steps[step]
        let endpoint = plan.endpoint
        let digits = "\(seed)-\(script.number)"
        let key = endpoint.keyLetter + digits
        let small = script.flavour % 10_000
        let user = "U" + Self.filled(script.flavour % 1_000_000_000, 9)
        let amount = script.flavour % 50_000
        let named = plan.keyless ? "" : #""\#(endpoint.keyName ?? "")":"\#(key)","#
        self.script = script
        self.plan = plan
        var uri = endpoint.template
        var body = ""
        switch endpoint {
        case .apply:
            let four = Self.filled(small, 4)
            body =
                #"{"serialNo":"S\#(digits)","txnCode":"CRD001","userId":"\#(user)","#
                + #""idNo":"11010119900307\#(four)","mobile":"1380000\#(four)"}"#
        case .submit:
            body = #"{\#(named)"txnCode":"LN0002","userId":"\#(user)","amount":\#(amount)}"#
        case .repay:
            let card = "622202" + Self.filled(script.flavour % 1_000_000_000, 13)
            body = #"{\#(named)"txnCode":"RP0003","card":"\#(card)","amount":\#(amount)}"#
        case .callback: body = #"{\#(named)"bank":"B01","amount":\#(amount)}"#
        case .batch: body = #"{\#(named)"items":\#(script.postings)}"#
        case .decision:
            uri = "/core/credit/\(key)/decision"
            body = #"{"engine":"risk-2","score":\#(small)}"#
        case .creditStatus: uri = "/api/credit/\(key)/status"
        case .payoutStatus: uri += "?drawdownNo=\(key)"
        case .query, .staffQuery: uri += "?userId=\(user)&page=1"
        case .health: break
        }
        self.uri = uri
        self.body = Array(body.utf8)
    }

    /// Header fields beside those of the body.
    var fields: [(String, String)] {
        var fields = [
            ("host", "loan.example.com"), ("accept-encoding", "gzip"),
            ("x-expect", plan.reply.rawValue), ("x-framing", plan.framing.rawValue),
        ]
        if plan.endpoint == .query { fields.append(("x-channel", "app")) }
        if plan.endpoint == .staffQuery { fields.append(("x-channel", "staff")) }
        if plan.closes { fields.append(("connection", "close")) }
        return fields
    }

    /// The key the answer must repeat, or `nil`.
    func expectedKey(seed: UInt64) -> String? {
        guard plan.endpoint.keyName != nil, hasKey else { return nil }
        return "\(plan.endpoint.keyLetter)\(seed)-\(script.number)"
    }

    /// What the answer means, or why it is not the one that was asked for.
    func read(status: Int, body: [UInt8], seed: UInt64) -> Result<FlowExchange, FlowFault> {
        let endpoint = plan.endpoint
        let what = "\(endpoint.rawValue) of flow \(script.number): HTTP \(status)"
        guard endpoint != .health else {
            return status == 204
                ? .success(FlowExchange(endpoint, key: nil, .completed)) : .failure(.init(what))
        }
        guard let code = FlatText.text("code", in: body) else {
            return .failure(.init(what + ", no code in the answer"))
        }
        guard status == plan.reply.status, code == plan.reply.code(endpoint) else {
            return .failure(.init(what + ", code \(code) where \(plan.reply) was asked for"))
        }
        if let name = endpoint.keyName, let wanted = expectedKey(seed: seed) {
            guard FlatText.text(name, in: body) == wanted else {
                return .failure(.init(what + ", the answer of another flow"))
            }
        }
        let outcome = FlowOutcome(
            endpoint, status: status, code: code, state: FlatText.text("state", in: body))
        return .success(exchange(outcome, postings: FlatText.number("posted", in: body)))
    }

    /// The exchange with an outcome, e.g. that of a response which was cut off.
    func exchange(_ outcome: FlowOutcome, postings: UInt64? = nil) -> FlowExchange {
        FlowExchange(
            plan.endpoint, key: plan.endpoint.keyName != nil && hasKey ? script.number : nil,
            outcome, postings: postings)
    }

    /// Whether the request, or the answer where the key is there, tells the flow's key.
    private var hasKey: Bool { !plan.keyless && plan.reply.tellsKey(plan.endpoint) }

    private static func filled(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// An answer that was not as asked for, or that did not come.
struct FlowFault: Error {
    let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}
