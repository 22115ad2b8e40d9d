import Metering
import Traffic

@testable import Scenarios

/// A generator of numbers that a seed decides.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// A field as a text, or without one.
enum Field: Hashable {
    case text(String)
    case absent, unread
}

/// An exchange made of text.
struct Request {
    var method = "POST"
    var target = "/"
    var status: UInt16 = 200
    /// In the order of the table's selectors.
    var fields: [Field] = []
    var isComplete = true
    var isTargetCut = false
    var service = 0
    var time = Timestamp(1)
    /// As `time` where it is not given.
    var start: Timestamp?

    @discardableResult
    func withExchange<Result>(_ body: (Exchange) -> Result) -> Result {
        var bytes = Array((method + target).utf8)
        var places: [Range<Int>?] = []
        for field in fields {
            guard case .text(let text) = field else {
                places.append(nil)
                continue
            }
            places.append(bytes.count..<(bytes.count + text.utf8.count))
            bytes += text.utf8
        }
        let middle = method.utf8.count
        let end = middle + target.utf8.count
        return bytes.withUnsafeBytes { raw in
            let values = zip(fields, places).map { field, place -> FieldValue in
                if let place { return .value(UnsafeRawBufferPointer(rebasing: raw[place])) }
                return field == .absent ? .absent : .unread
            }
            return values.withUnsafeBufferPointer { values in
                body(
                    Exchange(
                        start: start ?? time, end: time, service: service,
                        client: Endpoint(high: 0, low: 1, port: 1),
                        server: Endpoint(high: 0, low: 2, port: 2),
                        method: UnsafeRawBufferPointer(rebasing: raw[..<middle]),
                        target: UnsafeRawBufferPointer(rebasing: raw[middle..<end]),
                        isTargetCut: isTargetCut, status: status, isComplete: isComplete,
                        requestBodyLength: 0,
                        responseBodyLength: 0, fields: values))
            }
        }
    }
}

extension PathTemplate {
    /// From its text.
    init(_ text: String) {
        var segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let isPrefix = segments.last == "**"
        if isPrefix { segments.removeLast() }
        self.init(
            segments: segments.map {
                $0.hasPrefix("{")
                    ? .parameter(String($0.dropFirst().dropLast())) : .literal("\($0)")
            }, isPrefix: isPrefix)
    }
}

/// What the tests' responses say: `code` in the body tells the outcome.
let code = MessageField.message(.responseJSON(["code"]))
let outcomes = [
    OutcomeCondition(.failed, statuses: [.hundred(5), .code(409)]),
    OutcomeCondition(
        .refused, statuses: [.hundred(2)],
        fields: [FieldCondition(field: code, values: [Array("E1001".utf8)])]),
    OutcomeCondition(
        .pending, statuses: [.hundred(2)],
        fields: [FieldCondition(field: code, values: [Array("P".utf8)])]),
    OutcomeCondition(
        .completed, statuses: [.hundred(2)],
        fields: [FieldCondition(field: code, values: [Array("0000".utf8)])]),
]

func step(
    _ request: RequestMatch, name: String = "step", key: MessageField? = nil,
    requires: [Int] = [], completes: Bool = true, count: MessageField? = nil
) -> FlowStep {
    FlowStep(
        name: name, request: request, key: key, requires: requires, completes: completes,
        count: count, outcomes: outcomes)
}

func scenario(
    _ id: ScenarioID, _ steps: [FlowStep], refusalCounts: Bool? = nil,
    expiry: Nanoseconds = .seconds(60), deduplication: Deduplication = .host
) -> FlowScenario {
    FlowScenario(
        id: id, steps: steps, refusalCounts: refusalCounts ?? id.refusalIsCompleteFlow,
        expiry: expiry, deduplication: deduplication)
}

extension FlowTally {
    func tally(of counter: FlowCounter) -> Tally {
        var tally = counter.emptyTally()
        write(to: &tally)
        return tally
    }
}

extension RuleTable {
    /// The rule that an exchange is of; `nil` where it is of none.
    func match(_ exchange: Exchange) -> Match? {
        if case .match(let match) = rows.find(exchange) { match } else { nil }
    }
}
