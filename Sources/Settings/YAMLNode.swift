/// A position in a settings file; both numbers count from 1, columns in characters.
package struct SourcePlace: Sendable, Hashable, Comparable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// One value of a YAML document and where it begins.
struct YAMLNode: Hashable {
    enum Content: Hashable {
        /// Text, and whether it was written in quotes or as a block (`|`, `>`).
        case scalar(String, isQuoted: Bool)
        /// The entries in the order of the file; no key occurs twice.
        case mapping([YAMLEntry])
        case sequence([YAMLNode])
    }

    let content: Content
    let place: SourcePlace
}

/// One `key: value` of a mapping.
struct YAMLEntry: Hashable {
    let key: String
    let place: SourcePlace
    let value: YAMLNode
}
