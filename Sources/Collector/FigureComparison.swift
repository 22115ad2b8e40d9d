import Foundation
import Report

/// Compares the report in a bundle with the one that was computed from it, and names each figure that
/// differs.
enum FigureComparison {
    /// `isOther` where another version wrote the bundle: keys that it did not have are no finding.
    static func compare(
        _ told: [UInt8], _ content: PlanReportContent, isOther: Bool,
        _ findings: inout EvidenceFindings
    ) {
        let computed = Array(content.json().utf8)
        guard told != computed else { return }
        guard let one = try? JSONSerialization.jsonObject(with: Data(told)),
            let other = try? JSONSerialization.jsonObject(with: Data(computed))
        else { return findings.tell("the figures are no JSON") }
        var found = 0
        compare(one, other, "", isOther, &found, &findings)
        if found == 0, !isOther {
            findings.tell("the figures are written otherwise than this program writes them")
        }
    }

    private static func compare(
        _ told: Any?, _ computed: Any?, _ path: String, _ isOther: Bool, _ found: inout Int,
        _ findings: inout EvidenceFindings
    ) {
        switch (told, computed) {
        case (let told as [String: Any], let computed as [String: Any]):
            for key in Set(told.keys).union(computed.keys).sorted() {
                if isOther, told[key] == nil { continue }
                let path = path.isEmpty ? key : path + "." + key
                compare(told[key], computed[key], path, isOther, &found, &findings)
            }
        case (let told as [Any], let computed as [Any]):
            if told.count != computed.count {
                found += 1
                findings.tell(
                    "figure \(path): \(told.count) entries are told, \(computed.count) are computed"
                )
            }
            for (index, pair) in zip(told, computed).enumerated() {
                compare(pair.0, pair.1, "\(path)[\(index)]", isOther, &found, &findings)
            }
        case (let told as NSObject, let computed as NSObject) where told == computed: return
        default:
            found += 1
            findings.tell(
                "figure \(path): \(text(told)) is told, \(text(computed)) is computed")
        }
    }

    /// A value for people, cut where it is long.
    private static func text(_ value: Any?) -> String {
        guard let value else { return "nothing" }
        let text = value is NSNull ? "null" : "\(value)"
        return text.count > 80 ? text.prefix(80) + "…" : text
    }
}
