// Hot path: allocates nothing but blocks of the pool.

/// TCP streams: bytes in order, once each; holes skipped after a bound and counted.
extension TransactionEngine {
    /// The furthest a segment may lie ahead of its stream; what lies further belongs to none.
    static var maximumAhead: Int32 { 64 << 20 }
    /// Bytes of a stream within which a SYN is taken for its own, come late.
    static var lateSYN: UInt32 { 1 << 20 }

    mutating func follow(
        _ connection: ConnectionPointer, _ segment: Segment, _ direction: Direction, now: UInt64
    ) {
        if connection.pointee.previousUntil > 0,
            isOfPrevious(connection, segment, direction, now: now)
        {
            return
        }
        let half = connection.half(direction)
        var sequence = segment.sequence
        if segment.flags.contains(.syn) {
            sequence &+= 1
            begin(connection, direction, at: sequence, now: now)
        }
        guard !connection.pointee.isClosed else { return }
        if segment.length > 0 { noteReadability(connection, segment, direction) }
        let hasFin = segment.flags.contains(.fin)
        if !half.pointee.isOpen, segment.length > 0 || hasFin {
            half.pointee.isOpen = true
            half.pointee.next = sequence
        }
        let arrival = Arrival(
            direction: direction, sequence: sequence,
            acknowledged: segment.flags.contains(.ack) ? segment.acknowledgement : nil,
            payload: segment.payload, length: segment.length, hasFin: hasFin)
        place(connection, arrival, now: now)
        if segment.flags.contains(.rst)
            || connection.half(.toServer).pointee.isFinished
                && connection.half(.toClient).pointee.isFinished
        {
            close(connection, now: now)
        }
    }

    /// A SYN opens a direction, or a new connection over an old one of the same ends.
    private mutating func begin(
        _ connection: ConnectionPointer, _ direction: Direction, at sequence: UInt32,
        now: UInt64
    ) {
        let half = connection.half(direction)
        if half.pointee.isOpen {
            if half.pointee.initial == sequence { return }
            // A SYN that was captured after the first bytes it opens.
            let behind = half.pointee.next &- sequence
            if half.pointee.initial == nil && behind <= Self.lateSYN {
                half.pointee.initial = sequence
                return
            }
        }
        if direction == .toServer && (half.pointee.isOpen || connection.pointee.isClosed) {
            close(connection, now: now)
            succeed(connection, now: now)
        }
        guard !half.pointee.isOpen else { return }
        half.pointee.isOpen = true
        half.pointee.initial = sequence
        half.pointee.next = sequence
        half.pointee.parser.reset()
    }

    private mutating func noteReadability(
        _ connection: ConnectionPointer, _ segment: Segment, _ direction: Direction
    ) {
        let service = Int(connection.pointee.service)
        if !connection.pointee.isRecognised, !connection.pointee.isEncrypted,
            segment.payload.beginsTLS
        {
            connection.pointee.isEncrypted = true
            counters.services[service].encryptedConnections &+= 1
            connection.half(.toServer).pointee.parser.state = .tunnel
            connection.half(.toClient).pointee.parser.state = .tunnel
        }
        if connection.pointee.isEncrypted {
            counters.services[service].encryptedPackets &+= 1
        } else {
            counters.services[service].readablePackets &+= 1
        }
    }

    /// A segment as it came, its payload borrowed.
    private struct Arrival {
        let direction: Direction
        let sequence: UInt32
        let acknowledged: UInt32?
        let payload: UnsafeRawBufferPointer
        let length: Int
        let hasFin: Bool
    }

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
            guard ahead <= Self.maximumAhead else { return }
            let isEmpty = arrival.length == 0 && !arrival.hasFin
            if ahead <= 0 && !awaitsOther(connection, arrival.direction, arrival.acknowledged) {
                guard !isEmpty else { return }
                deliver(connection, arrival, now: now)
                if connection.pointee.heldFirst != nil { releaseReady(connection, now: now) }
                return
            }
            // One bare acknowledgement is enough to tell that bytes were not captured.
            if isEmpty && (ahead > 0 || connection.pointee.heldFirst != nil) { return }
            if hold(connection, arrival, now: now) { return }
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

    /// Whether a segment acknowledges bytes of the other direction that have not been read.
    @inline(__always)
    private func awaitsOther(
        _ connection: ConnectionPointer, _ direction: Direction, _ acknowledged: UInt32?
    ) -> Bool {
        let other = connection.half(direction.opposite)
        guard let acknowledged, other.pointee.isOpen, !other.pointee.isFinished else {
            return false
        }
        let ahead = Int32(bitPattern: acknowledged &- other.pointee.next)
        return ahead > 0 && ahead <= Self.maximumAhead
    }

    private mutating func deliver(
        _ connection: ConnectionPointer, _ arrival: Arrival, now: UInt64
    ) {
        let half = connection.half(arrival.direction)
        guard !half.pointee.isFinished else { return }
        let skipping = -Int(Int32(bitPattern: arrival.sequence &- half.pointee.next))
        guard skipping <= arrival.length else { return }
        let fresh = arrival.length - skipping
        half.pointee.next &+= UInt32(truncatingIfNeeded: fresh)
        let payload = arrival.payload
        let seen = max(0, payload.count - skipping)
        if seen > 0 {
            read(
                connection, arrival.direction,
                UnsafeRawBufferPointer(rebasing: payload[(payload.count - seen)...]), now: now)
        }
        // The rest was cut off by the snapshot length of the capture.
        if fresh > seen { miss(connection, arrival.direction, UInt64(fresh - seen), now: now) }
        if arrival.hasFin {
            half.pointee.next &+= 1
            half.pointee.isFinished = true
            endStream(connection, arrival.direction, now: now)
        }
    }

    // MARK: Segments that wait

    private mutating func hold(
        _ connection: ConnectionPointer, _ arrival: Arrival, now: UInt64
    ) -> Bool {
        let payload = arrival.payload
        guard connection.pointee.heldCount < limits.heldSegments,
            Int(connection.pointee.heldBytes) + payload.count <= Int(limits.heldBytes),
            let block = pool.take(HeldSegment.headerSize + payload.count)
        else { return false }
        if let bytes = payload.baseAddress {
            (block + HeldSegment.headerSize).copyMemory(from: bytes, byteCount: payload.count)
        }
        let segment = block.bindMemory(to: HeldSegment.self, capacity: 1)
        segment.initialize(
            to: HeldSegment(
                direction: arrival.direction, hasFin: arrival.hasFin,
                acknowledged: arrival.acknowledged, sequence: arrival.sequence,
                captured: Int32(payload.count), length: Int32(clamping: arrival.length), time: now))
        if let last = connection.pointee.heldLast {
            last.pointee.next = segment
        } else {
            connection.pointee.heldFirst = segment
            holding += 1
        }
        connection.pointee.heldLast = segment
        connection.pointee.heldCount += 1
        connection.pointee.heldBytes += Int32(payload.count)
        return true
    }

    /// Delivers held segments whose turn has come, the first to come first.
    private mutating func releaseReady(_ connection: ConnectionPointer, now: UInt64) {
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
            unhold(connection, segment, after: previous)
            deliver(connection, arrival(segment), now: now)
            pool.give(UnsafeMutableRawPointer(segment), size: segment.pointee.blockSize)
            // It may have been what an earlier one waits for.
            previous = nil
            next = connection.pointee.heldFirst
        }
    }

    private func arrival(_ segment: UnsafeMutablePointer<HeldSegment>) -> Arrival {
        Arrival(
            direction: segment.pointee.direction, sequence: segment.pointee.sequence,
            acknowledged: segment.pointee.acknowledged,
            payload: UnsafeRawBufferPointer(
                start: UnsafeRawPointer(segment) + HeldSegment.headerSize,
                count: Int(segment.pointee.captured)),
            length: Int(segment.pointee.length), hasFin: segment.pointee.hasFin)
    }

    /// Gives up what `segment` waits for: bytes of the other direction that it acknowledges, or
    /// the bytes before it.
    private mutating func giveUpHole(
        _ connection: ConnectionPointer, before segment: UnsafeMutablePointer<HeldSegment>,
        now: UInt64
    ) {
        let direction = segment.pointee.direction
        let acknowledged = segment.pointee.acknowledged
        if let acknowledged, awaitsOther(connection, direction, acknowledged) {
            skip(connection, direction.opposite, to: acknowledged, now: now)
        } else {
            skip(connection, direction, to: segment.pointee.sequence, now: now)
        }
    }

    /// Skips the hole before the earliest held bytes of a direction that lie before `limit`, or
    /// before `limit` itself.
    private mutating func skip(
        _ connection: ConnectionPointer, _ direction: Direction, to limit: UInt32, now: UInt64
    ) {
        let half = connection.half(direction)
        var target = limit
        var next = connection.pointee.heldFirst
        while let segment = next {
            // One that lies in order and waits for its acknowledgement alone is passed over too: each
            // would wait for the other, which no honest pair of ends does.
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
        half.pointee.next = target
        miss(connection, direction, UInt64(missing), now: now)
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
        if connection.pointee.heldCount == 0 { holding -= 1 }
    }

    /// Gives up the holes whose time is over, in all connections.
    mutating func releaseOverdue(now: UInt64) {
        var next = table.newest
        while let connection = next {
            next = connection.pointee.older
            while let first = connection.pointee.heldFirst, isOverdue(connection, first, now: now) {
                giveUpHole(connection, before: first, now: now)
                releaseReady(connection, now: now)
            }
        }
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
            endStream(connection, .toClient, now: now)
        }
        flushPending(connection)
        releaseBlocks(of: connection)
        connection.pointee.isClosed = true
    }

    /// Closes a connection and forgets it.
    mutating func drop(_ connection: ConnectionPointer, now: UInt64) {
        close(connection, now: now)
        table.remove(connection)
    }

    /// Gives back every block that a connection holds.
    mutating func releaseBlocks(of connection: ConnectionPointer) {
        while let first = connection.pointee.heldFirst {
            unhold(connection, first, after: nil)
            pool.give(UnsafeMutableRawPointer(first), size: first.pointee.blockSize)
        }
        releaseSpill(connection.half(.toServer))
        releaseSpill(connection.half(.toClient))
        while let first = connection.pointee.pendingFirst {
            connection.pointee.pendingFirst = first.pointee.next
            pool.give(UnsafeMutableRawPointer(first), size: first.pointee.blockSize)
        }
        connection.pointee.pendingLast = nil
        connection.pointee.pendingCount = 0
        if let scanners = connection.pointee.scanners {
            pool.give(UnsafeMutableRawPointer(scanners), size: scannersSize(connection))
            connection.pointee.scanners = nil
        }
    }

    private mutating func releaseSpill(_ half: UnsafeMutablePointer<Half>) {
        guard let spill = half.pointee.parser.spill else { return }
        pool.give(spill, size: Int(half.pointee.parser.spillCapacity))
        half.pointee.parser.spill = nil
        half.pointee.parser.spillCapacity = 0
        half.pointee.parser.spillLength = 0
    }

    func scannersSize(_ connection: ConnectionPointer) -> Int {
        paths[Int(connection.pointee.service)].count * MemoryLayout<JSONFieldScanner>.stride
    }
}
