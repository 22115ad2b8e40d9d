// Hot path: allocates nothing.
import CIntrinsics

/// Passing over what no path leads into.
extension JSONFields {
    /// Passes over the container that is open, 64 bytes at a time. Returns the index behind what
    /// was read of it.
    mutating func skip(_ start: UnsafeRawPointer, from first: Int, to end: Int) -> Int {
        var index = first
        while index < end {
            if end - index >= 64 && !escape.isOpen {
                index += passPlain(start + index, end - index)
            }
            guard index < end else { break }
            let marks = jsonMarks(start, at: index, end: end)
            guard !marks.has_backslash && !escape.isOpen else {
                let next = skipBytes(start, from: index, to: min(end, index + 64))
                guard remaining > 0, phase == .skipping || phase == .skippingString else {
                    return next
                }
                index = next
                continue
            }
            // Each quote turns all that follows it: a bit is set inside a string.
            var inside = marks.quotes
            inside ^= inside << 1
            inside ^= inside << 2
            inside ^= inside << 4
            inside ^= inside << 8
            inside ^= inside << 16
            inside ^= inside << 32
            if phase == .skippingString { inside = ~inside }
            if let bracket = pass(opening: marks.opening & ~inside, marks.closing & ~inside) {
                return index + bracket + 1
            }
            phase = inside >> 63 == 0 ? .skipping : .skippingString
            index += 64
        }
        return end
    }

    /// What needs no closer look. Returns how many bytes that is.
    private mutating func passPlain(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        var isInString = phase == .skippingString
        let passed = json_pass(bytes, count, Self.maximumDepth - depth, &skipped, &isInString)
        phase = isInString ? .skippingString : .skipping
        return passed
    }

    /// The brackets in 64 bytes that are passed over: the place of the one that ends this, if one does.
    @inline(__always)
    private mutating func pass(opening: UInt64, _ closing: UInt64) -> Int? {
        var brackets = opening | closing
        guard brackets != 0 else { return nil }
        // Where no order of theirs could end it, they are only counted.
        let opened = Int32(truncatingIfNeeded: opening.nonzeroBitCount)
        let closed = Int32(truncatingIfNeeded: closing.nonzeroBitCount)
        if closed < skipped && skipped + opened + depth < Self.maximumDepth {
            skipped += opened - closed
            return nil
        }
        while brackets != 0 {
            let bracket = brackets.trailingZeroBitCount
            brackets &= brackets &- 1
            if !pass(isOpening: opening >> UInt64(bracket) & 1 == 1) { return bracket }
        }
        return nil
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
