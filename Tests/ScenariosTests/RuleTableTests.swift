import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Rules")
struct RuleTableTests {
    @Test(
        "a template matches whole segments and nothing else",
        arguments: [
            ("/api/{id}/x", "/api/7/x", true), ("/api/{id}/x", "/api/7/8/x", false),
            ("/api/{id}/x", "/api//x", false), ("/api/{id}/x", "/api/7/x/", false),
            ("/api/{id}/x", "/api/7/xy", false), ("/api/{id}/x", "/API/7/x", false),
            ("/api/{id}", "/api/7?x=/y", true), ("/api/{id}", "/api/", false),
            ("/{a}/{b}", "/1/2", true), ("/{a}/{b}", "/1", false), ("/", "/", true),
            ("/", "/a", false), ("/a", "http://host:80/a?b", true), ("/a", "http://host", false),
            ("/", "http://host", true), ("/", "http://host:80?b=/c", true), ("/", "host:80", false),
            ("/a", "/a#f", true), ("/a", "a", false), ("/a", "*", false), ("/a", "", false),
            ("/a/", "/a/", true), ("/a/", "/a", false), ("/a//b", "/a//b", true),
            ("/gw/**", "/gw/", true), ("/gw/**", "/gw/a/b", true), ("/gw/**", "/gw", false),
            ("/gw/**", "/gwx/", false), ("/**", "/", true), ("/**", "/x/y", true),
            ("/{a}/**", "/1/2/3", true), ("/{a}/**", "/1", false), ("/{a}/**", "//2", false),
        ])
    func templates(template: String, target: String, expected: Bool) {
        let table = RuleTable([
            scenario(.credit, [step(RequestMatch(path: PathTemplate(template)))])
        ])
        let match = Request(method: "GET", target: target).withExchange { table.match($0) }
        #expect((match != nil) == expected)
    }

    @Test("segments of any length are told apart", arguments: [1, 8, 9, 62, 63, 64, 65, 127, 200])
    func lengths(length: Int) {
        let lengths = [length, length + 1, length + 64]
        let templates = lengths.map { "/{id}/" + String(repeating: "s", count: $0) + "/x" }
        let table = RuleTable([
            scenario(
                .credit, templates.map { step(RequestMatch(path: PathTemplate($0))) })
        ])
        func rule(_ segment: String) -> Int? {
            Request(target: "/7/\(segment)/x").withExchange { table.match($0)?.rule }
        }
        for (number, length) in lengths.enumerated() {
            #expect(rule(String(repeating: "s", count: length)) == number)
            #expect(rule(String(repeating: "s", count: length - 1) + "t") == nil)
        }
        #expect(rule(String(repeating: "s", count: length + 2)) == nil)
    }

    @Test(
        "hosts are compared without port and case, and an absolute target's comes first",
        arguments: [
            ("/", Field.text("Loan.Example.com:8080"), true),
            ("/", .text("loan.example.com"), true),
            ("/", .text("loan.example.org"), false), ("/", .absent, false),
            ("http://user@LOAN.example.com:80/", .text("x"), true),
            ("http://x/", .text("loan.example.com"), false), ("/", .text(""), false),
            ("/", .text("loan.example.com:80x"), false),
        ])
    func hosts(target: String, field: Field, expected: Bool) {
        let table = RuleTable([
            scenario(.credit, [step(RequestMatch(hosts: ["loan.example.com"]))])
        ])
        #expect(table.selectors.contains(.requestHeader("host")))
        let fields = table.selectors.map { $0 == .requestHeader("host") ? field : .absent }
        let match = Request(target: target, fields: fields).withExchange { table.match($0) }
        #expect((match != nil) == expected)
    }

    @Test(
        "parameters of the query are decoded, and the first of a name counts",
        arguments: [
            ("/?t=CR01", true), ("/?x=1&t=CR01", true), ("/?t=%43R01", true), ("/?%74=CR01", true),
            ("/?t=CR02&t=CR01", false), ("/?t=CR01x", false), ("/?t", false), ("/", false),
            ("/?tt=CR01", false), ("/?t=CR01#t=x", true), ("/#?t=CR01", false),
            ("/?&&t=CR01", true),
            ("/?t=CR%301", true), ("/?t=CR%3", false),
        ])
    func queries(target: String, expected: Bool) {
        let condition = FieldCondition(field: .query("t"), values: [Array("CR01".utf8)])
        let table = RuleTable([scenario(.credit, [step(RequestMatch(fields: [condition]))])])
        let match = Request(target: target).withExchange { table.match($0) }
        #expect((match != nil) == expected)
    }

    @Test("a rule whose field could not be read is said to be missed, not taken for another")
    func unread() {
        let type = FieldCondition(
            field: .message(.requestJSON(["txnCode"])), values: [Array("CR01".utf8)])
        let table = RuleTable([
            scenario(.credit, [step(RequestMatch(fields: [type]))]),
            scenario(.query, [step(RequestMatch(path: PathTemplate("/q")))]),
        ])
        func isUnread(_ target: String, _ field: Field) -> (rule: Int?, isUnread: Bool) {
            let fields = table.selectors.map {
                $0 == .requestJSON(["txnCode"]) ? field : .text("0000")
            }
            return Request(target: target, fields: fields).withExchange {
                switch table.rows.find($0) {
                case .match(let match): (match.rule, match.isUnread)
                case .none(let isUnread): (nil, isUnread)
                }
            }
        }
        #expect(isUnread("/x", .unread) == (nil, true))
        #expect(isUnread("/x", .absent) == (nil, false))
        #expect(isUnread("/q", .unread) == (1, true))
        #expect(isUnread("/q", .absent) == (1, false))
        #expect(isUnread("/q", .text("CR01")) == (0, false))
    }

    @Test("an outcome is not known where one before it asks for what could not be read")
    func unreadOutcome() {
        let byCode = FieldCondition(field: code, values: [Array("E2002".utf8)])
        let outcomes = [
            OutcomeCondition(.failed, statuses: [.hundred(2)], fields: [byCode]),
            OutcomeCondition(.completed, statuses: [.hundred(2)]),
            OutcomeCondition(.failed, statuses: [.hundred(5)]),
        ]
        let table = RuleTable([
            scenario(
                .credit,
                [
                    FlowStep(
                        name: "step", request: RequestMatch(path: PathTemplate("/c")), key: nil,
                        requires: [], completes: true, count: nil, outcomes: outcomes)
                ])
        ])
        func outcome(_ field: Field, _ status: UInt16 = 200) -> (Outcome?, Bool?) {
            Request(target: "/c", status: status, fields: [field]).withExchange {
                let match = table.match($0)
                return (match?.outcome, match?.isUnread)
            }
        }
        #expect(outcome(.unread) == (.incomplete, true))
        #expect(outcome(.unread, 500) == (.failed, false))
        #expect(outcome(.absent) == (.completed, false))
        #expect(outcome(.text("E2002")) == (.failed, false))
        #expect(outcome(.text("x")) == (.completed, false))
    }

    @Test("the first rule that matches wins, as when all are tried", arguments: 0..<60)
    func firstWins(seed: Int) {
        var random = SeededGenerator(seed)
        let scenarios = (0..<Int.random(in: 1...4, using: &random)).map { number in
            scenario(
                ScenarioID("s\(number)"),
                (0..<Int.random(in: 1...30, using: &random)).map { _ in randomStep(&random) })
        }
        let table = RuleTable(scenarios)
        let steps = scenarios.flatMap(\.steps)
        var matched = 0
        for _ in 0..<200 {
            let request = randomRequest(table.selectors, &random)
            let expected = steps.firstIndex { isMatch($0.request, request, table.selectors) }
            let found = request.withExchange { table.match($0)?.rule }
            #expect(found == expected, "\(request)")
            if expected != nil { matched += 1 }
        }
        #expect(matched > 0)
    }

    // MARK: A second, slower way to match

    private let segments = ["a", "b", "abcdefghi", "abcdefghj"]
    private let values = ["1", "2", "3", "12345678", "123456789", "123456780"]
    private let message = FieldSelector.requestJSON(["t"])

    private func randomStep(_ random: inout SeededGenerator) -> FlowStep {
        var path: PathTemplate?
        if Int.random(in: 0..<6, using: &random) > 0 {
            let count = Int.random(in: 1...3, using: &random)
            path = PathTemplate(
                segments: (0..<count).map { _ in
                    Bool.random(using: &random)
                        ? .literal(segments.randomElement(using: &random) ?? "a") : .parameter("p")
                }, isPrefix: Int.random(in: 0..<5, using: &random) == 0)
        }
        var fields: [FieldCondition] = []
        for field in [MessageField.query("q"), .message(message)]
        where Int.random(in: 0..<2, using: &random) == 0 {
            let chosen = values.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
            fields.append(FieldCondition(field: field, values: chosen.map { Array($0.utf8) }))
        }
        return step(
            RequestMatch(
                services: Int.random(in: 0..<4, using: &random) == 0 ? [1] : [],
                methods: [[], ["POST"], ["GET", "MKCALENDAR"]].randomElement(using: &random) ?? [],
                path: path,
                hosts: Int.random(in: 0..<3, using: &random) == 0
                    ? [values.randomElement(using: &random) ?? ""] : [],
                fields: fields))
    }

    private func randomRequest(
        _ selectors: [FieldSelector], _ random: inout SeededGenerator
    ) -> Request {
        let count = Int.random(in: 1...4, using: &random)
        let path = (0..<count).map { _ in (segments + [""]).randomElement(using: &random) ?? "" }
        let query = (values + [""]).randomElement(using: &random) ?? ""
        return Request(
            method: ["POST", "GET", "MKCALENDAR", "PUT"].randomElement(using: &random) ?? "",
            target: "/" + path.joined(separator: "/") + (query.isEmpty ? "" : "?q=" + query),
            fields: selectors.map { _ in
                [.absent, .text(values.randomElement(using: &random) ?? "")]
                    .randomElement(using: &random) ?? .absent
            }, service: Int.random(in: 0...1, using: &random))
    }

    private func isMatch(
        _ match: RequestMatch, _ request: Request, _ selectors: [FieldSelector]
    ) -> Bool {
        let parts = request.target.split(separator: "?", omittingEmptySubsequences: false)
        let path = parts[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        if let template = match.path {
            guard
                template.isPrefix
                    ? path.count > template.segments.count : path.count == template.segments.count
            else { return false }
            for (segment, part) in zip(template.segments, path) {
                switch segment {
                case .literal(let text): if text != part { return false }
                case .parameter: if part.isEmpty { return false }
                }
            }
        }
        if !match.hosts.isEmpty {
            guard let slot = selectors.firstIndex(of: .requestHeader("host")),
                case .text(let name) = request.fields[slot], match.hosts.contains(name)
            else { return false }
        }
        return (match.services.isEmpty || match.services.contains(request.service))
            && (match.methods.isEmpty || match.methods.contains(request.method))
            && match.fields.allSatisfy { condition in
                var value: String?
                if case .message(let selector) = condition.field,
                    let slot = selectors.firstIndex(of: selector),
                    case .text(let text) = request.fields[slot]
                {
                    value = text
                } else if case .query = condition.field, parts.count > 1 {
                    value = String(parts[1].dropFirst(2))
                }
                guard let value else { return false }
                return condition.values.isEmpty || condition.values.contains(Array(value.utf8))
            }
    }
}
