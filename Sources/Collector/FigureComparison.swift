import Foundation
import Report

/// Compares the report in a bundle with the one that was computed from it, and names each figure that
/// differs, those that tell which records there are before the others.
enum FigureComparison {
    /// `isOther` where another version wrote the bundle: its sentences are its own, and it may not write as this one
    /// does. Each key that this version computes must be there, and none twice.
    static func compare(
        _ told: [UInt8], _ content: PlanReportContent, isOther: Bool,
        _ findings: inout EvidenceFindings
    ) {
        let computed = Array(content.json().utf8)
        guard told != computed else { return }
        guard let one = try? JSONSerialization.jsonObject(with: Data(told)),
            let other = try? JSONSerialization.jsonObject(with: Data(computed))
        else { return findings.tell("the figures are no JSON") }
        if let key = JSONKeys.repeated(in: told) {
            findings.tell("the figures have the key \(text(key)) twice in an object")
        }
        var found = Found()
        compare(one, other, "", isOther, &found)
        if found.isEmpty, !isOther {
            findings.tell("the figures are written otherwise than this program writes them")
        }
        findings.take(found.ofRecords)
        findings.take(found.others)
    }

    /// What differs. Which records there are says most directly what was done to them, and comes first.
    private struct Found {
        private(set) var ofRecords = EvidenceFindings()
        private(set) var others = EvidenceFindings()

        var isEmpty: Bool { ofRecords.told.isEmpty && others.told.isEmpty }

        mutating func tell(_ path: String, _ difference: String) {
            let sentence = "figure \(path): \(difference)"
            if path.contains(".quality.runs") || path.contains(".quality.records_") {
                ofRecords.tell(sentence)
            } else {
                others.tell(sentence)
            }
        }
    }

    private static func compare(
        _ told: Any?, _ computed: Any?, _ path: String, _ isOther: Bool,
        _ found: inout Found
    ) {
        if isOther, told != nil, areSentences(told, computed, path) { return }
        switch (told, computed) {
        case (let told as [String: Any], let computed as [String: Any]):
            for key in Set(told.keys).union(computed.keys).sorted() {
                let path = path.isEmpty ? key : path + "." + key
                compare(told[key], computed[key], path, isOther, &found)
            }
        case (let told as [Any], let computed as [Any]):
            if told.count != computed.count {
                found.tell(
                    path, "\(told.count) entries are told, \(computed.count) are computed")
            }
            for (index, pair) in zip(told, computed).enumerated() {
                compare(pair.0, pair.1, "\(path)[\(index)]", isOther, &found)
            }
        case (let told as NSObject, let computed as NSObject) where areSame(told, computed): return
        default:
            found.tell(path, "\(text(told)) is told, \(text(computed)) is computed")
        }
    }

    /// Equal numbers and truth values are the same where both are of one kind.
    private static func areSame(_ told: NSObject, _ computed: NSObject) -> Bool {
        guard told == computed else { return false }
        guard let told = told as? NSNumber, let computed = computed as? NSNumber else {
            return true
        }
        return isTruth(told) == isTruth(computed)
    }

    private static func isTruth(_ value: NSNumber) -> Bool {
        guard value == 0 || value == 1 else { return false }
        let written = try? JSONSerialization.data(withJSONObject: [value])
        return written == Data("[true]".utf8) || written == Data("[false]".utf8)
    }

    /// Whether both are what a version says in its own words, or one says nothing where the other gives a reason.
    private static func areSentences(_ told: Any?, _ computed: Any?, _ path: String) -> Bool {
        if path == "evidence.signers" { return true }
        if isSentences(told), isSentences(computed) { return true }
        guard path.hasSuffix("reason") || path.hasSuffix("_unknown") else { return false }
        return isSentences(told) && computed is NSNull || told is NSNull && isSentences(computed)
    }

    /// A text in both languages, or nothing but such.
    private static func isSentences(_ value: Any?) -> Bool {
        switch value {
        case let members as [String: Any]:
            Set(members.keys) == ["zh", "en"]
                || !members.isEmpty && members.values.allSatisfy { isSentences($0) }
        case let items as [Any]: items.allSatisfy { isSentences($0) }
        default: false
        }
    }

    /// A value for people, cut where it is long.
    private static func text(_ value: Any?) -> String {
        guard let value else { return "nothing" }
        let text = value is NSNull ? "null" : "\(value)"
        return text.count > 80 ? text.prefix(80) + "…" : text
    }
}
