/// A mapping of a settings file whose keys have been checked.
///
/// Readers give `nil` only where a finding was added; a missing key takes its default.
struct Section {
    let path: String
    let place: SourcePlace
    let findings: Findings
    private let keys: [Key]
    private let entries: [YAMLEntry]
    /// Keys that an unknown key was taken for: they are not reported missing as well.
    private var misspelt: Set<String> = []

    /// Reports a node that is no mapping, unknown keys, and keys of a later version.
    init?(_ node: YAMLNode, path: String, keys: [Key], findings: Findings) {
        guard case .mapping(let entries) = node.content else {
            let names = keys.lazy.filter { !$0.isLater }.map(\.name).joined(separator: ", ")
            findings.add(
                .wrongType(
                    path: path.isEmpty ? "the file" : path, expected: "a mapping of keys",
                    found: node.kind),
                at: node.place, hint: "write keys and values: \(names)")
            return nil
        }
        self.path = path
        self.place = node.place
        self.findings = findings
        self.keys = keys
        self.entries = entries
        for entry in entries { check(entry) }
    }

    private mutating func check(_ entry: YAMLEntry) {
        guard let key = keys.first(where: { $0.name == entry.key }) else {
            reportUnknown(entry)
            return
        }
        if key.isLater {
            let problem = SettingsProblem.notAvailable(path: pathOf(key), written: "")
            findings.add(problem, at: entry.place, hint: key.hint)
        }
    }

    private mutating func reportUnknown(_ entry: YAMLEntry) {
        guard findings.isKeeping else {
            findings.addUnkept()
            return
        }
        let suggestion = nearest(to: entry.key, among: keys.filter { !$0.isLater }.map(\.name))
        if let suggestion { misspelt.insert(suggestion) }
        findings.add(
            .unknownKey(entry.key, in: path, suggestion: suggestion), at: entry.place, hint: hint)
    }

    private var hint: String {
        let names = keys.filter { !$0.isLater }.map(\.name).joined(separator: ", ")
        return "\(path.isEmpty ? "the file" : path) takes \(names)"
    }

    private func pathOf(_ key: Key) -> String {
        path.isEmpty ? key.name : "\(path).\(key.name)"
    }

    func field(_ key: Key) -> Field? {
        guard let entry = entries.first(where: { $0.key == key.name }) else { return nil }
        return Field(entry.value, path: pathOf(key), key: key, findings: findings)
    }

    func contains(_ name: String) -> Bool { entries.contains { $0.key == name } }

    /// Whether the key is there, or an unknown key was taken for it.
    func mentions(_ name: String) -> Bool { contains(name) || misspelt.contains(name) }

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

    /// Reports that `key` is left out, unless an unknown key was taken for it.
    func reportMissing(_ key: Key) {
        if misspelt.contains(key.name) { return }
        findings.add(.missingKey(key.name, in: path), at: place, hint: key.hint)
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
