/// Comma-separated values as spreadsheets and programs read them.
///
/// Source: RFC 4180, section 2; UTF-8, lines end with CR LF, the first line names the columns.
enum CSV {
    /// A value of a cell.
    enum Cell {
        case empty
        case number(String)
        case text(String)

        init(_ value: UInt64?) { self = value.map { .number("\($0)") } ?? .empty }
        init(_ value: Int) { self = .number("\(value)") }
        init(_ value: Double?) {
            self = value.flatMap { $0.isFinite ? .number("\($0)") : nil } ?? .empty
        }
        init(_ value: String?) { self = value.map(Cell.text) ?? .empty }
        init(_ value: Bool) { self = .text(value ? "true" : "false") }
    }

    static func text(_ titles: [String], _ rows: [[Cell]]) -> String {
        var out = ""
        append(titles.map(Cell.text), to: &out)
        for row in rows { append(row, to: &out) }
        return out
    }

    private static func append(_ row: [Cell], to out: inout String) {
        for (index, cell) in row.enumerated() {
            if index > 0 { out += "," }
            switch cell {
            case .empty: break
            case .number(let digits): out += digits
            case .text(let text): out += quoted(harmless(text))
            }
        }
        out += "\r\n"
    }

    /// Spreadsheets compute a text that begins like a formula: a single quote before it, which
    /// they do not show, keeps a host's name from being one.
    private static func harmless(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return text }
        return "=+-@\t\r".unicodeScalars.contains(first) ? "'" + text : text
    }

    private static func quoted(_ text: String) -> String {
        let needs = text.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
        guard needs || text.isEmpty else { return text }
        var out = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { out += "\"" }
            out.unicodeScalars.append(scalar)
        }
        return out + "\""
    }
}
