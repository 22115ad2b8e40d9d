import Metering
import Testing
import Traffic

@testable import Scenarios

/// An exchange made of text, lent to `body`.
private func exchange(
    _ method: String, _ target: String, status: UInt16 = 200, field: String? = nil,
    isComplete: Bool = true, service: Int = 0, _ body: (Exchange) -> Void
) {
    let bytes = Array((method + target + (field ?? "")).utf8)
    bytes.withUnsafeBytes { raw in
        let middle = method.utf8.count
        let end = middle + target.utf8.count
        let value: FieldValue =
            field == nil ? .absent : .value(UnsafeRawBufferPointer(rebasing: raw[end...]))
        withUnsafePointer(to: value) { pointer in
            body(
                Exchange(
                    start: Timestamp(1), end: Timestamp(2), service: service,
                    client: Endpoint(high: 0, low: 1, port: 1),
                    server: Endpoint(high: 0, low: 2, port: 2),
                    method: UnsafeRawBufferPointer(rebasing: raw[..<middle]),
                    target: UnsafeRawBufferPointer(rebasing: raw[middle..<end]), status: status,
                    isComplete: isComplete, requestBodyLength: 0, responseBodyLength: 0,
                    fields: UnsafeBufferPointer(start: pointer, count: 1)))
        }
    }
}

private func rule(_ scenario: Int, _ method: String?, _ path: String) -> ScenarioRule {
    ScenarioRule(
        scenario: scenario, method: method, path: PathTemplate(path),
        outcomes: [
            OutcomeCondition(.refused, statuses: [.hundred(2)], field: ["code"], values: ["E1001"]),
            OutcomeCondition(
                .completed, statuses: [.hundred(2)], field: ["code"], values: ["0000"]),
            OutcomeCondition(.failed, statuses: [.hundred(5), .code(409)]),
        ])
}

@Suite("Path templates")
struct PathTemplateTests {
    @Test(
        "match whole segments and nothing else",
        arguments: [
            ("/api/{id}/x", "/api/7/x", true), ("/api/{id}/x", "/api/7/8/x", false),
            ("/api/{id}/x", "/api//x", false), ("/api/{id}/x", "/api/7/x/", false),
            ("/api/{id}/x", "/api/7/xy", false), ("/api/{id}/x", "/API/7/x", false),
            ("/api/{id}", "/api/7?x=/y", true), ("/api/{id}", "/api/", false),
            ("/{a}/{b}", "/1/2", true), ("/{a}/{b}", "/1", false), ("/", "/", true),
            ("/", "/a", false), ("/a", "http://host:80/a?b", true), ("/a", "http://host", false),
            ("/a", "/a#f", true), ("/a", "a", false), ("/a", "*", false), ("/a", "", false),
        ])
    func matching(template: String, target: String, expected: Bool) {
        let table = RuleTable([rule(0, nil, template)])
        exchange("GET", target) { #expect((table.match($0) != nil) == expected) }
    }
}

@Suite("Flows by scenario")
struct FlowCounterTests {
    private let counter = FlowCounter(
        scenarios: [.credit, .drawdown, .query],
        rules: [rule(0, "POST", "/credit/{id}"), rule(1, nil, "/draw/{id}")],
        countsFlows: [true, false])

    private func tally(_ body: (inout Tally) -> Void) -> Tally {
        var tally = counter.emptyTally()
        body(&tally)
        return tally
    }

    @Test(
        "outcomes are told by status and field; a refused credit is a flow, a refused drawdown none"
    )
    func outcomes() {
        let tally = tally { tally in
            for (path, status, field) in [
                ("/credit/1", 200, "0000"), ("/credit/2", 200, "E1001"), ("/credit/3", 200, "E7"),
                ("/credit/4", 500, nil), ("/credit/5", 409, "0000"), ("/credit/6", 302, nil),
                ("/draw/1", 201, "0000"), ("/draw/2", 200, "E1001"), ("/other", 200, "0000"),
            ] as [(String, UInt16, String?)] {
                exchange("POST", path, status: status, field: field) {
                    counter.count($0, into: &tally)
                }
            }
            exchange("GET", "/credit/7", field: "0000") { counter.count($0, into: &tally) }
            exchange("POST", "/credit/8", field: "0000", isComplete: false) {
                counter.count($0, into: &tally)
            }
        }
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
        let tally = tally { tally in
            exchange("POST", "/credit/1", field: "0000", service: 1) {
                counter.count($0, into: &tally)
            }
        }
        #expect(tally.scenarios[0].requests == 1)
        #expect(tally.scenarios[0].flows == 0)
        #expect(tally.services[1].flows == [0, 0, 0])
    }

    @Test("every exchange is counted once: matched or other")
    func conservation() {
        let tally = tally { tally in
            for number in 0..<300 {
                let path = ["/credit/1", "/draw/2", "/x", "/credit/", "/draw/a/b"][number % 5]
                exchange("POST", path, field: ["0000", "E1001", "?"][number % 3]) {
                    counter.count($0, into: &tally)
                }
            }
        }
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
