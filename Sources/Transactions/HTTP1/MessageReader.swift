// Hot path: allocates nothing but blocks of the pool.
import Glibc

/// Reads HTTP/1 messages from the bytes of a direction, in any pieces.
///
/// Source: RFC 9112; the section is named where a rule comes from one.
extension TransactionEngine {
    mutating func read(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) {
        let half = connection.half(direction)
        var rest = bytes
        while !rest.isEmpty {
            let used: Int
            switch half.pointee.parser.state {
            case .tunnel: return
            case .lost:
                guard begins(direction, rest) else {
                    // These bytes may answer what waits: it must not take a later response.
                    return flushPending(connection)
                }
                half.pointee.parser.reset()
                continue
            case .fixedBody, .chunkData:
                used = Int(min(UInt64(rest.count), half.pointee.parser.remaining))
                takeBody(connection, direction, UnsafeRawBufferPointer(rebasing: rest[..<used]))
                half.pointee.parser.remaining -= UInt64(used)
                if half.pointee.parser.remaining == 0 { endPart(connection, direction, now: now) }
            case .untilEnd:
                used = rest.count
                takeBody(connection, direction, rest)
            case .start, .head, .chunkSize, .chunkEnd, .trailer:
                used = takeLine(connection, direction, rest, now: now)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[used...])
        }
    }

    private func begins(_ direction: Direction, _ bytes: UnsafeRawBufferPointer) -> Bool {
        direction == .toServer ? bytes.beginsRequest : bytes.version(at: 0)
    }

    // MARK: Lines

    /// Takes bytes to the end of the line, or keeps them until the line ends. Returns their number.
    private mutating func takeLine(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) -> Int {
        guard let start = bytes.baseAddress else { return bytes.count }
        let half = connection.half(direction)
        if half.pointee.parser.state == .start && half.pointee.parser.spillLength == 0 {
            guard acceptsFirst(connection, direction, bytes) else { return bytes.count }
            half.pointee.parser.startTime = now
        }
        guard let end = memchr(start, 0x0a, bytes.count) else {
            keep(connection, direction, bytes)
            return bytes.count
        }
        let length = UnsafeRawPointer(end) - start
        let parser = half.pointee.parser
        if parser.spillLength == 0 {
            takeLine(
                connection, direction, UnsafeRawBufferPointer(start: start, count: length),
                isCut: false, now: now)
        } else {
            keep(connection, direction, UnsafeRawBufferPointer(start: start, count: length))
            let kept = half.pointee.parser
            // The parser may have given up on a line that does not end.
            if let spill = kept.spill, kept.spillLength > 0 {
                half.pointee.parser.spillLength = 0
                takeLine(
                    connection, direction,
                    UnsafeRawBufferPointer(start: spill, count: Int(kept.spillLength)),
                    isCut: Int(kept.spillLength) == MessageParser.maximumLine, now: now)
            }
        }
        return length + 1
    }

    /// Whether a message may begin with these bytes; what cannot be HTTP/1 is left unread.
    private mutating func acceptsFirst(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        if !connection.pointee.isRecognised && bytes.beginsHTTP2 {
            counters.malformed[MalformedReason.otherProtocol.rawValue] &+= 1
            connection.half(.toServer).pointee.parser.state = .tunnel
            connection.half(.toClient).pointee.parser.state = .tunnel
            return false
        }
        let first = bytes[0]
        if direction == .toClient {
            if first == 0x48 || first == 0x0d || first == 0x0a { return true }
            giveUp(connection, direction, .statusLine)
        } else {
            if first.isToken || first == 0x0d || first == 0x0a { return true }
            giveUp(connection, direction, .requestLine)
        }
        return false
    }

    /// Keeps the bytes of a line that is not at its end, as far as any line is read.
    private mutating func keep(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) {
        let half = connection.half(direction)
        half.pointee.parser.headLength = UInt32(
            clamping: Int(half.pointee.parser.headLength) + bytes.count)
        guard half.pointee.parser.headLength <= MessageParser.maximumHead else {
            return giveUp(connection, direction, .headTooLong)
        }
        let length = Int(half.pointee.parser.spillLength)
        let wanted = min(MessageParser.maximumLine, length + bytes.count)
        if wanted > Int(half.pointee.parser.spillCapacity) {
            let capacity = max(256, 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount))
            guard let larger = pool.take(capacity) else {
                return lose(connection, direction, gapBytes: UInt64(bytes.count))
            }
            if let spill = half.pointee.parser.spill {
                larger.copyMemory(from: spill, byteCount: length)
                pool.give(spill, size: Int(half.pointee.parser.spillCapacity))
            }
            half.pointee.parser.spill = larger
            half.pointee.parser.spillCapacity = Int32(capacity)
        }
        if let spill = half.pointee.parser.spill, let source = bytes.baseAddress {
            (spill + length).copyMemory(from: source, byteCount: wanted - length)
        }
        half.pointee.parser.spillLength = Int32(wanted)
    }

    private mutating func takeLine(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: Line, isCut: Bool,
        now: UInt64
    ) {
        let half = connection.half(direction)
        var line = bytes
        if !line.isEmpty, line[line.count - 1] == 0x0d, !isCut {
            line = Line(rebasing: line[..<(line.count - 1)])
        }
        switch half.pointee.parser.state {
        case .start:
            // Empty lines before a start line are passed over (2.2).
            guard !line.isEmpty else { return }
            direction == .toServer
                ? takeRequestLine(connection, line, isCut: isCut)
                : takeStatusLine(connection, line)
        case .head:
            half.pointee.parser.headLength = UInt32(
                clamping: Int(half.pointee.parser.headLength) + line.count + 2)
            if line.isEmpty {
                endHead(connection, direction, now: now)
            } else if half.pointee.parser.headLength > MessageParser.maximumHead {
                giveUp(connection, direction, .headTooLong)
            } else {
                takeHeader(connection, direction, line)
            }
        case .chunkSize: takeChunkSize(connection, direction, line)
        case .chunkEnd:
            guard line.isEmpty else { return giveUp(connection, direction, .chunkEnd) }
            half.pointee.parser.headLength = 0
            half.pointee.parser.state = .chunkSize
        case .trailer: if line.isEmpty { endMessage(connection, direction, now: now) }
        case .fixedBody, .chunkData, .untilEnd, .tunnel, .lost: break
        }
    }

    private mutating func takeRequestLine(
        _ connection: ConnectionPointer, _ line: Line, isCut: Bool
    ) {
        guard let request = RequestLine(line, isCut: isCut) else {
            return giveUp(connection, .toServer, .requestLine)
        }
        let parser = connection.half(.toServer).pointee.parser
        guard append(request, to: connection, start: parser.startTime) else {
            return lose(connection, .toServer, gapBytes: 0)
        }
        connection.pointee.isRecognised = true
        connection.half(.toServer).pointee.parser.isInMessage = true
        connection.half(.toServer).pointee.parser.state = .head
    }

    private mutating func takeStatusLine(_ connection: ConnectionPointer, _ line: Line) {
        guard let status = statusCode(line) else {
            return giveUp(connection, .toClient, .statusLine)
        }
        connection.pointee.isRecognised = true
        let half = connection.half(.toClient)
        half.pointee.parser.status = status
        half.pointee.parser.isInMessage = true
        half.pointee.parser.state = .head
    }

    /// The headers that decide a message's framing; all others are passed by their first byte.
    private mutating func takeHeader(
        _ connection: ConnectionPointer, _ direction: Direction, _ line: Line
    ) {
        let half = connection.half(direction)
        switch line[0] | 0x20 {
        case 0x63:
            if line.hasPrefixIgnoringCase("content-length:") {
                let value = UnsafeRawBufferPointer(rebasing: line[15...]).trimmed
                guard let length = contentLength(value),
                    !half.pointee.parser.hasLength || half.pointee.parser.contentLength == length
                else { return giveUp(connection, direction, .contentLength) }
                if half.pointee.parser.hasLength { counters.suspicious &+= 1 }
                half.pointee.parser.hasLength = true
                half.pointee.parser.contentLength = length
            } else if line.hasPrefixIgnoringCase("content-encoding:") {
                let value = UnsafeRawBufferPointer(rebasing: line[17...]).trimmed
                half.pointee.parser.isEncoded =
                    !value.isEmpty && !value.hasPrefixIgnoringCase("identity")
            }
        case 0x74:
            guard line.hasPrefixIgnoringCase("transfer-encoding:") else { return }
            let value = UnsafeRawBufferPointer(rebasing: line[18...]).trimmed
            half.pointee.parser.hasTransferCoding = true
            // Chunked frames the body only as the last coding (6.3).
            let last = UnsafeRawBufferPointer(rebasing: value[max(0, value.count - 7)...])
            half.pointee.parser.isChunked = last.count == 7 && last.hasPrefixIgnoringCase("chunked")
        default: break
        }
    }

    // MARK: Framing

    private mutating func endHead(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let parser = connection.half(direction).pointee.parser
        // Both framings: the transfer coding decides, and the message is suspect (6.3, 3).
        if parser.hasTransferCoding && parser.hasLength { counters.suspicious &+= 1 }
        direction == .toServer
            ? endRequestHead(connection, now: now) : endResponseHead(connection, now: now)
    }

    private mutating func endRequestHead(_ connection: ConnectionPointer, now: UInt64) {
        let half = connection.half(.toServer)
        let parser = half.pointee.parser
        if parser.hasTransferCoding {
            guard parser.isChunked else { return giveUp(connection, .toServer, .transferCoding) }
            half.pointee.parser.headLength = 0
            half.pointee.parser.state = .chunkSize
        } else if parser.hasLength && parser.contentLength > 0 {
            half.pointee.parser.remaining = parser.contentLength
            half.pointee.parser.state = .fixedBody
        } else {
            endMessage(connection, .toServer, now: now)
        }
    }

    private mutating func endResponseHead(_ connection: ConnectionPointer, now: UInt64) {
        let half = connection.half(.toClient)
        let parser = half.pointee.parser
        let kind = connection.pointee.pendingFirst?.pointee.kind ?? .plain
        switch parser.status {
        case 101: return tunnel(connection, now: now)
        case 100..<200: return half.pointee.parser.reset()
        case 200..<300 where kind == .connect: return tunnel(connection, now: now)
        case 204, 304: return endMessage(connection, .toClient, now: now)
        default: break
        }
        if kind == .head { return endMessage(connection, .toClient, now: now) }
        beginFields(connection)
        if parser.hasTransferCoding && parser.isChunked {
            half.pointee.parser.headLength = 0
            half.pointee.parser.state = .chunkSize
        } else if !parser.hasTransferCoding && parser.hasLength {
            half.pointee.parser.remaining = parser.contentLength
            half.pointee.parser.state = .fixedBody
            if parser.contentLength == 0 { endMessage(connection, .toClient, now: now) }
        } else {
            half.pointee.parser.state = .untilEnd
        }
    }

    private mutating func takeChunkSize(
        _ connection: ConnectionPointer, _ direction: Direction, _ line: Line
    ) {
        let half = connection.half(direction)
        guard let size = chunkSize(line) else { return giveUp(connection, direction, .chunkSize) }
        half.pointee.parser.remaining = size
        half.pointee.parser.headLength = 0
        half.pointee.parser.state = size == 0 ? .trailer : .chunkData
    }

    /// The end of a fixed body or of a chunk's data.
    private mutating func endPart(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let half = connection.half(direction)
        if half.pointee.parser.state == .chunkData {
            half.pointee.parser.state = .chunkEnd
        } else {
            endMessage(connection, direction, now: now)
        }
    }

    private mutating func tunnel(_ connection: ConnectionPointer, now: UInt64) {
        finishExchange(connection, isComplete: true, now: now)
        connection.half(.toServer).pointee.parser.state = .tunnel
        connection.half(.toClient).pointee.parser.state = .tunnel
    }

    private mutating func endMessage(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let half = connection.half(direction)
        if direction == .toClient { finishExchange(connection, isComplete: true, now: now) }
        half.pointee.parser.reset()
    }

    // MARK: Losing and finding the place

    /// Passes over bytes that were not captured: through a known length they are counted, anywhere
    /// else the place in the stream is lost.
    mutating func miss(
        _ connection: ConnectionPointer, _ direction: Direction, _ count: UInt64, now: UInt64
    ) {
        counters.gaps &+= 1
        counters.gapBytes &+= count
        let half = connection.half(direction)
        switch half.pointee.parser.state {
        case .tunnel: return
        case .lost: return flushPending(connection)
        case .fixedBody, .chunkData:
            guard count <= half.pointee.parser.remaining else { break }
            half.pointee.parser.remaining -= count
            half.pointee.parser.bodyLength &+= count
            half.pointee.parser.hasUnreadBody = true
            half.pointee.parser.isScanning = false
            if half.pointee.parser.remaining == 0 { endPart(connection, direction, now: now) }
            return
        case .untilEnd:
            half.pointee.parser.bodyLength &+= count
            half.pointee.parser.hasUnreadBody = true
            half.pointee.parser.isScanning = false
            return
        case .start, .head, .chunkSize, .chunkEnd, .trailer: break
        }
        lose(connection, direction, gapBytes: 0)
    }

    /// The stream ends: a response that ends with it is whole, any other is cut short.
    mutating func endStream(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        guard direction == .toClient else { return }
        let half = connection.half(.toClient)
        switch half.pointee.parser.state {
        case .untilEnd: endMessage(connection, .toClient, now: now)
        case .fixedBody, .chunkSize, .chunkData, .chunkEnd, .trailer:
            finishExchange(connection, isComplete: false, now: now)
            half.pointee.parser.reset()
        case .head: lose(connection, .toClient, gapBytes: 0)
        case .start, .tunnel, .lost: break
        }
    }

    /// A message whose framing cannot be known.
    private mutating func giveUp(
        _ connection: ConnectionPointer, _ direction: Direction, _ reason: MalformedReason
    ) {
        counters.malformed[reason.rawValue] &+= 1
        lose(connection, direction, gapBytes: 0)
    }

    /// The place in a direction is lost: what waits is never paired with what comes after.
    private mutating func lose(
        _ connection: ConnectionPointer, _ direction: Direction, gapBytes: UInt64
    ) {
        if gapBytes > 0 {
            counters.gaps &+= 1
            counters.gapBytes &+= gapBytes
        }
        let half = connection.half(direction)
        if direction == .toClient && half.pointee.parser.isInMessage
            && connection.pointee.pendingFirst == nil
        {
            counters.unpairedResponses &+= 1
        }
        half.pointee.parser.reset()
        half.pointee.parser.state = .lost
        flushPending(connection)
    }
}
