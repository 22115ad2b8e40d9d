/// A value of a settings file with the setting it is meant for.
///
/// Readers give `nil` only where a finding was added.
struct Field {
    let node: YAMLNode
    let key: Key

    init(_ node: YAMLNode, key: Key) {
        self.node = node
        self.key = key
    }

    var place: SourcePlace { node.place }
    /// The setting's keys from the top: `services[0].ports`.
    var path: String { node.path }
    var findings: Findings { node.document.findings }

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
        guard case .scalar(let text, let isQuoted) = node.content, isQuoted || !text.isNothing
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
        guard !refusesLeadingZero(of: digits, in: text) else { return nil }
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
                isDigit($0) || isLetter($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F
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
    func elements(_ range: ClosedRange<Int>, of kind: String = "a list") -> Fields? {
        guard case .sequence(let nodes) = node.content else { return reject(expected: kind) }
        guard range.contains(nodes.count) else {
            let written = "a list of \(nodes.count)"
            let limits = "\(range.lowerBound) to \(range.upperBound) entries"
            return reject(.outOfRange(path: path, written: written, range: limits))
        }
        return Fields(nodes: nodes, key: key)
    }

    /// The elements of a list, or the one value in place of a list of one.
    func elementsOrOne(upTo most: Int) -> Fields? {
        if case .sequence = node.content { return elements(1...most) }
        let one = YAMLElements(document: node.document, first: node.index, 1)
        return Fields(nodes: one, key: key)
    }

    func section(_ keys: [Key]) -> Section? { Section(node, keys: keys) }
}

/// The elements of a list, as values of its setting.
struct Fields: Sequence, IteratorProtocol {
    fileprivate var nodes: YAMLElements
    fileprivate let key: Key

    var count: Int { nodes.count }
    var underestimatedCount: Int { nodes.count }

    mutating func next() -> Field? { nodes.next().map { Field($0, key: key) } }
}

extension [String] {
    /// `a, b or c`.
    var alternatives: String {
        guard let last, count > 1 else { return first ?? "" }
        return "\(dropLast().joined(separator: ", ")) or \(last)"
    }
}

extension Sequence {
    /// Every element read, or `nil` where one of them was refused; all are tried.
    func readAll<Value>(_ read: (Element) -> Value?) -> [Value]? {
        var values: [Value] = []
        values.reserveCapacity(underestimatedCount)
        var isGood = true
        for element in self {
            if let value = read(element) { values.append(value) } else { isGood = false }
        }
        return isGood ? values : nil
    }
}

extension String {
    /// Whether it stands for nothing where it is written without quotes.
    var isNothing: Bool { utf8.count <= 4 && (isEmpty || self == "~" || self == "null") }
}
