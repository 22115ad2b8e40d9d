import Testing

@testable import Lab

@Suite("The model of what must be counted")
struct FlowModelTests {
    private func counts(
        _ scenario: LoanScenario, _ exchanges: [FlowExchange]
    ) -> FlowCounts {
        var model = FlowModel()
        for exchange in exchanges { model.add(exchange) }
        #expect(model[scenario].imbalance == 0)
        return model[scenario]
    }

    private func one(
        _ endpoint: FlowEndpoint, _ outcome: FlowOutcome, key: UInt64? = 1,
        postings: UInt64? = nil
    ) -> FlowExchange {
        FlowExchange(endpoint, key: key, outcome, postings: postings)
    }

    @Test("completes a flow once, by notice or status, whichever is first")
    func once() {
        for endings in [
            [FlowEndpoint.decision, .creditStatus], [.creditStatus, .decision],
            [.decision, .decision], [.creditStatus, .creditStatus],
        ] {
            let sum = counts(
                .credit, [one(.apply, .completed)] + endings.map { one($0, .completed) })
            #expect(sum.completed == 1 && sum.duplicates == 1 && sum.passed == 1)
            #expect(sum.flows == 1 && sum.open == 0 && sum.requests == 3)
        }
    }

    @Test("completes a flow whose earlier steps it never saw, unless they are required")
    func optional() {
        #expect(counts(.credit, [one(.decision, .completed)]).completed == 1)
        #expect(counts(.drawdown, [one(.callback, .refused)]).refused == 1)
        let early = counts(.drawdown, [one(.callback, .completed)])
        #expect(early.incomplete == 1 && early.completed == 0 && early.open == 0)
        let late = counts(
            .drawdown,
            [one(.callback, .completed), one(.submit, .completed), one(.callback, .completed)])
        #expect(late.incomplete == 1 && late.completed == 1 && late.passed == 1)
    }

    @Test("takes a refusal for a flow of credit alone")
    func refusals() {
        let credit = counts(
            .credit, [one(.decision, .refused, key: 1), one(.creditStatus, .refused, key: 2)])
        #expect(credit.refused == 2 && credit.flows == 2 && credit.open == 0)
        #expect(
            counts(.credit, [one(.decision, .refused), one(.decision, .completed)]).duplicates
                == 1)
        let refused = [one(.repay, .refused), one(.repay, .refused), one(.repay, .failed)]
        let before = counts(.repayment, refused)
        #expect(before.refused == 1 && before.duplicates == 2 && before.flows == 0)
        // Money that was short may come later, by the same number.
        let after = counts(
            .repayment, refused + [one(.repay, .completed), one(.repay, .completed)])
        #expect(after.completed == 1 && after.flows == 1 && after.duplicates == 3)
    }

    @Test("keeps a flow open through failures, polls and retries")
    func open() {
        let exchanges = [
            one(.apply, .failed), one(.apply, .completed), one(.apply, .completed),
            one(.creditStatus, .pending), one(.creditStatus, .pending),
            one(.creditStatus, .failed),
        ]
        let before = counts(.credit, exchanges)
        #expect(before.failed == 2 && before.passed == 3 && before.duplicates == 1)
        #expect(before.open == 1 && before.failedOnly == 0)
        let after = counts(
            .credit, exchanges + [one(.decision, .completed), one(.creditStatus, .failed)])
        #expect(after.completed == 1 && after.duplicates == 2 && after.failed == 2)
        #expect(after.open == 0 && after.hits == ["apply": 3, "status": 4, "decision": 1])
    }

    @Test("tells open flows by what they had, and leaves out those already incomplete")
    func kinds() {
        let sum = counts(
            .credit,
            [
                one(.apply, .failed, key: 1), one(.creditStatus, .pending, key: 2),
                one(.apply, .completed, key: 3), one(.creditStatus, .none, key: 4),
                one(.apply, .completed, key: 5), one(.creditStatus, .none, key: 5),
            ])
        #expect(sum.open == 2 && sum.failedOnly == 1)
        #expect(sum.incomplete == 2)
    }

    @Test("counts the postings of a batch, and none without a number")
    func batches() {
        let sum = counts(
            .repayment,
            [
                one(.batch, .completed, key: 1, postings: 17),
                one(.batch, .completed, key: 1, postings: 17),
                one(.batch, .completed, key: 2, postings: 0),
                one(.batch, .completed, key: 3), one(.batch, .completed, key: 3, postings: 5),
            ])
        #expect(sum.completed == 22 && sum.flows == 22 && sum.completing == 2)
        #expect(sum.passed == 1)
        #expect(sum.duplicates == 1 && sum.incomplete == 1)
    }

    @Test("takes a rejection at the door for a failure, with a number or without")
    func rejections() {
        for endpoint in [FlowEndpoint.apply, .submit] {
            let outcome = FlowOutcome(endpoint, status: 200, code: "E2001", state: "NONE")
            #expect(outcome == .failed)
        }
        let credit = counts(
            .credit,
            [
                one(.apply, .failed, key: nil), one(.apply, .failed, key: 1),
                one(.decision, .completed, key: 1), one(.apply, .failed, key: 1),
            ])
        #expect(credit.failed == 2 && credit.completed == 1 && credit.duplicates == 1)
        #expect(credit.flows == 1 && credit.keyless == 0 && credit.incomplete == 0)
    }

    @Test("counts an exchange without its key as incomplete, and one without need of a key alone")
    func keyless() {
        let sum = counts(
            .drawdown,
            [one(.submit, .completed, key: nil), one(.submit, .completed, key: nil)])
        #expect(sum.incomplete == 2 && sum.keyless == 2 && sum.open == 0)
        let query = counts(
            .query,
            [FlowOutcome.completed, .completed, .refused, .failed, .none].map {
                one(.query, $0, key: nil)
            })
        #expect(query.completed == 2 && query.flows == 2 && query.refused == 1)
        #expect(query.failed == 1 && query.incomplete == 1 && query.duplicates == 0)
    }

    @Test("takes what two hosts counted for one flow, and what has no key for two")
    func fleet() {
        var hosts = [FlowModel(), FlowModel()]
        for host in hosts.indices {
            hosts[host].add(one(.decision, .completed, key: 1))
            hosts[host].add(one(.batch, .completed, key: 7, postings: 17))
            hosts[host].add(one(.repay, .completed, key: UInt64(10 + host)))
            hosts[host].add(one(.query, .completed, key: nil))
        }
        hosts[0].add(one(.repay, .refused, key: 20))
        hosts[1].add(one(.repay, .completed, key: 20))
        hosts[1].add(one(.health, .completed, key: nil))
        #expect(FlowModel.fleet(hosts) == [.credit: 1, .repayment: 17 + 2 + 1, .query: 2])
        #expect(hosts[1].other == 1)
    }
}
