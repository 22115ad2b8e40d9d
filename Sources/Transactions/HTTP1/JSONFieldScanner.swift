// Hot path: allocates nothing; reads a body in any pieces.

/// Finds one scalar in a JSON object by its path of keys, in a body that comes in pieces.
///
/// It stops at the first match: of a key that stands twice, the first counts. Escapes in keys and in
/// the value are replaced by what they stand for; where one stands for nothing, in the value or in a
/// key that is the path's up to there, the field cannot be read. In an array a number in the path is
/// that of an element, from 0; other parts of a path lead into objects alone. It checks no more of
/// the grammar than it needs to find its way: of objects and arrays that the path does not lead into,
/// no more than where they end. What is no JSON has no fields; a byte order mark of UTF-8 before it
/// is passed over.
struct JSONFieldScanner {
    /// Containers inside one another at most; deeper bodies are not read further.
    static let maximumDepth: Int32 = 64

    enum Phase: UInt8 {
        case start, key, inKey, colon, value, inString, inWord, comma, captureString, captureWord
        /// In an object or array that the path does not lead into, and in a string of it.
        case skipping, skippingString
        case found, absent
        /// Nested too deeply, in UTF-16, an escape that stands for nothing, or asked for when part of
        /// the body had passed.
        case unreadable
    }

    /// The path's keys, each ended by a zero byte, behind one another.
    private var path: UnsafePointer<UInt8>
    private var component: UnsafePointer<UInt8>
    private var keyPosition: UnsafePointer<UInt8>
    private(set) var phase = Phase.start
    private var escape = JSONEscape()
    private var keyMatches = false
    private var isWanted = false
    /// The path led into an array, and elements of it stand before the one that it names.
    private var isInArray = false
    private var elementsBefore: UInt16 = 0
    /// Containers of the path that are open, the outermost not counted.
    private var matched: Int32 = 0
    /// Containers that are open and being passed over.
    private var skipped: Int32 = 0
    private(set) var text = FieldText()

    init(path: UnsafePointer<UInt8>) {
        self.path = path
        component = path
        keyPosition = path
    }

    var isDone: Bool {
        phase == .found || phase == .absent || phase == .unreadable
    }

    mutating func makeUnreadable() { phase = .unreadable }

    /// The same scanner with its path at another place.
    func moved(to path: UnsafePointer<UInt8>) -> JSONFieldScanner {
        var scanner = self
        scanner.component = path + (component - self.path)
        scanner.keyPosition = path + (keyPosition - self.path)
        scanner.path = path
        return scanner
    }

    /// Makes ready for the next body. What the value held is not read again.
    mutating func restart() {
        component = path
        keyPosition = path
        phase = .start
        escape = JSONEscape()
        keyMatches = false
        isWanted = false
        isInArray = false
        matched = 0
        skipped = 0
        text.clear()
    }

    mutating func scan(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        let end = bytes.count
        var index = 0
        while index < end && !isDone {
            switch phase {
            case .inString where !escape.isOpen:
                index = endOfText(start, from: index, to: end)
            case .inKey where !escape.isOpen:
                let text = index
                index = endOfText(start, from: index, to: end)
                matchKey(UnsafeRawBufferPointer(start: start + text, count: index - text))
            case .captureString where !escape.isOpen:
                let text = index
                index = endOfText(start, from: index, to: end)
                append(UnsafeRawBufferPointer(start: start + text, count: index - text))
            case .skipping, .skippingString:
                index = skip(start, from: index, to: end)
                continue
            default: break
            }
            guard index < end else { return }
            step(start.load(fromByteOffset: index, as: UInt8.self))
            index += 1
        }
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

    /// Passes over the container that is open, 64 bytes at a time. Returns the index behind what
    /// was read of it.
    private mutating func skip(_ start: UnsafeRawPointer, from first: Int, to end: Int) -> Int {
        var index = first
        while index < end {
            let escapes = mask(start, at: index, end: end, of: 0x5c)
            guard escapes == 0 && !escape.isOpen else {
                let next = skipBytes(start, from: index, to: min(end, index + 64))
                guard phase == .skipping || phase == .skippingString else { return next }
                index = next
                continue
            }
            // Each quote turns all that follows it: a bit is set inside a string.
            var inside = mask(start, at: index, end: end, of: 0x22)
            inside ^= inside << 1
            inside ^= inside << 2
            inside ^= inside << 4
            inside ^= inside << 8
            inside ^= inside << 16
            inside ^= inside << 32
            if phase == .skippingString { inside = ~inside }
            let opening = mask(start, at: index, end: end, of: 0x7b, folding: 0x20) & ~inside
            var brackets =
                mask(start, at: index, end: end, of: 0x7d, folding: 0x20) & ~inside | opening
            while brackets != 0 {
                let bracket = brackets & ~(brackets &- 1)
                brackets ^= bracket
                skipped += opening & bracket != 0 ? 1 : -1
                guard skipped > 0, skipped + matched < Self.maximumDepth else {
                    phase = skipped > 0 ? .unreadable : .comma
                    return index + bracket.trailingZeroBitCount + 1
                }
            }
            phase = inside >> 63 == 0 ? .skipping : .skippingString
            index += 64
        }
        return end
    }

    /// The same, byte by byte, where some are escaped.
    private mutating func skipBytes(
        _ start: UnsafeRawPointer, from first: Int, to end: Int
    ) -> Int {
        var index = first
        while index < end {
            let byte = start.load(fromByteOffset: index, as: UInt8.self)
            index += 1
            if phase == .skippingString {
                if escape.isOpen {
                    escape.close()
                } else if byte == 0x5c {
                    escape.pass()
                } else if byte == 0x22 {
                    phase = .skipping
                }
                continue
            }
            switch byte {
            case 0x22: phase = .skippingString
            case 0x7b, 0x5b:
                skipped += 1
                if skipped + matched >= Self.maximumDepth { phase = .unreadable }
            case 0x7d, 0x5d:
                skipped -= 1
                if skipped == 0 { phase = .comma }
            default: break
            }
            guard phase == .skipping || phase == .skippingString else { break }
        }
        return index
    }

    private mutating func matchKey(_ text: UnsafeRawBufferPointer) {
        guard keyMatches else { return }
        for byte in text {
            // A zero byte ends the component.
            keyMatches = keyPosition.pointee == byte && byte != 0
            guard keyMatches else { return }
            keyPosition += 1
        }
    }

    private mutating func append(_ text: UnsafeRawBufferPointer) {
        for byte in text {
            guard !self.text.isFull else { return }
            append(byte)
        }
    }

    private mutating func step(_ byte: UInt8) {
        switch phase {
        case .start: if byte == 0x7b && skipped == 0 { phase = .key } else { begin(byte) }
        case .key:
            if byte == 0x22 {
                phase = .inKey
                keyMatches = true
                keyPosition = component
            } else if byte == 0 {
                phase = .unreadable
            } else if !byte.isJSONSpace && byte != 0x2c {
                end()
            }
        case .inKey: key(byte)
        case .colon: if byte == 0x3a { phase = .value } else if !byte.isJSONSpace { end() }
        case .value: if !byte.isJSONSpace { beginValue(byte) }
        case .inString: string(byte)
        case .inWord: if byte.endsJSONWord { afterWord(byte) }
        case .comma: afterValue(byte)
        case .captureString: captureString(byte)
        case .captureWord: byte.endsJSONWord ? found() : append(byte)
        case .skipping, .skippingString, .found, .absent, .unreadable: break
        }
    }

    /// The first byte, but for a byte order mark: that of UTF-8 is counted in `skipped`.
    @inline(never)
    private mutating func begin(_ byte: UInt8) {
        switch (skipped, byte) {
        case (0, 0xef), (1, 0xbb): skipped += 1
        case (2, 0xbf): skipped = 0
        case (0, 0x5b): if !enterArray(at: path) { end() }
        case (0, 0), (0, 0xfe), (0, 0xff): phase = .unreadable
        case (0, _) where byte.isJSONSpace: break
        default: end()
        }
    }

    private mutating func key(_ byte: UInt8) {
        if escape.isOpen {
            if keyMatches { takeEscaped(byte) } else { escape.close() }
        } else if byte == 0x5c {
            if keyMatches { escape.open() } else { escape.pass() }
        } else if byte == 0x22 {
            isWanted = keyMatches && keyPosition.pointee == 0
            phase = .colon
        }
    }

    private mutating func beginValue(_ byte: UInt8) {
        let wanted = isWanted
        isWanted = false
        let isLast = wanted && (keyPosition + 1).pointee == 0
        switch byte {
        case 0x7b, 0x5b:
            if wanted && isLast { return end() }
            if wanted && enter(byte) {
                matched += 1
            } else {
                skipped = 1
                phase = .skipping
            }
        case 0x22: phase = isLast ? .captureString : .inString
        case 0x5d, 0x7d, 0x2c: end()
        default:
            phase = isLast ? .captureWord : .inWord
            if isLast { append(byte) }
        }
    }

    /// Goes on in the container that the path leads into; false where it does not.
    private mutating func enter(_ byte: UInt8) -> Bool {
        guard byte == 0x7b else { return enterArray(at: keyPosition + 1) }
        component = keyPosition + 1
        isInArray = false
        phase = .key
        return true
    }

    private mutating func enterArray(at number: UnsafePointer<UInt8>) -> Bool {
        var end = number
        var value = 0
        while end.pointee &- 0x30 < 10, value <= UInt16.max {
            value = value * 10 + Int(end.pointee &- 0x30)
            end += 1
        }
        guard end > number, end.pointee == 0, let before = UInt16(exactly: value) else {
            return false
        }
        component = number
        keyPosition = end
        isInArray = true
        elementsBefore = before
        isWanted = before == 0
        phase = .value
        return true
    }

    private mutating func afterWord(_ byte: UInt8) {
        phase = .comma
        afterValue(byte)
    }

    /// Where the container ends that the path led into, the field is not in it.
    private mutating func afterValue(_ byte: UInt8) {
        if byte == 0x2c {
            if isInArray { nextElement() } else { phase = .key }
        } else if !byte.isJSONSpace {
            end()
        }
    }

    private mutating func nextElement() {
        guard elementsBefore > 0 else { return end() }
        elementsBefore -= 1
        isWanted = elementsBefore == 0
        phase = .value
    }

    private mutating func string(_ byte: UInt8) {
        if escape.isOpen {
            escape.close()
        } else if byte == 0x5c {
            escape.pass()
        } else if byte == 0x22 {
            phase = .comma
        }
    }

    private mutating func captureString(_ byte: UInt8) {
        if escape.isOpen { return takeEscaped(byte) }
        switch byte {
        case 0x22: found()
        case 0x5c: escape.open()
        default: append(byte)
        }
    }

    /// A byte of an escape in the value, or in a key that is the path's up to there.
    @inline(never)
    private mutating func takeEscaped(_ byte: UInt8) {
        switch escape.take(byte) {
        case .open: break
        case .character(let character):
            for byte in UTF8.encode(character) ?? UTF8.encodedReplacementCharacter {
                if phase == .captureString {
                    append(byte)
                } else if keyMatches {
                    keyMatches = keyPosition.pointee == byte && byte != 0
                    keyPosition += keyMatches ? 1 : 0
                }
            }
        case .none: phase = .unreadable
        }
    }

    private mutating func append(_ byte: UInt8) { text.append(byte) }

    private mutating func found() { phase = .found }

    private mutating func end() { phase = .absent }
}

extension UInt8 {
    fileprivate var isJSONSpace: Bool {
        self == 0x20 || self == 0x0a || self == 0x0d || self == 0x09
    }
    fileprivate var endsJSONWord: Bool {
        self == 0x2c || self == 0x7d || self == 0x5d || isJSONSpace
    }
}
