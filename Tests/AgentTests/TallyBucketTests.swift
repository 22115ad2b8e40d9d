import Metering
import Scenarios
import Testing
import Traffic

@testable import Agent

private func exchange(at time: UInt64, _ body: (Exchange) -> Void) {
    let text = Array("GET/a".utf8)
    text.withUnsafeBytes { bytes in
        body(
            Exchange(
                start: Timestamp(time), end: Timestamp(time), service: 0,
                client: Endpoint(high: 0, low: 1, port: 1),
                server: Endpoint(high: 0, low: 2, port: 2),
                method: UnsafeRawBufferPointer(rebasing: bytes[0..<3]),
                target: UnsafeRawBufferPointer(rebasing: bytes[3..<5]), status: 200,
                isComplete: true, requestBodyLength: 0, responseBodyLength: 0,
                fields: UnsafeBufferPointer(start: nil, count: 0)))
    }
}

@Suite("Counts by window")
struct TallyBucketTests {
    private let counter = FlowCounter(
        scenarios: [.query],
        rules: [
            ScenarioRule(
                scenario: 0, method: "GET", path: PathTemplate("/a"),
                outcomes: [OutcomeCondition(.completed, statuses: [.hundred(2)])])
        ], countsFlows: [true])

    @Test("an exchange on the boundary belongs to the window that begins there; none is lost")
    func boundary() {
        let bucket = TallyBucket(counter)
        bucket.replan(end: Timestamp(100))
        for time: UInt64 in [1, 99, 100, 101, 50] { exchange(at: time) { bucket.count($0) } }
        let first = bucket.take(nextEnd: Timestamp(200))
        exchange(at: 150) { bucket.count($0) }
        exchange(at: 60) { bucket.count($0) }
        let second = bucket.take(nextEnd: Timestamp(300))
        #expect(first.scenarios[0].flows == 3)
        #expect(second.scenarios[0].flows == 4)
        #expect(first.losses.late == 0)
        #expect(second.losses.late == 1)
        #expect(first.exchanges + second.exchanges == 7)
    }
}

@Suite("Doubt about counts")
struct DoubtTests {
    @Test(
        "begins above one loss in a thousand exchanges",
        arguments: [(0, 0, false), (1, 1000, false), (1, 999, true), (1, 0, true), (0, 5, false)])
    func bound(lost: UInt64, exchanges: UInt64, isDoubtful: Bool) {
        var tally = Tally(scenarios: [], services: [])
        tally.exchanges = exchanges
        tally.losses.kernelDrops = lost
        #expect(tally.isDoubtful == isDoubtful)
    }
}
