// Hot path: allocates nothing; reads a body in any pieces.
import Glibc

/// Finds scalars in a JSON object by their paths of keys, in a body that comes in pieces, which is
/// read once for all of them.
///
/// Of a key that stands twice in an object, the first counts. Escapes in keys and in values are
/// replaced by what they stand for; where one stands for nothing, in a value or in a key that is a
/// path's up to there, the field cannot be read. In an array a number in a path is that of an
/// element, from 0; other parts of a path lead into objects alone. It checks no more of the grammar
/// than it needs to find its way: of objects and arrays that no path leads into, no more than where
/// they end. What is no JSON has no fields; a byte order mark of UTF-8 before it is passed over.
///
/// Whatever else is looked for beside it, a field is found where it would be found alone: where the
/// text of an object or array is no JSON, the fields in it are absent, and it is passed over as one
/// that no path leads into.
struct JSONFields {
    /// Containers inside one another at most; deeper bodies are not read further.
    static let maximumDepth: Int32 = 64

    enum Phase: UInt8 {
        case start, key, inKey, colon, value, inString, inWord, comma, captureString, captureWord
        /// In an object or array that no path leads into, and in a string of it.
        case skipping, skippingString
    }

    let fields: KeptFields
    /// Fields that are still wanted: where there are none, nothing is read any more.
    var remaining: Int32 = 0
    var phase = Phase.start
    var escape = JSONEscape()
    /// The container that is read, or around the one that is passed over, and how many of a path
    /// are open with it, the outermost not counted.
    var node: Int32 = 0
    var depth: Int32 = 0
    /// Which of those are arrays, the outermost in the lowest bit.
    var arrays: UInt64 = 0
    /// In an array: the element that is read, and the next of its elements that a path leads to.
    var element: Int32 = 0
    var nextElement: Int32 = 0
    var cursor = NameCursor()
    /// The node that the next value is, or -1.
    var child: Int32 = -1
    /// The field that is being read, or -1.
    var captured: Int32 = -1
    /// Containers that are open and being passed over.
    var skipped: Int32 = 0

    init(_ fields: KeptFields) { self.fields = fields }

    var tree: FieldTree { fields.tree }
    var isInArray: Bool { arrays >> UInt64(depth) & 1 == 1 }

    /// Makes ready for the next body.
    mutating func restart() {
        remaining = fields.all
        phase = .start
        escape = JSONEscape()
        node = 0
        depth = 0
        arrays = 0
        child = -1
        captured = -1
        skipped = 0
    }

    /// True when no field is left to be found.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return remaining == 0 }
        let end = bytes.count
        var index = 0
        while index < end && remaining > 0 {
            switch phase {
            case .inString where !escape.isOpen:
                index = endOfText(start, from: index, to: end)
            case .inKey where !escape.isOpen:
                let text = index
                index = endOfText(start, from: index, to: end)
                cursor.take(UnsafeRawBufferPointer(start: start + text, count: index - text), tree)
            case .captureString where !escape.isOpen:
                let text = index
                index = endOfText(start, from: index, to: end)
                fields.text(captured).append(
                    UnsafeRawBufferPointer(start: start + text, count: index - text))
            case .skipping, .skippingString:
                index = skip(start, from: index, to: end)
                continue
            default: break
            }
            guard index < end else { return false }
            if step(start.load(fromByteOffset: index, as: UInt8.self)) { index += 1 }
        }
        return remaining == 0
    }

    /// The index of the next quote or backslash, or `end`: eight bytes at a time.
    ///
    /// A byte of a word is zero where its highest bit is set by taking one from it and was not set
    /// before; the lowest such bit is exact.
    private func endOfText(_ start: UnsafeRawPointer, from first: Int, to end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = first
        while index + 8 <= end {
            let word = start.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quotes = word ^ (ones &* 0x22)
            let escapes = word ^ (ones &* 0x5c)
            let zeros =
                ((quotes &- ones) & ~quotes | (escapes &- ones) & ~escapes) & (ones &* 0x80)
            if zeros != 0 { return index + zeros.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < end {
            let byte = start.load(fromByteOffset: index, as: UInt8.self)
            if byte == 0x22 || byte == 0x5c { break }
            index += 1
        }
        return index
    }

    // MARK: Steps

    /// Takes a byte; false where it is to be taken anew.
    private mutating func step(_ byte: UInt8) -> Bool {
        switch phase {
        case .start: begin(byte)
        case .key:
            if byte == 0x22 {
                phase = .inKey
                cursor = NameCursor(childrenOf: node, tree)
            } else if byte == 0 {
                return leave(.unreadable)
            } else if !byte.isJSONSpace && byte != 0x2c {
                return leave()
            }
        case .inKey: return key(byte)
        case .colon:
            if byte == 0x3a { phase = .value } else if !byte.isJSONSpace { return leave() }
        case .value: return byte.isJSONSpace || beginValue(byte)
        case .inString: string(byte)
        case .inWord, .captureWord: return word(byte)
        case .comma: return afterValue(byte)
        case .captureString: return captureString(byte)
        case .skipping, .skippingString: return false
        }
        return true
    }

    /// The first byte: but for a byte order mark, that of UTF-8 is counted in `skipped`.
    private mutating func begin(_ byte: UInt8) {
        switch (skipped, byte) {
        case (0, 0x7b): phase = .key
        case (0, 0xef), (1, 0xbb): skipped += 1
        case (2, 0xbf): skipped = 0
        case (0, 0x5b): if !enterArray(0) { settle(.absent) }
        case (0, 0), (0, 0xfe), (0, 0xff): settle(.unreadable)
        case (0, _) where byte.isJSONSpace: break
        default: settle(.absent)
        }
    }

    /// What became of all fields that are still wanted: nothing is read any more.
    mutating func settle(_ status: FieldStatus) {
        remaining -= fields.settle(fields.range(0), as: status)
    }

    private mutating func key(_ byte: UInt8) -> Bool {
        if escape.isOpen {
            guard cursor.isOpen else {
                escape.close()
                return true
            }
            return takeEscaped(byte)
        }
        if byte == 0x5c {
            if cursor.isOpen { escape.open() } else { escape.pass() }
        } else {
            let match = cursor.match(tree)
            child = match >= 0 && fields.isWanted(match) ? match : -1
            phase = .colon
        }
        return true
    }

    private mutating func beginValue(_ byte: UInt8) -> Bool {
        let child = child
        self.child = -1
        var field: Int32 = -1
        if child >= 0 {
            field = tree[child].pointee.field
            if field >= 0 && fields[field] != .wanted { field = -1 }
        }
        switch byte {
        case 0x22:
            phase = field >= 0 ? .captureString : .inString
            if field >= 0 { capture(field) }
        case 0x7b, 0x5b:
            if field >= 0 {
                fields[field] = .absent
                remaining -= 1
            }
            beginContainer(byte, child)
            return true
        case 0x5d, 0x7d, 0x2c: return leave()
        default:
            phase = field >= 0 ? .captureWord : .inWord
            if field >= 0 {
                capture(field)
                fields.text(field).append(byte)
            }
        }
        if child >= 0 { settleBelow(child) }
        return true
    }

    private mutating func capture(_ field: Int32) {
        captured = field
        fields.text(field).clear()
    }

    private mutating func found() {
        fields[captured] = .found
        captured = -1
        remaining -= 1
    }

    // MARK: Containers

    private mutating func beginContainer(_ byte: UInt8, _ child: Int32) {
        guard depth + 1 < Self.maximumDepth else { return settle(.unreadable) }
        if child >= 0 && fields.isWanted(child) {
            depth += 1
            if byte == 0x7b {
                arrays &= ~(1 << UInt64(depth))
                node = child
                phase = .key
                return
            }
            if enterArray(child) { return }
            depth -= 1
            settleAll(child, .absent)
        }
        skipped = 1
        phase = .skipping
    }

    /// Goes on in an array; false where no path leads to an element of it.
    private mutating func enterArray(_ array: Int32) -> Bool {
        let elements = tree[array].pointee.firstElement..<tree[array].pointee.endElement
        guard elements.contains(where: { fields.isWanted(tree.elements[Int($0)]) }) else {
            return false
        }
        node = array
        arrays |= 1 << UInt64(depth)
        element = 0
        nextElement = elements.lowerBound
        beginElement()
        return true
    }

    /// Whether a path leads to this element or to one behind it.
    @discardableResult
    private mutating func beginElement() -> Bool {
        phase = .value
        child = -1
        let end = tree[node].pointee.endElement
        while nextElement < end {
            let next = tree.elements[Int(nextElement)]
            if tree[next].pointee.element >= element && fields.isWanted(next) {
                if tree[next].pointee.element == element { child = next }
                return true
            }
            nextElement += 1
        }
        return false
    }

    private mutating func afterValue(_ byte: UInt8) -> Bool {
        if byte.isJSONSpace { return true }
        guard byte == 0x2c else { return leave() }
        guard isInArray else {
            phase = .key
            return true
        }
        element += 1
        return beginElement() || leave()
    }

    /// What is behind this byte is no part of the container that paths led into, be it that it ends
    /// here: the fields in it that were not found are not there. It is passed over from here on.
    private mutating func leave(_ status: FieldStatus = .absent) -> Bool {
        if depth == 0 {
            settle(status)
            return true
        }
        settleAll(node, status)
        (child, captured) = (-1, -1)
        leaveNode()
        skipped = 1
        phase = .skipping
        return false
    }

    private mutating func settleAll(_ node: Int32, _ status: FieldStatus) {
        remaining -= fields.settle(fields.range(node), as: status)
    }

    /// A scalar stands where paths lead further: the first value of a key counts, and nothing is in it.
    private mutating func settleBelow(_ node: Int32) {
        let (first, end) = (tree[node].pointee.firstChild, tree[node].pointee.endChild)
        guard first < end else { return }
        let below = tree[first].pointee.firstField..<tree[end - 1].pointee.endField
        remaining -= fields.settle(below, as: .absent)
    }

    /// Goes back to the container around.
    private mutating func leaveNode() {
        let left = tree[node]
        node = left.pointee.parent
        depth -= 1
        if isInArray {
            element = left.pointee.element
            nextElement = left.pointee.place + 1
        }
    }

    // MARK: Words and strings

    private mutating func word(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x2c, 0x7d, 0x5d, 0x20, 0x0a, 0x0d, 0x09:
            if phase == .captureWord { found() }
            phase = .comma
            return afterValue(byte)
        case 0x22, 0x7b, 0x5b: return leave()
        default:
            if phase == .captureWord { fields.text(captured).append(byte) }
            return true
        }
    }

    private mutating func string(_ byte: UInt8) {
        if escape.isOpen {
            escape.close()
        } else if byte == 0x5c {
            escape.pass()
        } else {
            phase = .comma
        }
    }

    private mutating func captureString(_ byte: UInt8) -> Bool {
        if escape.isOpen { return takeEscaped(byte) }
        if byte == 0x5c {
            escape.open()
        } else {
            found()
            phase = .comma
        }
        return true
    }

    /// A byte of an escape in a value, or in a key that is a path's up to there. One that stands for
    /// nothing is passed over as where nothing is looked for: of it no more than the byte behind a
    /// backslash.
    @inline(never)
    private mutating func takeEscaped(_ byte: UInt8) -> Bool {
        let isBehindBackslash = escape.isBehindBackslash
        switch escape.take(byte) {
        case .open: break
        case .character(let character):
            for byte in UTF8.encode(character) ?? UTF8.encodedReplacementCharacter {
                if phase == .captureString {
                    fields.text(captured).append(byte)
                } else {
                    cursor.take(byte, tree)
                }
            }
        case .none:
            escape = JSONEscape()
            if phase == .captureString {
                fields[captured] = .unreadable
                captured = -1
                remaining -= 1
                phase = .inString
            } else {
                remaining -= fields.settle(cursor.fields(tree), as: .unreadable)
                cursor.close()
            }
            return isBehindBackslash
        }
        return true
    }
}

extension UInt8 {
    fileprivate var isJSONSpace: Bool {
        self == 0x20 || self == 0x0a || self == 0x0d || self == 0x09
    }
}
