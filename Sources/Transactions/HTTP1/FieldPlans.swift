import Traffic

/// Which part of a message a field is looked for in, and as what.
enum FieldKind: UInt8 {
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

    /// The path or name as scanners read it: each part ended by a zero byte, and a path by one more.
    fileprivate var text: [UInt8] {
        let parts =
            switch self {
            case .requestJSON(let path), .responseJSON(let path), .requestXML(let path),
                .responseXML(let path):
                // A path of no parts is read as one of an empty part.
                path.isEmpty ? [""] : path
            case .requestForm(let name): [name]
            case .requestHeader(let name), .responseHeader(let name): [name.lowercased()]
            }
        return parts.flatMap { $0.utf8.filter { $0 != 0 } + [0] } + [0]
    }
}

/// The selectors of one side's messages, in the order in which their fields are kept: JSON, XML,
/// forms, headers.
struct MessageSelectors: Sendable {
    let selectors: [FieldSelector]

    init(_ selectors: [FieldSelector], ofRequest: Bool) {
        let side = selectors.filter { $0.isOfRequest == ofRequest }
        self.selectors = [.json, .xml, .form, .header].flatMap { (kind: FieldKind) in
            side.filter { $0.kind == kind }
        }
    }

    /// How many are of a kind up to this one.
    fileprivate func count(upTo kind: FieldKind) -> Int {
        selectors.count { $0.kind.rawValue <= kind.rawValue }
    }
}

/// The fields that are looked for in one side's messages of a service. They are numbered in the
/// order of `MessageSelectors`.
struct MessageFields {
    /// What each scanner reads.
    let texts: UnsafePointer<UnsafePointer<UInt8>>
    /// The numbers before which those of a kind end.
    let json: Int
    let xml: Int
    /// All fields of bodies: forms are the last of them.
    let bodies: Int
    /// All fields: headers are the last.
    let count: Int

    fileprivate init(_ selectors: MessageSelectors, texts: UnsafePointer<UnsafePointer<UInt8>>) {
        self.texts = texts
        json = selectors.count(upTo: .json)
        xml = selectors.count(upTo: .xml)
        bodies = selectors.count(upTo: .form)
        count = selectors.selectors.count
    }

    var hasHeaders: Bool { count > bodies }
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
    private let texts: UnsafeMutablePointer<UInt8>
    private let starts: UnsafeMutablePointer<UnsafePointer<UInt8>>
    private let places: UnsafeMutablePointer<FieldPlace>
    let values: UnsafeMutablePointer<FieldValue>
    let bytes: UnsafeMutablePointer<UInt8>

    init(_ services: [EngineService]) {
        self.services = services
        let sides = services.flatMap { [$0.request, $0.response] }
        let written = sides.flatMap { $0.selectors.map(\.text) }
        texts = .allocate(capacity: max(1, written.reduce(0) { $0 + $1.count }))
        starts = .allocate(capacity: max(1, written.count))
        var next = texts
        for (index, text) in written.enumerated() {
            next.initialize(from: text, count: text.count)
            (starts + index).initialize(to: UnsafePointer(next))
            next += text.count
        }
        places = .allocate(capacity: max(1, written.count))
        plans = .allocate(capacity: max(1, services.count))
        self.sides = .allocate(capacity: max(1, sides.count))
        var first = 0
        for (index, service) in services.enumerated() {
            let behind = first + service.request.selectors.count
            (self.sides + 2 * index).initialize(
                to: MessageFields(service.request, texts: starts + first))
            (self.sides + 2 * index + 1).initialize(
                to: MessageFields(service.response, texts: starts + behind))
            (plans + index).initialize(
                to: ServiceFields(places: places + first, count: service.selectors.count))
            for (offset, place) in service.places.enumerated() {
                (places + first + offset).initialize(to: place)
            }
            first += service.selectors.count
        }
        let most = max(1, services.map(\.selectors.count).max() ?? 0)
        values = .allocate(capacity: most)
        values.initialize(repeating: .absent, count: most)
        bytes = .allocate(capacity: most * (FieldText.maximum + 1))
    }

    deinit {
        plans.deallocate()
        sides.deallocate()
        texts.deallocate()
        starts.deallocate()
        places.deallocate()
        values.deallocate()
        bytes.deallocate()
    }

    // Inlined, for a call would lend it a copy.

    @inline(__always)
    subscript(service: UInt16) -> ServiceFields { plans[Int(service)] }

    @inline(__always)
    subscript(service: UInt16, direction: Direction) -> MessageFieldsPointer {
        UnsafePointer(sides + 2 * Int(service) + direction.rawValue)
    }
}
