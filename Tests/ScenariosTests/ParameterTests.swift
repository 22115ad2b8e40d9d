import CAllocationCounter
import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Parameters of a query")
struct ParameterTests {
    /// Calls `body` with the places of these names, and the rows that they are of.
    private static func withPlaces(
        _ names: [String], _ body: (ParameterPlaces, RuleRows) -> Void
    ) {
        let table = RuleTable([
            scenario(
                .credit,
                names.map { step(RequestMatch(fields: [condition($0, "1")])) })
        ])
        let places = ParameterPlaces(names: table.rows.names)
        body(places, table.rows)
        places.deallocate()
    }

    private static func condition(_ name: String, _ value: String) -> FieldCondition {
        FieldCondition(field: .query(name), values: [Array(value.utf8)])
    }

    @Test("are found all at once where each is found alone, in any target")
    func oneWalk() {
        let names = ["a", "b", "name", "a b", "é", String(repeating: "l", count: 80), "="]
        let pieces = [
            "a", "b", "name", "a+b", "a%20b", "%61", "%C3%A9", "%c3%a9", "=", "=1", "&", "&&", "#",
            "?", "%3d", "%3D=", "/", "%", "%4", String(repeating: "l", count: 80), "ll",
            String(repeating: "v", count: 70),
        ]
        var random = SeededGenerator(7)
        var found = 0
        Self.withPlaces(names) { places, rows in
            for _ in 0..<4000 {
                let text =
                    "/?"
                    + (0..<Int.random(in: 0...9, using: &random)).map { _ in
                        pieces.randomElement(using: &random) ?? ""
                    }.joined()
                places.begin()
                Array(text.utf8).withUnsafeBytes { target in
                    for (number, name) in names.enumerated() {
                        let alone = Array(name.utf8).withUnsafeBytes {
                            DecodedValue($0, inTarget: target)
                        }
                        let value = places.value(
                            of: number, inTarget: target, among: rows.paths.texts
                        ).map { DecodedValue($0, inTarget: target) }
                        #expect(value?.isLast == alone?.isLast, "\(name) in \(text)")
                        #expect(
                            value?.withBytes(Array.init) == alone?.withBytes(Array.init),
                            "\(name) in \(text)")
                        if value != nil { found += 1 }
                    }
                }
            }
        }
        #expect(found > 500)
    }

    @Test(
        "cost one walk, whatever the query and however many names rules ask for",
        .timeLimit(.minutes(1)))
    func linear() {
        let steps = (0..<500).map {
            step(RequestMatch(fields: [Self.condition("name\($0)", "1")]))
        }
        let scenarios = [scenario(.credit, steps)]
        let counter = FlowCounter(scenarios, countsFlows: [true])
        let bound = counter.bind(
            to: FlowBook(
                secret: FlowSecret.random().secret,
                limits: FlowBookLimits(keys: 1, remember: .zero)))
        let tally = bound.emptyFlows
        for query in [String(repeating: "&", count: 8000), String(repeating: "a&", count: 4000)] {
            Request(target: "/?" + query + "&name499=1").withExchange { exchange in
                for _ in 0..<25 { #expect(bound.count(exchange, into: tally)?.match.rule == 499) }
            }
        }
    }

    @Test("are looked for without an allocation")
    func noAllocation() {
        Self.withPlaces(["a", "b"]) { places, rows in
            let count = Array("/?x=%20&b=1&%61=2".utf8).withUnsafeBytes { target in
                let texts = rows.paths.texts
                _ = places.value(of: 0, inTarget: target, among: texts)
                allocation_count_reset()
                for _ in 0..<10 {
                    places.begin()
                    _ = places.value(of: 0, inTarget: target, among: texts)
                    _ = places.value(of: 1, inTarget: target, among: texts)
                }
                return allocation_count()
            }
            #expect(count == 0)
        }
    }
}
