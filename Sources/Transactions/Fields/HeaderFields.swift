// Hot path: allocates nothing.

/// Finds fields in a message's head: of each name the first.
struct HeaderFields {
    private let fields: KeptFields
    /// Found on the line before, or -1: a folded line may go on with it.
    private var current: Int32 = -1
    /// The head was read to its end.
    private(set) var isEnded = false

    init(_ fields: KeptFields) { self.fields = fields }

    /// Goes on where another is.
    mutating func goOn(from old: HeaderFields) {
        isEnded = old.isEnded
        if old.current >= 0 { current = fields.tree.field(old.current, of: old.fields.tree) }
    }

    /// Makes ready for the next message's head.
    mutating func restart() {
        current = -1
        isEnded = false
    }

    /// Takes a line of the head, without its end.
    mutating func take(_ line: Line, isCut: Bool) {
        let isFolded = line[0] == 0x20 || line[0] == 0x09
        if current >= 0 { endCurrent(isFolded: isFolded) }
        guard !isFolded else { return }
        var cursor = NameCursor(childrenOf: 0, fields.tree)
        var length = 0
        while length < line.count, line[length] != 0x3a, line[length] > 0x20 {
            let byte = line[length]
            cursor.take(byte &- 0x41 < 26 ? byte | 0x20 : byte, fields.tree)
            guard cursor.isOpen else { return }
            length &+= 1
        }
        let match = cursor.match(fields.tree)
        guard match >= 0, length > 0 else { return }
        let field = fields.tree[match].pointee.field
        guard field >= 0, fields[field] == .wanted, let (value, _) = line.value(behind: length)
        else { return }
        let text = fields.text(field)
        text.clear()
        text.append(value)
        // A line that follows tells whether that is all of it.
        fields[field] = .unreadable
        if !isCut || text.count > FieldText.maximum { current = field }
    }

    /// The head ends.
    mutating func finish() {
        if current >= 0 { endCurrent(isFolded: false) }
        isEnded = true
    }

    private mutating func endCurrent(isFolded: Bool) {
        fields[current] = isFolded ? .unreadable : .found
        current = -1
    }
}
