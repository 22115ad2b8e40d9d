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
        let parser = connection.parser(direction)
        guard var start = bytes.baseAddress else { return }
        let end = start + bytes.count
        if parser.pointee.doubt == .answered { endDoubt(connection, bytes) }
        while start < end {
            let rest = UnsafeRawBufferPointer(start: start, count: end - start)
            let used: Int
            switch parser.pointee.state {
            case .tunnel: return
            case .lost:
                guard findsPlace(connection, direction, rest, now: now) else { return }
                parser.pointee.isFound = true
                continue
            case .settling:
                if parser.pointee.isPaired { flushPending(connection) }
                parser.pointee.reset()
                continue
            case .unsure:
                takeUnsure(connection, rest, now: now)
                continue
            case .fixedBody, .chunkData:
                used = Int(min(UInt64(rest.count), parser.pointee.remaining))
                takeBody(
                    connection, direction, UnsafeRawBufferPointer(start: start, count: used))
                parser.pointee.remaining -= UInt64(used)
                if parser.pointee.remaining == 0 { endPart(connection, direction, now: now) }
            case .untilEnd:
                used = rest.count
                takeBody(connection, direction, rest)
            case .head where parser.pointee.spillLength == 0:
                let headers = takeHeaders(parser, rest)
                if parser.pointee.hasSlots {
                    takeFields(
                        connection, direction,
                        UnsafeRawBufferPointer(start: start, count: headers.length))
                }
                if headers.isEnd { endHead(connection, direction, now: now) }
                used =
                    headers.length > 0
                    ? headers.length : takeLine(connection, direction, rest, now: now)
            case .start, .head, .chunkSize, .chunkEnd, .trailer:
                used = takeLine(connection, direction, rest, now: now)
            }
            start += used
            readBeginsSegment = false
        }
    }

    /// What follows the head of a response to an unknown request: its body; or the next response,
    /// where the request was HEAD. Which of the two text is that looks like a response nobody can
    /// tell, so that the place is lost there.
    ///
    /// Source: RFC 9112, 6.3, 1.
    private mutating func takeUnsure(
        _ connection: ConnectionPointer, _ bytes: UnsafeRawBufferPointer, now: UInt64
    ) {
        if bytes.mayBeginResponse {
            lose(connection, .toClient, now: now)
        } else {
            frameResponse(connection, now: now)
        }
    }

    // MARK: Lines

    /// Takes bytes to the end of the line, or keeps them until the line ends. Returns their number.
    private mutating func takeLine(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) -> Int {
        guard let start = bytes.baseAddress else { return bytes.count }
        let parser = connection.parser(direction)
        if parser.pointee.state == .start && parser.pointee.spillLength == 0 {
            // As nearly all begin on a connection that is known to speak HTTP/1.
            let isUsual = direction == .toClient ? bytes[0] == 0x48 : bytes[0] &- 0x41 < 26
            guard
                connection.pointee.isRecognised && isUsual
                    || acceptsFirst(connection, direction, bytes, now: now)
            else { return bytes.count }
            parser.pointee.startTime = now
            parser.pointee.startSequence = readEnd &- UInt32(truncatingIfNeeded: bytes.count)
            parser.pointee.startAcknowledged = readAcknowledged
        }
        guard let end = memchr(start, 0x0a, bytes.count) else {
            keep(connection, direction, bytes)
            return bytes.count
        }
        let length = UnsafeRawPointer(end) - start
        if parser.pointee.spillLength == 0 {
            takeLine(
                connection, direction, UnsafeRawBufferPointer(start: start, count: length),
                isCut: false, now: now)
        } else {
            keep(connection, direction, UnsafeRawBufferPointer(start: start, count: length))
            let kept = Int(parser.pointee.spillLength)
            // The parser may have given up on a line that does not end.
            if let spill = parser.pointee.spill, kept > 0 {
                parser.pointee.spillLength = 0
                takeLine(
                    connection, direction, UnsafeRawBufferPointer(start: spill, count: kept),
                    isCut: kept == MessageParser.maximumLine, now: now)
            }
        }
        return length + 1
    }

    /// Whether a message may begin with these bytes; what cannot be HTTP/1 is left unread.
    private mutating func acceptsFirst(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) -> Bool {
        if !connection.pointee.isRecognised && bytes.beginsHTTP2 {
            counters.malformed[MalformedReason.otherProtocol.rawValue] &+= 1
            connection.parser(.toServer).pointee.state = .tunnel
            connection.parser(.toClient).pointee.state = .tunnel
            return false
        }
        let first = bytes[0]
        if direction == .toClient {
            if first == 0x48 || first == 0x0d || first == 0x0a { return true }
            giveUp(connection, direction, .statusLine, now: now)
        } else {
            if first.isToken || first == 0x0d || first == 0x0a { return true }
            giveUp(connection, direction, .requestLine, now: now)
        }
        return false
    }

    /// Keeps the bytes of a line that is not at its end, as far as any line is read.
    mutating func keep(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) {
        let parser = connection.parser(direction)
        parser.pointee.headLength = UInt32(
            clamping: Int(parser.pointee.headLength) + bytes.count)
        guard parser.pointee.headLength <= MessageParser.maximumHead else {
            return giveUp(connection, direction, .headTooLong, now: parser.pointee.startTime)
        }
        let length = Int(parser.pointee.spillLength)
        let wanted = min(MessageParser.maximumLine, length + bytes.count)
        if wanted > parser.pointee.spillCapacity {
            let capacity = max(256, 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount))
            guard let larger = take(capacity, for: connection) else {
                return lose(connection, direction, now: parser.pointee.startTime)
            }
            if let spill = parser.pointee.spill {
                larger.copyMemory(from: spill, byteCount: length)
                pool.give(spill, size: parser.pointee.spillCapacity)
            }
            parser.pointee.spill = larger
            parser.pointee.spillCapacity = capacity
            noteBulk(connection)
        }
        if let spill = parser.pointee.spill, let source = bytes.baseAddress {
            (spill + length).copyMemory(from: source, byteCount: wanted - length)
            if parser.pointee.state == .head, wanted - length < bytes.count {
                suspect(
                    parser, behind: spill, Line(rebasing: bytes[(wanted - length)...]))
            }
        }
        parser.pointee.spillLength = UInt16(wanted)
    }

    private mutating func takeLine(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: Line, isCut: Bool,
        now: UInt64
    ) {
        let parser = connection.parser(direction)
        var line = bytes
        if !line.isEmpty, line[line.count - 1] == 0x0d, !isCut {
            line = Line(rebasing: line[..<(line.count - 1)])
        }
        switch parser.pointee.state {
        case .start:
            // Empty lines before a start line are passed over (2.2).
            guard !line.isEmpty else { return }
            direction == .toServer
                ? takeRequestLine(connection, line, isCut: isCut)
                : takeStatusLine(connection, line, now: now)
        case .head:
            parser.pointee.headLength = UInt32(
                clamping: Int(parser.pointee.headLength) + line.count + 2)
            if line.isEmpty {
                endHead(connection, direction, now: now)
            } else if parser.pointee.headLength > MessageParser.maximumHead {
                giveUp(connection, direction, .headTooLong, now: now)
            } else {
                // A line that was cut may end with the first half of its end.
                let isHalf = isCut && line[line.count - 1] == 0x0d
                suspect(parser, in: isHalf ? Line(rebasing: line.dropLast()) : line)
                takeHeader(parser, line)
                if parser.pointee.hasSlots { takeField(connection, direction, line, isCut: isCut) }
            }
        case .chunkSize: takeChunkSize(connection, direction, line, now: now)
        case .chunkEnd:
            guard line.isEmpty else { return giveUp(connection, direction, .chunkEnd, now: now) }
            parser.pointee.headLength = 0
            parser.pointee.state = .chunkSize
        case .trailer: if line.isEmpty { endMessage(connection, direction, now: now) }
        case .unsure, .fixedBody, .chunkData, .untilEnd, .settling, .tunnel, .lost: break
        }
    }

    private mutating func takeRequestLine(
        _ connection: ConnectionPointer, _ line: Line, isCut: Bool
    ) {
        let parser = connection.parser(.toServer)
        var read = RequestLine(line, isCut: isCut)
        if read == nil, parser.pointee.isPlaceKnown {
            read = RequestLine(loosely: line, isCut: isCut)
            if read != nil { parser.pointee.suspect(.looseRequestLine) }
        }
        guard let request = read else {
            return giveUp(connection, .toServer, .requestLine, now: parser.pointee.startTime)
        }
        connection.pointee.isRecognised = true
        parser.pointee.isInMessage = true
        parser.pointee.isOld = request.isOld
        parser.pointee.isPaired = expect(request, of: connection)
        parser.pointee.state = .head
    }

    private mutating func takeStatusLine(_ connection: ConnectionPointer, _ line: Line, now: UInt64)
    {
        guard let status = statusCode(line) else {
            return giveUp(connection, .toClient, .statusLine, now: now)
        }
        let parser = connection.parser(.toClient)
        connection.pointee.isRecognised = true
        parser.pointee.status = status
        parser.pointee.isInMessage = true
        parser.pointee.isOld = line[7] == 0x30
        parser.pointee.state = .head
        if parser.pointee.isFinal { beginResponse(connection, now: now) }
    }
}
