/// One request of a flow, and the answer it asks for.
struct FlowStepPlan: Equatable {
    let endpoint: FlowEndpoint
    let reply: FlowReply
    /// Index of the host it goes to.
    let host: Int
    var framing = FlowFraming.length
    /// Whether the request's body is sent in two writes.
    var split = false
    /// Whether the request leaves the key out.
    var keyless = false
    /// Whether the connection ends with it.
    var closes = false
}

/// The requests of one flow, in their order: the same for the same seed, number and hosts.
///
/// Shares are those of trouble as it happens, but more of it than a production has.
struct FlowScript: Equatable {
    let scenario: LoanScenario
    /// The flow's number in the load.
    let number: UInt64
    /// What a batch posts.
    let postings: UInt64
    /// Numbers for amounts and the names of customers.
    let flavour: UInt64
    private(set) var steps: [FlowStepPlan] = []

    /// Hosts of a load at most.
    static let hostLimit = 8

    init(seed: UInt64, number: UInt64, hosts: Int) {
        // The first output parts neighbouring seeds and numbers from each other.
        var mixer = SplitMix64(state: seed)
        var writer = FlowScriptWriter(
            random: SplitMix64(state: mixer.next() &+ number &* 0xD134_2543_DE82_EF95),
            hosts: hosts)
        self.number = number
        flavour = writer.random.next()
        postings = writer.random.next() % 500
        let point = Double.random(in: 0..<1, using: &writer.random)
        switch point {
        case ..<0.2: (scenario, _) = (.credit, writer.credit())
        case ..<0.45: (scenario, _) = (.drawdown, writer.drawdown())
        case ..<0.75: (scenario, _) = (.repayment, writer.repayment())
        default: (scenario, _) = (.query, writer.query())
        }
        steps = writer.steps
    }
}

/// Writes the requests of one flow by chance.
private struct FlowScriptWriter {
    var random: SplitMix64
    let hosts: Int
    let home: Int
    private(set) var steps: [FlowStepPlan] = []

    init(random: SplitMix64, hosts: Int) {
        self.random = random
        self.hosts = hosts
        home = Int.random(in: 0..<hosts, using: &self.random)
    }

    // An application, polled for and decided: each request by itself may go to another host.
    mutating func credit() {
        if chance(0.06) {
            add(.apply, .failed, roams: true)
            if chance(0.5) { return }
        }
        if chance(0.10) {
            add(.apply, .rejected, roams: true)
            if chance(0.3) { add(.apply, .rejected, roams: true) }
            return
        }
        add(.apply, .accepted, roams: true)
        if chance(0.08) { add(.apply, .accepted, roams: true) }
        if chance(0.12) { return }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            add(.creditStatus, .processing, roams: true)
        }
        if chance(0.05) { add(.creditStatus, .failed, roams: true) }
        if chance(0.02) { add(.creditStatus, .unnamed, roams: true) }
        let end: FlowReply = chance(0.25) ? .refused : .approved
        switch Double.random(in: 0..<1, using: &random) {
        case ..<0.5: notice(end)
        case ..<0.8: add(.creditStatus, end, roams: true)
        case ..<0.9:
            notice(end)
            add(.creditStatus, end, roams: true)
        default:
            add(.creditStatus, end, roams: true)
            notice(end)
        }
        if chance(0.05) { add(.creditStatus, end, roams: true) }
        if chance(0.02) { add(.creditStatus, .failed, roams: true) }
        if chance(0.02) { add(.apply, .accepted, roams: true) }
    }

    private mutating func notice(_ end: FlowReply) {
        if chance(0.05) { add(.decision, .failed, roams: true) }
        add(.decision, end, roams: true)
        if chance(0.10) { add(.decision, end, roams: true) }
    }

    // A payout needs its submission on the same host; another host sees some flows once more.
    mutating func drawdown() {
        if chance(0.03) { return add(.submit, .accepted, keyless: true) }
        if chance(0.04) { add(.callback, .approved) }
        if chance(0.05) {
            add(.submit, .failed)
            if chance(0.4) { return }
        }
        if chance(0.06) { return add(.submit, .rejected) }
        add(.submit, .accepted)
        if chance(0.08) { add(.submit, .accepted) }
        if chance(0.08) { return }
        let end: FlowReply = chance(0.1) ? .refused : .approved
        if chance(0.7) {
            if chance(0.05) { add(.callback, .failed) }
            add(.callback, end)
            if chance(0.25) { add(.callback, end) }
            if chance(0.03) { add(.callback, end) }
            if chance(0.10) { add(.payoutStatus, end) }
        } else {
            for _ in 0..<Int.random(in: 0...2, using: &random) { add(.payoutStatus, .processing) }
            add(.payoutStatus, end)
        }
        guard hosts > 1 else { return }
        if chance(0.06) {
            add(.submit, .accepted, away: true)
            add(.callback, end, away: true)
        } else if end == .approved, chance(0.03) {
            add(.callback, end, away: true)
        }
    }

    mutating func repayment() {
        if chance(0.1) { return batch() }
        if chance(0.05) {
            add(.repay, .failed)
            if chance(0.4) { return }
        }
        if chance(0.01) { add(.repay, .cut) }
        if chance(0.02) { add(.repay, .unnamed) }
        if chance(0.10) {
            add(.repay, .refused)
            if chance(0.1) { add(.repay, .approved) }
            return
        }
        add(.repay, .approved)
        if chance(0.10) { add(.repay, .approved, away: chance(0.5)) }
        if chance(0.01) { add(.repay, .failed) }
    }

    private mutating func batch() {
        if chance(0.05) { add(.batch, .failed) }
        if chance(0.05) {
            add(.batch, .uncounted)
            if chance(0.5) { return }
        }
        add(.batch, .approved)
        if chance(0.10) { add(.batch, .approved, away: chance(0.5)) }
    }

    mutating func query() {
        switch Double.random(in: 0..<1, using: &random) {
        case ..<0.04: add(.query, .refused)
        case ..<0.07:
            add(.query, .failed)
            if chance(0.5) { add(.query, .approved) }
        case ..<0.10: add(.query, .unnamed)
        case ..<0.11: add(.query, .cut)
        case ..<0.14: add(.staffQuery, .approved)
        case ..<0.16: add(.health, .accepted)
        default: add(.query, .approved)
        }
    }

    /// - Parameters:
    ///   - roams: whether chance picks the host, the flow's home in two of three.
    ///   - away: whether it goes to another host than the flow's home, if there is one.
    private mutating func add(
        _ endpoint: FlowEndpoint, _ reply: FlowReply, roams: Bool = false, away: Bool = false,
        keyless: Bool = false
    ) {
        var host = home
        if hosts > 1, away || roams && chance(1.0 / 3) {
            host = (home + Int.random(in: 1..<hosts, using: &random)) % hosts
        }
        let framing: FlowFraming =
            switch Double.random(in: 0..<1, using: &random) {
            case ..<0.5: .length
            case ..<0.8: .chunked
            default: .gzip
            }
        let split = endpoint.method == "POST" && chance(0.02)
        steps.append(
            FlowStepPlan(
                endpoint: endpoint, reply: reply, host: host, framing: framing, split: split,
                keyless: keyless, closes: reply != .cut && chance(0.003)))
    }

    private mutating func chance(_ part: Double) -> Bool { random.chance(part) }
}
