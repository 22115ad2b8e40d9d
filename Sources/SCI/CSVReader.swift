/// Reads lines of comma-separated fields; a field in double quotes may hold commas, new lines and
/// doubled quotes. Strict: a quote anywhere else is an error.
///
/// Source: RFC 4180, section 2; a bare line feed ends a line too.
struct CSVReader {
    private let scalars: [Unicode.Scalar]
    private var at = 0
    /// The line that `next` reads from, counting from 1.
    private(set) var line = 1

    init(_ text: String) {
        scalars = Array(text.unicodeScalars.drop { $0 == "\u{FEFF}" })
    }

    /// The fields of the next line that is not empty, or `nil` at the end.
    mutating func next() throws(FactorFileError.Problem) -> [String]? {
        while at < scalars.count, endsLine() {}
        guard at < scalars.count else { return nil }
        var fields: [String] = []
        while true {
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
        return true
    }

    private mutating func plain() throws(FactorFileError.Problem) -> String {
        var field = String.UnicodeScalarView()
        while at < scalars.count, scalars[at] != ",", scalars[at] != "\n", scalars[at] != "\r" {
            guard scalars[at] != "\"" else { throw .quoteInsideField }
            field.append(scalars[at])
            at += 1
        }
        return String(field)
    }

    private mutating func quoted() throws(FactorFileError.Problem) -> String {
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
            }
            field.append(scalar)
        }
        throw .openQuote
    }
}
