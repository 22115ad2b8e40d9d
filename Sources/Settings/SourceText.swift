/// The text of a settings file, for showing the line an error is about.
struct SourceText {
    /// How many columns of a line are shown; of a longer one, a part around the caret.
    static let shownColumns = 96

    private let lines: [Substring.UnicodeScalarView]

    /// Splits at the line breaks libyaml counts, so that its line numbers fit.
    ///
    /// Source: YAML 1.1, 4.2 "Line Break Characters".
    init(_ bytes: [UInt8]) {
        let scalars = Substring(String(decoding: bytes, as: UTF8.self)).unicodeScalars
        var lines: [Substring.UnicodeScalarView] = []
        var start = scalars.startIndex
        var index = start
        while index < scalars.endIndex {
            let scalar = scalars[index]
            let next = scalars.index(after: index)
            let pairs = scalar == "\r" && next < scalars.endIndex && scalars[next] == "\n"
            if Self.isBreak(scalar) && !pairs {
                lines.append(scalars[start..<index])
                start = next
            }
            index = next
        }
        lines.append(scalars[start...])
        self.lines = lines
    }

    /// The place of the byte at `offset` of `bytes`.
    static func place(ofByte offset: Int, in bytes: [UInt8]) -> SourcePlace {
        let before = SourceText(Array(bytes.prefix(max(0, offset))))
        return SourcePlace(line: before.lines.count, column: (before.lines.last?.count ?? 0) + 1)
    }

    /// The line of `place` with a caret below its column, or `nil` past the end of the text.
    ///
    /// Characters that would move the cursor are shown as a space or `?`.
    func excerpt(at place: SourcePlace) -> String? {
        guard lines.indices.contains(place.line - 1) else { return nil }
        let line = Array(lines[place.line - 1])
        let column = min(max(0, place.column - 1), line.count)
        let start = column < Self.shownColumns ? 0 : column - Self.shownColumns / 2
        let end = min(line.count, start + Self.shownColumns)
        let number = String(place.line)
        let margin = String(repeating: " ", count: max(0, 5 - number.count))
        let shown = line[start..<end].map(Self.printable).joined()
        let indent = line[start..<column].map { Self.isWide($0) ? "  " : " " }.joined()
        let gutter = String(repeating: " ", count: margin.count + number.count)
        let text = "\(margin)\(number) | \(shown)"
        return "\(text.trimmingTrailingSpaces)\n\(gutter) | \(indent)^"
    }

    private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }

    private static func printable(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control: scalar == "\t" || scalar == "\r" ? " " : "?"
        case .format, .surrogate, .privateUse, .unassigned: "?"
        default: String(Character(scalar))
        }
    }

    /// Whether terminals give the character two columns.
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE4F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
