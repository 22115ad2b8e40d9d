// Hot path: allocates nothing; reads a body in any pieces.
import Glibc

/// Finds fields in a form, in a body that comes in pieces: of each name the first.
///
/// A field without `=` has an empty value. A `%` that two hexadecimal digits do not follow stands
/// for itself.
///
/// Source: WHATWG URL, 5.1 (application/x-www-form-urlencoded parsing).
struct FormFields {
    private enum Phase: UInt8 {
        case name, value
        /// In the value of a field that is not looked for.
        case otherValue
    }

    private let fields: KeptFields
    /// Fields that are still wanted.
    private var remaining: Int32 = 0
    private var phase = Phase.name
    private var cursor = NameCursor()
    /// The field whose value is read, or -1.
    private var captured: Int32 = -1
    /// Whether the field has a byte.
    private var isBegun = false
    /// Bytes of an escape that were read, its `%` included.
    private var escaped: UInt8 = 0
    private var digit: UInt8 = 0

    init(_ fields: KeptFields) { self.fields = fields }

    /// Goes on where another is.
    mutating func goOn(from old: FormFields) {
        (phase, isBegun, escaped, digit) = (old.phase, old.isBegun, old.escaped, old.digit)
        remaining = fields.wanted
        cursor = old.cursor.moved(from: old.fields.tree, to: 0, fields.tree)
        if old.captured >= 0 {
            captured = fields.tree.field(old.captured, of: old.fields.tree)
            if captured < 0 { phase = .otherValue }
        }
    }

    /// Makes ready for the next body.
    mutating func restart() {
        remaining = fields.all
        beginField()
    }

    /// True when no field is left to be found.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return remaining == 0 }
        var index = 0
        while index < bytes.count && remaining > 0 {
            // Nothing is looked for up to the field's end.
            if phase == .otherValue || phase == .name && !cursor.isOpen {
                guard let end = memchr(start + index, 0x26, bytes.count - index) else {
                    return false
                }
                index = UnsafeRawPointer(end) - start
            }
            step(bytes[index])
            index += 1
        }
        return remaining == 0
    }

    /// The body ends.
    mutating func finish() {
        if remaining > 0 { endField() }
    }

    private mutating func beginField() {
        phase = .name
        cursor = NameCursor(childrenOf: 0, fields.tree)
        captured = -1
        isBegun = false
        escaped = 0
    }

    private mutating func endField() {
        endEscape()
        if phase == .name && isBegun { beginValue() }
        if captured >= 0 {
            fields[captured] = .found
            remaining -= 1
        }
        beginField()
    }

    /// The name has ended.
    private mutating func beginValue() {
        let match = cursor.match(fields.tree)
        captured = match < 0 ? -1 : fields.tree[match].pointee.field
        if captured >= 0 && fields[captured] != .wanted { captured = -1 }
        if captured >= 0 { fields.text(captured).clear() }
        phase = captured >= 0 ? .value : .otherValue
    }

    private mutating func step(_ byte: UInt8) {
        if byte == 0x26 { return endField() }
        isBegun = true
        if byte == 0x3d && phase == .name {
            endEscape()
            return beginValue()
        }
        if escaped > 0, let half = byte.hexDigit {
            if escaped == 2 {
                escaped = 0
                return take((digit.hexDigit ?? 0) << 4 | half)
            }
            escaped = 2
            digit = byte
            return
        }
        endEscape()
        if byte == 0x25 { escaped = 1 } else { take(byte == 0x2b ? 0x20 : byte) }
    }

    /// What began as an escape is none.
    private mutating func endEscape() {
        let count = escaped
        escaped = 0
        if count > 0 { take(0x25) }
        if count > 1 { take(digit) }
    }

    private mutating func take(_ byte: UInt8) {
        switch phase {
        case .value: fields.text(captured).append(byte)
        case .name: cursor.take(byte, fields.tree)
        case .otherValue: break
        }
    }
}
