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
struct YAMLNode {
    enum Content {
        /// Text, and whether it was written in quotes or as a block (`|`, `>`).
        case scalar(String, isQuoted: Bool)
        /// The entries in the order of the file; no key occurs twice.
        case mapping(YAMLEntries)
        case sequence(YAMLElements)
    }

    let document: YAMLDocument
    /// Its row.
    let index: Int

    var place: SourcePlace { document[index].place }

    var content: Content {
        let row = document[index]
        return switch row.kind {
        case .plain: .scalar(document.texts[Int(row.value)], isQuoted: false)
        case .quoted: .scalar(document.texts[Int(row.value)], isQuoted: true)
        case .mapping: .mapping(YAMLEntries(document: document, node: index))
        case .sequence: .sequence(YAMLElements(document: document, first: index + 1, row.value))
        }
    }

    /// Of a scalar the number of its text, which the document's other scalars with this text have too.
    var textNumber: Int32 { document[index].value }

    /// The keys and numbers on the way to the value from the top, as messages name it:
    /// `services[0].ports`. Of a key, those of its mapping.
    var path: String {
        var parts: [String] = []
        var row = 0
        while row != index {
            let isList = document[row].kind == .sequence
            var position = 0
            row += 1
            while document[row].end <= index {
                row = Int(document[row].end)
                position += 1
            }
            if isList {
                parts.append("[\(position)]")
            } else if position % 2 == 1 {
                parts.append(".\(document.key(ofValue: row).quotable)")
            }
        }
        return String(parts.joined().drop { $0 == "." })
    }
}

/// The values of a list, in the order of the file.
struct YAMLElements: Sequence, IteratorProtocol {
    private let document: YAMLDocument
    private var row: Int
    /// How many are left.
    private(set) var count: Int

    init(document: YAMLDocument, first: Int, _ count: Int32) {
        self.document = document
        row = first
        self.count = Int(count)
    }

    var underestimatedCount: Int { count }

    mutating func next() -> YAMLNode? {
        guard count > 0 else { return nil }
        count -= 1
        let node = YAMLNode(document: document, index: row)
        row = Int(document[row].end)
        return node
    }
}

/// One `key: value` of a mapping.
struct YAMLEntry {
    let document: YAMLDocument
    /// The row of the key; the value's is the next.
    let index: Int

    var key: String { document.texts[Int(document[index].value)] }
    var place: SourcePlace { document[index].place }
    var value: YAMLNode { YAMLNode(document: document, index: index + 1) }
}

/// The entries of a mapping, in the order of the file.
struct YAMLEntries: Sequence {
    let document: YAMLDocument
    /// The mapping's row.
    let node: Int

    var count: Int { Int(document[node].value) }
    var underestimatedCount: Int { count }

    func makeIterator() -> Iterator {
        Iterator(document: document, row: node + 1, count: count)
    }

    struct Iterator: IteratorProtocol {
        fileprivate let document: YAMLDocument
        fileprivate var row: Int
        fileprivate var count: Int

        mutating func next() -> YAMLEntry? {
            guard count > 0 else { return nil }
            count -= 1
            let entry = YAMLEntry(document: document, index: row)
            row = Int(document[row + 1].end)
            return entry
        }
    }

}
