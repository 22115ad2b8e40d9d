// Hot path: used on every counter read; does not allocate.

/// Reads words and numbers of a kernel text from front to back. Bytes are hostile: nothing here
/// traps, and a number that does not fit is none.
package struct ByteScanner {
    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    /// Scans the first `count` bytes of `bytes`.
    package init(_ bytes: [UInt8], count: Int) {
        self.bytes = bytes
        position = 0
        end = max(0, min(count, bytes.count))
    }

    /// Whether nothing is left to read.
    package var isAtEnd: Bool { position >= end }

    /// Skips `text` where it comes next.
    package mutating func skip(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard end - position >= length else { return false }
        let start = text.utf8Start
        for offset in 0..<length where bytes[position + offset] != start[offset] { return false }
        position += length
        return true
    }

    /// Whether what is left is shorter than `text` and begins it: it may have been cut.
    package func isPrefix(of text: StaticString) -> Bool {
        let length = end - position
        guard length < text.utf8CodeUnitCount else { return false }
        return (0..<length).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
    }

    /// The decimal number that comes next, behind spaces and tabs. `nil` where there is no digit or
    /// it exceeds 64 bits.
    package mutating func number() -> UInt64? {
        skipBlanks()
        var value: UInt64 = 0
        let start = position
        while position < end, case let digit = bytes[position] &- 0x30, digit <= 9 {
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(UInt64(digit))
            if over || carried { return nil }
            value = sum
            position += 1
        }
        return position > start ? value : nil
    }

    /// Skips spaces and tabs.
    package mutating func skipBlanks() {
        while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    }

    /// Skips one word, behind spaces and tabs; `false` at the end of the line.
    package mutating func skipWord() -> Bool {
        skipBlanks()
        let start = position
        while position < end, bytes[position] > 0x20 { position += 1 }
        return position > start
    }

    /// Goes to the next line.
    package mutating func skipLine() {
        while position < end {
            position += 1
            if bytes[position - 1] == 0x0A { return }
        }
    }

    /// Goes behind the last occurrence of `byte`; `false` where there is none.
    package mutating func skipPastLast(_ byte: UInt8) -> Bool {
        var index = end
        while index > position {
            index -= 1
            if bytes[index] == byte {
                position = index + 1
                return true
            }
        }
        return false
    }

    /// Whether only white space is left.
    package var restIsBlank: Bool {
        var index = position
        while index < end {
            let byte = bytes[index]
            if byte != 0x0A && byte != 0x20 && byte != 0x09 && byte != 0x0D { return false }
            index += 1
        }
        return true
    }
}
