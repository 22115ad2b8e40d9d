package import Metering

/// The business scenarios of a host and the rules that recognise their flows, as a person wrote
/// them. The first step that matches an exchange has it: scenarios and steps are tried in their order.
package struct FlowScenario: Sendable, Hashable {
    package let id: ScenarioID
    /// At least one, and at least one of them completes.
    package let steps: [FlowStep]
    /// Whether a refusal is a complete flow, and counts in TA.
    package let refusalCounts: Bool
    /// Packet time without an exchange of it after which an open flow is incomplete.
    package let expiry: Nanoseconds
    /// Where a flow that is completed twice is recognised; `none` where no step has a key.
    package let deduplication: Deduplication

    package init(
        id: ScenarioID, steps: [FlowStep], refusalCounts: Bool, expiry: Nanoseconds,
        deduplication: Deduplication
    ) {
        self.id = id
        self.steps = steps
        self.refusalCounts = refusalCounts
        self.expiry = expiry
        self.deduplication = deduplication
    }
}

/// One exchange of a flow: which requests it is, what ties it to others, what its response means.
package struct FlowStep: Sendable, Hashable {
    package let name: String
    package let request: RequestMatch
    /// What flows are told apart by; `nil` where each exchange is a flow of its own.
    package let key: MessageField?
    /// Steps of the scenario, as indices, that must have been seen of the flow before it completes.
    package let requires: [Int]
    /// Whether the step ends a flow, where its outcome says so.
    package let completes: Bool
    /// The field of the messages that says how many flows a completing exchange is: `nil` for one.
    package let count: MessageField?
    /// In the order of trial; the first condition that holds decides. None: `incomplete`.
    package let outcomes: [OutcomeCondition]

    package init(
        name: String, request: RequestMatch, key: MessageField?, requires: [Int], completes: Bool,
        count: MessageField?, outcomes: [OutcomeCondition]
    ) {
        self.name = name
        self.request = request
        self.key = key
        self.requires = requires
        self.completes = completes
        self.count = count
        self.outcomes = outcomes
    }
}

/// Which requests a step is; everything given must hold.
package struct RequestMatch: Sendable, Hashable {
    /// Indices of services; empty: any.
    package let services: [Int]
    /// In capitals; empty: any.
    package let methods: [String]
    /// `nil`: any path.
    package let path: PathTemplate?
    /// In lower case, without port; empty: any.
    package let hosts: [String]
    /// Of the request alone; all must hold.
    package let fields: [FieldCondition]

    package init(
        services: [Int] = [], methods: [String] = [], path: PathTemplate? = nil,
        hosts: [String] = [], fields: [FieldCondition] = []
    ) {
        self.services = services
        self.methods = methods
        self.path = path
        self.hosts = hosts
        self.fields = fields
    }
}

/// A request path in which a `{name}` between slashes stands for any one segment that is not empty,
/// and a last `**` for any rest, an empty one too.
package struct PathTemplate: Sendable, Hashable, CustomStringConvertible {
    /// What may stand between two slashes.
    package enum Segment: Sendable, Hashable {
        /// Compared byte by byte with the path as sent, percent-encoding included.
        case literal(String)
        case parameter(String)
    }

    /// What is between the slashes: `/` has one empty segment, `/a/` has two.
    package let segments: [Segment]
    /// Whether any rest may follow behind the slash after the segments: `/a/**`.
    package let isPrefix: Bool

    package init(segments: [Segment], isPrefix: Bool = false) {
        self.segments = segments
        self.isPrefix = isPrefix
    }

    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The template as it is written.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        for segment in segments {
            bytes.append(UInt8(ascii: "/"))
            switch segment {
            case .literal(let literal): bytes += literal.utf8
            case .parameter(let name):
                bytes.append(UInt8(ascii: "{"))
                bytes += name.utf8
                bytes.append(UInt8(ascii: "}"))
            }
        }
        if isPrefix { bytes += "/**".utf8 }
        return bytes
    }
}

/// Where in an exchange a value stands.
package enum MessageField: Sendable, Hashable {
    /// What stands for `{name}` in the path, as sent.
    case path(String)
    /// A parameter of the query, percent-decoded; the first of several.
    case query(String)
    /// What the engine extracts.
    case message(FieldSelector)
}

/// A field and the values that it may have.
package struct FieldCondition: Sendable, Hashable {
    package let field: MessageField
    /// Compared byte by byte; empty: any value, but there must be one.
    package let values: [[UInt8]]

    package init(field: MessageField, values: [[UInt8]]) {
        self.field = field
        self.values = values
    }
}

/// What a response must be for an outcome; everything given must hold.
package struct OutcomeCondition: Sendable, Hashable {
    package let outcome: Outcome
    /// Empty: any status.
    package let statuses: [StatusPattern]
    /// All must hold.
    package let fields: [FieldCondition]

    package init(_ outcome: Outcome, statuses: [StatusPattern], fields: [FieldCondition] = []) {
        self.outcome = outcome
        self.statuses = statuses
        self.fields = fields
    }
}

/// How an exchange that matched a step ended, as business.
package enum Outcome: String, Sendable, Hashable {
    /// The step succeeded: the flow is complete, or goes on to its next step.
    case completed
    /// The flow ran and was refused.
    case refused
    /// The step failed, or was rejected before the flow ran.
    case failed
    /// The flow goes on: nothing is decided yet.
    case pending
    /// None of the outcomes the step describes, or a response that was not read to its end.
    case incomplete
}

/// A set of status codes.
package enum StatusPattern: Sendable, Hashable {
    /// One code, 100 to 999.
    case code(UInt16)
    /// All codes with this first digit.
    case hundred(UInt16)

    /// Whether `status` is one of them.
    @inlinable
    package func contains(_ status: UInt16) -> Bool {
        switch self {
        case .code(let code): status == code
        case .hundred(let hundred): status / 100 == hundred
        }
    }
}
