import Traffic

/// Which part of a message a field is looked for in, and as what.
enum FieldKind: UInt8, CaseIterable {
    case json, xml, form, header
}

extension FieldSelector {
    var kind: FieldKind {
        switch self {
        case .requestJSON, .responseJSON: .json
        case .requestXML, .responseXML: .xml
        case .requestForm: .form
        case .requestHeader, .responseHeader: .header
        }
    }

    var isOfRequest: Bool {
        switch self {
        case .requestHeader, .requestJSON, .requestForm, .requestXML: true
        case .responseHeader, .responseJSON, .responseXML: false
        }
    }

    fileprivate var path: FieldPath {
        let parts =
            switch self {
            case .requestJSON(let path), .responseJSON(let path), .requestXML(let path),
                .responseXML(let path):
                // A path of no parts is read as one of an empty part.
                path.isEmpty ? [""] : path
            case .requestForm(let name): [name]
            case .requestHeader(let name), .responseHeader(let name): [name.lowercased()]
            }
        return FieldPath(kind: kind, parts: parts.map { $0.utf8.filter { $0 != 0 } })
    }
}

/// What a field is found by.
struct FieldPath: Hashable, Comparable {
    let kind: FieldKind
    /// Without zero bytes, of names of header fields in lower case.
    let parts: [[UInt8]]

    static func < (left: FieldPath, right: FieldPath) -> Bool {
        guard left.kind == right.kind else { return left.kind.rawValue < right.kind.rawValue }
        return left.parts.lexicographicallyPrecedes(right.parts) {
            $0.lexicographicallyPrecedes($1)
        }
    }
}

/// The fields that are looked for in one side's messages, in the order in which they are numbered:
/// JSON, XML, forms, headers, each in the order of its tree.
struct MessageSelectors: Sendable {
    let paths: [FieldPath]

    init(_ selectors: [FieldSelector], ofRequest: Bool) {
        paths = Set(selectors.filter { $0.isOfRequest == ofRequest }.map(\.path)).sorted()
    }

    func number(of selector: FieldSelector) -> Int? { number(of: selector.path) }

    /// By bisection: reading 5,000 rules asks for as many.
    func number(of path: FieldPath) -> Int? {
        var (first, end) = (0, paths.count)
        while first < end {
            let middle = (first + end) / 2
            if paths[middle] < path { first = middle + 1 } else { end = middle }
        }
        return first < paths.count && paths[first] == path ? first : nil
    }
}

/// The fields that are looked for in one side's messages of a service. They are numbered in the
/// order of `MessageSelectors`.
struct MessageFields {
    let json: FieldTree
    let xml: FieldTree
    let form: FieldTree
    let header: FieldTree
    let hasJSON: Bool
    let hasXML: Bool
    let hasForms: Bool
    /// All fields of bodies.
    let bodies: Int
    /// All fields: headers are the last.
    let count: Int
    let places: Places

    var hasHeaders: Bool { count > bodies }
    /// Bytes of a block that `FieldSlots` are in.
    var size: Int { places.texts + count * FieldText.size }

    /// Where in a block the readers, the statuses and the texts begin.
    struct Places {
        let xml: Int
        let form: Int
        let header: Int
        let statuses: Int
        let texts: Int
    }
}

typealias MessageFieldsPointer = UnsafePointer<MessageFields>

/// Where the field of a selector is kept.
struct FieldPlace {
    let isOfRequest: Bool
    let number: Int
}

/// The selectors of a service, in their order.
struct ServiceFields {
    let places: UnsafePointer<FieldPlace>
    let count: Int
}

/// The fields of all services, as the engine reads them, and room for those of an exchange while it
/// is handed over.
struct FieldPlans: ~Copyable {
    let services: [EngineService]
    private let plans: UnsafeMutablePointer<ServiceFields>
    /// For each service those of what its clients send, then of what it sends.
    private let sides: UnsafeMutablePointer<MessageFields>
    private let places: UnsafeMutablePointer<FieldPlace>
    private let trees: [FieldTreeMemory]
    let values: UnsafeMutablePointer<FieldValue>

    init(_ services: [EngineService]) {
        self.services = services
        plans = .allocate(capacity: max(1, services.count))
        sides = .allocate(capacity: max(1, 2 * services.count))
        places = .allocate(capacity: max(1, services.reduce(0) { $0 + $1.places.count }))
        var trees: [FieldTreeMemory] = []
        var next = places
        for (index, service) in services.enumerated() {
            for (side, selectors) in [service.request, service.response].enumerated() {
                let made = FieldKind.allCases.map { FieldTreeMemory(selectors.paths, $0) }
                (sides + 2 * index + side).initialize(to: MessageFields(made.map(\.tree)))
                trees += made
            }
            (plans + index).initialize(
                to: ServiceFields(places: next, count: service.places.count))
            next.initialize(from: service.places, count: service.places.count)
            next += service.places.count
        }
        self.trees = trees
        let most = max(1, services.map(\.places.count).max() ?? 0)
        values = .allocate(capacity: most)
        values.initialize(repeating: .absent, count: most)
    }

    deinit {
        plans.deallocate()
        sides.deallocate()
        places.deallocate()
        trees.forEach { $0.deallocate() }
        values.deallocate()
    }

    /// Of the service whose messages' fields take the most.
    var largest: FieldCost {
        var largest = FieldCost()
        for service in services.indices {
            let cost = FieldCost(
                request: cost(sides[2 * service], header: RequestFields.headerSize),
                response: cost(sides[2 * service + 1], header: 0))
            if cost.bytes > largest.bytes { largest = cost }
        }
        return largest
    }

    private func cost(_ side: MessageFields, header: Int) -> FieldRoom.Side? {
        guard side.count > 0 else { return nil }
        return FieldRoom.Side(
            fields: side.count, bytes: BlockPool.blockSize(for: side.size + header))
    }

    // Inlined, for a call would lend it a copy.

    @inline(__always)
    subscript(service: UInt16) -> ServiceFields { plans[Int(service)] }

    @inline(__always)
    subscript(service: UInt16, direction: Direction) -> MessageFieldsPointer {
        UnsafePointer(sides + 2 * Int(service) + direction.rawValue)
    }
}

extension MessageFields {
    /// - Parameter trees: of each kind of field.
    fileprivate init(_ trees: [FieldTree]) {
        (json, xml, form, header) = (trees[0], trees[1], trees[2], trees[3])
        let counts = trees.map { Int($0[0].pointee.endField - $0[0].pointee.firstField) }
        (hasJSON, hasXML, hasForms) = (counts[0] > 0, counts[1] > 0, counts[2] > 0)
        count = counts.reduce(0, +)
        bodies = count - counts[3]
        let xmlAt = hasJSON ? MemoryLayout<JSONFields>.stride : 0
        let formAt = xmlAt + (hasXML ? MemoryLayout<XMLFields>.stride : 0)
        let headerAt = formAt + (hasForms ? MemoryLayout<FormFields>.stride : 0)
        let statusesAt = headerAt + (counts[3] > 0 ? MemoryLayout<HeaderFields>.stride : 0)
        places = Places(
            xml: xmlAt, form: formAt, header: headerAt, statuses: statusesAt,
            texts: statusesAt + count)
    }
}
