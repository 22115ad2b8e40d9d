// Hot path: allocates nothing; reads a body in any pieces.
import Glibc

/// Finds one field in a form, in a body that comes in pieces: the first of its name.
///
/// A field without `=` has an empty value. A `%` that two hexadecimal digits do not follow stands
/// for itself.
///
/// Source: WHATWG URL, 5.1 (application/x-www-form-urlencoded parsing).
struct FormFieldScanner {
    enum Phase: UInt8 {
        case name, value
        /// In the value of another field.
        case otherValue
        case found
        /// Asked for when part of the body had passed.
        case unreadable
    }

    /// The name, ended by a zero byte.
    private var name: UnsafePointer<UInt8>
    private var position: UnsafePointer<UInt8>
    private(set) var phase = Phase.name
    private var nameMatches = true
    /// Whether the field has a byte.
    private var isBegun = false
    /// Bytes of an escape that were read, its `%` included.
    private var escaped: UInt8 = 0
    private var digit: UInt8 = 0
    private(set) var text = FieldText()

    init(name: UnsafePointer<UInt8>) {
        self.name = name
        position = name
    }

    var isDone: Bool { phase == .found || phase == .unreadable }

    mutating func makeUnreadable() { phase = .unreadable }

    /// The same scanner with its name at another place.
    func moved(to name: UnsafePointer<UInt8>) -> FormFieldScanner {
        var scanner = self
        scanner.position = name + (position - self.name)
        scanner.name = name
        return scanner
    }

    /// Makes ready for the next body.
    mutating func restart() {
        beginField()
        text.clear()
    }

    mutating func scan(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        var index = 0
        while index < bytes.count && !isDone {
            // Nothing is looked for up to the field's end.
            if phase == .otherValue || phase == .name && !nameMatches {
                guard let end = memchr(start + index, 0x26, bytes.count - index) else { return }
                index = UnsafeRawPointer(end) - start
            }
            step(bytes[index])
            index += 1
        }
    }

    /// The body ends.
    mutating func finish() {
        if !isDone { endField() }
    }

    private mutating func beginField() {
        phase = .name
        position = name
        nameMatches = true
        isBegun = false
        escaped = 0
    }

    private mutating func endField() {
        endEscape()
        if phase == .value || phase == .name && isBegun && isName {
            phase = .found
        } else {
            beginField()
        }
    }

    private var isName: Bool { nameMatches && position.pointee == 0 }

    private mutating func step(_ byte: UInt8) {
        if byte == 0x26 { return endField() }
        isBegun = true
        if byte == 0x3d && phase == .name {
            endEscape()
            phase = isName ? .value : .otherValue
            return
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
        if phase == .value { return text.append(byte) }
        guard phase == .name && nameMatches else { return }
        // A zero byte ends the name that is looked for.
        nameMatches = position.pointee == byte && byte != 0
        if nameMatches { position += 1 }
    }
}
