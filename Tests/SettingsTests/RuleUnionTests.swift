import Testing
import Traffic

@testable import Settings

@Suite("Several rules")
struct RuleUnionTests {
    private static let services = 3

    /// All there are: of each aspect what rules name, and something that none names.
    private static let requests: [ReducedRequest] = {
        let values: [String?] = [nil, "1", "2", "3", "4"]
        let queries = values.flatMap { t in
            values.map { u in ["t": t, "u": u].compactMapValues { $0 } }
        }
        return (0..<services).flatMap { service in
            ["GET", "PUT", "POST"].flatMap { method in
                ["x", "y", "z"].flatMap { host in
                    queries.map {
                        ReducedRequest(service: service, method: method, host: host, query: $0)
                    }
                }
            }
        }
    }()

    private static func rule(_ random: inout Seeded) -> RequestMatch {
        func some<Value>(_ values: [Value], _ share: Int) -> [Value] {
            Int.random(in: 0..<3, using: &random) > 0
                ? [] : values.filter { _ in Int.random(in: 0..<4, using: &random) < share }
        }
        let fields = ["t", "u"].filter { _ in Int.random(in: 0..<3, using: &random) > 0 }.map {
            FieldCondition(
                field: .query($0),
                values: ["1", "2", "3"].filter { _ in Bool.random(using: &random) }
                    .map { Array($0.utf8) })
        }
        return RequestMatch(
            services: some(Array(0..<services), 2), methods: some(["GET", "PUT"], 3), path: nil,
            hosts: some(["x", "y"], 3), fields: fields)
    }

    private static func placed(_ matches: [RequestMatch]) throws -> [PlacedRule] {
        let node = try #require(YAMLReader.read(Array("when".utf8), Findings()))
        let field = Field(node, key: ScenarioKeys.Step.when)
        return matches.map {
            PlacedRule(
                scenario: 0, scenarioName: "", scope: RuleScope($0, services: services),
                field: field)
        }
    }

    @Test("hide a later one just where no request is left of it")
    func law() throws {
        var random = Seeded(state: 67)
        var hiddenTogether = 0
        var open = 0
        for _ in 0..<60 {
            let matches = (0..<20).map { _ in Self.rule(&random) }
            let rules = try Self.placed(matches)
            let taken = matches.map { match in
                Self.requests.map { $0.isMatched(by: match) }
            }
            var index = RuleIndex(rules.count)
            var union = RuleUnion()
            for (number, rule) in rules.enumerated() {
                let compared = index.compare(rule, with: rules)
                let found = try #require(compared)
                let together = union.hiding(rule.scope, found.partial, rules)
                func isLeft(by hiding: some Sequence<Int>) -> Bool {
                    Self.requests.indices.contains { request in
                        taken[number][request] && !hiding.contains { taken[$0][request] }
                    }
                }
                let isHidden = found.hiding != nil || together != nil
                #expect(isHidden == !isLeft(by: 0..<number))
                if let together {
                    hiddenTogether += 1
                    #expect(together.count > 1 && together == together.sorted())
                    #expect(!isLeft(by: together))
                }
                open += isHidden ? 0 : 1
                index.insert(number, of: rules)
            }
        }
        #expect(hiddenTogether > 20 && open > 300)
    }

    private static let head = """
        version: 1
        services: [{name: a, ports: [80], counts_flows: true}]
        collectors: []
        scenarios:
          - id: s
            steps:

        """

    private static func text(_ rules: [String]) -> String {
        head
            + rules.enumerated().map {
                "      - {name: n\($0), completes: true, when: \($1)}\n"
            }.joined()
    }

    private static let values = (0..<256).map { "v\($0)" }.joined(separator: ", ")

    @Test("that are many are told: the first as they are written, further ones by their lines")
    func many() throws {
        func rules(_ count: Int) -> String {
            let values = (0..<count).map { "\($0)" }
            return Self.text(
                values.map { "{path: /a, query: {q: \($0)}}" }
                    + ["{path: /a, query: {q: [\(values.joined(separator: ", "))]}}"])
        }
        let written = (0..<8).map { "\"any method /a query.q=\($0)\" on line \($0 + 7)" }
            .joined(separator: ", ")
        let rule = "unreachable rule, as all of \"any method /a query.q=0|1|2|3|…\" is taken by "
        #expect(
            Samples.message(rules(9)).contains("\(rule)\(written) and the one on line 15\n"))
        #expect(
            Samples.message(rules(10)).contains("\(rule)\(written) and those on lines 15, 16\n"))
        let lines = (15...70).map { "\($0)" }.joined(separator: ", ")
        #expect(
            Samples.message(rules(100)).contains(
                "\(rule)\(written), those on lines \(lines) and 36 more\n"))
    }

    @Test("of which one value is left are in order")
    func left() throws {
        let rules = (0..<255).map { "{path: /a, query: {q: v\($0)}}" }
        let last = "{path: /a, query: {q: [\(Self.values)]}}"
        #expect(try Samples.agent(Self.text(rules + [last])).scenarios[0].steps.count == 256)
        let all = rules + ["{path: \"/{p}\", query: {q: v255}}", last]
        #expect(Samples.message(Self.text(all)).contains("steps[256].when: unreachable rule"))
    }

    @Test("of many values each are compared, and so is what follows them")
    func wide() throws {
        let rules = (0..<20).map { "{path: /a, host: h\($0), query: {q: [\(Self.values)]}}" }
        let twice = Array(repeating: "{method: POST, path: /credit}", count: 2)
        #expect(
            Samples.message(Self.text(rules + twice)).contains(
                "steps[21].when: unreachable rule, as all of \"POST /credit\""))
        let alike = (0..<2).map { _ in "{path: /a, query: {q: [\(Self.values)]}}" }
        let first = "{path: /a, header: {h: q}}"
        #expect(
            Samples.message(Self.text([first] + alike)).contains("steps[2].when: unreachable rule"))
    }

    @Test("that ask for a path leave requests without one to a rule that does not")
    func withoutPath() throws {
        let some = ["{path: \"/**\", query: {q: 1}}", "{path: \"/**\", query: {q: 2}}"]
        for rules in [
            ["{path: \"/**\"}", "{host: h}"], some + ["{query: {q: [1, 2]}}"],
        ] {
            let warnings = try Samples.agent(Self.text(rules)).warnings.map(\.description)
            #expect(warnings.count == 1)
            #expect(warnings[0].contains("only requests without a path, such as OPTIONS *"))
        }
        let rules = ["{host: h}", "{path: \"/**\"}"]
        #expect(try Samples.agent(Self.text(rules)).warnings.isEmpty)
    }

    @Test("that leave more parts than are looked at are taken, in bounded time")
    func hostile() throws {
        var random = Seeded(state: 68)
        let rules = (0..<1500).map { _ in
            let fields = (0..<10).map { field in
                let values = (0..<6).shuffled(using: &random).prefix(4).map { "\($0)" }
                return "q\(field): [\(values.joined(separator: ", "))]"
            }
            return "{path: /a, query: {\(fields.joined(separator: ", "))}}"
        }
        let clock = ContinuousClock()
        var settings: AgentSettings?
        let time = try clock.measure { settings = try Samples.agent(Self.text(rules)) }
        #expect(settings?.scenarios[0].steps.count == 1500)
        #expect(time < .seconds(30))
    }
}
