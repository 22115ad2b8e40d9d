import Crypto
import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Flows by key")
struct FlowTests {
    private static let key = MessageField.path("no")
    /// Apply, poll and be told: the flow's key stands in the path.
    private static let credit = [
        step(
            RequestMatch(path: PathTemplate("/apply/{no}")), name: "apply", key: key,
            completes: false),
        step(RequestMatch(path: PathTemplate("/status/{no}")), name: "status", key: key),
        step(
            RequestMatch(path: PathTemplate("/notice/{no}")), name: "notice", key: key,
            requires: [0]),
    ]
    private static let pay = [
        step(RequestMatch(path: PathTemplate("/pay/{no}")), name: "pay", key: key)
    ]

    private func book(_ keys: Int = 10_000, remember: Nanoseconds = .seconds(1000)) -> FlowBook {
        FlowBook(
            secret: FlowSecret.random().secret,
            limits: FlowBookLimits(keys: keys, remember: remember))
    }

    private static func counter(
        refusalCounts: Bool = true, deduplication: Deduplication = .host
    ) -> FlowCounter {
        FlowCounter(
            [
                scenario(
                    .credit, credit, refusalCounts: refusalCounts, deduplication: deduplication),
                scenario(.repayment, pay, deduplication: deduplication),
            ], countsFlows: [true])
    }

    /// Counts what steps say, one a second: path, and code or status.
    private func count(
        _ steps: [(String, String)], _ book: FlowBook, refusalCounts: Bool = true,
        deduplication: Deduplication = .host, from start: UInt64 = 1, expireAt: UInt64? = nil
    ) -> Tally {
        let counter = Self.counter(refusalCounts: refusalCounts, deduplication: deduplication)
        let bound = counter.bind(to: book)
        let counted = bound.emptyFlows
        for (offset, (target, code)) in steps.enumerated() {
            let status = code.count == 3 ? UInt16(code) : nil
            Request(
                target: target, status: status ?? 200,
                fields: counter.rules.selectors.map { _ in .text(code) },
                time: Timestamp((start + UInt64(offset)) * 1_000_000_000)
            ).withExchange { bound.count($0, into: counted) }
        }
        if let expireAt {
            bound.expire(at: Timestamp(expireAt * 1_000_000_000), into: counted)
        }
        bound.settle(into: counted)
        return counted.tally(of: counter)
    }

    private func numbers(_ tally: ScenarioTally) -> [UInt64] {
        [
            tally.requests, tally.flows, tally.completed, tally.refused, tally.failed,
            tally.duplicates, tally.incomplete,
        ]
    }

    @Test(
        "count once, whatever is repeated",
        arguments: [
            // requests, flows, completed, refused, failed, duplicates, incomplete
            ([("/status/1", "0000"), ("/status/1", "0000")], [2, 1, 1, 0, 0, 1, 0]),
            (
                [("/apply/1", "0000"), ("/status/1", "P"), ("/status/1", "0000")],
                [3, 1, 1, 0, 0, 0, 0]
            ),
            ([("/apply/1", "0000"), ("/apply/1", "0000")], [2, 0, 0, 0, 0, 1, 0]),
            (
                [("/apply/1", "500"), ("/apply/1", "0000"), ("/notice/1", "0000")],
                [3, 1, 1, 0, 1, 0, 0]
            ),
            ([("/notice/1", "0000")], [1, 0, 0, 0, 0, 0, 1]),
            (
                [("/apply/1", "0000"), ("/notice/1", "0000"), ("/status/1", "0000")],
                [3, 1, 1, 0, 0, 1, 0]
            ),
            ([("/apply/1", "E1001"), ("/apply/1", "E1001")], [2, 1, 0, 1, 0, 1, 0]),
            ([("/status/1", "E1001"), ("/status/1", "0000")], [2, 1, 0, 1, 0, 1, 0]),
            (
                [("/status/1", "0000"), ("/status/1", "500"), ("/apply/1", "0000")],
                [3, 1, 1, 0, 0, 2, 0]
            ),
            ([("/status/1", "?"), ("/status/1", "0000")], [2, 1, 1, 0, 0, 0, 1]),
            (
                [("/status/1", "0000"), ("/status/2", "0000"), ("/status/1", "P")],
                [3, 2, 2, 0, 0, 0, 0]
            ),
        ] as [([(String, String)], [UInt64])])
    func once(steps: [(String, String)], expected: [UInt64]) {
        #expect(numbers(count(steps, book()).scenarios[0]) == expected)
    }

    @Test("a refusal that is no complete flow does not keep a later success from counting")
    func refusal() {
        let steps = [
            ("/status/1", "E1001"), ("/status/1", "E1001"), ("/status/1", "500"),
            ("/status/1", "0000"), ("/status/1", "0000"), ("/status/1", "E1001"),
        ]
        let tally = count(steps, book(), refusalCounts: false).scenarios[0]
        #expect(numbers(tally) == [6, 1, 1, 1, 0, 4, 0])
    }

    @Test("a refused flow that is sent again can pass its steps, and complete")
    func refusedAndRequired() {
        let steps = [
            ("/notice/1", "E1001"), ("/apply/1", "0000"), ("/notice/1", "0000"),
            ("/notice/1", "0000"),
        ]
        let tally = count(steps, book(), refusalCounts: false).scenarios[0]
        #expect(numbers(tally) == [4, 1, 1, 1, 0, 2, 0])
    }

    @Test("without deduplication each completion is a flow")
    func noDeduplication() {
        let steps = [
            ("/apply/1", "0000"), ("/notice/1", "0000"), ("/notice/1", "0000"),
            ("/status/1", "E1001"), ("/apply/1", "0000"),
        ]
        let tally = count(steps, book(), deduplication: .none).scenarios[0]
        #expect(numbers(tally) == [5, 3, 2, 1, 0, 0, 0])
    }

    @Test("a call inside another is answered first, and neither is lost or a duplicate")
    func nested() {
        let counter = Self.counter()
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        for (target, start, end) in [
            ("/notice/1", 20, 30), ("/apply/1", 10, 40), ("/status/2", 60, 70),
            ("/apply/2", 50, 80), ("/apply/2", 90, 95), ("/notice/3", 100, 110),
            ("/apply/3", 120, 130),
        ] as [(String, UInt64, UInt64)] {
            var request = Request(
                target: target, fields: counter.rules.selectors.map { _ in .text("0000") })
            (request.start, request.time) = (Timestamp(start), Timestamp(end))
            request.withExchange { bound.count($0, into: counted) }
        }
        // 1 completes when the call around it is answered; 2 has; 3 was told before it was asked.
        #expect(numbers(counted.tally(of: counter).scenarios[0]) == [7, 2, 2, 0, 0, 1, 1])
    }

    @Test("keys of two scenarios are apart")
    func scenarios() {
        let tally = count([("/status/1", "0000"), ("/pay/1", "0000"), ("/pay/1", "0000")], book())
        #expect(numbers(tally.scenarios[0]) == [1, 1, 1, 0, 0, 0, 0])
        #expect(numbers(tally.scenarios[1]) == [2, 1, 1, 0, 0, 1, 0])
    }

    @Test("an open flow expires once as incomplete, and its completion counts all the same")
    func expiry() {
        let book = book()
        let first = count([("/apply/1", "0000")], book, expireAt: 61)
        #expect(first.scenarios[0].incomplete == 0)
        let second = count(
            [("/apply/2", "0000"), ("/status/2", "?")], book, from: 2, expireAt: 200)
        // The second was counted incomplete by its exchange.
        #expect(second.scenarios[0].incomplete == 2)
        // What they have passed is remembered, for they may still complete.
        #expect(book.count == 2)
        let third = count([("/status/1", "0000")], book, from: 201)
        #expect(numbers(third.scenarios[0]) == [1, 1, 1, 0, 0, 0, 0])
        // Without a window between, by the exchange itself.
        let late = count([("/apply/3", "0000"), ("/notice/3", "0000")], book, from: 300)
        #expect(late.scenarios[0].completed == 1)
        _ = count([("/apply/4", "0000")], book, from: 310)
        let later = count([("/notice/4", "0000")], book, from: 400, expireAt: 400)
        #expect(later.scenarios[0].incomplete == 1)
        #expect(later.scenarios[0].completed == 1)
    }

    @Test("what is forgotten at the limit is said, ended flows first")
    func limit() {
        let book = book(2)
        let tally = count(
            [
                ("/status/1", "0000"), ("/apply/2", "0000"), ("/apply/3", "0000"),
                ("/status/1", "0000"), ("/status/2", "0000"),
            ], book, expireAt: 6)
        // 1 is forgotten for 3 and counts again; for it 2 is forgotten, which is open.
        #expect(numbers(tally.scenarios[0]) == [5, 3, 3, 0, 0, 0, 1])
        #expect(tally.losses.forgottenKeys == 3)
        #expect(book.count == 2)
    }

    @Test("an ended flow is remembered as long as is set")
    func remembering() {
        let book = book(remember: .seconds(10))
        _ = count([("/status/1", "0000")], book)
        #expect(count([("/status/1", "0000")], book, from: 11).scenarios[0].duplicates == 1)
        #expect(count([("/status/1", "0000")], book, from: 22).scenarios[0].completed == 1)
    }

    @Test("flows restored from what was told of windows go on as if nothing had happened")
    func restoring() throws {
        let bytes = Array("sixteen bytes at".utf8)
        let secret = try #require(FlowSecret(bytes))
        let limits = FlowBookLimits(keys: 1000, remember: .seconds(1000))
        var random = SeededGenerator(7)
        let steps = randomSteps(3000, &random)
        let whole = FlowBook(secret: secret, limits: limits)
        let counter = Self.counter()
        let expected = counter.bind(to: whole).emptyFlows
        var told: [FlowState] = []
        var names = FlowNames()
        let parted = counter.bind(to: whole).emptyFlows
        for cut in stride(from: 0, to: steps.count, by: 300) {
            let part = Array(steps[cut..<(cut + 300)])
            let restored = FlowBook(secret: secret, limits: limits, names: names, states: told)
            let bound = counter.bind(to: restored)
            let boundWhole = counter.bind(to: whole)
            let counted = bound.emptyFlows
            for (offset, (target, code)) in part.enumerated() {
                Request(
                    target: target, status: code == "500" ? 500 : 200,
                    fields: counter.rules.selectors.map { _ in .text(code) },
                    time: Timestamp(UInt64(cut + offset) * 100_000_000)
                ).withExchange {
                    bound.count($0, into: counted)
                    boundWhole.count($0, into: expected)
                }
            }
            parted.add(counted)
            told += counted.changes
            if cut % 900 == 0 { told = restored.states }
            names = restored.names
        }
        let tally = parted.tally(of: counter)
        #expect(tally.scenarios == expected.tally(of: counter).scenarios)
        #expect(tally.scenarios[0].duplicates > 100)
    }

    @Test("counts equal those of a simple model, exchange by exchange", arguments: 0..<20)
    func model(seed: Int) {
        var random = SeededGenerator(seed)
        let refusalCounts = Bool.random(using: &random)
        let counter = Self.counter(refusalCounts: refusalCounts)
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        var states: [String: (passed: Set<String>, end: String?, isEarly: Bool)] = [:]
        var expected: [FlowCount: Int] = [:]
        var counts: [FlowCount: Int] = [:]
        for (offset, (target, code)) in randomSteps(2000, &random).enumerated() {
            let found = Request(
                target: target, status: code == "500" ? 500 : 200,
                fields: counter.rules.selectors.map { _ in .text(code) },
                time: Timestamp(UInt64(offset + 1))
            ).withExchange { bound.count($0, into: counted)?.count }
            let parts = target.split(separator: "/").map(String.init)
            let isCredit = parts[0] != "pay"
            let key = (isCredit ? "c" : "p") + parts[1]
            var state = states[key] ?? ([], nil, false)
            // A step that is asked for after a completion that requires it was too late for it.
            if parts[0] == "apply" { state.isEarly = false }
            let refusal = isCredit ? refusalCounts : false
            let isOver = state.end == "0000" || state.end == "E1001" && refusal
            var count = FlowCount.incomplete
            switch code {
            case "500": count = state.end != nil ? .duplicate : .failed
            case "P": count = .passed
            case "E1001":
                count = state.end == nil ? .refused : .duplicate
                if state.end == nil { (state.end, state.isEarly) = (code, false) }
            case "0000" where parts[0] == "apply":
                let isNew = state.passed.insert("apply").inserted
                count = isNew && state.end == nil ? .passed : .duplicate
            case "0000" where isOver: count = .duplicate
            case "0000" where parts[0] != "notice" || state.passed.contains("apply"):
                count = .completed
                (state.end, state.isEarly) = (code, false)
            case "0000" where state.end == nil:
                count = state.isEarly ? .duplicate : .passed
                state.isEarly = true
            default: break
            }
            states[key] = state
            expected[count, default: 0] += 1
            if let found { counts[found, default: 0] += 1 }
        }
        #expect(counts == expected)
        #expect(counted.tally(of: counter).ruleHits.reduce(0, +) == 2000)
    }

    private func randomSteps(
        _ count: Int, _ random: inout SeededGenerator
    ) -> [(String, String)] {
        (0..<count).map { _ in
            let place = ["apply", "status", "notice", "pay"].randomElement(using: &random) ?? ""
            let code =
                ["0000", "0000", "E1001", "500", "P", "?"].randomElement(using: &random) ?? ""
            return ("/\(place)/\(Int.random(in: 0..<150, using: &random))", code)
        }
    }

    @Test("a fleet's flows are told by digests, as many as are counted")
    func completions() throws {
        let bytes = Array("a secret of the plan".utf8)
        let secret = try #require(FlowSecret(bytes))
        let book = FlowBook(
            secret: secret, limits: FlowBookLimits(keys: 10, remember: .seconds(10)))
        let tally = count(
            [("/status/A-1", "0000"), ("/status/A-1", "0000"), ("/status/A-2", "E1001")], book,
            deduplication: .fleet)
        let digests = ["A-1", "A-2"].map { key -> UInt64 in
            let code = HMAC<SHA256>.authenticationCode(
                for: Array("credit".utf8) + [0] + Array(key.utf8), using: SymmetricKey(data: bytes))
            return code.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        #expect(
            tally.completions
                == digests.map { FlowCompletion(scenario: 0, digest: $0, flows: 1) })
        #expect(secret.identity != digests[0])
    }

    @Test(
        "a batch counts as many flows as its field says, and none where it says no number",
        arguments: [
            ("17", 17), ("0", 0), ("1000000", 1_000_000), ("1000001", nil), ("-1", nil), ("", nil),
            ("1e3", nil), ("00000017", nil),
        ] as [(String, UInt64?)])
    func batches(written: String, flows: UInt64?) {
        let posted = FieldSelector.responseJSON(["posted"])
        let counter = FlowCounter(
            [
                scenario(
                    .repayment,
                    [step(RequestMatch(path: PathTemplate("/b")), count: .message(posted))])
            ], countsFlows: [true])
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        Request(
            target: "/b",
            fields: counter.rules.selectors.map { $0 == posted ? .text(written) : .text("0000") }
        ).withExchange { bound.count($0, into: counted) }
        let tally = counted.tally(of: counter)
        #expect(
            numbers(tally.scenarios[0])
                == [1, flows ?? 0, flows ?? 0, 0, 0, 0, flows == nil ? 1 : 0])
        #expect(tally.services[0].flows == [flows ?? 0])
    }

    @Test("a reload keeps flows of scenarios and steps of the same name, wherever they stand")
    func reload() {
        let book = book()
        _ = count([("/apply/1", "0000"), ("/status/2", "0000")], book)
        let counter = FlowCounter(
            [
                scenario(.repayment, Self.pay),
                scenario(
                    .credit,
                    [
                        step(
                            RequestMatch(path: PathTemplate("/notice/{no}")), name: "notice",
                            key: Self.key, requires: [1]),
                        Self.credit[0],
                    ]),
            ], countsFlows: [true])
        let bound = counter.bind(to: book)
        let counted = bound.emptyFlows
        for target in ["/notice/1", "/notice/2", "/notice/3"] {
            Request(
                target: target, fields: counter.rules.selectors.map { _ in .text("0000") },
                time: Timestamp(3_000_000_000)
            ).withExchange { bound.count($0, into: counted) }
        }
        bound.settle(into: counted)
        #expect(numbers(counted.tally(of: counter).scenarios[1]) == [3, 1, 1, 0, 0, 1, 1])
    }
}
