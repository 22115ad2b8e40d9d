import Testing
import Traffic

@testable import Settings

@Suite("Two rules")
struct RuleOrderTests {
    private static let words = ["", "a", "b"]

    private func rule(_ random: inout Seeded) -> RequestMatch {
        func some(_ values: [String]) -> [String] {
            Bool.random(using: &random) ? [] : values.filter { _ in Bool.random(using: &random) }
        }
        let depth = Int.random(in: 0...3, using: &random)
        let segments = (0..<depth).map { _ -> PathTemplate.Segment in
            Bool.random(using: &random)
                ? .parameter("p") : .literal(Self.words.randomElement(using: &random) ?? "")
        }
        let isPrefix = depth == 0 || Int.random(in: 0..<3, using: &random) == 0
        let path = PathTemplate(segments: segments, isPrefix: isPrefix)
        let fields = ["t", "u"].filter { _ in Bool.random(using: &random) }.map {
            FieldCondition(field: .query($0), values: some(["1", "2"]).map { Array($0.utf8) })
        }
        return RequestMatch(
            services: Bool.random(using: &random) ? [] : [Int.random(in: 0..<2, using: &random)],
            methods: some(["GET", "PUT"]), path: path, hosts: some(["x", "y"]), fields: fields)
    }

    private static let requests: [ReducedRequest] = {
        let paths = words.flatMap { first in
            [[first]]
                + words.flatMap { second in
                    [[first, second]] + words.map { [first, second, $0] }
                }
        }
        let values: [String?] = [nil, "1", "2", "3"]
        let queries = values.flatMap { t in
            values.map { u in ["t": t, "u": u].compactMapValues { $0 } }
        }
        var requests: [ReducedRequest] = []
        for path in paths {
            for query in queries {
                for (index, method) in ["GET", "PUT", "POST"].enumerated() {
                    let service = (index + path.count) & 1
                    let host = ["x", "y", "z"][(index + query.count) % 3]
                    requests.append(
                        ReducedRequest(
                            service: service, method: method, path: path, host: host,
                            query: query))
                }
            }
        }
        return requests
    }()

    @Test("cover and share requests as the requests themselves say")
    func laws() {
        var random = Seeded(state: 6)
        var covered = 0
        var apart = 0
        for _ in 0..<3000 {
            let (a, b) = (rule(&random), rule(&random))
            let (first, second) = (RuleScope(a, services: 2), RuleScope(b, services: 2))
            let covers = first.covers(second)
            let shares = first.shares(second)
            #expect(shares == second.shares(first))
            covered += covers ? 1 : 0
            apart += shares ? 0 : 1
            guard covers || !shares else { continue }
            for request in Self.requests where request.isMatched(by: b) {
                let isBoth = request.isMatched(by: a)
                if covers { #expect(isBoth, "\(a) covers \(b), not \(request)") }
                if !shares { #expect(!isBoth, "\(a) and \(b) share \(request)") }
            }
        }
        #expect(covered > 50 && apart > 500)
    }

    @Test("are found among others as if all were compared")
    func index() throws {
        var random = Seeded(state: 66)
        let node = try #require(YAMLReader.read(Array("when".utf8), Findings()))
        let field = Field(node, key: ScenarioKeys.Step.when)
        for _ in 0..<30 {
            let rules = (0..<120).map { number in
                PlacedRule(
                    scenario: number / 40, scenarioName: "",
                    scope: RuleScope(rule(&random), services: 2), field: field)
            }
            var index = RuleIndex(rules.count)
            for (number, rule) in rules.enumerated() {
                let compared = index.compare(rule, with: rules)
                let found = try #require(compared)
                let earlier = rules[..<number]
                #expect(found.hiding == earlier.firstIndex { $0.scope.covers(rule.scope) })
                #expect(
                    found.sharing
                        == earlier.firstIndex {
                            $0.scenario != rule.scenario && $0.scope.shares(rule.scope)
                                && !rule.scope.covers($0.scope)
                        })
                index.insert(number, of: rules)
            }
        }
    }
}
