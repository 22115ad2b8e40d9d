import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Paths that came before")
struct KnownPathTests {
    /// Segments that meet often, and some that make paths longer than are held.
    private static let segments =
        ["a", "b", "apply", "drawdown", "{x}"] + [String(repeating: "s", count: 40)]

    private static func template(_ random: inout SeededGenerator) -> String {
        let count = Int.random(in: 1...4, using: &random)
        let parts = (0..<count).map { number in
            let part = segments.randomElement(using: &random) ?? ""
            return part == "{x}" ? "{x\(number)}" : part
        }
        let end = Int.random(in: 0..<4, using: &random) == 0 ? "/**" : ""
        return "/" + parts.joined(separator: "/") + end
    }

    private static func target(_ random: inout SeededGenerator) -> String {
        let count = Int.random(in: 0...5, using: &random)
        let parts = (0..<count).map { _ in
            let part = segments.randomElement(using: &random) ?? ""
            return part == "{x}" ? "\(Int.random(in: 0..<40, using: &random))" : part
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Whether a template takes a path, segment by segment.
    private static func takes(_ template: PathTemplate, _ path: String) -> Bool {
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let count = template.segments.count
        guard template.isPrefix ? parts.count > count : parts.count == count else { return false }
        return zip(template.segments, parts).allSatisfy { segment, part in
            switch segment {
            case .literal(let text): text == part
            case .parameter: !part.isEmpty
            }
        }
    }

    @Test("are of the first rule that takes them, however often they come", arguments: 0..<20)
    func firstRule(seed: Int) {
        var random = SeededGenerator(seed)
        // Templates of few segments: many a path is one of more groups than are held.
        let rules = (0..<60).map { _ in
            RequestMatch(
                methods: [["GET", "POST"].randomElement(using: &random) ?? "GET"],
                path: PathTemplate(Self.template(&random)))
        }
        let counter = FlowCounter([scenario(.credit, rules.map { step($0) })], countsFlows: [true])
        let book = FlowBook(
            secret: FlowSecret.random().secret, limits: FlowBookLimits(keys: 1, remember: .zero))
        let bound = counter.bind(to: book)
        let tally = bound.emptyFlows
        var hits = Array(repeating: UInt64(0), count: rules.count)
        for _ in 0..<2000 {
            let method = ["GET", "POST"].randomElement(using: &random) ?? "GET"
            let target = Self.target(&random)
            let first = rules.firstIndex { rule in
                rule.methods == [method] && rule.path.map { Self.takes($0, target) } == true
            }
            Request(method: method, target: target).withExchange { exchange in
                #expect(bound.count(exchange, into: tally)?.match.rule == first)
                // The table's own rows hold no paths.
                #expect(counter.rules.match(exchange)?.rule == first)
            }
            if let first { hits[first] += 1 }
        }
        #expect(tally.tally(of: counter).ruleHits == hits)
        #expect(hits.count { $0 > 0 } > 10)
    }
}
