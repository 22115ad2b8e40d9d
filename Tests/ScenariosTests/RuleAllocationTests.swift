import CAllocationCounter
import Metering
import Testing
import Traffic

@testable import Scenarios

#if DEBUG
    private let isOptimized = false
#else
    private let isOptimized = true
#endif

@Suite("Memory of rules", .serialized)
struct RuleAllocationTests {
    /// 5,000 rules of every kind, and a request for some of each.
    private static func rules() -> (scenarios: [FlowScenario], requests: [Request]) {
        let type = MessageField.message(.requestJSON(["txnCode"]))
        func value(_ field: MessageField, _ text: String) -> [FieldCondition] {
            [FieldCondition(field: field, values: [Array(text.utf8)])]
        }
        let matches = (0..<1250).flatMap { number in
            [
                RequestMatch(methods: ["POST"], path: PathTemplate("/plain/\(number)/apply")),
                RequestMatch(path: PathTemplate("/part\(number)/{no}/apply")),
                RequestMatch(path: PathTemplate("/gateway"), fields: value(type, "T\(number)")),
                RequestMatch(
                    path: PathTemplate("/query/**"), hosts: ["loan.example.com"],
                    fields: value(.query("t"), "a type longer than eight bytes \(number)")),
            ]
        }
        let steps = matches.enumerated().map { step($0.element, name: "s\($0.offset)") }
        let scenarios = [scenario(.credit, steps, deduplication: .none)]
        let selectors = RuleTable(scenarios).selectors
        let requests = [0, 7, 1249, 1250].flatMap { number in
            [
                ("/plain/\(number)/apply?x=1", "T"), ("/part\(number)/N-1/apply", "T"),
                ("/gateway", "T\(number)"),
                ("/query/a/b?t=a+type+longer+than+eight+bytes+\(number)", "T"),
                ("/nothing/of/this", "T"),
            ].map { target, type in
                Request(
                    target: target,
                    fields: selectors.map { selector in
                        switch selector {
                        case .requestHeader: .text("Loan.Example.Com:8080")
                        case .requestJSON: .text(type)
                        default: .text("0000")
                        }
                    })
            }
        }
        return (scenarios, requests)
    }

    @Test(
        "matching and counting allocate nothing, with 5,000 rules",
        .enabled(if: isOptimized, "accessors of properties allocate in debug builds"))
    func nothing() {
        let (scenarios, requests) = Self.rules()
        let counter = FlowCounter(scenarios, countsFlows: [true])
        let book = FlowBook(
            secret: FlowSecret.random().secret, limits: FlowBookLimits(keys: 10, remember: .zero))
        let bound = counter.bind(to: book)
        let flows = bound.emptyFlows
        var matched = 0
        for request in requests {
            let allocations = request.withExchange { exchange in
                allocation_count_reset()
                for _ in 0..<100 where bound.count(exchange, into: flows) != nil { matched += 1 }
                return allocation_count()
            }
            #expect(allocations == 0, "\(request.target)")
        }
        #expect(matched == 3 * 4 * 100)
    }
}
