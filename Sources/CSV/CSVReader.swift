/// Why a text is no CSV.
package enum CSVProblem: Error, Sendable, Hashable, CustomStringConvertible {
    case openQuote
    case noSeparator
    case quoteInsideField

    package var description: String {
        switch self {
        case .openQuote: "a quoted field does not end"
        case .noSeparator: "a comma or the end of the line is missing after a field"
        case .quoteInsideField: "a quote inside a field: quote the whole field and double it"
        }
    }
}

/// Reads lines of comma-separated fields; a field in double quotes may hold commas, new lines and
/// doubled quotes. Strict: a quote anywhere else is an error.
///
/// Source: RFC 4180, section 2; a bare line feed ends a line too.
package struct CSVReader: Sendable {
    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var lineStart = 0
    /// The line that `next` reads from, counting from 1.
    package private(set) var line = 1
    /// Where each field of the latest line begins, counting characters from 1; of the field that is
    /// wrong, too.
    package private(set) var columns: [Int] = []

    package init(_ text: String) {
        scalars = Array(text.unicodeScalars.drop { $0 == "\u{FEFF}" })
    }

    /// The fields of the next line that is not empty, or `nil` at the end.
    package mutating func next() throws(CSVProblem) -> [String]? {
        while at < scalars.count, endsLine() {}
        columns.removeAll(keepingCapacity: true)
        guard at < scalars.count else { return nil }
        var fields: [String] = []
        while true {
            columns.append(at - lineStart + 1)
            fields.append(at < scalars.count && scalars[at] == "\"" ? try quoted() : try plain())
            if at < scalars.count, scalars[at] == "," {
                at += 1
            } else if at == scalars.count || endsLine() {
                return fields
            } else {
                throw .noSeparator
            }
        }
    }

    /// Goes over empty lines, so that ``line`` is that of the next fields.
    package mutating func skipEmptyLines() { while at < scalars.count, endsLine() {} }

    /// Whether a line ends here; then goes to the next one.
    private mutating func endsLine() -> Bool {
        if scalars[at] == "\n" {
            at += 1
        } else if scalars[at] == "\r", at + 1 < scalars.count, scalars[at + 1] == "\n" {
            at += 2
        } else {
            return false
        }
        line += 1
        lineStart = at
        return true
    }

    private mutating func plain() throws(CSVProblem) -> String {
        var field = String.UnicodeScalarView()
        while at < scalars.count, scalars[at] != ",", scalars[at] != "\n", scalars[at] != "\r" {
            guard scalars[at] != "\"" else { throw .quoteInsideField }
            field.append(scalars[at])
            at += 1
        }
        return String(field)
    }

    private mutating func quoted() throws(CSVProblem) -> String {
        var field = String.UnicodeScalarView()
        at += 1
        while at < scalars.count {
            let scalar = scalars[at]
            at += 1
            if scalar == "\"" {
                guard at < scalars.count, scalars[at] == "\"" else { return String(field) }
                at += 1
            } else if scalar == "\n" {
                line += 1
                lineStart = at
            }
            field.append(scalar)
        }
        throw .openQuote
    }
}

/// How a field is written so that ``CSVReader`` reads it back.
package enum CSVField {
    /// The field, in quotes where it needs them.
    package static func written(_ field: String) -> String {
        // An empty field at the start of a line would leave it empty.
        let isPlain = field.unicodeScalars.allSatisfy {
            $0 != "," && $0 != "\"" && $0 != "\n" && $0 != "\r" && $0 != "\u{FEFF}"
        }
        return isPlain && !field.isEmpty ? field : "\"" + field.replacing("\"", with: "\"\"") + "\""
    }
}
