import Metering
import Testing
import Traffic

@testable import Scenarios

/// An exchange by its path's two parts, its times and its code.
private struct Call {
    let target: String
    let times: ClosedRange<UInt64>
    let code: String
    let posted: String

    init(_ target: String, _ times: ClosedRange<UInt64>, _ code: String = "0000", n: String = "1") {
        self.target = target
        self.times = times
        self.code = code
        posted = n
    }
}

@Suite("A completion inside a call that it requires")
struct EarlyCompletionTests {
    private static let key = MessageField.path("no")
    private static let posted = FieldSelector.responseJSON(["n"])
    /// A gateway's submission, a poll, and the core's posting of as many flows as its answer says.
    private static let steps = [
        step(
            RequestMatch(path: PathTemplate("/submit/{no}")), name: "submit", key: key,
            completes: false),
        step(
            RequestMatch(path: PathTemplate("/poll/{no}")), name: "poll", key: key,
            completes: false),
        step(
            RequestMatch(path: PathTemplate("/post/{no}")), name: "post", key: key, requires: [0],
            count: .message(posted)),
    ]

    private let secret = FlowSecret.random().secret

    private func numbers(
        _ calls: [Call], deduplication: Deduplication = .host, restartsAfter: Int? = nil,
        expireAt: UInt64? = nil, settles: Bool = true, remember: UInt64 = 1000
    ) -> [UInt64] {
        let limits = FlowBookLimits(keys: 1000, remember: .seconds(remember))
        let counter = FlowCounter(
            [scenario(.drawdown, Self.steps, deduplication: deduplication)], countsFlows: [true])
        var book = FlowBook(secret: secret, limits: limits)
        var bound = counter.bind(to: book)
        let counted = bound.emptyFlows
        for (index, call) in calls.enumerated() {
            let fields = counter.rules.selectors.map {
                $0 == Self.posted ? Field.text(call.posted) : .text(call.code)
            }
            let request = Request(
                target: call.target, status: call.code == "500" ? 500 : 200, fields: fields,
                time: Timestamp(call.times.upperBound * 1_000_000_000),
                start: Timestamp(call.times.lowerBound * 1_000_000_000))
            request.withExchange { bound.count($0, into: counted) }
            if index == restartsAfter {
                book = FlowBook(
                    secret: secret, limits: limits, names: book.names, states: counted.changes)
                bound = counter.bind(to: book)
            }
        }
        if let expireAt {
            bound.expire(at: Timestamp(expireAt * 1_000_000_000), into: counted)
        }
        if settles { bound.settle(into: counted) }
        let tally = counted.tally(of: counter).scenarios[0]
        return [tally.completed, tally.incomplete, tally.duplicates, tally.failed]
    }

    @Test("completes the flows that it said, once the call around it is answered")
    func batch() {
        let calls = [Call("/post/1", 2...3, n: "5"), Call("/submit/1", 1...4)]
        #expect(numbers(calls) == [5, 0, 0, 0])
        #expect(numbers(calls, restartsAfter: 0) == [5, 0, 0, 0])
        #expect(numbers(calls, deduplication: .none) == [5, 0, 0, 0])
        let again = calls + [Call("/post/1", 6...7, n: "5"), Call("/submit/1", 5...8)]
        #expect(numbers(again) == [5, 0, 2, 0])
        #expect(numbers(again, deduplication: .none) == [10, 0, 0, 0])
        let repeated = [Call("/post/1", 2...3, n: "5")] + calls
        #expect(numbers(repeated) == [5, 0, 1, 0])
    }

    @Test("is incomplete where no such call is around it, whatever else goes on")
    func alone() {
        let post = Call("/post/1", 1...2)
        #expect(numbers([post]) == [0, 1, 0, 0])
        let around = Call("/submit/1", 600...700)
        #expect(numbers([post, Call("/poll/1", 650...660, "P"), around]) == [0, 1, 0, 0])
        #expect(numbers([post, Call("/post/1", 650...660, "500"), around]) == [0, 1, 0, 1])
        #expect(numbers([post, Call("/post/1", 650...660, "?"), around]) == [0, 2, 0, 0])
        // Soon after it, too.
        let soon = Call("/submit/1", 3...6)
        let poll = Call("/poll/1", 4...5, "P")
        #expect(numbers([post, poll, soon], settles: false) == [0, 1, 0, 0])
        // It may still complete by what comes then.
        #expect(numbers([post, soon, Call("/post/1", 7...8)]) == [1, 1, 0, 0])
    }

    @Test("waits for a while before it is incomplete, and completes even later")
    func waiting() {
        let post = Call("/post/1", 10...11, n: "5")
        #expect(numbers([post], expireAt: 16, settles: false) == [0, 0, 0, 0])
        #expect(numbers([post], expireAt: 17, settles: false) == [0, 1, 0, 0])
        // Counted once, also when the flow expires.
        #expect(numbers([post], expireAt: 500) == [0, 1, 0, 0])
        #expect(numbers([post, Call("/submit/1", 9...40)]) == [5, 1, 0, 0])
        #expect(numbers([post, Call("/submit/1", 9...14)]) == [5, 0, 0, 0])
    }

    @Test("finds no step that would be forgotten by then, had a window ended between")
    func forgotten() {
        let calls = [Call("/submit/1", 1...2), Call("/post/1", 100...101)]
        #expect(numbers(calls, remember: 30) == [0, 2, 0, 0])
        #expect(numbers(calls, remember: 50) == [1, 1, 0, 0])
    }

    @Test("of a batch of nothing passes, whatever is known of its key")
    func nothing() {
        let none = Call("/post/1", 5...6, n: "0")
        let (submit, post) = (Call("/submit/1", 1...2), Call("/post/1", 3...4, n: "5"))
        #expect(numbers([none, none], expireAt: 900) == [0, 0, 0, 0])
        #expect(numbers([submit, none, Call("/post/1", 7...8, n: "5")]) == [5, 0, 0, 0])
        #expect(numbers([submit, post, none, none]) == [5, 0, 0, 0])
        #expect(numbers([none, Call("/submit/1", 1...7)], expireAt: 900) == [0, 1, 0, 0])
    }
}
