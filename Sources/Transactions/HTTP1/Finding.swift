// Hot path: allocates nothing but blocks of the pool.

/// Finding the place in a stream whose beginning was not captured, or that was lost.
extension TransactionEngine {
    /// Whether bytes of a direction whose place is lost begin a message that can be told from
    /// text in a body; then they are read as its start line.
    ///
    /// A segment that is too short to tell is kept until more bytes have come.
    mutating func findsPlace(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) -> Bool {
        let parser = connection.parser(direction)
        let start = readEnd &- UInt32(truncatingIfNeeded: bytes.count)
        if parser.pointee.spillLength > 0 {
            if let isFound = joins(connection, direction, bytes) { return isFound }
        } else if readBeginsSegment, bytes.mayBecomeStart(direction),
            direction == .toServer || connection.pointee.pendingFirst == nil
                || answersFirst(connection, at: start)
        {
            parser.pointee.startTime = now
            parser.pointee.startSequence = start
            parser.pointee.startAcknowledged = readAcknowledged
            parser.pointee.headLength = 0
            keep(connection, direction, bytes)
            return false
        }
        let isStart = readBeginsSegment && bytes.begins(direction)
        guard finds(connection, direction, bytes, at: isStart ? start : nil) else { return false }
        parser.pointee.reset()
        return true
    }

    /// Whether bytes go on with a start line whose first bytes were kept; `nil` where these were
    /// of something else.
    private mutating func joins(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) -> Bool? {
        let parser = connection.parser(direction)
        let before = parser.pointee.spillLength
        let start = parser.pointee.startSequence
        var end = 0
        while end < bytes.count, end == 0 || bytes[end - 1] != 0x0a { end += 1 }
        keep(connection, direction, UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        // Without room for them the place stays lost.
        guard let spill = parser.pointee.spill, parser.pointee.spillLength > before else {
            return false
        }
        let line = UnsafeRawBufferPointer(start: spill, count: Int(parser.pointee.spillLength))
        if line.mayBecomeStart(direction) { return false }
        parser.pointee.spillLength = 0
        // A word that is no method may be the end of a body and a method.
        let isOne =
            line.begins(direction) && (direction == .toClient || line.methodWord == .registered)
        guard isOne else {
            if direction == .toServer || answersFirst(connection, at: start) {
                pass(connection, direction)
            }
            return nil
        }
        guard finds(connection, direction, line, at: start) else { return false }
        parser.pointee.reset()
        parser.pointee.spillLength = before
        parser.pointee.headLength = UInt32(before)
        return true
    }

    /// Whether a server's bytes at `start` are where the response to the first request that waits
    /// begins, if that was sent alone.
    private func answersFirst(_ connection: ConnectionPointer, at start: UInt32) -> Bool {
        guard let first = connection.pointee.pendingFirst else { return false }
        return first.pointee.acknowledged == start && follows(readAcknowledged, first)
    }

    /// Whether bytes are the start of a message that `start` tells, a sequence number; it is `nil`
    /// where they do not look like one. They are passed over where they are not.
    private mutating func finds(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        at start: UInt32?
    ) -> Bool {
        if direction == .toClient { return findsResponse(connection, bytes, at: start) }
        if let start, findsRequest(connection, bytes, at: start) { return true }
        pass(connection, .toServer)
        return false
    }

    private mutating func findsRequest(
        _ connection: ConnectionPointer, _ bytes: UnsafeRawBufferPointer, at start: UInt32
    ) -> Bool {
        guard isWhole(bytes.methodWord, connection) else { return false }
        let server = connection.half(.toClient)
        let isTurn =
            !server.pointee.isOpen
            || readAcknowledged ?? server.pointee.next == server.pointee.next
        let client = connection.parser(.toServer)
        // Its first bytes may have come before.
        let acknowledged =
            client.pointee.startSequence == start
            ? client.pointee.startAcknowledged : readAcknowledged
        guard isTurn && !isAwaited(connection) || !isPassed(connection, acknowledged) else {
            return false
        }
        if client.pointee.doubt == .none { client.pointee.doubt = .found }
        return true
    }

    /// Whether a segment that begins with a method begins its request. Where it does not, the bytes
    /// before it were not captured, and what is left looks like a method nobody asked with: OST.
    private func isWhole(_ word: MethodWord, _ connection: ConnectionPointer) -> Bool {
        switch word {
        case .registered: true
        case .end: false
        case .other: connection.pointee.isRecognised
        }
    }

    private mutating func findsResponse(
        _ connection: ConnectionPointer, _ bytes: UnsafeRawBufferPointer, at start: UInt32?
    ) -> Bool {
        let parser = connection.parser(.toClient)
        if let start {
            if answersFirst(connection, at: start) { return true }
            if connection.pointee.isBlind {
                flushPending(connection)
                return true
            }
            // An interim response, but to which request? What is behind it tells more.
            guard let final = bytes.behindInterim else { return false }
            // Without its status it may be text.
            let hasStatus = final.count >= 12 && final.beginsResponse
            if hasStatus { noteAnswered(connection, by: readAcknowledged) }
            if hasStatus && connection.pointee.pendingFirst == nil && !parser.pointee.hasMissed {
                counters.unpairedResponses &+= 1
                parser.pointee.hasMissed = true
            }
        }
        pass(connection, .toClient)
        return false
    }

    // MARK: Passing over

    /// Bytes are passed over: what they belong to is not known.
    private mutating func pass(_ connection: ConnectionPointer, _ direction: Direction) {
        guard direction == .toServer else { return passResponses(connection) }
        let client = connection.parser(.toServer)
        if connection.pointee.requestsInTurn == 0,
            client.pointee.doubt == .none || client.pointee.doubt == .early
        {
            client.pointee.doubt = .passed
        }
    }

    /// A server's bytes are passed over, or were not captured: they may answer what waits, which
    /// must not take a later response, and what was passed over.
    mutating func passResponses(_ connection: ConnectionPointer) {
        flushPending(connection)
        noteAnsweredPassed(connection)
    }

    /// What a client sent before it waited is of the past.
    private func noteAnsweredPassed(_ connection: ConnectionPointer) {
        let client = connection.parser(.toServer)
        if client.pointee.doubt == .passed {
            client.pointee.doubt = .none
            // No server answers a request line that has not ended: it is text.
            if client.pointee.state == .start { client.pointee.state = .lost }
        }
        if client.pointee.state == .lost { client.pointee.spillLength = 0 }
    }

    // MARK: Doubt

    /// A request begins: whether bytes were passed over before it that may be a part of an
    /// unanswered one.
    func takeDoubt(_ connection: ConnectionPointer) -> Bool {
        let client = connection.parser(.toServer)
        guard client.pointee.doubt == .passed else { return false }
        client.pointee.doubt = .none
        return true
    }

    /// A response begins while there is doubt about a client's bytes.
    ///
    /// What was passed over before the request that waits may be the beginning of another, and the
    /// request a text in its body. Then the response, which follows the last of these bytes, is to
    /// that other. It is to this one where the response comes before the request's end, and its
    /// client goes on with the rest: what it sends next tells. That tells too whether a request
    /// was text that was found where the place was lost, and is not at its end.
    mutating func weighDoubt(_ connection: ConnectionPointer) {
        let client = connection.parser(.toServer)
        if client.pointee.doubt == .asked || client.pointee.doubt == .found {
            if client.pointee.isInMessage && connection.pointee.pendingCount == 1 {
                client.pointee.doubt = .answered
            } else if client.pointee.doubt == .found {
                client.pointee.doubt = .none
            } else {
                flushPending(connection)
            }
        }
        noteAnsweredPassed(connection)
    }

    /// A client goes on after the response to a request of doubt has begun: with that request's
    /// rest, or with another one, so that what looked like the first was text.
    mutating func endDoubt(_ connection: ConnectionPointer, _ bytes: UnsafeRawBufferPointer) {
        let client = connection.parser(.toServer)
        let server = connection.parser(.toClient)
        client.pointee.doubt = .none
        if readBeginsSegment, bytes.begins(.toServer) || bytes.mayBecomeStart(.toServer) {
            flushPending(connection)
            client.pointee.reset()
            client.pointee.state = .lost
        } else if server.pointee.state == .settling {
            let end = server.pointee.remaining
            finishExchange(connection, isComplete: true, now: end)
            server.pointee.reset()
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a segment begins a message of this direction, as far as it goes.
    fileprivate func begins(_ direction: Direction) -> Bool {
        direction == .toServer ? beginsRequest : beginsResponse
    }

    /// What a segment that begins with interim responses has behind them; `nil` where they do not
    /// end in it, or nothing follows.
    fileprivate var behindInterim: UnsafeRawBufferPointer? {
        var rest = self
        while rest.count > 9, rest[9] == 0x31, rest.beginsResponse {
            guard let length = rest.headLength, length < rest.count else { return nil }
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
        }
        return rest
    }

    /// The length of a head, with the empty line that ends it.
    private var headLength: Int? {
        var line = 0
        for index in 0..<count where self[index] == 0x0a {
            if index == line || index == line + 1 && self[line] == 0x0d { return index + 1 }
            line = index + 1
        }
        return nil
    }

    /// Whether bytes are too few to tell whether they begin a message of this direction.
    fileprivate func mayBecomeStart(_ direction: Direction) -> Bool {
        direction == .toServer ? mayBecomeRequest : mayBecomeResponse
    }
}
