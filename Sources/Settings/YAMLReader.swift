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
    /// Keys of a mapping that are compared one by one with a further one; a hostile mapping may
    /// have hundreds of thousands.
    private static let comparedKeys = 16

    /// Stops the reading; the reason is already among the findings.
    struct Stopped: Error {}

    /// Lives on the heap: libyaml keeps a pointer to it.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let event: UnsafeMutablePointer<yaml_event_t>
    private let bytes: UnsafeBufferPointer<UInt8>
    private let findings: Findings
    /// Values and keys so far, those of a key written twice among them.
    private var nodes = 0
    private var rows: [YAMLDocument.Row] = []
    private var texts: YAMLTexts

    /// The document's root, or `nil` with the reason among `findings`.
    static func read(_ bytes: [UInt8], _ findings: Findings) -> YAMLNode? {
        bytes.withUnsafeBufferPointer { buffer in
            do throws(Stopped) {
                var reader = try YAMLReader(buffer, findings)
                try reader.document()
                return YAMLDocument(
                    reader.rows, texts: reader.texts.all, findings: findings
                ).root
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
        event = .allocate(capacity: 1)
        // Room for short values: what is not written costs nothing, to grow does.
        rows.reserveCapacity(min(Self.maximumNodes, bytes.count / 4))
        texts = YAMLTexts(ofBytes: bytes.count)
        self.bytes = bytes
        self.findings = findings
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        event.deallocate()
    }

    private mutating func document() throws(Stopped) {
        _ = try next()
        let start = try next()
        guard start.kind == YAML_DOCUMENT_START_EVENT else { throw stop(.empty, nil) }
        try node(try next(), depth: 0)
        _ = try next()
        let end = try next()
        guard end.kind == YAML_STREAM_END_EVENT else {
            throw stop(.refusedYAML(.severalDocuments), end.place)
        }
    }

    /// Adds the rows of the value that begins with `event`.
    private mutating func node(_ event: Event, depth: Int) throws(Stopped) {
        nodes += 1
        guard nodes <= Self.maximumNodes else {
            throw stop(.tooManyNodes(limit: Self.maximumNodes), event.place)
        }
        guard depth <= Self.maximumDepth else {
            throw stop(.tooDeep(limit: Self.maximumDepth), event.place)
        }
        let row = rows.count
        rows.append(
            YAMLDocument.Row(
                kind: event.rowKind, line: event.line, column: event.column, value: event.text,
                end: Int32(row + 1)))
        switch event.kind {
        case YAML_SCALAR_EVENT: return
        case YAML_SEQUENCE_START_EVENT: rows[row].value = try sequence(depth: depth)
        default: rows[row].value = try mapping(row, depth: depth)
        }
        rows[row].end = Int32(rows.count)
    }

    /// Adds the elements of a list, and returns their number.
    private mutating func sequence(depth: Int) throws(Stopped) -> Int32 {
        var count = 0
        while true {
            let event = try next()
            if event.kind == YAML_SEQUENCE_END_EVENT { return Int32(count) }
            try node(event, depth: depth + 1)
            count += 1
        }
    }

    /// Adds the entries of the mapping `row`, and returns their number.
    private mutating func mapping(_ row: Int, depth: Int) throws(Stopped) -> Int32 {
        var further: [Int32: Int32] = [:]
        var count = 0
        while true {
            let event = try next()
            if event.kind == YAML_MAPPING_END_EVENT { return Int32(count) }
            let key = rows.count
            try node(event, depth: depth + 1)
            guard event.kind == YAML_SCALAR_EVENT else {
                throw stop(.refusedYAML(.keyThatIsNoText), event.place)
            }
            try node(try next(), depth: depth + 1)
            guard let first = line(ofKey: event.text, in: row, before: count, further) else {
                if count >= Self.comparedKeys { further[event.text] = event.line }
                count += 1
                continue
            }
            findings.add(
                .duplicateKey(texts.all[Int(event.text)], firstLine: Int(first)), at: event.place,
                hint: "a key may be written once; keep one of the two")
            rows.removeSubrange(key...)
        }
    }

    /// The line of this key among the first `count` of the mapping `row`.
    private func line(
        ofKey text: Int32, in row: Int, before count: Int, _ further: [Int32: Int32]
    ) -> Int32? {
        var key = row + 1
        for _ in 0..<min(count, Self.comparedKeys) {
            if rows[key].value == text { return rows[key].line }
            key = Int(rows[key + 1].end)
        }
        return further.isEmpty ? nil : further[text]
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
        let line: Int32
        let column: Int32
        /// The number of a scalar's text; 0 of others.
        var text: Int32 = 0
        var isQuoted = false

        init(_ event: UnsafePointer<yaml_event_t>) {
            kind = event.pointee.type
            line = Int32(clamping: event.pointee.start_mark.line) &+ 1
            column = Int32(clamping: event.pointee.start_mark.column) &+ 1
        }

        var place: SourcePlace { SourcePlace(line: Int(line), column: Int(column)) }

        var rowKind: YAMLDocument.Row.Kind {
            switch kind {
            case YAML_SCALAR_EVENT: isQuoted ? .quoted : .plain
            case YAML_SEQUENCE_START_EVENT: .sequence
            default: .mapping
            }
        }
    }

    private mutating func next() throws(Stopped) -> Event {
        guard yaml_parser_parse(parser, event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(event) }
        var read = Event(event)
        if let refused = Self.refused(in: event) { throw stop(.refusedYAML(refused), read.place) }
        guard read.kind == YAML_SCALAR_EVENT else { return read }
        let value = UnsafeBufferPointer(
            start: event.pointee.data.scalar.value, count: event.pointee.data.scalar.length)
        let known = texts.all.count
        read.text = texts.number(UnsafeRawBufferPointer(value))
        // A text that came before was looked at.
        if read.text == known, value.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw stop(.refusedYAML(.controlCharacter), read.place)
        }
        read.isQuoted = event.pointee.data.scalar.style != YAML_PLAIN_SCALAR_STYLE
        return read
    }

    private static func refused(in event: UnsafePointer<yaml_event_t>) -> RefusedYAML? {
        switch event.pointee.type {
        case YAML_ALIAS_EVENT: return .alias
        case YAML_DOCUMENT_START_EVENT:
            let tags = event.pointee.data.document_start.tag_directives
            return tags.start == tags.end ? nil : .tag
        case YAML_SCALAR_EVENT:
            return refused(event.pointee.data.scalar.anchor, event.pointee.data.scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            let data = event.pointee.data.sequence_start
            return refused(data.anchor, data.tag)
        case YAML_MAPPING_START_EVENT:
            let data = event.pointee.data.mapping_start
            return refused(data.anchor, data.tag)
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
            return stop(.notText(problem), place)
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
