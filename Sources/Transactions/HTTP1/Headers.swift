// Hot path: allocates nothing.
import Glibc

/// The header fields that decide how a message's body is framed and coded.
extension TransactionEngine {
    /// Takes the whole lines at the start of `bytes` as far as they end within them, up to the
    /// empty line that ends the head. Returns how many bytes that were; a line that is left does
    /// not end, or is too long.
    func takeHeaders(
        _ parser: ParserPointer, _ bytes: UnsafeRawBufferPointer
    ) -> (length: Int, isEnd: Bool) {
        guard let start = bytes.baseAddress else { return (0, false) }
        let most = min(
            bytes.count, Int(MessageParser.maximumHead) - Int(parser.pointee.headLength))
        var used = 0
        var block = 0
        var isEnd = false
        lines: while block < most {
            // Of the lowest 16 bytes, which are all that have to be looked at, most are line ends.
            var marks = mask(start, at: block, end: most, of: 0x0f, folding: 0x0f)
            while marks != 0 {
                let index = block + marks.trailingZeroBitCount
                marks &= marks &- 1
                // The second byte of a line end whose first was in the block before.
                guard index >= used else { continue }
                let isPair = index &+ 1 < most && start.isLineEnd(at: index)
                if isPair {
                    marks &= ~(1 &<< UInt64(truncatingIfNeeded: index &+ 1 &- block))
                } else if start.load(fromByteOffset: index, as: UInt8.self) != 0x0a {
                    suspect(parser, start, at: index, end: most)
                    continue
                }
                let line = Line(start: start + used, count: index &- used)
                used = index &+ (isPair ? 2 : 1)
                if line.isEmpty {
                    isEnd = true
                    break lines
                }
                // Most lines are neither a field that is looked for nor folded.
                switch line[0] {
                case 0x43, 0x54, 0x63, 0x74, 0x20, 0x09: takeHeader(parser, line)
                default: parser.pointee.field = .other
                }
            }
            block += 64
        }
        parser.pointee.headLength += UInt32(used)
        return (used, isEnd)
    }

    /// Notes a byte in a line that two readers may take for different things; a CR at the end may
    /// be the first half of a line end yet.
    ///
    /// Source: RFC 9112, 2.2; RFC 9110, 5.5.
    @inline(never)
    private func suspect(
        _ parser: ParserPointer, _ start: UnsafeRawPointer, at index: Int, end: Int
    ) {
        switch start.load(fromByteOffset: index, as: UInt8.self) {
        case 0x00: parser.pointee.suspect(.nul)
        case 0x0d where index + 1 < end: parser.pointee.suspect(.bareCR)
        default: break
        }
    }

    /// The same of a line that came in pieces.
    func suspect(_ parser: ParserPointer, in line: Line) {
        guard let start = line.baseAddress else { return }
        if memchr(start, 0x00, line.count) != nil { parser.pointee.suspect(.nul) }
        if memchr(start, 0x0d, line.count) != nil { parser.pointee.suspect(.bareCR) }
    }

    /// The same of the part of a long line that is not kept. Its last byte takes the place of the
    /// last that is: it may be the first half of the line's end.
    func suspect(
        _ parser: ParserPointer, behind spill: UnsafeMutableRawPointer, _ rest: Line
    ) {
        let last = spill + (MessageParser.maximumLine - 1)
        suspect(parser, in: Line(start: last, count: 1))
        suspect(parser, in: Line(rebasing: rest.dropLast()))
        last.storeBytes(of: rest[rest.count - 1], as: UInt8.self)
    }

    /// Takes one line of a head; fields that are not needed are passed by their first bytes.
    func takeHeader(_ parser: ParserPointer, _ line: Line) {
        let first = line[0]
        if first == 0x20 || first == 0x09 {
            return parser.pointee.takeFolded(line.trimmed)
        }
        parser.pointee.field = .other
        guard line.count >= 15 else { return }
        switch line.word(at: 0) {
        case Self.content where line[7] == 0x2d:
            if line.word(at: 6) == Self.length, let value = line.value(behind: 14) {
                parser.pointee.field = .contentLength
                if value.isSpaced { parser.pointee.suspect(.spaceBeforeColon) }
                parser.pointee.takeLength(value.bytes)
            } else if line.count >= 17, line.word(at: 8) == Self.encoding,
                let value = line.value(behind: 16)
            {
                parser.pointee.field = .contentCoding
                parser.pointee.takeCoding(value.bytes)
            }
        case Self.transfer where line.count >= 18 && line[8] == 0x2d:
            if line.word(at: 9) == Self.encoding, let value = line.value(behind: 17) {
                parser.pointee.field = .transferCoding
                if value.isSpaced { parser.pointee.suspect(.spaceBeforeColon) }
                parser.pointee.takeTransferCoding(value.bytes)
            }
        default: break
        }
    }

    /// `content-`, `transfer`, `t-length` and `encoding`, the first character in the lowest byte.
    private static var content: UInt64 { 0x2d74_6e65_746e_6f63 }
    private static var transfer: UInt64 { 0x7265_6673_6e61_7274 }
    private static var length: UInt64 { 0x6874_676e_656c_2d74 }
    private static var encoding: UInt64 { 0x676e_6964_6f63_6e65 }
}

extension UnsafeRawPointer {
    /// Whether CR and LF stand at `offset`.
    @inline(__always)
    fileprivate func isLineEnd(at offset: Int) -> Bool {
        UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)) == 0x0a0d
    }
}

extension MessageParser {
    fileprivate mutating func takeLength(_ value: UnsafeRawBufferPointer) {
        if value.isEmpty {
            if length == .none { length = .empty }
            return
        }
        guard let parsed = Transactions.contentLength(value),
            length != .known || remaining == parsed.length
        else {
            length = .unknown
            return
        }
        if length == .known || parsed.isRepeated { suspect(.repeatedLength) }
        if parsed.length >= Self.hugeLength { suspect(.hugeLength) }
        if length != .unknown { length = .known }
        remaining = parsed.length
    }

    /// Chunked frames the body only as the last coding (RFC 9112, 6.3, 4); several lines are one
    /// list.
    fileprivate mutating func takeTransferCoding(_ written: UnsafeRawBufferPointer) {
        let value = written.withoutEmptyElements
        guard !value.isEmpty else { return }
        let isChunked = endsInChunked(value)
        transferCoding = isChunked ? .chunked : .other
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
    /// Eight bytes in lower case. A hyphen is not told from a line end's first half.
    @inline(__always)
    fileprivate func word(at offset: Int) -> UInt64 {
        loadUnaligned(fromByteOffset: offset, as: UInt64.self) | 0x2020_2020_2020_2020
    }

    /// Whether the bytes are those of `text` in any case; `text` is in lower case.
    fileprivate func equalsIgnoringCase(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && hasPrefixIgnoringCase(text)
    }
}
