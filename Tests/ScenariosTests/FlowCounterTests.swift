import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Flows by scenario")
struct FlowCounterTests {
    private let counter = FlowCounter(
        [
            scenario(
                .credit,
                [step(RequestMatch(methods: ["POST"], path: PathTemplate("/credit/{id}")))]),
            scenario(.drawdown, [step(RequestMatch(path: PathTemplate("/draw/{id}")))]),
            scenario(.query, [step(RequestMatch(services: [1], path: PathTemplate("/q")))]),
        ], countsFlows: [true, false])
    private let book = FlowBook(
        secret: FlowSecret.random().secret, limits: FlowBookLimits(keys: 1, remember: .zero))

    private func tally(_ requests: [Request]) -> Tally {
        let bound = counter.bind(to: book)
        let flows = bound.emptyFlows
        for request in requests {
            request.withExchange { bound.count($0, into: flows) }
        }
        return flows.tally(of: counter)
    }

    @Test(
        "outcomes are told by status and field; a refused credit is a flow, a refused drawdown none"
    )
    func outcomes() {
        var requests = [
            ("/credit/1", 200, .text("0000")), ("/credit/2", 200, .text("E1001")),
            ("/credit/3", 200, .text("E7")), ("/credit/4", 500, .absent),
            ("/credit/5", 409, .text("0000")), ("/credit/6", 302, .absent),
            ("/draw/1", 201, .text("0000")), ("/draw/2", 200, .text("E1001")),
            ("/other", 200, .text("0000")),
        ].map { (path: String, status: UInt16, field: Field) in
            Request(target: path, status: status, fields: [field])
        }
        requests.append(Request(method: "GET", target: "/credit/7", fields: [.text("0000")]))
        requests.append(
            Request(target: "/credit/8", fields: [.text("0000")], isComplete: false))
        let tally = tally(requests)
        let credit = tally.scenarios[0]
        #expect(
            [credit.requests, credit.flows, credit.completed, credit.refused, credit.failed]
                == [7, 2, 1, 1, 2])
        #expect(credit.incomplete == 3)
        let drawdown = tally.scenarios[1]
        #expect([drawdown.requests, drawdown.flows, drawdown.completed] == [2, 1, 1])
        #expect(tally.services[0].flows == [2, 1, 0])
        #expect(tally.services[0].otherRequests == 2)
        #expect(tally.exchanges == 11)
    }

    @Test("a service that does not count adds requests and no flow")
    func countingLayer() {
        let tally = tally([Request(target: "/credit/1", fields: [.text("0000")], service: 1)])
        #expect(tally.scenarios[0].requests == 1)
        #expect(tally.scenarios[0].flows == 0)
        #expect(tally.services[1].flows == [0, 0, 0])
    }

    @Test("every exchange is counted once: matched or other")
    func conservation() {
        let tally = tally(
            (0..<300).map { number in
                Request(
                    target: ["/credit/1", "/draw/2", "/x", "/credit/", "/draw/a/b"][number % 5],
                    fields: [.text(["0000", "E1001", "?"][number % 3])])
            })
        let matched = tally.scenarios.reduce(0) { $0 + $1.requests }
        let other = tally.services.reduce(0) { $0 + $1.otherRequests }
        #expect(matched + other == 300)
        for scenario in tally.scenarios {
            #expect(
                scenario.requests
                    == scenario.completed + scenario.refused + scenario.failed + scenario.incomplete
            )
        }
    }

    @Test("what could be seen decides whether counts are known")
    func observation() {
        func observed(readable: Bool, encrypted: Bool, isCaptured: Bool) -> [Observation] {
            var tally = counter.emptyTally()
            counter.observe(
                &tally, readable: [readable, true], encrypted: [encrypted, true],
                isCaptured: isCaptured)
            return tally.scenarios.map(\.observation)
        }
        #expect(
            observed(readable: true, encrypted: false, isCaptured: true) == [.seen, .seen, .noRule])
        #expect(observed(readable: false, encrypted: false, isCaptured: true)[0] == .quiet)
        #expect(observed(readable: false, encrypted: true, isCaptured: true)[0] == .encrypted)
        #expect(observed(readable: true, encrypted: true, isCaptured: true)[0] == .seen)
        #expect(observed(readable: true, encrypted: false, isCaptured: false)[0] == .notCaptured)
    }
}
