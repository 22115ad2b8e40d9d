import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Flows that are kept over other settings")
struct KeptFlowTests {
    private let secret = FlowSecret.random().secret

    private func book(_ keys: Int = 100, _ before: FlowBook? = nil) -> FlowBook {
        FlowBook(
            secret: secret, limits: FlowBookLimits(keys: keys, remember: .seconds(1000)),
            names: before?.names ?? FlowNames(), states: before?.states ?? [])
    }

    /// Counts answers to flows by their keys, and closes the window.
    private func count(
        _ answers: [(key: String, code: String)], _ book: FlowBook, refusalCounts: Bool
    ) -> Tally {
        let counter = FlowCounter(
            [
                scenario(
                    .credit,
                    [step(RequestMatch(path: PathTemplate("/apply/{no}")), key: .path("no"))],
                    refusalCounts: refusalCounts)
            ], countsFlows: [true])
        let bound = counter.bind(to: book)
        let counted = bound.emptyFlows
        for (key, code) in answers {
            Request(target: "/apply/" + key, fields: [.text(code)])
                .withExchange { bound.count($0, into: counted) }
        }
        bound.expire(at: Timestamp(2), into: counted)
        return counted.tally(of: counter)
    }

    @Test(
        "a flow is in TA once, also where refusals become complete flows, or are none any more",
        arguments: [true, false], ["0000", "E1001"])
    func refusals(counted: Bool, second: String) {
        for isRestarted in [false, true] {
            let before = book()
            let first = count([("1", "E1001")], before, refusalCounts: counted).scenarios[0]
            #expect(first.refused == 1 && first.flows == (counted ? 1 : 0))
            let after = isRestarted ? book(100, before) : before
            let later = count(
                [("1", second), ("1", second), ("1", "0000")], after, refusalCounts: !counted
            ).scenarios[0]
            #expect(first.flows + later.flows == 1)
            #expect(later.duplicates == (counted ? 3 : 2))
        }
    }

    @Test("what the limit of a later run leaves no room for is said to be forgotten")
    func lowerLimit() {
        let before = book()
        _ = count((0..<50).map { ("\($0)", "0000") }, before, refusalCounts: true)
        let after = book(20, before)
        #expect(count([], after, refusalCounts: true).losses.forgottenKeys == 30)
        #expect(count([], after, refusalCounts: true).losses.forgottenKeys == 0)
        #expect(after.count == 20)
    }
}
