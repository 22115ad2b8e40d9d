import CYAML

/// Reads one YAML document from memory through libyaml's event parser.
///
/// Anchors, aliases, tags and further documents are refused: a settings file needs none of them,
/// and each lets a short file mean something long or surprising. The first error that leaves the
/// rest of the file without meaning ends the reading; a key written twice does not.
struct YAMLReader: ~Copyable {
    /// Mappings and sequences inside one another; a deeper file is refused.
    static let maximumDepth = 32
    /// Scalars, keys, mappings and sequences; a file with more is refused. Enough
    /// for 5,000 rules of every kind of key.
    static let maximumNodes = 500_000

    /// Stops the reading; the reason is already among the findings.
    struct Stopped: Error {}

    /// Lives on the heap: libyaml keeps a pointer to it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeBufferPointer<UInt8>
    private let findings: Findings
    private var nodes = 0

    /// The document's root, or `nil` with the reason among `findings`.
    static func read(_ bytes: [UInt8], _ findings: Findings) -> YAMLNode? {
        bytes.withUnsafeBufferPointer { buffer in
            do throws(Stopped) {
                var reader = try YAMLReader(buffer, findings)
                return try reader.document()
            } catch {
                return nil
            }
        }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ findings: Findings) throws(Stopped) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            findings.add(.outOfMemory, at: nil, hint: "")
            throw Stopped()
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
        self.parser = parser
        self.bytes = bytes
        self.findings = findings
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    private mutating func document() throws(Stopped) -> YAMLNode {
        _ = try next()
        let start = try next()
        guard start.kind == YAML_DOCUMENT_START_EVENT else { throw stop(.empty, nil) }
        let root = try node(try next(), depth: 0)
        _ = try next()
        let end = try next()
        guard end.kind == YAML_STREAM_END_EVENT else {
            throw stop(.refusedYAML(.severalDocuments), end.place)
        }
        return root
    }

    private mutating func node(_ event: Event, depth: Int) throws(Stopped) -> YAMLNode {
        nodes += 1
        guard nodes <= Self.maximumNodes else {
            throw stop(.tooManyNodes(limit: Self.maximumNodes), event.place)
        }
        guard depth <= Self.maximumDepth else {
            throw stop(.tooDeep(limit: Self.maximumDepth), event.place)
        }
        switch event.kind {
        case YAML_SCALAR_EVENT:
            let content = YAMLNode.Content.scalar(event.text, isQuoted: event.isQuoted)
            return YAMLNode(content: content, place: event.place)
        case YAML_SEQUENCE_START_EVENT:
            return YAMLNode(content: .sequence(try sequence(depth: depth)), place: event.place)
        default:
            return YAMLNode(content: .mapping(try mapping(depth: depth)), place: event.place)
        }
    }

    private mutating func sequence(depth: Int) throws(Stopped) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try next()
            if event.kind == YAML_SEQUENCE_END_EVENT { return elements }
            elements.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func mapping(depth: Int) throws(Stopped) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]
        while true {
            let event = try next()
            if event.kind == YAML_MAPPING_END_EVENT { return entries }
            let key = try node(event, depth: depth + 1)
            guard case .scalar(let name, _) = key.content else {
                throw stop(.refusedYAML(.keyThatIsNoText), key.place)
            }
            let value = try node(try next(), depth: depth + 1)
            if let first = lines[name] {
                findings.add(
                    .duplicateKey(name, firstLine: first), at: key.place,
                    hint: "a key may be written once; keep one of the two")
            } else {
                lines[name] = key.place.line
                entries.append(YAMLEntry(key: name, place: key.place, value: value))
            }
        }
    }

    private func stop(_ problem: SettingsProblem, _ place: SourcePlace?) -> Stopped {
        findings.add(problem, at: place, hint: problem.remedy)
        return Stopped()
    }
}

// MARK: - Events

extension YAMLReader {
    private struct Event {
        let kind: yaml_event_type_t
        let place: SourcePlace
        var text = ""
        var isQuoted = false
    }

    private func next() throws(Stopped) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }
        let place = SourcePlace(event.start_mark)
        if let refused = Self.refused(in: event) { throw stop(.refusedYAML(refused), place) }
        guard event.type == YAML_SCALAR_EVENT else { return Event(kind: event.type, place: place) }
        let scalar = event.data.scalar
        let value = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
        if value.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw stop(.refusedYAML(.controlCharacter), place)
        }
        return Event(
            kind: event.type, place: place, text: String(decoding: value, as: UTF8.self),
            isQuoted: scalar.style != YAML_PLAIN_SCALAR_STYLE)
    }

    private static func refused(in event: yaml_event_t) -> RefusedYAML? {
        let data = event.data
        switch event.type {
        case YAML_ALIAS_EVENT: return .alias
        case YAML_DOCUMENT_START_EVENT:
            let tags = data.document_start.tag_directives
            return tags.start == tags.end ? nil : .tag
        case YAML_SCALAR_EVENT: return refused(data.scalar.anchor, data.scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            return refused(data.sequence_start.anchor, data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            return refused(data.mapping_start.anchor, data.mapping_start.tag)
        default: return nil
        }
    }

    private static func refused(
        _ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?
    ) -> RefusedYAML? {
        if anchor != nil { return .anchor }
        return tag == nil ? nil : .tag
    }

    private func syntaxError() -> Stopped {
        let failed = parser.pointee
        if failed.error == YAML_MEMORY_ERROR { return stop(.outOfMemory, nil) }
        var problem = failed.problem.map { String(cString: $0) } ?? "not readable as YAML"
        guard failed.error != YAML_READER_ERROR else {
            let place = SourceText.place(ofByte: failed.problem_offset, in: Array(bytes))
            return stop(.syntax(problem), place)
        }
        if let context = failed.context.map({ String(cString: $0) }) {
            let line = failed.context_mark.line + 1
            problem += " (\(context)"
            problem += line == failed.problem_mark.line + 1 ? ")" : " that begins on line \(line))"
        }
        return stop(.syntax(problem), SourcePlace(failed.problem_mark))
    }
}

extension SourcePlace {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(
            line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
    }
}
