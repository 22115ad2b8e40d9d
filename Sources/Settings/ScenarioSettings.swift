package import Metering
package import Traffic

/// A business scenario whose flows are counted.
package struct ScenarioSettings: Sendable, Hashable {
    package let id: ScenarioID
    /// Exactly one in this version; it completes the flow.
    package let steps: [StepSettings]
    /// Where the settings define it.
    package let place: SourcePlace
}

/// One exchange of a flow: which requests it is, and what its response means.
package struct StepSettings: Sendable, Hashable {
    package let name: String
    /// In capitals, or `nil` for any method.
    package let method: String?
    package let path: PathTemplate
    package let outcome: OutcomeSettings
    /// Where the settings define it.
    package let place: SourcePlace
}

/// Which responses mean what. More than one condition may hold of a response.
package struct OutcomeSettings: Sendable, Hashable {
    package let completed: ResponseCondition
    /// The flow ran and was refused.
    package let refused: ResponseCondition?
    package let failed: ResponseCondition?
}

/// What a response must be; everything given must hold.
package struct ResponseCondition: Sendable, Hashable {
    /// One of these must fit the status code; empty where any does.
    package let status: [StatusPattern]
    /// `nil` where the body does not matter.
    package let body: BodyCondition?
}

/// Status codes a condition accepts.
package enum StatusPattern: Sendable, Hashable {
    /// One code, 100 to 599.
    case code(UInt16)
    /// All codes with this first digit, 1 to 5.
    case hundred(UInt8)

    /// Whether `status` is one of them.
    package func matches(_ status: UInt16) -> Bool {
        switch self {
        case .code(let code): status == code
        case .hundred(let digit): status / 100 == UInt16(digit)
        }
    }
}

/// A field of the response's body and the values it may have.
package struct BodyCondition: Sendable, Hashable {
    package let field: FieldSelector
    /// At least one, 1 to 64 bytes each; a number or word is compared as written.
    package let values: [[UInt8]]
}

/// A request path in which a `{name}` between slashes stands for any one segment.
package struct PathTemplate: Sendable, Hashable, CustomStringConvertible {
    /// What may stand between two slashes.
    package enum Segment: Sendable, Hashable {
        /// Compared byte by byte with the path as sent, percent-encoding included.
        case literal(String)
        case parameter(String)
    }

    /// What is between the slashes: `/` has one empty segment, `/a/` has two.
    package let segments: [Segment]

    package var description: String {
        segments.map { segment in
            switch segment {
            case .literal(let text): "/\(text)"
            case .parameter(let name): "/{\(name)}"
            }
        }.joined()
    }

    /// The template without the names: two of the same shape match the same paths.
    var shape: String {
        segments.map { segment in
            switch segment {
            case .literal(let text): "/\(text)"
            case .parameter: "/{}"
            }
        }.joined()
    }
}
