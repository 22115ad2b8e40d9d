import Foundation
import Testing

@testable import Settings

@Suite("The canonical text of the rules")
struct CanonicalRulesTests {
    private func rules(_ text: String) throws -> String {
        String(decoding: try Samples.agent(text).canonicalRules, as: UTF8.self)
    }

    @Test("is this one for the sample")
    func golden() throws {
        let expected = """
            jouleflow-rules 1
            service loan-gateway in http1 counts_flows=true ports=8080
            service risk in http1 counts_flows=false ports=8081,9000
            scenario credit
            step decision POST /api/credit/{applyNo}/decision
            completed status=2xx
            completed field 6:result,4:code,
            completed value 4:0000,
            completed value 1:1,
            refused status=2xx,409
            refused field 6:result,4:code,
            refused value 5:E1001,
            failed status=5xx
            scenario query
            step step * /api/query
            completed status=2xx

            """
        #expect(try rules(Samples.agent) == expected)
    }

    @Test("names the tunnels where there are any, in one order")
    func tunnels() throws {
        let lines = ["[gre, vxlan]", "[vxlan:4789, gre]"].map {
            Samples.agent.replacing("tunnels: []", with: "tunnels: \($0)")
        }
        let texts = try lines.map(rules)
        #expect(texts[0].contains("\ntunnels gre,vxlan:4789\nscenario credit\n"))
        #expect(texts[0] == texts[1])
    }

    @Test("does not depend on layout, order of keys, comments or settings of other kinds")
    func same() throws {
        let other = """
            # rewritten
            collectors: []
            scenarios: [
              {steps: [{completes: true, name: decision, outcome: {
                  failed: {status: [5xx]},
                  refused: {body: {'result.code': [E1001]}, status: [409, 2xx]},
                  completed: {body: {"result.code": ['1', 0000]}, status: 2xx}},
                when: {path: '/api/credit/{applyNo}/decision', method: POST}}], id: "credit"},
              {id: query, steps: [{when: {path: "/api/query"}, completes: true, name: step,
                outcome: {completed: {status: 2xx}}}]}]
            window: 1m
            services:
            - counts_flows: true
              ports:
              - 8080
              name: loan-gateway
              cpu: process
            - {ports: [9000, 8081], name: risk, counts_flows: false}
            version: 1
            """
        #expect(try rules(other) == rules(Samples.agent))
    }

    @Test(
        "changes with every change of meaning",
        arguments: [
            ("name: loan-gateway", "name: loan"), ("[8080]", "[8088]"), ("9000]", "9000, 1]"),
            ("counts_flows: true", "counts_flows: false"), ("id: credit", "id: repayment"),
            ("name: decision", "name: other"), ("method: POST, ", ""), ("POST", "PUT"),
            ("/decision\"", "/decided\""), ("/decision\"", "/{decision}\""), ("2xx, 409", "2xx"),
            ("409", "410"), ("5xx", "4xx"), ("\"0000\", 1", "\"0000\""), ("\"0000\", 1", "0, 1"),
            ("result.code: \"E1001\"", "code: \"E1001\""), ("refused: {", "failed2: {"),
            ("\n          failed: {status: 5xx}", ""), ("status: 2xx, body", "body"),
            (", body: {result.code: \"E1001\"}", ""), ("{path: /api/query}", "{path: /api/query/}"),
        ])
    func different(old: String, new: String) throws {
        #expect(Samples.agent.contains(old))
        var text = Samples.agent.replacingOccurrences(of: old, with: new)
        if new.hasPrefix("failed2") {
            text = text.replacingOccurrences(of: "          failed:", with: "          refused:")
                .replacingOccurrences(of: "failed2", with: "failed")
        }
        #expect(try rules(text) != rules(Samples.agent))
    }
}
