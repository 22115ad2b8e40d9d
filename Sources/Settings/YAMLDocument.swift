/// A YAML document in flat tables, with what is found to be wrong in it.
///
/// A row for each value and each key, in the order of the file, and each different text once: a
/// file with thousands of rules is hundreds of thousands of values, which as objects would cost more
/// to make and to free than all that is done with them.
final class YAMLDocument {
    struct Row: BitwiseCopyable {
        enum Kind: UInt8 {
            case plain, quoted, sequence, mapping
        }

        let line: Int32
        /// The column and, in the lowest two bits, the kind: there may be hundreds of thousands.
        private let columnAndKind: Int32
        /// Of a scalar the number of its text, of a list or mapping that of its elements or entries.
        var value: Int32
        /// The row behind the last one that belongs to the value.
        var end: Int32

        init(kind: Kind, line: Int32, column: Int32, value: Int32, end: Int32) {
            self.line = line
            columnAndKind = column << 2 | Int32(kind.rawValue)
            self.value = value
            self.end = end
        }

        var kind: Kind { Kind(rawValue: UInt8(columnAndKind & 3)) ?? .plain }
        var place: SourcePlace { SourcePlace(line: Int(line), column: Int(columnAndKind >> 2)) }
    }

    private let rows: [Row]
    let texts: [String]
    let findings: Findings

    init(_ rows: [Row], texts: [String], findings: Findings) {
        self.rows = rows
        self.texts = texts
        self.findings = findings
    }

    var root: YAMLNode { YAMLNode(document: self, index: 0) }

    subscript(index: Int) -> Row { rows[index] }

    /// The key of a mapping's value.
    func key(ofValue index: Int) -> String { texts[Int(rows[index - 1].value)] }
}

/// A value without its place: equal where the file says the same.
struct YAMLMeaning: Hashable {
    private let node: YAMLNode

    init(_ node: YAMLNode) { self.node = node }

    private var rows: Range<Int> { node.index..<Int(node.document[node.index].end) }

    static func == (a: Self, b: Self) -> Bool {
        let (aRows, bRows) = (a.rows, b.rows)
        guard a.node.document === b.node.document, aRows.count == bRows.count else { return false }
        return zip(aRows, bRows).allSatisfy { a.said($0) == b.said($1) }
    }

    func hash(into hasher: inout Hasher) {
        var hash: UInt64 = 0
        for row in rows {
            hash = (hash ^ said(row)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        hasher.combine(hash)
    }

    /// What a row says: texts are numbered, and the lengths of lists and mappings tell where they end.
    private func said(_ row: Int) -> UInt64 {
        let row = node.document[row]
        return UInt64(row.kind.rawValue) << 32 | UInt64(UInt32(bitPattern: row.value))
    }
}
