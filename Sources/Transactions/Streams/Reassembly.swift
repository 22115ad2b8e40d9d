// Hot path: allocates nothing but blocks of the pool.

/// TCP streams: bytes in order, once each; holes skipped after a bound and counted.
extension TransactionEngine {
    /// The furthest a segment may lie from its stream; what lies further belongs to none.
    static var maximumAhead: Int32 { 64 << 20 }
    /// Bytes of a stream within which a SYN is taken for its own, come late, and a RST may be its
    /// own too: as much as a window holds.
    static var lateSYN: UInt32 { 1 << 20 }
    /// Bytes that a SYN may bring, at most.
    static var dataOnSYN: UInt32 { 64 << 10 }

    mutating func follow(
        _ connection: ConnectionPointer, _ segment: SegmentPointer, _ direction: Direction,
        now: UInt64
    ) {
        if connection.pointee.previousUntil > 0,
            isOfPrevious(connection, segment, direction, now: now)
        {
            return
        }
        let half = connection.half(direction)
        var sequence = segment.pointee.sequence
        if segment.pointee.flags.contains(.syn) {
            sequence &+= 1
            guard begin(connection, direction, at: sequence, segment, now: now) else { return }
        } else if half.pointee.claim == .opening
            || connection.half(direction.opposite).pointee.claim == .opening,
            !segment.pointee.flags.contains(.rst)
        {
            weighRivals(connection, segment, direction, now: now)
        }
        guard !connection.pointee.isClosed else { return noteLate(connection, half, segment) }
        // What a RST carries is no part of the stream (RFC 9293, 3.5.3).
        guard !segment.pointee.flags.contains(.rst) else {
            return reset(connection, direction, segment, now: now)
        }
        let hasFin = segment.pointee.flags.contains(.fin)
        if segment.pointee.length > 0 || hasFin {
            if half.pointee.claim == .passed {
                goBack(connection, direction, to: sequence, now: now)
            }
            if !connection.pointee.standing.isLive {
                let length = UInt32(truncatingIfNeeded: segment.pointee.length)
                enliven(
                    connection, half, upTo: sequence &+ length &+ (hasFin ? 1 : 0), now: now)
            }
            if isStray(half, sequence, segment.pointee.length) {
                followStrays(connection, now: now)
            }
            if segment.pointee.length > 0 { noteReadability(connection, segment) }
            if half.pointee.opening != .seen {
                if !half.pointee.isOpen { half.pointee.next = sequence }
                half.pointee.opening = .seen
                connection.pointee.hasLost = true
            }
        }
        if segment.pointee.flags.contains(.ack) && connection.pointee.previousUntil == 0 {
            assume(connection.half(direction.opposite), at: segment.pointee.acknowledgement)
        }
        let arrival = Arrival(
            direction: direction, sequence: sequence,
            acknowledged: segment.pointee.flags.contains(.ack)
                ? segment.pointee.acknowledgement : nil,
            payload: segment.pointee.payload, length: segment.pointee.length, hasFin: hasFin,
            time: now)
        place(connection, arrival, now: now)
        if connection.half(.toServer).pointee.isFinished
            && connection.half(.toClient).pointee.isFinished
        {
            close(connection, now: now)
        }
    }

    /// A SYN opens a direction, or a new connection over one of the same ends that has ended. False
    /// where the one that is open may go on: nothing of the segment is read then.
    private mutating func begin(
        _ connection: ConnectionPointer, _ direction: Direction, at sequence: UInt32,
        _ segment: SegmentPointer, now: UInt64
    ) -> Bool {
        let half = connection.half(direction)
        if half.pointee.isOpen {
            if half.pointee.initial == sequence { return true }
            // A SYN that was captured after the first bytes it opens.
            let behind = half.pointee.next &- sequence
            if half.pointee.initial == nil && behind <= Self.lateSYN {
                if half.pointee.opening == .assumed { open(connection, direction, at: sequence) }
                half.pointee.initial = sequence
                return true
            }
        }
        if direction == .toClient && answersRival(connection, segment) {
            takeOver(connection, now: now)
        } else if half.pointee.isOpen && !connection.pointee.isClosed {
            contend(connection, direction, at: sequence, segment)
            return false
        } else if half.pointee.isOpen || direction == .toServer && connection.pointee.isClosed {
            succeed(connection, now: now)
            // The SYN that this answers was not captured; it ended where this acknowledges.
            if direction == .toClient && segment.pointee.flags.contains(.ack) {
                open(connection, .toServer, at: segment.pointee.acknowledgement)
            }
        }
        if !half.pointee.isOpen { open(connection, direction, at: sequence) }
        return true
    }

    func open(
        _ connection: ConnectionPointer, _ direction: Direction, at sequence: UInt32
    ) {
        let half = connection.half(direction)
        half.pointee.opening = .seen
        half.pointee.initial = sequence
        half.pointee.next = sequence
        connection.parser(direction).pointee.reset()
    }

    /// Opens a direction of which nothing was seen where the other end has all that came before:
    /// what was sent earlier belongs to the past, and a hole behind is known as one.
    @inline(__always)
    private func assume(_ half: HalfPointer, at acknowledged: UInt32) {
        guard !half.pointee.isOpen else { return }
        half.pointee.opening = .assumed
        half.pointee.next = acknowledged
    }

    // MARK: Order

    /// Delivers a segment in its turn, or holds it.
    ///
    /// Its turn has come when all bytes before it have, and all bytes of the other direction that
    /// it acknowledges: so requests and responses are read in the order of cause and effect, and
    /// one that was captured late, or never, cannot shift the pairs that follow.
    private mutating func place(
        _ connection: ConnectionPointer, _ arrival: Arrival, now: UInt64
    ) {
        while true {
            let half = connection.half(arrival.direction)
            let ahead =
                half.pointee.isOpen
                ? Int32(bitPattern: arrival.sequence &- half.pointee.next) : 0
            guard ahead <= Self.maximumAhead && ahead >= -Self.maximumAhead else { return }
            let isEmpty = arrival.length == 0 && !arrival.hasFin
            if ahead <= 0 && !awaitsOther(connection, arrival.direction, arrival.acknowledged) {
                guard !isEmpty else { return }
                if connection.pointee.heldFirst != nil {
                    deliverAmongHeld(connection, arrival, now: now)
                } else {
                    deliver(connection, arrival)
                }
                return
            }
            // One bare acknowledgement is enough to tell that bytes were not captured.
            if isEmpty && (ahead > 0 || connection.pointee.heldFirst != nil) { return }
            if hold(connection, arrival) { return }
            // No room: the oldest hole is given up, and the segment tried again. With nothing held
            // the segment's own hole is.
            if let first = connection.pointee.heldFirst {
                giveUpHole(connection, before: first, now: now)
                releaseReady(connection, now: now)
            } else {
                skip(
                    connection, ahead > 0 ? arrival.direction : arrival.direction.opposite,
                    to: ahead > 0 ? arrival.sequence : arrival.acknowledged ?? 0, now: now)
            }
        }
    }

    /// Delivers a segment that is in order while others are held, and those whose turn it makes.
    private mutating func deliverAmongHeld(
        _ connection: ConnectionPointer, _ arrival: Arrival, now: UInt64
    ) {
        let end = arrival.sequence &+ UInt32(truncatingIfNeeded: arrival.length)
        while let start = heldStart(connection, arrival.direction, before: end, upTo: nil) {
            // Bytes that came first are kept: this one fills the hole before them.
            deliver(connection, arrival.prefix(to: start))
            releaseReady(connection, now: now)
        }
        deliver(connection, arrival)
        releaseReady(connection, now: now)
    }

    /// Whether a segment acknowledges bytes of the other direction that have not been read.
    @inline(__always)
    func awaitsOther(
        _ connection: ConnectionPointer, _ direction: Direction, _ acknowledged: UInt32?
    ) -> Bool {
        let other = connection.half(direction.opposite)
        guard let acknowledged, other.pointee.isOpen, !other.pointee.isFinished else {
            return false
        }
        let ahead = Int32(bitPattern: acknowledged &- other.pointee.next)
        return ahead > 0 && ahead <= Self.maximumAhead
    }

    /// Reads what is new of a segment that is in order.
    mutating func deliver(_ connection: ConnectionPointer, _ arrival: Arrival) {
        let half = connection.half(arrival.direction)
        guard !half.pointee.isFinished else { return }
        let skipping = -Int(Int32(bitPattern: arrival.sequence &- half.pointee.next))
        guard skipping <= arrival.length else { return }
        let fresh = arrival.length - skipping
        if half.pointee.claim == .passed && fresh > 0 { half.noteRead() }
        half.pointee.next &+= UInt32(truncatingIfNeeded: fresh)
        let payload = arrival.payload
        let seen = max(0, payload.count - skipping)
        readBeginsSegment = skipping == 0
        if seen > 0 {
            readEnd = half.pointee.next &- UInt32(truncatingIfNeeded: fresh - seen)
            readAcknowledged = arrival.acknowledged
            let bytes = UnsafeRawBufferPointer(rebasing: payload[(payload.count - seen)...])
            if connection.pointee.isRecognised
                || isReadable(connection, arrival.direction, bytes, now: arrival.time)
            {
                read(connection, arrival.direction, bytes, now: arrival.time)
            }
        } else if fresh > 0 {
            noteReadable(connection)
        }
        // The rest was cut off by the snapshot length of the capture.
        if fresh > seen {
            miss(connection, arrival.direction, UInt64(fresh - seen), now: arrival.time)
        }
        if arrival.hasFin {
            half.pointee.next &+= 1
            half.pointee.isFinished = true
            endStream(connection, arrival.direction, hasFin: true, now: arrival.time)
        }
    }

    // MARK: Ends

    /// Ends both directions: what waits is delivered over its holes, what is open is counted.
    mutating func close(_ connection: ConnectionPointer, now: UInt64) {
        guard !connection.pointee.isClosed else { return }
        while let first = connection.pointee.heldFirst {
            giveUpHole(connection, before: first, now: now)
            releaseReady(connection, now: now)
        }
        if !connection.half(.toClient).pointee.isFinished {
            connection.half(.toClient).pointee.isFinished = true
            endStream(connection, .toClient, hasFin: false, now: now)
        }
        flushPending(connection)
        releaseBlocks(of: connection)
        connection.pointee.bulk = .little
        table.renew(connection, as: .closed, now: now)
    }

    /// Closes a connection and forgets it.
    mutating func drop(_ connection: ConnectionPointer, now: UInt64) {
        close(connection, now: now)
        table.remove(connection)
    }

    /// Gives back every block that a connection holds.
    mutating func releaseBlocks(of connection: ConnectionPointer) {
        releaseHeld(of: connection)
        releaseSpill(connection.parser(.toServer))
        releaseSpill(connection.parser(.toClient))
        releaseInflater(connection, .toClient)
        while let first = connection.pointee.pendingFirst { removeFirst(connection, first) }
        releaseResponseFields(of: connection)
    }

    mutating func releaseSpill(_ parser: ParserPointer) {
        guard let spill = parser.pointee.spill else { return }
        pool.give(spill, size: parser.pointee.spillCapacity)
        parser.pointee.spill = nil
        parser.pointee.spillCapacity = 0
        parser.pointee.spillLength = 0
    }
}
