/// Values of YAML whose texts cannot become anything else.
///
/// Source: YAML 1.2.2, 7.3.1, "Double-Quoted Style", and 5.7, "Escaped Characters".
enum YAML {
    /// A text in double quotes on one line. All that is not printable, and all that YAML 1.1 or
    /// 1.2 reads as the end of a line, is escaped.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case let hidden where Escaping.isHidden(hidden) || hidden.value == 0xFFFE:
                let hex = String(hidden.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// A number in full precision; `null` for one that is no number. One with an exponent has a
    /// point and a sign, as the core schema of YAML 1.1 wants it.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        let text = "\(value)"
        guard let at = text.firstIndex(of: "e"), !text[..<at].contains(".") else { return text }
        return text[..<at] + ".0" + text[at...]
    }
}
