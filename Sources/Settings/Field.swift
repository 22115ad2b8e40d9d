/// A value of a settings file with the setting it is meant for.
///
/// Readers give `nil` only where a finding was added.
struct Field {
    let node: YAMLNode
    let path: String
    let key: Key
    let findings: Findings

    init(_ node: YAMLNode, path: String, key: Key, findings: Findings) {
        self.node = node
        self.path = path
        self.key = key
        self.findings = findings
    }

    var place: SourcePlace { node.place }

    /// Adds a finding at this value. Gives `nil` for the caller to return.
    func reject<Value>(_ problem: SettingsProblem, _ hint: String? = nil) -> Value? {
        findings.add(problem, at: place, hint: hint ?? key.hint)
        return nil
    }

    func reject<Value>(expected: String) -> Value? {
        reject(.wrongType(path: path, expected: expected, found: node.kind))
    }

    func reject<Value>(_ written: String, _ reason: String, _ hint: String? = nil) -> Value? {
        reject(.badValue(path: path, written: written, reason: reason), hint)
    }

    /// The value as the file has it, where it is a scalar.
    var written: String {
        if case .scalar(let text, _) = node.content { text } else { node.kind }
    }

    // MARK: - Scalars

    /// The text of a scalar; `null`, `~` and an empty value count as nothing.
    func text(expected: String = "text") -> String? {
        guard case .scalar(let text, let isQuoted) = node.content,
            isQuoted || !["", "~", "null"].contains(text)
        else { return reject(expected: expected) }
        return text
    }

    /// A whole number of decimal digits, unquoted.
    func integer(in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number"
        guard case .scalar(let text, isQuoted: false) = node.content else {
            return reject(expected: expected)
        }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy(Self.isDigit) else {
            return reject(expected: expected)
        }
        guard let number = Int(text), range.contains(number) else {
            let limits = "\(range.lowerBound) to \(range.upperBound)"
            return reject(.outOfRange(path: path, written: text, range: limits))
        }
        return number
    }

    func boolean() -> Bool? {
        switch node.content {
        case .scalar("true", isQuoted: false): true
        case .scalar("false", isQuoted: false): false
        default: reject(expected: "true or false")
        }
    }

    /// One of `choices`. Words in `later` are known but not available in this version, and say
    /// what to do instead.
    func word<Value>(_ choices: [(String, Value)], later: [(String, String)] = []) -> Value? {
        let names = choices.map(\.0)
        let expected = names.alternatives
        guard let text = text(expected: expected) else { return nil }
        if let choice = choices.first(where: { $0.0 == text }) { return choice.1 }
        if let (_, instead) = later.first(where: { $0.0 == text }) {
            return reject(.notAvailable(path: path, written: text), instead)
        }
        var reason = "is not \(expected)"
        if let near = nearest(to: text, among: names) { reason += "; did you mean \"\(near)\"?" }
        return reject(text, reason)
    }

    /// A name of letters, digits, `.`, `-` and `_`, 1 to 64 of them.
    func identifier() -> String? {
        guard let text = text() else { return nil }
        return Self.isIdentifier(text) ? text : reject(text, Self.identifierRule)
    }

    static let identifierRule = "is not 1 to 64 of A-Z a-z 0-9 . - _"

    static func isIdentifier(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                isDigit($0) || isLetter($0) || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }

    /// A path of at most 4,095 bytes, without slashes at its end; relative ones begin at the
    /// folder of `file`.
    func filePath(besideFile file: String) -> String? {
        let longest = 4095
        guard let text = text(expected: "a path") else { return nil }
        guard !text.isEmpty else { return reject(text, "is not a path") }
        var path = SettingsFile.resolve(text, besideFile: file)
        guard path.utf8.count <= longest else {
            return reject(text, "is longer than \(longest) bytes")
        }
        while path.hasSuffix("/"), path.utf8.count > 1 { path.removeLast() }
        return path
    }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    // MARK: - Collections

    /// The elements of a list, `range` of them.
    func elements(_ range: ClosedRange<Int>, of kind: String = "a list") -> [Field]? {
        guard case .sequence(let nodes) = node.content else { return reject(expected: kind) }
        guard range.contains(nodes.count) else {
            let written = "a list of \(nodes.count)"
            let limits = "\(range.lowerBound) to \(range.upperBound) entries"
            return reject(.outOfRange(path: path, written: written, range: limits))
        }
        return fields(nodes)
    }

    /// The elements of a list, or the one value in place of a list of one.
    func elementsOrOne(upTo most: Int) -> [Field]? {
        if case .sequence = node.content { return elements(1...most) }
        return [self]
    }

    private func fields(_ nodes: [YAMLNode]) -> [Field] {
        nodes.enumerated().map { index, node in
            Field(node, path: "\(path)[\(index)]", key: key, findings: findings)
        }
    }

    func section(_ keys: [Key]) -> Section? {
        Section(node, path: path, keys: keys, findings: findings)
    }

    /// The entries of a mapping whose keys are free.
    func freeEntries() -> [YAMLEntry]? {
        guard case .mapping(let entries) = node.content else {
            return reject(expected: "a mapping of keys")
        }
        return entries
    }
}

extension [String] {
    /// `a, b or c`.
    var alternatives: String {
        guard let last, count > 1 else { return first ?? "" }
        return "\(dropLast().joined(separator: ", ")) or \(last)"
    }
}

extension Array {
    /// Every element read, or `nil` where one of them was refused; all are tried.
    func readAll<Value>(_ read: (Element) -> Value?) -> [Value]? {
        let values = map(read)
        let good = values.compactMap { $0 }
        return good.count == values.count ? good : nil
    }
}
