// Hot path: allocates nothing.
import Glibc

/// The header fields that decide how a message's body is framed and coded.
extension TransactionEngine {
    /// Takes the whole lines at the start of `bytes` as far as they are headers that end within
    /// them. Returns how many bytes that were: the lines left are an empty one, one that does not
    /// end, or one too long.
    func takeHeaders(_ half: UnsafeMutablePointer<Half>, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        let most = min(
            bytes.count, Int(MessageParser.maximumHead) - Int(half.pointee.parser.headLength))
        var used = 0
        while used < most, let end = memchr(start + used, 0x0a, most - used) {
            let line = start + used
            let length = UnsafeRawPointer(end) - line
            let first = line.load(as: UInt8.self)
            if length <= 1, length == 0 || first == 0x0d { break }
            used += length + 1
            // Most lines are neither a field that is looked for nor folded.
            switch first {
            case 0x43, 0x54, 0x63, 0x74, 0x20, 0x09:
                let isEnded = line.load(fromByteOffset: length - 1, as: UInt8.self) == 0x0d
                takeHeader(half, Line(start: line, count: isEnded ? length - 1 : length))
            default: half.pointee.parser.field = .other
            }
        }
        half.pointee.parser.headLength += UInt32(used)
        return used
    }

    /// Takes one line of a head; fields that are not needed are passed by their first bytes.
    func takeHeader(_ half: UnsafeMutablePointer<Half>, _ line: Line) {
        switch line[0] | 0x20 {
        case 0x63:
            if line.begins(with: Self.content, Self.length, at: 6), line[7] == 0x2d,
                let value = line.value(behind: 14)
            {
                half.pointee.parser.field = .contentLength
                if value.isSpaced { half.pointee.parser.suspect(.spaceBeforeColon) }
                half.pointee.parser.takeLength(value.bytes)
                return
            }
            if line.begins(with: Self.content, Self.encoding, at: 8), line[7] == 0x2d,
                let value = line.value(behind: 16)
            {
                half.pointee.parser.field = .contentCoding
                half.pointee.parser.takeCoding(value.bytes)
                return
            }
        case 0x74:
            if line.begins(with: Self.transfer, Self.encoding, at: 9), line[8] == 0x2d,
                let value = line.value(behind: 17)
            {
                half.pointee.parser.field = .transferCoding
                if value.isSpaced { half.pointee.parser.suspect(.spaceBeforeColon) }
                half.pointee.parser.takeTransferCoding(value.bytes)
                return
            }
        case 0x20, 0x29:
            guard line[0] == 0x20 || line[0] == 0x09 else { break }
            return half.pointee.parser.takeFolded(line.trimmed)
        default: break
        }
        half.pointee.parser.field = .other
    }

    /// `content-`, `transfer`, `t-length` and `encoding`, the first character in the lowest byte.
    private static var content: UInt64 { 0x2d74_6e65_746e_6f63 }
    private static var transfer: UInt64 { 0x7265_6673_6e61_7274 }
    private static var length: UInt64 { 0x6874_676e_656c_2d74 }
    private static var encoding: UInt64 { 0x676e_6964_6f63_6e65 }
}

extension MessageParser {
    fileprivate mutating func takeLength(_ value: UnsafeRawBufferPointer) {
        if value.isEmpty {
            if length == .none { length = .empty }
            return
        }
        guard let parsed = Transactions.contentLength(value),
            length != .known || contentLength == parsed.length
        else {
            length = .unknown
            return
        }
        if length == .known || parsed.isRepeated { suspect(.repeatedLength) }
        if parsed.length >= Self.hugeLength { suspect(.hugeLength) }
        if length != .unknown { length = .known }
        contentLength = parsed.length
    }

    /// Chunked frames the body only as the last coding (RFC 9112, 6.3, 4); several lines are one
    /// list.
    fileprivate mutating func takeTransferCoding(_ value: UnsafeRawBufferPointer) {
        guard !value.isEmpty else { return }
        hasTransferCoding = true
        isChunked = endsInChunked(value)
        var others = value
        if isChunked {
            others = UnsafeRawBufferPointer(rebasing: value[..<(value.count - 7)]).trimmed
            if !others.isEmpty, others[others.count - 1] == 0x2c {
                others = UnsafeRawBufferPointer(rebasing: others[..<(others.count - 1)]).trimmed
            }
        }
        takeCoding(others)
    }

    fileprivate mutating func takeCoding(_ value: UnsafeRawBufferPointer) {
        if value.isEmpty || value.equalsIgnoringCase("identity") { return }
        guard coding == .none else {
            coding = .other
            return
        }
        if value.equalsIgnoringCase("gzip") || value.equalsIgnoringCase("x-gzip") {
            coding = .gzip
        } else {
            coding = value.equalsIgnoringCase("deflate") ? .deflate : .other
        }
    }

    /// A line that continues the field before it: as if a space stood for the line end.
    ///
    /// Source: RFC 9112, 5.2.
    fileprivate mutating func takeFolded(_ value: UnsafeRawBufferPointer) {
        suspect(.foldedHeader)
        guard !value.isEmpty else { return }
        switch field {
        case .contentLength:
            if length == .empty { takeLength(value) } else { length = .unknown }
        case .transferCoding: takeTransferCoding(value)
        case .contentCoding: takeCoding(value)
        case .other: break
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the eight bytes at the start and those at `offset` are the words in any case. A
    /// hyphen is not told from a line end's first half.
    @inline(__always)
    fileprivate func begins(with word: UInt64, _ other: UInt64, at offset: Int) -> Bool {
        count >= offset + 8 && loadUnaligned(as: UInt64.self) | Self.lowerCase == word
            && loadUnaligned(fromByteOffset: offset, as: UInt64.self) | Self.lowerCase == other
    }

    private static var lowerCase: UInt64 { 0x2020_2020_2020_2020 }

    /// Whether the bytes are those of `text` in any case; `text` is in lower case.
    fileprivate func equalsIgnoringCase(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefixIgnoringCase(text)
    }
}
