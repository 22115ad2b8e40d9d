// Hot path: allocates nothing but blocks of the pool.

/// Losing the place in a stream and finding it again, without ever making a false pair.
///
/// Responses come in the order of requests, so a pair is known by counting, as long as no message
/// was missed. After that it is known only of requests that were sent alone: the client has all of
/// the response before, so that the first segment of its request acknowledges the very byte where
/// the response to it will begin. Whoever sends requests before the responses to earlier ones
/// leaves nothing to tell by once some were missed: such a connection is blind until it ends, and
/// its messages count as unpaired.
extension TransactionEngine {
    // MARK: Losing

    /// Passes over bytes that were not captured: through a known length they are counted, anywhere
    /// else the place in the stream is lost.
    mutating func miss(
        _ connection: ConnectionPointer, _ direction: Direction, _ count: UInt64, now: UInt64
    ) {
        counters.gaps &+= 1
        counters.gapBytes &+= count
        let parser = connection.parser(direction)
        switch parser.pointee.state {
        case .tunnel: return
        case .lost:
            parser.pointee.bytesOfTLS = 0
            parser.pointee.spillLength = 0
            direction == .toServer ? noteMissed(connection) : passResponses(connection)
            return
        case .fixedBody, .chunkData:
            let known = min(count, parser.pointee.remaining)
            let answeredEnd = parser.pointee.answeredEnd
            passBody(connection, direction, known)
            parser.pointee.remaining -= known
            if parser.pointee.remaining == 0 { endPart(connection, direction, now: now) }
            if count == known { return }
            // More was missed behind it: it did not end here.
            if direction == .toClient { parser.pointee.answeredEnd = answeredEnd }
        case .untilEnd: return passBody(connection, direction, count)
        // No client sends further ahead: that is not its own.
        case .start: parser.pointee.isMissedAtStart = count <= UInt64(Self.lateSYN)
        case .head, .unsure, .chunkSize, .chunkEnd, .trailer, .settling: break
        }
        lose(connection, direction, now: now)
    }

    /// Counts bytes of a body that were not captured.
    private mutating func passBody(
        _ connection: ConnectionPointer, _ direction: Direction, _ count: UInt64
    ) {
        let parser = connection.parser(direction)
        parser.pointee.bodyLength &+= count
        if direction == .toServer { noteRequestBody(connection) }
        if parser.pointee.fields == .reading {
            stopReading(connection, direction, isWhole: false)
        }
    }

    /// A message whose framing cannot be known.
    mutating func giveUp(
        _ connection: ConnectionPointer, _ direction: Direction, _ reason: MalformedReason,
        now: UInt64
    ) {
        counters.malformed[reason.rawValue] &+= 1
        // Of a connection that was picked up, the first that looked like a request was text.
        if direction == .toServer, connection.half(.toServer).pointee.initial == nil,
            connection.pointee.requestsInTurn < Self.sequentialRequests
        {
            flushPending(connection)
        }
        lose(connection, direction, now: now)
    }

    /// The place in a direction is lost: nothing that waits is paired with what comes after.
    ///
    /// A request whose start line was read goes on waiting: what is lost comes after it. A response
    /// whose status was read answers its request, and how it ended is not known.
    mutating func lose(
        _ connection: ConnectionPointer, _ direction: Direction, now: UInt64
    ) {
        connection.pointee.hasLost = true
        let parser = connection.parser(direction)
        if parser.pointee.state == .start && parser.pointee.spillLength > 0 {
            direction == .toServer
                ? takeCutRequestLine(connection) : takeCutStatusLine(connection, now: now)
        }
        if direction == .toServer {
            if parser.pointee.fields == .reading {
                stopReading(connection, direction, isWhole: false)
            }
            parser.pointee.reset()
            if parser.pointee.doubt == .early { parser.pointee.doubt = .none }
            noteMissed(connection)
        } else {
            if parser.pointee.fields == .reading || parser.pointee.state == .head {
                parser.pointee.hasUnreadBody = true
            }
            finishExchange(connection, isComplete: false, now: now)
            parser.pointee.reset()
            passResponses(connection)
        }
        parser.pointee.state = .lost
    }

    /// A request line whose end was not captured; it is of use where its path is whole.
    private mutating func takeCutRequestLine(_ connection: ConnectionPointer) {
        let parser = connection.parser(.toServer)
        guard let spill = parser.pointee.spill else { return }
        var line = Line(start: spill, count: Int(parser.pointee.spillLength))
        guard let whole = RequestLine(line, isCut: true) else { return }
        connection.pointee.isRecognised = true
        var hasPath = false
        for index in (whole.method.count + 1)..<line.count where !hasPath || line[index] == 0x20 {
            hasPath = hasPath || line[index] == 0x3f || line[index] == 0x20
            guard line[index] != 0x20 else {
                line = Line(rebasing: line[..<index])
                break
            }
        }
        if hasPath, let request = RequestLine(line, isCut: true) {
            _ = expect(request, of: connection)
        } else {
            counters.unpairedRequests &+= 1
        }
    }

    /// A status line whose end was not captured; only the reason stands behind the status.
    private mutating func takeCutStatusLine(_ connection: ConnectionPointer, now: UInt64) {
        let parser = connection.parser(.toClient)
        guard let spill = parser.pointee.spill, parser.pointee.spillLength >= 12,
            let status = statusCode(Line(start: spill, count: 12))
        else { return }
        parser.pointee.status = status
        parser.pointee.state = .head
        if parser.pointee.isFinal { beginResponse(connection, now: now) }
    }

    // MARK: What may be unanswered

    /// Whether a request may be unanswered.
    func isAwaited(_ connection: ConnectionPointer) -> Bool {
        connection.pointee.pendingFirst != nil
            || connection.parser(.toServer).pointee.hasMissed
    }

    /// A client's bytes up to the latest may hold a request that was missed.
    func noteMissed(_ connection: ConnectionPointer) {
        let client = connection.parser(.toServer)
        client.pointee.hasMissed = true
        client.pointee.missedEnd = connection.half(.toServer).pointee.next
    }

    /// A response begins: it answers what was missed, if its server had that.
    func noteAnswered(_ connection: ConnectionPointer, by acknowledged: UInt32?) {
        let client = connection.parser(.toServer)
        let ahead = acknowledged.map {
            Int32(bitPattern: $0 &- client.pointee.missedEnd)
        }
        if ahead ?? 0 >= 0 { client.pointee.hasMissed = false }
    }

    /// A response begins to a request that waits. If its server had what was missed behind that one, its
    /// client sent more before it was answered: those that wait are known by counting, no later ones.
    private func noteSentAhead(_ connection: ConnectionPointer, by acknowledged: UInt32?) {
        let client = connection.parser(.toServer)
        guard client.pointee.isMissedAtStart, client.pointee.hasMissed, let acknowledged,
            connection.pointee.pendingFirst != nil,
            Int32(bitPattern: acknowledged &- client.pointee.missedEnd) >= 0
        else { return }
        connection.pointee.isPipelined = true
    }

    /// Whether a request that acknowledges `acknowledged` was sent before what was missed in front of it
    /// was answered: its client has had no more than the responses to the requests before that.
    private func isSentAhead(_ connection: ConnectionPointer, _ acknowledged: UInt32?) -> Bool {
        let end = connection.parser(.toClient).pointee.answeredEnd
        guard connection.parser(.toServer).pointee.isMissedAtStart, let acknowledged,
            let answered = end != 0 ? end : connection.half(.toClient).pointee.initial
        else { return false }
        return Int32(bitPattern: acknowledged &- answered) <= 0
    }

    /// Whether a response that acknowledges `acknowledged` can have been sent after `request`.
    func follows(
        _ acknowledged: UInt32?, _ request: UnsafeMutablePointer<PendingRequest>
    ) -> Bool {
        guard let acknowledged else { return true }
        return Int32(bitPattern: acknowledged &- request.pointee.sequence) > 0
    }

    /// Whether to pass over what looks like a request where an earlier one may be unanswered, one
    /// that was missed perhaps.
    ///
    /// These bytes are text in the rest of an earlier request, or a request that its client sent
    /// ahead; what is sent when all is answered is in its turn again. Of a client that has not yet
    /// waited for its responses, two in a row tell that it keeps ahead of them, and of any what it
    /// acknowledges.
    mutating func isPassed(_ connection: ConnectionPointer, _ acknowledged: UInt32?) -> Bool {
        let client = connection.parser(.toServer)
        let isUnknown = connection.pointee.requestsInTurn < Self.sequentialRequests
        if connection.pointee.isPipelined || isUnknown && client.pointee.isInMessage
            || isSentAhead(connection, acknowledged)
        {
            goBlind(connection)
            return false
        }
        flushPending(connection)
        client.pointee.isInMessage = true
        noteMissed(connection)
        counters.unpairedRequests &+= 1
        return true
    }

    /// Requests in turn after which a client is known not to keep ahead of its responses.
    private static var sequentialRequests: UInt8 { 2 }

    private mutating func goBlind(_ connection: ConnectionPointer) {
        guard !connection.pointee.isBlind else { return }
        connection.pointee.isPipelined = true
        connection.pointee.hasLost = true
        flushPending(connection)
    }

    // MARK: Beginning

    /// A request begins: whether it waits for its response.
    mutating func expect(_ request: RequestLine, of connection: ConnectionPointer) -> Bool {
        let server = connection.parser(.toClient)
        server.pointee.hasMissed = false
        connection.parser(.toServer).pointee.isMissedAtStart = false
        guard !takeEarly(connection) else { return false }
        let isDoubted = takeDoubt(connection)
        let isInTurn = !isAwaited(connection)
        if !isInTurn {
            if !connection.pointee.isPipelined {
                connection.pointee.isPipelined = true
                if connection.pointee.hasLost { flushPending(connection) }
            }
            dropFound(connection)
        } else if server.pointee.isInMessage && server.pointee.state != .tunnel {
            // The client goes on after a response to a request that was missed. Where that ends
            // depends on the request's method; where the next begins is known.
            server.pointee.reset()
            server.pointee.state = .lost
        }
        if !connection.pointee.isBlind {
            let client = connection.parser(.toServer)
            if append(
                request, to: connection, start: client.pointee.startTime,
                sequence: client.pointee.startSequence,
                acknowledged: client.pointee.startAcknowledged)
            {
                if isInTurn && isDoubted {
                    client.pointee.doubt = .asked
                } else if isInTurn,
                    connection.pointee.requestsInTurn < Self.sequentialRequests
                {
                    connection.pointee.requestsInTurn += 1
                }
                return true
            }
            connection.pointee.hasLost = true
            noteMissed(connection)
        }
        dropFound(connection)
        counters.unpairedRequests &+= 1
        return false
    }

    /// A final response begins: it answers the first request that waits, if it can.
    mutating func beginResponse(_ connection: ConnectionPointer, now: UInt64) {
        let parser = connection.parser(.toClient)
        let client = connection.parser(.toServer)
        noteSentAhead(connection, by: parser.pointee.startAcknowledged)
        noteAnswered(connection, by: parser.pointee.startAcknowledged)
        if client.pointee.doubt != .none { weighDoubt(connection) }
        if let first = connection.pointee.pendingFirst {
            parser.pointee.isPaired = follows(parser.pointee.startAcknowledged, first)
        } else if client.pointee.isInMessage && !connection.pointee.isBlind {
            // It answers a request that was taken for a part of another.
            lose(connection, .toServer, now: now)
            noteAnswered(connection, by: parser.pointee.startAcknowledged)
        }
        if parser.pointee.isPaired {
            beginResponseHead(connection)
        } else {
            counters.unpairedResponses &+= 1
            noteEarly(connection)
        }
    }
}
