import Traffic

/// Finds responses that describe all of another one together, each a part of it.
///
/// A response is a box of values, a side for the class of its status, for the code in its class and
/// for each field, from which each other cuts its part, as rules do in `RuleUnion`. Where the limits
/// are reached nothing is said of it.
struct OutcomeUnion {
    private var cutter = BoxCutter(maximumSteps: 10_000_000)

    /// Places of those of `others` that leave nothing of `condition` when they are tried in this
    /// order; `nil` where something may be left.
    mutating func describing(
        _ condition: OutcomeCondition, _ others: [OutcomeCondition]
    ) -> [Int]? {
        guard !cutter.isAtLimit else { return nil }
        let sides = OutcomeSides(condition)
        for other in others {
            cutter.steps += 1 + other.fields.reduce(0) { $0 + $1.values.count } / 8
        }
        return cutter.cut(sides.whole, by: others.indices) { sides.parts(of: others[$0]) }
    }
}

/// The numbers of a response's values in each field.
private struct OutcomeSides {
    private let condition: OutcomeCondition
    private let numbers: [[[UInt8]: Int]]

    init(_ condition: OutcomeCondition) {
        self.condition = condition
        numbers = condition.fields.map { field in
            Dictionary(
                zip(field.values, field.values.indices), uniquingKeysWith: { first, _ in first })
        }
    }

    /// The response itself: a box for each class of its statuses.
    var whole: [ValueBox] {
        condition.codes().boxes.map { codes in
            ValueBox(
                sides: codes + numbers.map { SideValues(numbers: 0..<max(1, $0.count)) })
        }
    }

    /// What another one has that takes part of it, and all of what it leaves open, as boxes; none
    /// where it takes none.
    func parts(of other: OutcomeCondition) -> [ValueBox] {
        let isPart = other.fields.allSatisfy { field in
            condition.fields.contains { $0.field == field.field }
        }
        guard isPart else { return [] }
        var sides: [SideValues] = []
        for (own, numbers) in zip(condition.fields, numbers) {
            let values = other.fields.first { $0.field == own.field }?.values ?? []
            let side =
                values.isEmpty
                ? SideValues.all : SideValues(numbers: values.compactMap { numbers[$0] })
            guard side != .zero else { return [] }
            sides.append(side)
        }
        return other.codes().boxes.map { ValueBox(sides: $0 + sides) }
    }
}

/// Statuses of final responses, 200 to 599.
///
/// Source: RFC 9110, 15.2 "Informational 1xx": a 1xx is an interim response.
struct FinalCodes: Equatable {
    /// A set of codes for each class, from 2xx on, as numbers from 0 to 99.
    private var classes: [SideValues]

    private static let whole = SideValues(numbers: 0..<100)
    static let all = FinalCodes(classes: Array(repeating: whole, count: 4))

    private init(classes: [SideValues]) { self.classes = classes }

    init(_ patterns: [StatusPattern]) {
        self =
            patterns.isEmpty
            ? .all : FinalCodes(classes: Array(repeating: .zero, count: 4))
        for pattern in patterns {
            switch pattern {
            case .hundred(let digit):
                if let place = Self.place(ofClass: digit) { classes[place] = Self.whole }
            case .code(let code):
                if let place = Self.place(ofClass: code / 100) {
                    classes[place] = classes[place] | SideValues(numbers: [Int(code % 100)])
                }
            }
        }
    }

    private static func place(ofClass digit: UInt16) -> Int? {
        (2...5).contains(digit) ? Int(digit) - 2 : nil
    }

    var isEmpty: Bool { classes.allSatisfy { $0 == .zero } }

    /// The methods some or all of whose responses have no body.
    static let bodiless = ["HEAD", "CONNECT"]

    /// Without those whose responses have no body, to requests of this method where it is known.
    ///
    /// Source: RFC 9112, 6.3 "Message Body Length": 1xx, 204 and 304 have none, nor has a response
    /// to HEAD, nor a 2xx to CONNECT, behind which a tunnel begins (RFC 9110, 9.3.6).
    fileprivate func withBody(to method: String?) -> FinalCodes {
        var codes = self
        codes.classes[0] = classes[0] & ~SideValues(numbers: [4])
        codes.classes[1] = classes[1] & ~SideValues(numbers: [4])
        switch method {
        case "HEAD": codes.classes = classes.map { _ in .zero }
        case "CONNECT": codes.classes[0] = .zero
        default: break
        }
        return codes
    }

    /// For each class that has some, the class and its codes, as sides of a box.
    fileprivate var boxes: [[SideValues]] {
        classes.indices.filter { classes[$0] != .zero }.map {
            [SideValues(numbers: [$0]), classes[$0]]
        }
    }
}

extension OutcomeCondition {
    /// The statuses with which a response can meet it, one to this method where it is known.
    func codes(to method: String? = nil) -> FinalCodes {
        let codes = FinalCodes(statuses)
        return asksForBody ? codes.withBody(to: method) : codes
    }

    /// Whether it asks for a field of the response's body.
    private var asksForBody: Bool { fields.contains { $0.field.isOfResponseBody } }
}

extension MessageField {
    fileprivate var isOfResponseBody: Bool {
        switch self {
        case .message(.responseJSON), .message(.responseXML): true
        default: false
        }
    }
}
