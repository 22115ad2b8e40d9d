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
        guard var start = bytes.baseAddress else { return }
        let end = start + bytes.count
        while start < end {
            let rest = UnsafeRawBufferPointer(start: start, count: end - start)
            let used: Int
            switch half.pointee.parser.state {
            case .tunnel: return
            case .lost:
                guard findsPlace(connection, direction, rest) else { return }
                half.pointee.parser.reset()
                continue
            case .fixedBody, .chunkData:
                used = Int(min(UInt64(rest.count), half.pointee.parser.remaining))
                takeBody(
                    connection, direction, UnsafeRawBufferPointer(start: start, count: used))
                half.pointee.parser.remaining -= UInt64(used)
                if half.pointee.parser.remaining == 0 { endPart(connection, direction, now: now) }
            case .untilEnd:
                used = rest.count
                takeBody(connection, direction, rest)
            case .head where half.pointee.parser.spillLength == 0:
                let headers = takeHeaders(half, rest)
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

    // MARK: Lines

    /// Takes bytes to the end of the line, or keeps them until the line ends. Returns their number.
    private mutating func takeLine(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) -> Int {
        guard let start = bytes.baseAddress else { return bytes.count }
        let half = connection.half(direction)
        if half.pointee.parser.state == .start && half.pointee.parser.spillLength == 0 {
            guard acceptsFirst(connection, direction, bytes, now: now) else { return bytes.count }
            half.pointee.parser.startTime = now
            half.pointee.parser.startSequence = readEnd &- UInt32(truncatingIfNeeded: bytes.count)
            half.pointee.parser.startAcknowledged = readAcknowledged
        }
        guard let end = memchr(start, 0x0a, bytes.count) else {
            keep(connection, direction, bytes)
            return bytes.count
        }
        let length = UnsafeRawPointer(end) - start
        if half.pointee.parser.spillLength == 0 {
            takeLine(
                connection, direction, UnsafeRawBufferPointer(start: start, count: length),
                isCut: false, now: now)
        } else {
            keep(connection, direction, UnsafeRawBufferPointer(start: start, count: length))
            let kept = Int(half.pointee.parser.spillLength)
            // The parser may have given up on a line that does not end.
            if let spill = half.pointee.parser.spill, kept > 0 {
                half.pointee.parser.spillLength = 0
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
            connection.half(.toServer).pointee.parser.state = .tunnel
            connection.half(.toClient).pointee.parser.state = .tunnel
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
    private mutating func keep(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) {
        let half = connection.half(direction)
        half.pointee.parser.headLength = UInt32(
            clamping: Int(half.pointee.parser.headLength) + bytes.count)
        guard half.pointee.parser.headLength <= MessageParser.maximumHead else {
            return giveUp(connection, direction, .headTooLong, now: half.pointee.parser.startTime)
        }
        let length = Int(half.pointee.parser.spillLength)
        let wanted = min(MessageParser.maximumLine, length + bytes.count)
        if wanted > Int(half.pointee.parser.spillCapacity) {
            let capacity = max(256, 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount))
            guard let larger = take(capacity, for: connection) else {
                return lose(connection, direction, now: half.pointee.parser.startTime)
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
                : takeStatusLine(connection, line, now: now)
        case .head:
            half.pointee.parser.headLength = UInt32(
                clamping: Int(half.pointee.parser.headLength) + line.count + 2)
            if line.isEmpty {
                endHead(connection, direction, now: now)
            } else if half.pointee.parser.headLength > MessageParser.maximumHead {
                giveUp(connection, direction, .headTooLong, now: now)
            } else {
                takeHeader(half, line)
            }
        case .chunkSize: takeChunkSize(connection, direction, line, now: now)
        case .chunkEnd:
            guard line.isEmpty else { return giveUp(connection, direction, .chunkEnd, now: now) }
            half.pointee.parser.headLength = 0
            half.pointee.parser.state = .chunkSize
        case .trailer: if line.isEmpty { endMessage(connection, direction, now: now) }
        case .fixedBody, .chunkData, .untilEnd, .tunnel, .lost: break
        }
    }

    private mutating func takeRequestLine(
        _ connection: ConnectionPointer, _ line: Line, isCut: Bool
    ) {
        let half = connection.half(.toServer)
        guard let request = RequestLine(line, isCut: isCut) else {
            return giveUp(connection, .toServer, .requestLine, now: half.pointee.parser.startTime)
        }
        connection.pointee.isRecognised = true
        half.pointee.parser.isInMessage = true
        half.pointee.parser.isOld = !isCut && line[line.count - 1] == 0x30
        half.pointee.parser.isPaired = expect(request, of: connection)
        half.pointee.parser.state = .head
    }

    private mutating func takeStatusLine(_ connection: ConnectionPointer, _ line: Line, now: UInt64)
    {
        guard let status = statusCode(line) else {
            return giveUp(connection, .toClient, .statusLine, now: now)
        }
        let half = connection.half(.toClient)
        connection.pointee.isRecognised = true
        half.pointee.parser.status = status
        half.pointee.parser.isInMessage = true
        half.pointee.parser.isOld = line[7] == 0x30
        half.pointee.parser.state = .head
        if half.pointee.parser.isFinal { beginResponse(connection, now: now) }
    }
}
