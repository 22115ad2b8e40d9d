// Hot path: allocates nothing; reads a body in any pieces.
import Glibc

/// Finds the texts of XML elements by their paths of local names from the root, in a body that comes
/// in pieces, which is read once for all of them: of the first element at a path, what stands before
/// the first element in it, without white space around it.
///
/// Names count without their prefixes. References to characters and the five predefined entities are
/// replaced; a field with any other cannot be read, for entities are not expanded. Line ends, and a
/// `&` that begins no reference, are kept as written. Bytes are those of the document, in whatever
/// encoding that has ASCII in it. It checks no more of the grammar than it needs to find its way: the
/// names of end tags and what stands in tags are passed over. What is no XML has no fields.
///
/// Source: XML 1.0, 2 and 4.
struct XMLFields {
    /// Elements inside one another at most; deeper bodies are not read further.
    static let maximumDepth: UInt8 = 64
    /// Bytes of a document type declaration at most; a body with a longer one is not read further.
    static let maximumDoctype: UInt16 = 4096

    enum Phase: UInt8 {
        /// At the first bytes, which may be a byte order mark.
        case start
        case text
        /// Behind `<`, and behind `<!` as far as that tells what begins.
        case markup, keyword
        case name, tag, slash, endTag, quoted
        case comment, instruction, section
        case doctype, subset, declaration
    }

    private enum Keyword: UInt8 {
        case comment, section, doctype

        var text: StaticString {
            switch self {
            case .comment: "--"
            case .section: "[CDATA["
            case .doctype: "DOCTYPE"
            }
        }
    }

    private let fields: KeptFields
    /// Fields that are still wanted: where there are none, nothing is read any more.
    private var remaining: Int32 = 0
    private(set) var phase = Phase.start
    /// Where a quoted string stands.
    private var around = Phase.tag
    private var quote: UInt8 = 0
    private var keyword = Keyword.comment
    /// Bytes read of what ends the part that is being read, or of what begins it.
    private var run: UInt8 = 0
    private var isInDoctype = false
    private var isInSubset = false
    /// Elements that are open, and how many of them from the root are a path's: `node` is the
    /// innermost of these.
    private var depth: UInt8 = 0
    private var matched: UInt8 = 0
    private var node: Int32 = 0
    private var cursor = NameCursor()
    private var hasName = false
    private var doctypeLength: UInt16 = 0
    private var reference = XMLReference()
    /// The field of the element that is read, or -1.
    private var captured: Int32 = -1
    /// The value's length without white space at its end.
    private var textEnd = 0

    init(_ fields: KeptFields) { self.fields = fields }

    private var tree: FieldTree { fields.tree }
    private var isInside: Bool { captured >= 0 }

    /// Makes ready for the next body.
    mutating func restart() {
        self = XMLFields(fields)
        remaining = fields.all
    }

    /// Goes on where another is, with other fields.
    mutating func goOn(from old: XMLFields) {
        let fields = fields
        self = XMLFields(fields, from: old)
        remaining = fields.wanted
        // The innermost element that paths lead to here too.
        var last = old.node
        while true {
            if let same = old.tree.counterpart(of: last, in: tree) {
                node = same
                break
            }
            last = old.tree[last].pointee.parent
            matched -= 1
        }
        cursor =
            matched == old.matched
            ? old.cursor.moved(from: old.tree, to: node, tree) : NameCursor()
        captured = old.captured < 0 ? -1 : tree.field(old.captured, of: old.tree)
        if isInside && fields[captured] != .wanted { captured = -1 }
        if !isInside { reference.close() }
    }

    private init(_ fields: KeptFields, from old: XMLFields) {
        self.fields = fields
        (phase, around, quote, keyword, run) = (
            old.phase, old.around, old.quote, old.keyword, old.run
        )
        (isInDoctype, isInSubset, doctypeLength) = (
            old.isInDoctype, old.isInSubset, old.doctypeLength
        )
        (depth, matched, hasName) = (old.depth, old.matched, old.hasName)
        (reference, textEnd) = (old.reference, old.textEnd)
    }

    /// True when no field is left to be found.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return remaining == 0 }
        var index = 0
        while index < bytes.count && remaining > 0 {
            // Long texts that nothing is looked for in.
            if phase == .text && depth > 0 && !isInside || phase == .quoted && !isInDoctype {
                let end = phase == .text ? 0x3c : Int32(quote)
                guard let next = memchr(start + index, end, bytes.count - index) else {
                    return false
                }
                index = UnsafeRawPointer(next) - start
            }
            step(bytes[index])
            index += 1
        }
        return remaining == 0
    }

    /// What became of all fields that are still wanted: nothing is read any more.
    private mutating func settle(_ status: FieldStatus) {
        remaining -= fields.settle(fields.range(0), as: status)
    }

    /// What became of the field that is read.
    private mutating func settleCaptured(_ status: FieldStatus) {
        fields[captured] = status
        captured = -1
        remaining -= 1
        reference.close()
    }

    private mutating func step(_ byte: UInt8) {
        if isInDoctype {
            doctypeLength += 1
            guard doctypeLength <= Self.maximumDoctype else { return settle(.unreadable) }
        }
        switch phase {
        case .start: begin(byte)
        case .text: content(byte)
        case .markup: markup(byte)
        case .keyword: takeKeyword(byte)
        case .name: takeName(byte)
        case .tag: takeTag(byte)
        case .slash: if byte == 0x3e { endEmpty() } else { tag(byte) }
        case .endTag: if byte == 0x3e { leave() } else if byte == 0x3c { settle(.absent) }
        case .quoted: if byte == quote { phase = around }
        case .comment, .instruction, .section: part(byte)
        case .doctype, .subset, .declaration: doctype(byte)
        }
    }

    // MARK: Text

    /// The byte order mark of UTF-8 is passed over; those of UTF-16, and `<` in it, are known.
    private mutating func begin(_ byte: UInt8) {
        switch (run, byte) {
        case (0, 0xef), (1, 0xbb): run += 1
        case (2, 0xbf): phase = .text
        case (0, 0xfe): run = 3
        case (0, 0xff): run = 4
        case (0, 0): run = 5
        case (3, 0xff), (4, 0xfe), (5, 0x3c): settle(.unreadable)
        case (0, _):
            phase = .text
            content(byte)
        default: settle(.absent)
        }
    }

    private mutating func content(_ byte: UInt8) {
        if byte == 0x3c {
            if isInside { endReference(isWhole: false) }
            phase = .markup
        } else if isInside {
            takeText(byte)
        } else if depth == 0 && !byte.isXMLSpace {
            settle(.absent)
        }
    }

    private mutating func takeText(_ byte: UInt8) {
        if reference.isOpen {
            if byte == 0x3b { return endReference(isWhole: true) }
            if reference.take(byte) { return }
            endReference(isWhole: false)
            guard isInside else { return }
        }
        if byte == 0x26 { reference.open() } else { append(byte) }
    }

    private mutating func append(_ byte: UInt8) {
        let isSpace = byte.isXMLSpace
        let text = fields.text(captured)
        if isSpace && text.count == 0 { return }
        text.append(byte)
        if !isSpace { textEnd = text.count }
    }

    /// Replaces the reference that was read. Where it is none, its `&` is kept as written.
    private mutating func endReference(isWhole: Bool) {
        guard reference.isOpen else { return }
        if isWhole, let character = reference.character {
            UTF8.encode(character).map { for byte in $0 { append(byte) } }
        } else if reference.count > 0 {
            return settleCaptured(.unreadable)
        } else {
            append(0x26)
            if isWhole { append(0x3b) }
        }
        reference.close()
    }

    // MARK: Tags

    private mutating func markup(_ byte: UInt8) {
        switch byte {
        case 0x21:
            phase = .keyword
            run = 0
        case 0x3f:
            phase = .instruction
            run = 0
        case _ where isInSubset: settle(.absent)
        case 0 where depth == 0: settle(.unreadable)
        case 0x2f where depth > 0:
            if isInside { find() }
            phase = .endTag
        case _ where !byte.beginsXMLName: settle(.absent)
        default:
            if isInside { find() }
            beginName()
            takeName(byte)
        }
    }

    private mutating func find() {
        fields.text(captured).cut(to: textEnd)
        settleCaptured(.found)
    }

    private mutating func beginName() {
        phase = .name
        hasName = false
        cursor = matched == depth ? NameCursor(childrenOf: node, tree) : NameCursor()
    }

    private mutating func takeName(_ byte: UInt8) {
        switch byte {
        case 0x3a: beginName()
        case 0x3e, 0x2f, 0x20, 0x09, 0x0a, 0x0d:
            guard depth < Self.maximumDepth else { return settle(.unreadable) }
            depth += 1
            let match = hasName ? cursor.match(tree) : -1
            if match >= 0 { enter(match) }
            tag(byte)
        case 0x3c: settle(.absent)
        default:
            hasName = true
            cursor.take(byte, tree)
        }
    }

    private mutating func enter(_ element: Int32) {
        matched += 1
        node = element
        let field = tree[element].pointee.field
        guard field >= 0, fields[field] == .wanted else { return }
        captured = field
        fields.text(field).clear()
        textEnd = 0
    }

    private mutating func tag(_ byte: UInt8) {
        phase = .tag
        takeTag(byte)
    }

    private mutating func takeTag(_ byte: UInt8) {
        switch byte {
        case 0x22, 0x27: openQuote(byte)
        case 0x3e: phase = .text
        case 0x2f: phase = .slash
        case 0x3c: settle(.absent)
        default: break
        }
    }

    private mutating func openQuote(_ byte: UInt8) {
        around = phase
        quote = byte
        phase = .quoted
    }

    private mutating func endEmpty() {
        if isInside { find() }
        leave()
    }

    /// An element ends; with the root, the document.
    private mutating func leave() {
        depth -= 1
        guard depth > 0 else { return settle(.absent) }
        phase = .text
        guard matched > depth else { return }
        matched = depth
        node = tree[node].pointee.parent
    }

    // MARK: Other parts

    private mutating func takeKeyword(_ byte: UInt8) {
        if run == 0 {
            switch byte {
            case 0x2d: keyword = .comment
            case _ where isInSubset:
                phase = .declaration
                return doctype(byte)
            case 0x5b where depth > 0: keyword = .section
            case 0x44 where depth == 0: keyword = .doctype
            default: return settle(.absent)
            }
        }
        guard byte == keyword.text.utf8Start[Int(run)] else { return settle(.absent) }
        run += 1
        guard run == keyword.text.utf8CodeUnitCount else { return }
        run = 0
        switch keyword {
        case .comment: phase = .comment
        case .section: phase = .section
        case .doctype:
            phase = .doctype
            isInDoctype = true
        }
    }

    /// A comment, an instruction or a section of character data, up to its end.
    private mutating func part(_ byte: UInt8) {
        let (last, count): (UInt8, UInt8) =
            switch phase {
            case .comment: (0x2d, 2)
            case .section: (0x5d, 2)
            default: (0x3f, 1)
            }
        if byte == 0x3e && run == count {
            phase = isInSubset ? .subset : .text
        } else if byte == last {
            if run < count { run += 1 } else if phase == .section && isInside { append(byte) }
        } else {
            if phase == .section && isInside {
                for _ in 0..<run { append(last) }
                append(byte)
            }
            run = 0
        }
    }

    /// A document type declaration, or what is declared in it.
    private mutating func doctype(_ byte: UInt8) {
        switch (phase, byte) {
        case (.subset, 0x3c): phase = .markup
        case (.subset, 0x5d):
            isInSubset = false
            phase = .doctype
        case (.subset, _): break
        case (_, 0x22), (_, 0x27): openQuote(byte)
        case (.declaration, 0x3e): phase = .subset
        case (.doctype, 0x3e):
            isInDoctype = false
            phase = .text
        case (.doctype, 0x5b):
            isInSubset = true
            phase = .subset
        default: break
        }
    }
}
