import Metering
import Testing
import Traffic

@testable import Scenarios

@Suite("Keys of flows")
struct FlowKeyTests {
    private func book() -> FlowBook {
        FlowBook(
            secret: FlowSecret.random().secret,
            limits: FlowBookLimits(keys: 100, remember: .seconds(1000)))
    }

    private static func numbers(_ tally: ScenarioTally) -> [UInt64] {
        [
            tally.requests, tally.flows, tally.completed, tally.refused, tally.failed,
            tally.duplicates, tally.incomplete,
        ]
    }

    @Test(
        "one key is one flow, however it is written",
        arguments: [
            ("/status/A%2d1", "/status/A-1", true), ("/status/%E6%94%AF", "/status/支", true),
            ("/status/A%2", "/status/A%252", true), ("/status/A%2d1", "/status/A-2", false),
        ])
    func pathKeys(left: String, right: String, isSame: Bool) {
        let steps = [step(RequestMatch(path: PathTemplate("/status/{no}")), key: .path("no"))]
        let counter = FlowCounter([scenario(.credit, steps)], countsFlows: [true])
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        for target in [left, right] {
            Request(target: target, fields: [.text("0000")])
                .withExchange { bound.count($0, into: counted) }
        }
        let tally = counted.tally(of: counter).scenarios[0]
        #expect(tally.duplicates == (isSame ? 1 : 0))
        #expect(tally.completed == (isSame ? 1 : 2))
    }

    @Test(
        "a key in a path has as many bytes as it has when it is read",
        arguments: [
            (String(repeating: "%E5%AE%A2", count: 21), true),
            (String(repeating: "%41", count: 64), true),
            (String(repeating: "%41", count: 63) + "AA", false),
            (String(repeating: "A", count: 64), true), (String(repeating: "A", count: 65), false),
            (String(repeating: "%", count: 64), true), (String(repeating: "%", count: 65), false),
            (String(repeating: "%41", count: 4_000), false),
        ])
    func longPathKeys(key: String, isRead: Bool) {
        let steps = [step(RequestMatch(path: PathTemplate("/status/{no}")), key: .path("no"))]
        let counter = FlowCounter([scenario(.credit, steps)], countsFlows: [true])
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        Request(target: "/status/" + key, fields: [.text("0000")])
            .withExchange { bound.count($0, into: counted) }
        Request(target: "/status/" + key, status: 500, fields: [.absent])
            .withExchange { bound.count($0, into: counted) }
        let tally = counted.tally(of: counter)
        #expect(tally.scenarios[0].completed == (isRead ? 1 : 0))
        #expect(tally.scenarios[0].duplicates == (isRead ? 1 : 0))
        #expect(tally.losses.keyless == (isRead ? 0 : 2))
    }

    @Test("what becomes of flows is told to those alone who keep it, and counts are the same")
    func unkept() {
        let steps = [step(RequestMatch(path: PathTemplate("/status/{no}")), key: .path("no"))]
        let counter = FlowCounter(
            [scenario(.credit, steps, deduplication: .fleet)], countsFlows: [true])
        let tallies = [true, false].map { isKept in
            let bound = counter.bind(
                to: FlowBook(
                    secret: FlowSecret.random().secret,
                    limits: FlowBookLimits(keys: 10, remember: .seconds(1000)), isKept: isKept))
            let counted = bound.emptyFlows
            for target in ["/status/1", "/status/1", "/status/2"] {
                Request(target: target, fields: [.text("0000")])
                    .withExchange { bound.count($0, into: counted) }
            }
            #expect(counted.changes.isEmpty == !isKept)
            #expect(counted.completions.isEmpty == !isKept)
            return counted.tally(of: counter)
        }
        #expect(tallies[1].scenarios[0].completed == 2)
        #expect(tallies[0].scenarios == tallies[1].scenarios)
        #expect(tallies[0].losses == tallies[1].losses)
    }

    @Test(
        "the engine has read the escapes of a key in JSON, and null is none",
        arguments: [
            (#"\u4e2d"#, "中", 2, 0, 0), (#"A\"#, #"A\"#, 1, 1, 0), ("null", "null", 0, 0, 2),
        ] as [(String, String, UInt64, UInt64, UInt64)])
    func bodyKeys(
        left: String, right: String, completed: UInt64, duplicates: UInt64, keyless: UInt64
    ) {
        let key = FieldSelector.requestJSON(["no"])
        let steps = [step(RequestMatch(path: PathTemplate("/c")), key: .message(key))]
        let counter = FlowCounter([scenario(.credit, steps)], countsFlows: [true])
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        for text in [left, right] {
            Request(
                target: "/c",
                fields: counter.rules.selectors.map { $0 == key ? .text(text) : .text("0000") }
            ).withExchange { bound.count($0, into: counted) }
        }
        let tally = counted.tally(of: counter)
        #expect(tally.scenarios[0].completed == completed)
        #expect(tally.scenarios[0].duplicates == duplicates)
        #expect(tally.losses.keyless == keyless)
    }

    @Test("a key that is absent, unread or too long is no key, and is counted so")
    func keyless() {
        let key = MessageField.message(.requestJSON(["no"]))
        let counter = FlowCounter(
            [scenario(.credit, [step(RequestMatch(path: PathTemplate("/c")), key: key)])],
            countsFlows: [true])
        let bound = counter.bind(to: book())
        let counted = bound.emptyFlows
        let long = String(repeating: "x", count: 65)
        for no in [Field.absent, .unread, .text(long), .text(""), .text(String(long.dropLast()))] {
            Request(
                target: "/c",
                fields: counter.rules.selectors.map {
                    $0 == .requestJSON(["no"]) ? no : .text("0000")
                }
            ).withExchange { bound.count($0, into: counted) }
        }
        let tally = counted.tally(of: counter)
        #expect(Self.numbers(tally.scenarios[0]) == [5, 1, 1, 0, 0, 0, 4])
        #expect(tally.losses.keyless == 4)
        // A failure needs none, and may say so by a null or an empty one, unless it could not be read.
        for no in [Field.absent, .unread, .text(""), .text("null"), .text(long)] {
            Request(
                target: "/c", status: 500,
                fields: counter.rules.selectors.map { $0 == .requestJSON(["no"]) ? no : .absent }
            ).withExchange { bound.count($0, into: counted) }
        }
        #expect(Self.numbers(counted.tally(of: counter).scenarios[0]) == [10, 1, 1, 0, 3, 0, 6])
    }

    @Test("steps are required however many names a scenario has had")
    func manyNames() {
        let book = book()
        for round in 0..<70 {
            let steps = [
                step(
                    RequestMatch(path: PathTemplate("/a/{no}")), name: "a\(round)",
                    key: .path("no"), completes: false),
                step(
                    RequestMatch(path: PathTemplate("/z/{no}")), name: "z\(round)",
                    key: .path("no"), requires: [0]),
            ]
            let counter = FlowCounter([scenario(.credit, steps)], countsFlows: [true])
            let bound = counter.bind(to: book)
            let counted = bound.emptyFlows
            for (offset, target) in ["/z/x\(round)", "/a/y\(round)", "/z/y\(round)"].enumerated() {
                Request(
                    target: target, fields: counter.rules.selectors.map { _ in .text("0000") },
                    time: Timestamp(UInt64(round * 10 + offset + 1))
                ).withExchange { bound.count($0, into: counted) }
            }
            bound.settle(into: counted)
            #expect(Self.numbers(counted.tally(of: counter).scenarios[0]) == [3, 1, 1, 0, 0, 0, 1])
        }
    }
}
