import Metering
import Testing
import Traffic

@testable import Settings

@Suite("Flow rules")
struct FlowSettingsTests {
    @Test("are read with every key there is")
    func all() throws {
        let settings = try Samples.agent(Samples.flows)
        #expect(
            settings.flowKeys
                == FlowKeySettings(limit: 1000, remember: .seconds(7200), secret: "flow.secret"))
        let scenario = try #require(settings.scenarios.first)
        #expect(!scenario.refusalCounts)
        #expect(scenario.expiry == .seconds(36 * 3600))
        #expect(scenario.deduplication == .fleet)
        let path = PathTemplate(segments: [.literal("gw"), .parameter("v")], isPrefix: true)
        let bytes = { (text: String) in Array(text.utf8) }
        #expect(
            scenario.steps.first?.request
                == RequestMatch(
                    services: [1, 0], methods: ["POST", "PUT"], path: path,
                    hosts: ["loan.example.com", "[::1]"],
                    fields: [
                        FieldCondition(
                            field: .query("txnCode"), values: [bytes("CR01"), bytes("any")]),
                        FieldCondition(
                            field: .message(.requestHeader("x-channel")), values: []),
                        FieldCondition(
                            field: .message(.requestJSON(["txn", "code"])), values: [bytes("7")]),
                    ]))
        #expect(scenario.steps.map(\.requires) == [[2], [], []])
        #expect(scenario.steps.map(\.completes) == [true, false, false])
        #expect(
            scenario.steps.map(\.key) == [
                .message(.responseJSON(["data", "applyNo"])), .message(.requestForm("applyNo")),
                .message(.requestXML(["Envelope", "No"])),
            ])
        #expect(scenario.steps[0].count == .message(.responseHeader("x-count")))
        #expect(
            scenario.steps[0].outcomes.map(\.outcome) == [.failed, .refused, .pending, .completed])
        #expect(
            scenario.steps[0].outcomes.last?.fields.map(\.field)
                == [
                    .message(.responseHeader("x-result")),
                    .message(.responseXML(["Reply", "Code"])),
                ])
        let shared = [
            OutcomeCondition(.failed, statuses: [.hundred(5)]),
            OutcomeCondition(.completed, statuses: [.code(200), .code(204)]),
        ]
        #expect(scenario.steps[1...].map(\.outcomes) == [shared, shared])
        #expect(settings.sharedOutcomes == [.credit: shared])
        #expect(settings.warnings.isEmpty)
    }

    @Test(
        "have each kind of key",
        arguments: [
            ("path.v", .path("v")), ("query.a.b", .query("a.b")),
            ("header.X-Id", .message(.requestHeader("x-id"))),
            ("body.a.b", .message(.requestJSON(["a", "b"]))),
            ("response.xml.a.b", .message(.responseXML(["a", "b"]))),
            ("response.header.A", .message(.responseHeader("a"))),
        ] as [(String, MessageField)])
    func keys(written: String, field: MessageField) throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios: [{id: a, steps: [{when: {path: "/{v}"}, flow_key: \(written)}]}]
            """
        let scenario = try #require(try Samples.agent(text).scenarios.first)
        #expect(scenario.steps.map(\.key) == [field])
        #expect(scenario.deduplication == .host)
        #expect(field.written == written.replacing("X-Id", with: "x-id").replacing("A", with: "a"))
    }

    @Test("have an outcome of several responses, each of which is tried in its place")
    func alternatives() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios:
              - id: credit
                steps:
                  - when: {path: /a}
                    outcome:
                      completed: [{status: 200, body: {code: "0000"}}, {status: 204}]
                      failed:
                        - {status: 5xx}
                        - {status: 2xx, body: {code: [E2001]}}
                        - {status: 409, header: {retry-after: any}, body: {code: [E2001, E1]}}
            """
        let step = try #require(try Samples.agent(text).scenarios.first?.steps.first)
        let outcomes = step.outcomes
        #expect(outcomes.map(\.outcome) == [.failed, .failed, .failed, .completed, .completed])
        #expect(
            outcomes.map(\.statuses) == [
                [.hundred(5)], [.hundred(2)], [.code(409)], [.code(200)], [.code(204)],
            ])
        #expect(outcomes.map(\.fields.count) == [0, 1, 2, 1, 0])
        let most = (0..<16).map { "{status: \(400 + $0)}" }.joined(separator: ", ")
        let full = text.replacing(
            "completed: [", with: "pending: [\(most)]\n          completed: [")
        #expect(try Samples.agent(full).scenarios[0].steps[0].outcomes.count == 21)
        #expect(
            Samples.message(full.replacing("pending: [", with: "pending: [{status: 430}, "))
                .contains("outcome.pending: a list of 17 is out of range, 1 to 16 entries"))
    }

    @Test(
        "ask for a field of a body where a response to one of the methods may have one",
        arguments: [
            ("CONNECT", "{status: 407, body: {c: A}}"), ("CONNECT", "{body: {c: A}}"),
            ("CONNECT", "[{status: 2xx, body: {c: A}}, {status: 2xx, header: {c: A}}]"),
            ("[HEAD, CONNECT]", "{status: [2xx, 4xx], body: {c: A}}"),
            ("[CONNECT, GET]", "{status: 2xx, body: {c: A}}"), ("HEAD", "{status: 2xx}"),
        ])
    func bodies(method: String, completed: String) throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios:
              - id: s
                steps: [{when: {method: \(method), host: a}, outcome: {completed: \(completed)}}]
            """
        #expect(try Samples.agent(text).scenarios[0].steps.count == 1)
    }

    @Test("take 5,000 steps in one scenario and the next, in any shape, and no more than the limit")
    func many() throws {
        let clock = ContinuousClock()
        let shapes: [(Int) -> String] = [
            { "{method: POST, path: \"/api/v\($0 % 7)/things\($0)/{id}\"}" },
            { "{path: /gw, body: {txnCode: T\($0)}}" },
            { "{path: /gw, query: {txnCode: T\($0)}, header: {x: any}}" },
            { "{host: h\($0).example.com}" },
            { "{path: \"/{a}/{b}/x\($0)/**\"}" },
        ]
        for shape in shapes {
            var text = Self.head
            for (scenario, range) in [0..<2500, 2500..<5000].enumerated() {
                text += "  - id: s\(scenario)\n    steps:\n"
                for number in range {
                    text +=
                        "      - {name: n\(number), completes: true, when: \(shape(number))}\n"
                }
            }
            var settings: AgentSettings?
            let time = try clock.measure { settings = try Samples.agent(text) }
            #expect(settings?.scenarios.map(\.steps.count) == [2500, 2500])
            #expect(settings?.warnings.isEmpty == true)
            #expect(time < .seconds(20), "\(shape(1))")
        }
    }

    @Test("of every kind of key are taken 5,000 times")
    func manyWhole() throws {
        var text = Self.head
        for scenario in 0..<100 {
            text += "  - id: s\(scenario)\n    steps:\n"
            for number in 0..<50 {
                let code = "T\(scenario)N\(number)"
                text += """
                          - name: n\(number)
                            when:
                              service: a
                              method: [POST, PUT]
                              path: "/gateway/{version}/submit/**"
                              host: loan.example.com
                              query: {channel: [app, web]}
                              header: {x-channel: [app, web]}
                              body: {header.txn.code: [\(code)A, \(code)B]}
                            flow_key: body.data.applyNo
                            completes: true
                            count: response.body.data.count
                            outcome:
                              completed: {status: 2xx, body: {result.code: ["0000"]}}
                              refused: {status: 2xx, body: {result.code: [E1001, E1002]}}
                              pending: {status: 2xx, body: {result.code: [P0000]}}
                              failed: {status: [4xx, 5xx]}

                    """
            }
        }
        let settings = try Samples.agent(text)
        #expect(settings.scenarios.reduce(0) { $0 + $1.steps.count } == 5000)
        #expect(settings.warnings.isEmpty)
    }

    @Test("that are too many are refused")
    func tooMany() {
        var text = Self.head
        for scenario in 0..<5 {
            text += "  - id: s\(scenario)\n    steps:\n"
            for number in 0..<3277 {
                text +=
                    "      - {name: n\(number), completes: true, when: {path: /\(scenario)/\(number)}}\n"
            }
        }
        #expect(
            Samples.message(text).hasPrefix(
                "agent.yaml:5:3: scenarios: 16385 steps is out of range, 1 to 16384 in all\n"))
    }

    @Test("with keys are taken up to 64 times in a scenario, and refused beyond")
    func keyedSteps() throws {
        func text(_ keyed: Int) -> String {
            Self.head + "  - id: s\n    dedupe: none\n    steps:\n"
                + (0..<keyed).map {
                    "      - {name: n\($0), when: {path: \"/\($0)/{k}\"}, flow_key: path.k, "
                        + "completes: \($0 == 0)}\n"
                }.joined()
        }
        #expect(try Samples.agent(text(64)).scenarios[0].steps.count == 64)
        #expect(
            Samples.message(text(66)) == """
                agent.yaml:72:9: scenarios[0].steps[64]: one of 66 steps with a flow_key, and a \
                scenario has 64 of them at most
                   72 |       - {name: n64, when: {path: "/64/{k}"}, flow_key: path.k, completes: \
                false}
                      |         ^
                  one step may match several paths with {name} or **, and several values in a \
                list; leave out steps that neither complete a flow nor are required
                """)
    }

    @Test("ask for 512 different fields, wherever they are, and for no more")
    func fields() throws {
        func text(_ fields: Int) -> String {
            var text = Self.head
            for number in 0..<fields / 4 {
                text +=
                    "  - {id: s\(number), steps: [{when: {path: /\(number), body: {f\(number): a}}, "
                    + "flow_key: body.k\(number), count: response.header.n\(number), "
                    + "outcome: {completed: {body: {code\(number): any}}}}]}\n"
            }
            // Those of other rules cost nothing more.
            return text + "  - {id: r, steps: [{when: {path: /r, body: {f0: a}}}]}\n"
                + "  - {id: t, steps: [{when: {path: /t, header: {x\(fields): a}}}]}\n"
        }
        let most = text(512).replacing("  - {id: t, ", with: "# ")
        #expect(try Samples.agent(most).scenarios.count == 129)
        #expect(
            Samples.message(text(512)) == """
                agent.yaml:134:21: scenarios[129].steps[0]: with this step the rules ask for more \
                than 512 different fields of messages
                  134 |   - {id: t, steps: [{when: {path: /t, header: {x512: a}}}]}
                      |                     ^
                  each message is searched for all of them: ask for the same field with other \
                values, or leave out scenarios that this host does not serve
                """)
    }

    @Test("that cannot all be compared are taken, with a warning that says so, in bounded time")
    func hostile() throws {
        var text = Self.head + "  - id: s\n    steps:\n"
        for number in 0..<4000 {
            text +=
                "      - {name: n\(number), completes: true, when: {query: {q\(number / 64): a, r\(number % 64): a}, header: {h: any}}}\n"
        }
        let warnings = try Samples.agent(text).warnings
        #expect(warnings.count == 1)
        let problem = try #require(warnings.first?.finding.problem)
        guard case .comparisonCut(_, RuleIndex.maximumSteps) = problem else {
            Issue.record("\(problem)")
            return
        }
    }

    @Test(
        "name a field of no part, and are told the field that can be meant",
        arguments: [
            ("paht.no", "path.no"), ("headers.x-no", "header.x-no"),
            ("response.path.no", "path.no"), ("response.form.no", "form.no"),
            ("request.body.data.no", "body.data.no"), ("response.no", "response.body.no"),
            ("response.data.no", "response.body.data.no"),
            ("response.headers.x-no", "response.header.x-no"),
            ("response.body", nil), ("response", nil), ("response..no", nil), ("cookie.no", nil),
        ] as [(String, String?)])
    func meant(written: String, meant: String?) {
        let steps = "  - {id: a, steps: [{when: {path: \"/{no}\"}, flow_key: \(written)}]}\n"
        let message = Samples.message(Self.head + steps)
        #expect(message.contains("\"\(written)\" is not path.NAME, "))
        let suggestion = message.split(separator: "did you mean \"").dropFirst().first
        #expect(suggestion?.prefix { $0 != "\"" } == meant.map { $0[...] })
    }

    private static let head = """
        version: 1
        services: [{name: a, ports: [80], counts_flows: true}]
        collectors: []
        scenarios:

        """
}

@Suite("A warning of a settings file")
struct WarningTests {
    private func warnings(_ scenarios: String) throws -> [String] {
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}, {name: b, ports: [81]}]
            collectors: []
            scenarios:
            \(scenarios)
            """
        return try Samples.agent(text).warnings.map(\.description)
    }

    @Test("tells of rules of two scenarios that share requests")
    func overlap() throws {
        let text = """
              - {id: a, steps: [{when: {method: GET, path: "/q/{id}"}}]}
              - {id: b, steps: [{when: {path: /q/all}}]}
            """
        #expect(
            try warnings(text) == [
                """
                agent.yaml:6:28: warning: scenarios[1].steps[0].when: "any method /q/all" may be \
                the same request as "GET /q/{id}" of scenario "a" on line 5, which takes it
                    6 |   - {id: b, steps: [{when: {path: /q/all}}]}
                      |                            ^
                  one request belongs to one scenario: tell the two apart by what is in when, such \
                as service, method or a field's values
                """
            ])
    }

    @Test("tells of a step on a service whose flows are not counted")
    func notCounted() throws {
        let text = """
              - id: a
                steps:
                  - {name: x, when: {path: /x}, completes: true}
                  - {name: y, when: {service: b, path: /y}, completes: true}
            """
        #expect(
            try warnings(text) == [
                """
                agent.yaml:8:25: warning: scenarios[0].steps[1].when: counts requests and no \
                flows, as b has no counts_flows: true
                    8 |       - {name: y, when: {service: b, path: /y}, completes: true}
                      |                         ^
                  counts_flows is whether flows are counted on this service; one layer per \
                scenario counts them; write, for example, counts_flows: true
                """
            ])
    }

    @Test(
        "is not given where the narrower rule comes first, or one request cannot be both",
        arguments: [
            ("{path: /q/all}", "{path: \"/q/{id}\"}"),
            ("{path: \"/q/{id}\"}", "{path: \"/q/**\"}"),
            ("{path: /gw, body: {t: A}}", "{path: /gw}"),
            ("{path: /gw, body: {t: A}}", "{path: /gw, body: {t: [B, C]}}"),
            ("{path: /gw, body: {t: A}}", "{path: /gw, form: {t: A}}"),
            ("{path: /gw, method: GET}", "{path: /gw, method: [PUT, POST]}"),
            ("{path: /gw, host: a.example}", "{path: /gw, host: b.example}"),
            ("{path: /gw, service: a}", "{path: /gw, service: [a, b]}"),
            ("{path: \"/a/**\"}", "{path: /a}"), ("{path: \"/a/{b}\"}", "{path: /a/}"),
            ("{path: \"/a/{b}/c\"}", "{path: \"/a/{b}/d/**\"}"),
        ])
    func none(first: String, second: String) throws {
        let text = "  - {id: a, steps: [{when: \(first)}]}\n  - {id: b, steps: [{when: \(second)}]}"
        #expect(try warnings(text) == [])
    }

    @Test("fits on one line of a log, and the twentieth is the last before their count")
    func line() throws {
        let rules = (0..<30).map {
            "  - {id: s\($0), steps: [{when: {path: /a, query: {q\($0): x}}}]}"
        }
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios:
            \(rules.joined(separator: "\n"))
            """
        let warnings = try Samples.agent(text).warnings
        #expect(warnings.count == 21)
        #expect(warnings.last?.description == "agent.yaml: warning: 9 more warnings")
        #expect(
            warnings.first?.line
                == "agent.yaml:6:29: scenarios[1].steps[0].when: \"any method /a query.q1=x\" may "
                + "be the same request as \"any method /a query.q0=x\" of scenario \"s0\" on line 5"
                + ", which takes it; one request belongs to one scenario: tell the two apart by "
                + "what is in when, such as service, method or a field's values")
    }
}
