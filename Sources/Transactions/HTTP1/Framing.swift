// Hot path: allocates nothing but blocks of the pool.

/// Where a message's body ends.
///
/// Source: RFC 9112, 6 and 7.
extension TransactionEngine {
    mutating func endHead(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let half = connection.half(direction)
        if half.pointee.parser.hasTransferCoding {
            if half.pointee.parser.length != .none {
                half.pointee.parser.suspect(.transferCodingAndLength)
            }
            if half.pointee.parser.isOld {
                half.pointee.parser.suspect(.transferCodingInOldVersion)
            }
        }
        if half.pointee.parser.suspicions != 0 { count(half.pointee.parser.suspicions) }
        direction == .toServer
            ? endRequestHead(connection, now: now) : endResponseHead(connection, now: now)
    }

    private mutating func count(_ suspicions: UInt8) {
        counters.suspicious &+= 1
        for reason in SuspiciousReason.allCases where suspicions >> reason.rawValue & 1 == 1 {
            counters.suspiciousByReason[reason.rawValue] &+= 1
        }
    }

    private mutating func endRequestHead(_ connection: ConnectionPointer, now: UInt64) {
        let half = connection.half(.toServer)
        let parser = half.pointee.parser
        if parser.hasTransferCoding {
            guard parser.isChunked else {
                return giveUp(connection, .toServer, .transferCoding, now: now)
            }
            half.pointee.parser.headLength = 0
            half.pointee.parser.state = .chunkSize
        } else if parser.length == .unknown || parser.length == .empty {
            giveUp(connection, .toServer, .contentLength, now: now)
        } else if parser.contentLength > 0 {
            half.pointee.parser.remaining = parser.contentLength
            half.pointee.parser.state = .fixedBody
        } else {
            endMessage(connection, .toServer, now: now)
        }
    }

    private mutating func endResponseHead(_ connection: ConnectionPointer, now: UInt64) {
        let half = connection.half(.toClient)
        let parser = half.pointee.parser
        let kind =
            parser.isPaired ? connection.pointee.pendingFirst?.pointee.kind ?? .plain : .plain
        switch parser.status {
        case 101: return tunnel(connection, now: now)
        case 100..<200: return half.pointee.parser.reset()
        case 200..<300 where kind == .connect: return tunnel(connection, now: now)
        case 204, 304: return endMessage(connection, .toClient, now: now)
        default: break
        }
        if kind == .head { return endMessage(connection, .toClient, now: now) }
        if parser.isPaired { beginFields(connection) }
        if parser.hasTransferCoding && parser.isChunked {
            half.pointee.parser.headLength = 0
            half.pointee.parser.state = .chunkSize
        } else if parser.hasTransferCoding || parser.length == .none {
            half.pointee.parser.state = .untilEnd
        } else if parser.length != .known {
            giveUp(connection, .toClient, .contentLength, now: now)
        } else {
            half.pointee.parser.remaining = parser.contentLength
            half.pointee.parser.state = .fixedBody
            if parser.contentLength == 0 { endMessage(connection, .toClient, now: now) }
        }
    }

    mutating func takeChunkSize(
        _ connection: ConnectionPointer, _ direction: Direction, _ line: Line, now: UInt64
    ) {
        let half = connection.half(direction)
        guard let size = chunkSize(line) else {
            return giveUp(connection, direction, .chunkSize, now: now)
        }
        let huge: UInt8 = 1 << SuspiciousReason.hugeLength.rawValue
        if size >= MessageParser.hugeLength, half.pointee.parser.suspicions & huge == 0 {
            if half.pointee.parser.suspicions == 0 { counters.suspicious &+= 1 }
            half.pointee.parser.suspect(.hugeLength)
            counters.suspiciousByReason[SuspiciousReason.hugeLength.rawValue] &+= 1
        }
        half.pointee.parser.remaining = size
        half.pointee.parser.headLength = 0
        half.pointee.parser.state = size == 0 ? .trailer : .chunkData
    }

    /// The end of a fixed body or of a chunk's data.
    mutating func endPart(
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

    mutating func endMessage(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        if direction == .toClient { finishExchange(connection, isComplete: true, now: now) }
        connection.half(direction).pointee.parser.reset()
    }

    /// The stream ends: a response that ends with it is whole where the server closed it; any other
    /// is cut short, as is one whose stream ends by RST or with the capture.
    ///
    /// Source: RFC 9112, 8.
    mutating func endStream(
        _ connection: ConnectionPointer, _ direction: Direction, hasFin: Bool, now: UInt64
    ) {
        guard direction == .toClient else { return }
        let half = connection.half(.toClient)
        switch half.pointee.parser.state {
        case .untilEnd where hasFin: endMessage(connection, .toClient, now: now)
        case .untilEnd, .fixedBody, .chunkSize, .chunkData, .chunkEnd, .trailer:
            finishExchange(connection, isComplete: false, now: now)
            half.pointee.parser.reset()
        case .head: lose(connection, .toClient, now: now)
        case .start where half.pointee.parser.spillLength > 0:
            lose(connection, .toClient, now: now)
        case .start, .tunnel, .lost: break
        }
    }
}
