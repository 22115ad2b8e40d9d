/// Text for terminals.
package enum TerminalText {
    /// Parts of lines, with an empty line between them. Controls, and marks that turn the direction of
    /// writing, become U+FFFD: no name moves a cursor, makes a line, or looks like another.
    static func joined(_ parts: [[String]]) -> String {
        parts.filter { !$0.isEmpty }.map { $0.map(tamed).joined(separator: "\n") }
            .joined(separator: "\n\n") + "\n"
    }

    /// A line, such as an error that holds foreign text.
    package static func tamed(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: Escaping.isHidden) else { return line }
        var text = String.UnicodeScalarView()
        for scalar in line.unicodeScalars {
            text.append(Escaping.isHidden(scalar) ? "\u{FFFD}" : scalar)
        }
        return String(text)
    }
}
