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
            jouleflow-rules 2
            service loan-gateway in http1 counts_flows=true ports=8080
            service risk in http1 counts_flows=false ports=8081,9000
            scenario credit refusal_counts=true dedupe=none expires=86400000000000
            step decision POST /api/credit/{applyNo}/decision completes
            failed status=5xx
            refused status=2xx,409
            refused field response.body 6:result,4:code,
            refused value 5:E1001,
            completed status=2xx
            completed field response.body 6:result,4:code,
            completed value 4:0000,
            completed value 1:1,
            scenario query refusal_counts=false dedupe=none expires=86400000000000
            step step * /api/query completes
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
        #expect(texts[0].contains("\ntunnels gre,vxlan:4789\nscenario credit "))
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
            ("risk.slice}", "risk.slice, counts_flows: true}"), ("id: credit", "id: repayment"),
            ("name: decision", "name: other"), ("method: POST, ", ""), ("POST", "PUT"),
            ("/decision\"", "/decided\""), ("/decision\"", "/{decision}\""), ("2xx, 409", "2xx"),
            ("409", "410"), ("5xx", "4xx"), ("\"0000\", 1", "\"0000\""), ("\"0000\", 1", "0, 1"),
            ("result.code: \"E1001\"", "code: \"E1001\""), ("refused: {", "failed2: {"),
            ("\n          failed: {status: 5xx}", ""), ("status: 2xx, body", "body"),
            ("{status: [2xx, 409], body: {result.code: \"E1001\"}}", "{status: [409]}"),
            ("{path: /api/query}", "{path: /api/query/}"),
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

    private static let flows = """
        version: 1
        services: [{name: a, ports: [80], counts_flows: true}, {name: b, ports: [81]}]
        collectors: []
        flow_secret: /etc/s
        scenarios:
          - id: x
            dedupe: fleet
            expires: 2d
            refusal_counts: true
            steps:
              - {name: one, when: {service: [b, a], method: [PUT, GET], host: [h, g], \
        path: "/p/{k}/**", query: {t: [B, A], s: any}, header: {X-C: c}}, flow_key: path.k}
              - {name: two, when: {body: {t: C}}, flow_key: body.k, requires: [one, three], \
        completes: true, count: response.body.n.m}
              - {name: three, when: {form: {t: D}}, flow_key: form.k, \
        outcome: {completed: {status: 2xx}, pending: {xml: {R.S: P}, header: {h: v}}, \
        failed: [{status: 5xx}, {body: {code: [E2, E1]}}]}}

        """

    @Test("says all of flows, and not more than that")
    func goldenFlows() throws {
        let expected = """
            jouleflow-rules 2
            service a in http1 counts_flows=true ports=80
            service b in http1 counts_flows=false ports=81
            flow_keys limit=200000 remember=604800000000000
            scenario x refusal_counts=true dedupe=fleet expires=172800000000000
            step one GET,PUT /p/{k}/**
            services a,b
            hosts g,h
            when field header 3:x-c,
            when value 1:c,
            when field query 1:s,
            when field query 1:t,
            when value 1:A,
            when value 1:B,
            flow_key path 1:k,
            completed status=2xx
            step two * * completes
            when field body 1:t,
            when value 1:C,
            flow_key body 1:k,
            requires one,three
            count response.body 1:n,1:m,
            completed status=2xx
            step three * *
            when field form 1:t,
            when value 1:D,
            flow_key form 1:k,
            failed status=*
            failed field response.body 4:code,
            failed value 2:E1,
            failed value 2:E2,
            failed status=5xx
            pending status=*
            pending field response.header 1:h,
            pending value 1:v,
            pending field response.xml 1:R,1:S,
            pending value 1:P,
            completed status=2xx

            """
        #expect(try rules(Self.flows) == expected)
    }

    @Test(
        "does not depend on the order of what is a set",
        arguments: [
            ("[b, a]", "[a, b]"), ("[PUT, GET]", "[GET, PUT]"), ("[h, g]", "[g, H]"),
            ("[B, A]", "[A, B]"), ("{t: [B, A], s: any}", "{s: any, t: [B, A]}"),
            ("[one, three]", "[three, one]"), ("X-C", "x-c"), ("2d", "48h"),
            ("{xml: {R.S: P}, header: {h: v}}", "{header: {h: v}, xml: {R.S: P}}"),
            (
                "[{status: 5xx}, {body: {code: [E2, E1]}}]",
                "[{body: {code: [E1, E2]}}, {status: 5xx}]"
            ),
            (
                "pending: {xml: {R.S: P}, header: {h: v}}",
                "pending: [{xml: {R.S: P}, header: {h: v}}]"
            ),
        ])
    func sets(old: String, new: String) throws {
        #expect(Self.flows.contains(old))
        #expect(try rules(Self.flows.replacing(old, with: new)) == rules(Self.flows))
    }

    @Test(
        "changes with every change of a flow's meaning",
        arguments: [
            ("fleet", "host"), ("2d", "3d"), ("refusal_counts: true", "refusal_counts: false"),
            ("service: [b, a], ", ""), ("[PUT, GET]", "[GET]"), ("[h, g]", "[h]"),
            ("/**", "/x"), ("s: any", "s: \"any\""), (", s: any", ""), ("X-C", "X-D"),
            ("{k}", "{k2}"), ("body.k", "body.l"), ("[one, three]", "[one]"),
            (", count: response.body.n.m", ""), ("n.m", "m.n"), ("form: {t", "xml: {t"),
            ("xml: {R.S: P}, ", ""), ("pending", "refused"), ("200000", "200001"),
            ("[{status: 5xx}, {body", "[{status: 5xx, body"), ("{status: 5xx}, ", ""),
        ])
    func differentFlows(old: String, new: String) throws {
        var text = Self.flows
        if old == "200000" { text += "flow_keys: {limit: \(new)}\n" }
        if old == "{k}" { text = text.replacing("path.k", with: "path.k2") }
        if old.hasPrefix("form") { text = text.replacing("form.k", with: "xml.k") }
        #expect(old == "200000" || Self.flows.contains(old))
        #expect(try rules(text.replacing(old, with: new)) != rules(Self.flows))
    }
}
