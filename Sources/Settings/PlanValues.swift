import Assessment
import Metering

/// What a plan has of one kind, to look names up in.
struct PlannedNames {
    /// Names that a misspelt one is compared with at most; among more, none is suggested.
    static let comparable = 1_000

    let list: [String]
    let set: Set<String>

    init(_ list: [String]) {
        self.list = list
        set = Set(list)
    }
}

/// Values of a plan's file, read without floating point.
extension Field {
    /// Text that says something, of at most 2,000 bytes.
    func words() -> String? {
        let longest = 2_000
        guard let text = text() else { return nil }
        guard !text.allSatisfy(\.isWhitespace) else { return reject(text, "says nothing") }
        guard text.utf8.count <= longest else {
            return reject(text, "is longer than \(longest) bytes")
        }
        return text
    }

    /// A list of texts, none of them empty.
    func listOfWords() -> [String]? { elements(0...1_000)?.readAll { $0.words() } }

    /// A ratio such as 1.35, exactly.
    func partsPerMillion(
        in range: ClosedRange<UInt64>, _ rangeInWords: String
    ) -> PartsPerMillion? {
        decimal(digits: 6, in: range, rangeInWords).map(PartsPerMillion.init)
    }

    /// Kilograms such as 1283.5, in grams.
    func grams() -> UInt64? {
        decimal(digits: 3, in: 1...1_000_000_000_000, "0.001 to 1000000000 kg")
    }

    /// A day, from 00:00 in Asia/Shanghai, or a time with its zone.
    func pointInTime() -> Timestamp? {
        guard let text = text(expected: "a day or a time with its zone") else { return nil }
        if let time = Timestamp(dayInShanghai: text) ?? Timestamp(rfc3339: text) { return time }
        return reject(
            text,
            "is neither a day from 1970 to 2199, such as 2026-12-01, nor a time with its zone, such "
                + "as 2026-12-01T00:00:00+08:00")
    }

    /// A ratio somebody measured.
    func measuredRatio(in range: ClosedRange<UInt64>, _ rangeInWords: String) -> MeasuredRatio? {
        typealias Keys = PlannedKeys.Ratio
        guard let section = section(Keys.all) else { return nil }
        let value = section.required(Keys.value) { $0.partsPerMillion(in: range, rangeInWords) }
        let source = section.required(Keys.source) { $0.words() }
        let period = section.required(Keys.period) { $0.words() }
        guard let value, let source, let period else { return nil }
        return MeasuredRatio(value: value, source: source, period: period)
    }

    /// What part of a host or device belongs to the boundary.
    func allocation() -> Allocation? {
        typealias Keys = PlannedKeys.Share
        guard let section = section(Keys.all) else { return nil }
        let share = section.required(Keys.value) {
            $0.partsPerMillion(in: 1...1_000_000, "above 0, up to 1")
        }
        let reason = section.required(Keys.reason) { $0.words() }
        guard let share, let reason else { return nil }
        return .reserved(share, reason: reason)
    }

    /// The name of something that the plan has, where it is known what it has.
    func reference(to kind: String, among names: PlannedNames?) -> String? {
        guard let id = identifier() else { return nil }
        guard let names, !names.set.contains(id) else { return id }
        return reject(id, "is no \(kind) of this plan" + suggestion(id, among: names))
    }

    private func suggestion(_ written: String, among names: PlannedNames) -> String {
        guard findings.isKeeping, names.list.count <= PlannedNames.comparable else { return "" }
        return nearest(to: written, among: names.list).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// 64 hexadecimal digits of a SHA-256, in lowercase.
    func digest() -> String? {
        guard let text = text(expected: "64 hexadecimal digits") else { return nil }
        let isDigest =
            text.utf8.count == 64
            && text.utf8.allSatisfy { Self.isDigit($0) || (0x61...0x66).contains($0) }
        return isDigest ? text : reject(text, "is not 64 of 0-9 a-f")
    }
}

extension Field {
    /// Refuses what is right alone and wrong beside something else.
    func contradict<Value>(_ sentence: String, _ hint: String? = nil) -> Value? {
        reject(.contradiction(path: path, sentence), hint)
    }
}

extension Section {
    /// Refuses the section for a key that is missing because of something else.
    func contradict(_ sentence: String, _ hint: String) {
        findings.add(.contradiction(path: path, sentence), at: place, hint: hint)
    }
}
