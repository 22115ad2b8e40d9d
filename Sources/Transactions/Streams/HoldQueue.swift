// Hot path: allocates nothing but blocks of the pool.

/// A segment as it came, its payload borrowed.
struct Arrival {
    let direction: Direction
    let sequence: UInt32
    let acknowledged: UInt32?
    let payload: UnsafeRawBufferPointer
    let length: Int
    let hasFin: Bool
    /// Packet time when it came.
    let time: UInt64

    /// The segment up to the sequence number `end`, which lies within it.
    func prefix(to end: UInt32) -> Arrival {
        let length = Int(end &- sequence)
        return Arrival(
            direction: direction, sequence: sequence, acknowledged: acknowledged,
            payload: UnsafeRawBufferPointer(rebasing: payload[..<min(length, payload.count)]),
            length: length, hasFin: false, time: time)
    }
}

/// Segments that wait for the bytes before them: bounded in number, bytes and packet time.
extension TransactionEngine {
    /// Keeps a segment. False where a bound leaves no room.
    mutating func hold(_ connection: ConnectionPointer, _ arrival: Arrival) -> Bool {
        let payload = arrival.payload
        guard connection.pointee.heldCount < limits.heldSegments,
            Int(connection.pointee.heldBytes) + payload.count <= Int(limits.heldBytes),
            let block = take(HeldSegment.headerSize + payload.count, for: connection)
        else { return false }
        if connection.pointee.heldCount == 0, connection.pointee.standing != .doubted {
            table.renew(connection, as: .waiting, now: arrival.time)
        }
        if let bytes = payload.baseAddress {
            (block + HeldSegment.headerSize).copyMemory(from: bytes, byteCount: payload.count)
        }
        let segment = block.bindMemory(to: HeldSegment.self, capacity: 1)
        segment.initialize(
            to: HeldSegment(
                direction: arrival.direction, hasFin: arrival.hasFin,
                acknowledged: arrival.acknowledged, sequence: arrival.sequence,
                captured: Int32(payload.count), length: Int32(clamping: arrival.length),
                time: arrival.time))
        if let last = connection.pointee.heldLast {
            last.pointee.next = segment
        } else {
            connection.pointee.heldFirst = segment
        }
        connection.pointee.heldLast = segment
        connection.pointee.heldCount += 1
        connection.pointee.heldBytes += Int32(payload.count)
        noteBulk(connection)
        return true
    }

    /// Delivers held segments whose turn has come, the first to come first.
    mutating func releaseReady(_ connection: ConnectionPointer, now: UInt64) {
        var previous: UnsafeMutablePointer<HeldSegment>?
        var next = connection.pointee.heldFirst
        while let segment = next {
            let half = connection.half(segment.pointee.direction)
            let ahead = Int32(bitPattern: segment.pointee.sequence &- half.pointee.next)
            let isReady =
                ahead <= 0
                && !awaitsOther(
                    connection, segment.pointee.direction, segment.pointee.acknowledged)
            guard isReady else {
                previous = segment
                next = segment.pointee.next
                continue
            }
            let waiting = arrival(segment)
            let end = waiting.sequence &+ UInt32(truncatingIfNeeded: waiting.length)
            if let start = heldStart(
                connection, waiting.direction, before: end, upTo: segment)
            {
                // What overlaps one that came earlier is that one's; the rest follows it.
                deliver(connection, waiting.prefix(to: start))
            } else {
                unhold(connection, segment, after: previous)
                deliver(connection, waiting)
                pool.give(UnsafeMutableRawPointer(segment), size: segment.pointee.blockSize)
            }
            // It may have been what an earlier one waits for.
            previous = nil
            next = connection.pointee.heldFirst
        }
    }

    /// The lowest start of held bytes of a direction that lie ahead and before `end`, of segments
    /// that came before `last`.
    func heldStart(
        _ connection: ConnectionPointer, _ direction: Direction, before end: UInt32,
        upTo last: UnsafeMutablePointer<HeldSegment>?
    ) -> UInt32? {
        let half = connection.half(direction)
        guard half.pointee.isOpen, !half.pointee.isFinished else { return nil }
        var lowest = end
        var next = connection.pointee.heldFirst
        while let segment = next, segment != last {
            if segment.pointee.direction == direction, segment.pointee.length > 0,
                Int32(bitPattern: segment.pointee.sequence &- half.pointee.next) > 0,
                Int32(bitPattern: segment.pointee.sequence &- lowest) < 0
            {
                lowest = segment.pointee.sequence
            }
            next = segment.pointee.next
        }
        return lowest == end ? nil : lowest
    }

    private func arrival(_ segment: UnsafeMutablePointer<HeldSegment>) -> Arrival {
        Arrival(
            direction: segment.pointee.direction, sequence: segment.pointee.sequence,
            acknowledged: segment.pointee.acknowledged,
            payload: UnsafeRawBufferPointer(
                start: UnsafeRawPointer(segment) + HeldSegment.headerSize,
                count: Int(segment.pointee.captured)),
            length: Int(segment.pointee.length), hasFin: segment.pointee.hasFin,
            time: segment.pointee.time)
    }

    /// Gives up what `segment` waits for: bytes of the other direction that it acknowledges, or
    /// the bytes before it.
    mutating func giveUpHole(
        _ connection: ConnectionPointer, before segment: UnsafeMutablePointer<HeldSegment>,
        now: UInt64
    ) {
        let direction = segment.pointee.direction
        let acknowledged = segment.pointee.acknowledged
        if isRead(connection, segment) {
            // What it acknowledges is known from it alone: others of the same bytes did not.
            release(connection, segment)
        } else if let acknowledged, awaitsOther(connection, direction, acknowledged) {
            if let other = heldInOrder(connection, direction.opposite) {
                // The bytes it waits for are here, and wait themselves for ones that are not.
                skip(connection, direction, to: other, now: now)
            } else {
                skip(connection, direction.opposite, to: acknowledged, now: now)
            }
        } else {
            skip(connection, direction, to: segment.pointee.sequence, now: now)
        }
    }

    /// What the first held segment of a direction that lies in order waits for: the number that it
    /// acknowledges.
    private func heldInOrder(_ connection: ConnectionPointer, _ direction: Direction) -> UInt32? {
        let half = connection.half(direction)
        var next = connection.pointee.heldFirst
        while let segment = next {
            let behind = Int32(bitPattern: half.pointee.next &- segment.pointee.sequence)
            if segment.pointee.direction == direction, behind >= 0,
                behind < segment.pointee.length || segment.pointee.hasFin,
                awaitsOther(connection, direction, segment.pointee.acknowledged)
            {
                return segment.pointee.acknowledged
            }
            next = segment.pointee.next
        }
        return nil
    }

    /// Skips the hole before the earliest held bytes of a direction that lie before `limit`, or
    /// before `limit` itself.
    mutating func skip(
        _ connection: ConnectionPointer, _ direction: Direction, to limit: UInt32, now: UInt64
    ) {
        let half = connection.half(direction)
        var target = limit
        var next = connection.pointee.heldFirst
        while let segment = next {
            // One that lies in order and waits for its acknowledgement alone is passed over too:
            // each would wait for the other, which no honest pair of ends does.
            if segment.pointee.direction == direction,
                Int32(bitPattern: segment.pointee.sequence &- half.pointee.next) > 0,
                Int32(bitPattern: segment.pointee.sequence &- target) < 0
            {
                target = segment.pointee.sequence
            }
            next = segment.pointee.next
        }
        let missing = Int32(bitPattern: target &- half.pointee.next)
        guard missing > 0 else { return }
        half.notePassed()
        half.pointee.next = target
        miss(connection, direction, UInt64(missing), now: now)
    }

    /// Whether the bytes of a held segment came in another one, and were read.
    private func isRead(
        _ connection: ConnectionPointer, _ segment: UnsafeMutablePointer<HeldSegment>
    ) -> Bool {
        guard segment.pointee.length > 0 || segment.pointee.hasFin else { return false }
        let length = UInt32(bitPattern: segment.pointee.length) &+ (segment.pointee.hasFin ? 1 : 0)
        let half = connection.half(segment.pointee.direction)
        return Int32(bitPattern: segment.pointee.sequence &+ length &- half.pointee.next) <= 0
    }

    /// Takes a held segment off the list and gives back its block.
    private mutating func release(
        _ connection: ConnectionPointer, _ segment: UnsafeMutablePointer<HeldSegment>
    ) {
        var previous: UnsafeMutablePointer<HeldSegment>?
        var next = connection.pointee.heldFirst
        while let candidate = next, candidate != segment {
            previous = candidate
            next = candidate.pointee.next
        }
        unhold(connection, segment, after: previous)
        pool.give(UnsafeMutableRawPointer(segment), size: segment.pointee.blockSize)
    }

    /// Takes a held segment off the list; its block stays with the caller.
    private mutating func unhold(
        _ connection: ConnectionPointer, _ segment: UnsafeMutablePointer<HeldSegment>,
        after previous: UnsafeMutablePointer<HeldSegment>?
    ) {
        if let previous {
            previous.pointee.next = segment.pointee.next
        } else {
            connection.pointee.heldFirst = segment.pointee.next
        }
        if connection.pointee.heldLast == segment { connection.pointee.heldLast = previous }
        connection.pointee.heldCount -= 1
        connection.pointee.heldBytes -= segment.pointee.captured
        if connection.pointee.heldCount == 0, connection.pointee.standing == .waiting {
            table.renew(connection, as: .live, now: connection.pointee.lastSeen)
        }
    }

    /// Gives back the blocks of all segments that a connection holds.
    mutating func releaseHeld(of connection: ConnectionPointer) {
        while let first = connection.pointee.heldFirst {
            unhold(connection, first, after: nil)
            pool.give(UnsafeMutableRawPointer(first), size: first.pointee.blockSize)
        }
    }

    /// Gives up the holes whose time is over, in all connections.
    mutating func releaseOverdue(now: UInt64) {
        for number in UseOrder.allWaiting {
            var next = table[UseOrder(number: number)].newest
            while let connection = next {
                next = connection.pointee.older
                while let segment = firstOverdue(connection, now: now) {
                    giveUpHole(connection, before: segment, now: now)
                    releaseReady(connection, now: now)
                }
            }
        }
    }

    private func firstOverdue(
        _ connection: ConnectionPointer, now: UInt64
    ) -> UnsafeMutablePointer<HeldSegment>? {
        var next = connection.pointee.heldFirst
        while let segment = next, !isOverdue(connection, segment, now: now) {
            next = segment.pointee.next
        }
        return next
    }

    /// What the peer acknowledged was sent and not captured: it is waited for only as long as
    /// captures change the order of packets. What it did not may be sent again.
    private func isOverdue(
        _ connection: ConnectionPointer, _ segment: UnsafeMutablePointer<HeldSegment>, now: UInt64
    ) -> Bool {
        let isAcknowledged = awaitsOther(
            connection, segment.pointee.direction, segment.pointee.acknowledged)
        let patience = isAcknowledged ? limits.acknowledgedTime : limits.heldTime
        return segment.pointee.time.addingClamped(patience.rawValue) < now
    }
}
