import Traffic

/// A rule and where the file has it.
final class PlacedRule {
    let scenario: Int
    let scenarioName: String
    let scope: RuleScope
    /// Where it is written.
    let field: Field
    private lazy var hosts = RuleValues(scope.hosts.all.map { Array($0.utf8) })
    private lazy var methods = RuleValues(scope.methods.all.map { Array($0.utf8) })

    init(scenario: Int, scenarioName: String, scope: RuleScope, field: Field) {
        self.scenario = scenario
        self.scenarioName = scenarioName
        self.scope = scope
        self.field = field
    }

    var place: SourcePlace { field.place }
    var path: String { field.path }

    /// The values that it has of what tells rules apart; `nil` where any will do.
    func values(of trait: RuleIndex.Trait) -> RuleValues<[UInt8]>? {
        let values =
            switch trait {
            case .field(let field): scope.fields.first { $0.field == field }?.values
            case .host: scope.hosts.isEmpty ? nil : hosts
            case .method: scope.methods.isEmpty ? nil : methods
            }
        return values.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// Values of which a rule asks for one; none of them: for any.
struct RuleValues<Value: Hashable> {
    let all: [Value]
    /// Where there are more than a few.
    private let set: Set<Value>?

    init(_ values: [Value]) {
        all = values
        set = values.count > 8 ? Set(values) : nil
    }

    var isEmpty: Bool { all.isEmpty }

    func contains(_ value: Value) -> Bool { set?.contains(value) ?? all.contains(value) }

    /// Whether each value that `other` stands for is one of these.
    func covers(_ other: Self) -> Bool {
        isEmpty || !other.isEmpty && other.all.allSatisfy(contains)
    }

    func shares(_ other: Self) -> Bool { isEmpty || other.isEmpty || meets(other) }

    /// Whether these are some of `other`, and all where that stands for any.
    func takesPart(of other: Self) -> Bool { isEmpty || meets(other) }

    private func meets(_ other: Self) -> Bool {
        all.count < other.all.count
            ? all.contains(where: other.contains) : other.all.contains(where: contains)
    }
}

/// The requests that a rule matches, to be compared with another's; by reference, as it is with many.
final class RuleScope {
    let request: RequestMatch
    /// One bit for each service.
    let services: UInt64
    /// No path is compared as the path `/**`.
    let path: PathTemplate
    let methods: RuleValues<String>
    let hosts: RuleValues<String>
    let fields: [(field: MessageField, values: RuleValues<[UInt8]>)]
    private let values: Int
    private let bodyKind: String?

    init(_ request: RequestMatch, services count: Int) {
        self.request = request
        let named = request.services
        let all = count == 0 ? UInt64.max : UInt64.max >> UInt64(clamping: 64 - count)
        services = named.isEmpty ? all : named.reduce(0) { $0 | 1 << UInt64($1 & 63) }
        path = request.path ?? PathTemplate(segments: [], isPrefix: true)
        methods = RuleValues(request.methods)
        hosts = RuleValues(request.hosts)
        fields = request.fields.map { ($0.field, RuleValues($0.values)) }
        values = request.fields.reduce(request.methods.count + request.hosts.count) {
            $0 + $1.values.count
        }
        bodyKind = request.fields.lazy.compactMap(\.field.requestBodyKind).first
    }

    /// Whether it asks for a path, which `OPTIONS *` and `CONNECT host:port` have none of.
    var asksForPath: Bool { request.path != nil }

    /// What it takes to compare the two, 1 for short ones.
    func effort(with other: RuleScope) -> Int {
        guard services & other.services != 0 else { return 1 }
        return 1 + (values + other.values) / 8 + fields.count * other.fields.count / 8
            + min(path.segments.count, other.path.segments.count) / 4
    }

    /// Whether every request that `other` matches is one of this rule's.
    func covers(_ other: RuleScope) -> Bool {
        (!asksForPath || other.asksForPath) && coversPaths(of: other)
    }

    /// Whether every request with a path that `other` matches is one of this rule's.
    func coversPaths(of other: RuleScope) -> Bool {
        services & other.services == other.services
            && methods.covers(other.methods)
            && hosts.covers(other.hosts)
            && path.covers(other.path)
            && fields.allSatisfy { own in
                other.fields.contains { $0.field == own.field && own.values.covers($0.values) }
            }
    }

    /// Whether some request can be one of both rules'.
    func shares(_ other: RuleScope) -> Bool {
        services & other.services != 0
            && methods.shares(other.methods)
            && hosts.shares(other.hosts)
            && (bodyKind == nil || other.bodyKind == nil || bodyKind == other.bodyKind)
            && path.shares(other.path)
            && fields.allSatisfy { own in
                other.fields.allSatisfy {
                    $0.field != own.field || own.values.shares($0.values)
                }
            }
    }

    /// Whether this rule takes some of the requests with a path of `other`, and of what `other`
    /// leaves open all: then several such rules may hide it together.
    func takesPart(of other: RuleScope) -> Bool {
        services & other.services != 0 && path.covers(other.path)
            && methods.takesPart(of: other.methods)
            && hosts.takesPart(of: other.hosts)
            && fields.allSatisfy { own in
                other.fields.contains {
                    $0.field == own.field && own.values.takesPart(of: $0.values)
                }
            }
    }
}

extension PathTemplate {
    /// Whether every path that `other` matches is one of this template's.
    func covers(_ other: PathTemplate) -> Bool {
        if isPrefix {
            guard other.segments.count >= segments.count + (other.isPrefix ? 0 : 1) else {
                return false
            }
        } else if other.isPrefix || other.segments.count != segments.count {
            return false
        }
        return zip(segments, other.segments).allSatisfy { $0.covers($1) }
    }

    /// Whether some path is one of both templates'.
    func shares(_ other: PathTemplate) -> Bool {
        switch (isPrefix, other.isPrefix) {
        case (false, false): guard segments.count == other.segments.count else { return false }
        case (true, false): guard other.segments.count > segments.count else { return false }
        case (false, true): guard segments.count > other.segments.count else { return false }
        case (true, true): break
        }
        return zip(segments, other.segments).allSatisfy { $0.covers($1) || $1.covers($0) }
    }
}

extension PathTemplate.Segment {
    fileprivate func covers(_ other: Self) -> Bool {
        switch (self, other) {
        case (.parameter, .parameter): true
        case (.parameter, .literal(let text)): !text.isEmpty
        case (.literal(let a), .literal(let b)): a == b
        case (.literal, .parameter): false
        }
    }
}
