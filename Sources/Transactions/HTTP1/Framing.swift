// Hot path: allocates nothing but blocks of the pool.

/// Where a message's body ends.
///
/// Source: RFC 9112, 6 and 7.
extension TransactionEngine {
    mutating func endHead(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let parser = connection.parser(direction)
        if parser.pointee.transferCoding != .none {
            if parser.pointee.length != .none {
                parser.pointee.suspect(.transferCodingAndLength)
            }
            if parser.pointee.isOld {
                parser.pointee.suspect(.transferCodingInOldVersion)
            }
        }
        if parser.pointee.suspicions != 0 { count(parser.pointee.suspicions) }
        if parser.pointee.hasSlots { endHeadFields(connection, direction) }
        direction == .toServer
            ? endRequestHead(connection, now: now) : endResponseHead(connection, now: now)
    }

    private mutating func count(_ suspicions: UInt16) {
        counters.suspicious &+= 1
        for reason in SuspiciousReason.allCases where suspicions >> reason.rawValue & 1 == 1 {
            counters.suspiciousByReason[reason.rawValue] &+= 1
        }
    }

    private mutating func endRequestHead(_ connection: ConnectionPointer, now: UInt64) {
        let parser = connection.parser(.toServer)
        if parser.pointee.transferCoding != .none {
            guard parser.pointee.transferCoding == .chunked else {
                return giveUp(connection, .toServer, .transferCoding, now: now)
            }
            if parser.pointee.hasSlots { beginFields(connection, .toServer) }
            parser.pointee.headLength = 0
            parser.pointee.state = .chunkSize
        } else if parser.pointee.length == .unknown || parser.pointee.length == .empty {
            giveUp(connection, .toServer, .contentLength, now: now)
        } else if parser.pointee.length == .known && parser.pointee.remaining > 0 {
            if parser.pointee.hasSlots { beginFields(connection, .toServer) }
            parser.pointee.state = .fixedBody
        } else {
            endMessage(connection, .toServer, now: now)
        }
    }

    private mutating func endResponseHead(_ connection: ConnectionPointer, now: UInt64) {
        let parser = connection.parser(.toClient)
        let kind =
            parser.pointee.isPaired
            ? connection.pointee.pendingFirst?.pointee.kind ?? .plain : .plain
        switch parser.pointee.status {
        case 101: return tunnel(connection, now: now)
        case 100..<200: return parser.pointee.reset()
        case 200..<300 where kind == .connect: return tunnel(connection, now: now)
        case 204, 304: return endMessage(connection, .toClient, now: now)
        default: break
        }
        if kind == .head { return endMessage(connection, .toClient, now: now) }
        let isPaired = parser.pointee.isPaired
        if isPaired { beginFields(connection, .toClient) }
        frameResponse(connection, now: now)
        if !isPaired && parser.pointee.isInBody { parser.pointee.state = .unsure }
    }

    /// Where the body ends that the head of a response says it has.
    mutating func frameResponse(_ connection: ConnectionPointer, now: UInt64) {
        let parser = connection.parser(.toClient)
        if parser.pointee.transferCoding == .chunked {
            parser.pointee.headLength = 0
            parser.pointee.state = .chunkSize
        } else if parser.pointee.transferCoding == .other || parser.pointee.length == .none {
            parser.pointee.state = .untilEnd
        } else if parser.pointee.length != .known {
            giveUp(connection, .toClient, .contentLength, now: now)
        } else {
            parser.pointee.state = .fixedBody
            if parser.pointee.remaining == 0 { endMessage(connection, .toClient, now: now) }
        }
    }

    mutating func takeChunkSize(
        _ connection: ConnectionPointer, _ direction: Direction, _ line: Line, now: UInt64
    ) {
        let parser = connection.parser(direction)
        guard let size = chunkSize(line) else {
            return giveUp(connection, direction, .chunkSize, now: now)
        }
        let huge: UInt16 = 1 << SuspiciousReason.hugeLength.rawValue
        if size >= MessageParser.hugeLength, parser.pointee.suspicions & huge == 0 {
            if parser.pointee.suspicions == 0 { counters.suspicious &+= 1 }
            parser.pointee.suspect(.hugeLength)
            counters.suspiciousByReason[SuspiciousReason.hugeLength.rawValue] &+= 1
        }
        parser.pointee.remaining = size
        parser.pointee.headLength = 0
        parser.pointee.state = size == 0 ? .trailer : .chunkData
    }

    /// The end of a fixed body or of a chunk's data.
    mutating func endPart(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let parser = connection.parser(direction)
        if parser.pointee.state == .chunkData {
            parser.pointee.state = .chunkEnd
        } else {
            endMessage(connection, direction, now: now)
        }
    }

    private mutating func tunnel(_ connection: ConnectionPointer, now: UInt64) {
        finishExchange(connection, isComplete: true, now: now)
        connection.parser(.toServer).pointee.state = .tunnel
        connection.parser(.toClient).pointee.state = .tunnel
    }

    mutating func endMessage(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        let parser = connection.parser(direction)
        if direction == .toClient {
            if parser.pointee.isPaired, connection.parser(.toServer).pointee.doubt == .answered {
                parser.pointee.remaining = now
                parser.pointee.state = .settling
                return
            }
            finishExchange(connection, isComplete: true, now: now)
        } else if connection.parser(.toServer).pointee.hasSlots {
            endRequestFields(connection)
        }
        parser.pointee.reset()
    }

    /// The stream ends: a response that ends with it is whole where the server closed it; any other
    /// is cut short, as is one whose stream ends by RST or with the capture.
    ///
    /// Source: RFC 9112, 8.
    mutating func endStream(
        _ connection: ConnectionPointer, _ direction: Direction, hasFin: Bool, now: UInt64
    ) {
        guard direction == .toClient else { return }
        let parser = connection.parser(.toClient)
        switch parser.pointee.state {
        case .untilEnd where hasFin: endMessage(connection, .toClient, now: now)
        case .unsure, .untilEnd, .fixedBody, .chunkSize, .chunkData, .chunkEnd, .trailer, .settling:
            finishExchange(connection, isComplete: false, now: now)
            parser.pointee.reset()
        case .head: lose(connection, .toClient, now: now)
        case .start where parser.pointee.spillLength > 0:
            lose(connection, .toClient, now: now)
        case .start, .tunnel, .lost: break
        }
    }
}
