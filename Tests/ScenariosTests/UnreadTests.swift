import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("What could not be read")
struct UnreadTests {
    private static let marked = RequestMatch(
        path: PathTemplate("/q"),
        fields: [FieldCondition(field: .query("t"), values: [Array("1".utf8)])])
    private static let any = RequestMatch(path: PathTemplate("/q"))

    @Test(
        "of a target that was cut is not taken for what is not there",
        arguments: [
            ("/q?x=yyyy", true, 1), ("/q?t=1", true, 1), ("/q?t=2&x=y", true, 0),
            ("/q?t=1&x=y", true, 0), ("/q?x=yyyy", false, 0), ("/q/yyyyyy", true, 1),
        ] as [(String, Bool, UInt64)])
    func cutTarget(target: String, isCut: Bool, unread: UInt64) {
        let counter = FlowCounter(
            [scenario(.drawdown, [step(Self.marked)]), scenario(.query, [step(Self.any)])],
            countsFlows: [true])
        let bound = counter.bind(
            to: FlowBook(
                secret: FlowSecret.random().secret,
                limits: FlowBookLimits(keys: 10, remember: .seconds(10))))
        let counted = bound.emptyFlows
        Request(target: target, fields: [.text("0000")], isTargetCut: isCut)
            .withExchange { bound.count($0, into: counted) }
        let tally = counted.tally(of: counter)
        #expect(tally.losses.unread == unread)
        #expect(tally.scenarios[0].completed + tally.scenarios[1].completed == 1 - unread)
    }

    @Test("of the number of a batch is counted", arguments: [Field.unread, .absent])
    func count(field: Field) {
        let posted = FieldSelector.responseJSON(["n"])
        let steps = [step(RequestMatch(path: PathTemplate("/b")), count: .message(posted))]
        let counter = FlowCounter([scenario(.repayment, steps)], countsFlows: [true])
        let bound = counter.bind(
            to: FlowBook(
                secret: FlowSecret.random().secret,
                limits: FlowBookLimits(keys: 10, remember: .seconds(10))))
        let counted = bound.emptyFlows
        Request(
            target: "/b",
            fields: counter.rules.selectors.map { $0 == posted ? field : .text("0000") }
        ).withExchange { bound.count($0, into: counted) }
        let tally = counted.tally(of: counter)
        #expect(tally.scenarios[0].incomplete == 1)
        #expect(tally.losses.unread == (field == .unread ? 1 : 0))
    }

    @Test(
        "of a host's name is none of its dot, port and case",
        arguments: ["loan.example.com", "LOAN.example.com.:8080", "loan.example.com."])
    func host(name: String) {
        let bytes = Array(name.utf8)
        bytes.withUnsafeBytes {
            let found = Scenarios.host(ofAuthority: $0)
            #expect(String(decoding: found, as: UTF8.self).lowercased() == "loan.example.com")
        }
    }
}
