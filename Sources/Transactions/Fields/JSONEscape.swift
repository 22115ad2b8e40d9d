// Hot path: plain values.

/// An escape in a JSON string, while it is read: what stands behind a backslash, and behind the
/// first half of a character that is written as two.
///
/// Source: RFC 8259, 7.
struct JSONEscape {
    /// What the bytes of an escape have come to.
    enum Meaning {
        case open
        case character(Unicode.Scalar)
        /// It stands for nothing: no such escape, or half a character alone.
        case none
    }

    private enum Phase: UInt8 {
        case closed
        /// A byte that is passed over, whatever it means.
        case passed
        case letter
        case digits
        /// Behind the first half of a character.
        case backslash, mark
    }

    private var phase = Phase.closed
    private var digits: UInt8 = 0
    private var unit: UInt16 = 0
    /// The first half of a character, or 0.
    private var half: UInt16 = 0

    var isOpen: Bool { phase != .closed }

    /// A backslash was read.
    mutating func open() { phase = .letter }

    /// A backslash was read where nothing is looked for.
    mutating func pass() { phase = .passed }

    /// Whether the next byte is the one behind a backslash.
    var isBehindBackslash: Bool { phase == .letter || phase == .mark || phase == .passed }

    /// What is read is looked for no more: of an escape only the byte behind a backslash is passed.
    mutating func endWhereNothingIsWanted() {
        let isBehindBackslash = isBehindBackslash
        self = JSONEscape()
        if isBehindBackslash { pass() }
    }

    /// What was to be passed over was read.
    mutating func close() { phase = .closed }

    /// Takes the next byte. Behind `none` nothing more is taken.
    mutating func take(_ byte: UInt8) -> Meaning {
        switch phase {
        case .letter: return letter(byte)
        case .digits:
            guard let digit = byte.hexDigit else { return .none }
            unit = unit << 4 | UInt16(digit)
            digits += 1
            return digits < 4 ? .open : endUnit()
        case .backslash:
            guard byte == 0x5c else { return .none }
            phase = .mark
            return .open
        case .mark:
            guard byte == 0x75 else { return .none }
            beginUnit()
            return .open
        case .closed, .passed: return .none
        }
    }

    private mutating func letter(_ byte: UInt8) -> Meaning {
        let meaning: UInt8
        switch byte {
        case 0x75:
            beginUnit()
            return .open
        case 0x22, 0x5c, 0x2f: meaning = byte
        case 0x62: meaning = 0x08
        case 0x66: meaning = 0x0c
        case 0x6e: meaning = 0x0a
        case 0x72: meaning = 0x0d
        case 0x74: meaning = 0x09
        default: return .none
        }
        phase = .closed
        return .character(Unicode.Scalar(meaning))
    }

    private mutating func beginUnit() {
        phase = .digits
        digits = 0
        unit = 0
    }

    private mutating func endUnit() -> Meaning {
        if half != 0 {
            guard (0xdc00...0xdfff).contains(unit),
                let scalar = Unicode.Scalar(
                    0x10000 + UInt32(half - 0xd800) << 10 + UInt32(unit - 0xdc00))
            else { return .none }
            half = 0
            phase = .closed
            return .character(scalar)
        }
        if (0xd800...0xdbff).contains(unit) {
            half = unit
            phase = .backslash
            return .open
        }
        guard let scalar = Unicode.Scalar(unit) else { return .none }
        phase = .closed
        return .character(scalar)
    }
}
