/// A mapping of a settings file whose keys have been checked.
///
/// Readers give `nil` only where a finding was added; a missing key takes its default.
struct Section {
    private let node: YAMLNode
    private let keys: [Key]
    /// Its entries: the place of the key among `keys`, and the row of the value.
    private var entries: [(key: Int32, row: Int32)] = []
    /// Keys that an unknown key was taken for: they are not reported missing as well.
    private var misspelt: [String] = []

    /// Reports a node that is no mapping, unknown keys, and keys of a later version.
    init?(_ node: YAMLNode, keys: [Key]) {
        self.node = node
        self.keys = keys
        guard case .mapping(let entries) = node.content else {
            let names = keys.lazy.filter { !$0.isLater }.map(\.name).joined(separator: ", ")
            let path = node.path
            node.document.findings.add(
                .wrongType(
                    path: path.isEmpty ? "the file" : path, expected: "a mapping of keys",
                    found: node.kind),
                at: node.place, hint: "write keys and values: \(names)")
            return nil
        }
        self.entries.reserveCapacity(entries.count)
        for entry in entries { check(entry) }
    }

    var path: String { node.path }
    var place: SourcePlace { node.place }
    var findings: Findings { node.document.findings }

    private mutating func check(_ entry: YAMLEntry) {
        let name = entry.key
        guard let index = keys.firstIndex(where: { $0.isNamed(name) }) else {
            reportUnknown(entry)
            return
        }
        entries.append((Int32(index), Int32(entry.index + 1)))
        let key = keys[index]
        if key.isLater {
            let problem = SettingsProblem.notAvailable(path: entry.value.path, written: "")
            findings.add(problem, at: entry.place, hint: key.hint)
        }
    }

    private mutating func reportUnknown(_ entry: YAMLEntry) {
        guard findings.isKeeping else {
            findings.addUnkept()
            return
        }
        let suggestion = nearest(to: entry.key, among: keys.filter { !$0.isLater }.map(\.name))
        if let suggestion { misspelt.append(suggestion) }
        findings.add(
            .unknownKey(entry.key, in: path, suggestion: suggestion), at: entry.place, hint: hint)
    }

    private var hint: String {
        let names = keys.filter { !$0.isLater }.map(\.name).joined(separator: ", ")
        return "\(path.isEmpty ? "the file" : path) takes \(names)"
    }

    /// - Parameter key: One of those that the section was made with.
    func field(_ key: Key) -> Field? {
        guard let entry = entries.first(where: { keys[Int($0.key)] === key }) else { return nil }
        return Field(YAMLNode(document: node.document, index: Int(entry.row)), key: key)
    }

    func contains(_ key: Key) -> Bool { entries.contains { keys[Int($0.key)] === key } }

    /// Whether the key is there, or an unknown key was taken for it.
    func mentions(_ key: Key) -> Bool { contains(key) || misspelt.contains(key.name) }

    /// The value of `key`, or `standard` where the key is left out.
    func value<Value>(_ key: Key, default standard: Value, _ read: (Field) -> Value?) -> Value? {
        guard let field = field(key) else { return standard }
        return read(field)
    }

    /// The value of `key`, or `.some(nil)` where the key is left out.
    func optional<Value>(_ key: Key, _ read: (Field) -> Value?) -> Value?? {
        guard let field = field(key) else { return .some(nil) }
        guard let value = read(field) else { return nil }
        return .some(value)
    }

    /// The value of `key`; leaving it out is an error.
    func required<Value>(_ key: Key, _ read: (Field) -> Value?) -> Value? {
        guard let field = field(key) else {
            reportMissing(key)
            return nil
        }
        return read(field)
    }

    /// Reports that `key` is left out, unless an unknown key was taken for it; `further` ends the
    /// hint.
    func reportMissing(_ key: Key, _ further: String = "") {
        if misspelt.contains(key.name) { return }
        findings.add(.missingKey(key.name, in: path), at: place, hint: key.hint + further)
    }
}

extension YAMLNode {
    /// What the node is, as messages name it.
    var kind: String {
        switch content {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar("", isQuoted: false), .scalar("~", isQuoted: false),
            .scalar("null", isQuoted: false):
            "nothing"
        case .scalar(let text, _): "the text \(text.quoted)"
        }
    }
}
