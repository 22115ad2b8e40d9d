// Hot path: allocates nothing.

/// Passing over what no path leads into.
extension JSONFields {
    /// Passes over the container that is open, 64 bytes at a time. Returns the index behind what
    /// was read of it.
    mutating func skip(_ start: UnsafeRawPointer, from first: Int, to end: Int) -> Int {
        var index = first
        while index < end {
            let escapes = mask(start, at: index, end: end, of: 0x5c)
            guard escapes == 0 && !escape.isOpen else {
                let next = skipBytes(start, from: index, to: min(end, index + 64))
                guard remaining > 0, phase == .skipping || phase == .skippingString else {
                    return next
                }
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
                if !pass(isOpening: opening & bracket != 0) {
                    return index + bracket.trailingZeroBitCount + 1
                }
            }
            phase = inside >> 63 == 0 ? .skipping : .skippingString
            index += 64
        }
        return end
    }

    /// A bracket in what is passed over; false where that ends with it, or is nested too deeply.
    private mutating func pass(isOpening: Bool) -> Bool {
        skipped += isOpening ? 1 : -1
        if skipped == 0 {
            phase = .comma
        } else if skipped + depth >= Self.maximumDepth {
            settle(.unreadable)
        }
        return skipped > 0 && remaining > 0
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
            case 0x7b, 0x5b: if !pass(isOpening: true) { return index }
            case 0x7d, 0x5d: if !pass(isOpening: false) { return index }
            default: break
            }
        }
        return index
    }
}
