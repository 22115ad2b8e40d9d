// Hot path: allocates nothing.

/// Data that does not go on where its stream is: a new connection on the same ends whose SYN was
/// not captured, the stream itself after a loss, or what somebody made up.
extension TransactionEngine {
    /// Whether a segment is the last of several that continue one another, and not the stream.
    @inline(__always)
    mutating func isStray(
        _ half: HalfPointer, _ sequence: UInt32, _ length: Int
    ) -> Bool {
        guard half.pointee.isOpen else { return false }
        let ahead = Int32(bitPattern: sequence &- half.pointee.next)
        guard ahead > Self.maximumAhead || ahead < -Self.maximumAhead else {
            if ahead >= 0 && half.pointee.claim.isStray { half.pointee.claim = .none }
            return false
        }
        return isLastStray(half, sequence, length)
    }

    @inline(never)
    private mutating func isLastStray(
        _ half: HalfPointer, _ sequence: UInt32, _ length: Int
    ) -> Bool {
        let before = half.pointee.claim
        let continues = before.isStray && sequence &- half.pointee.rival <= Self.lateSYN
        if continues && before == .strays { return true }
        half.pointee.claim = continues ? .strays : .stray
        half.pointee.rival = sequence &+ UInt32(truncatingIfNeeded: length)
        // It is not read.
        if length > 0 {
            counters.gaps &+= 1
            counters.gapBytes &+= UInt64(length)
        }
        return false
    }

    /// A new connection whose SYN was not captured, or the same one elsewhere: of a client that
    /// sends ahead nothing tells then which response is whose.
    @inline(never)
    mutating func followStrays(_ connection: ConnectionPointer, now: UInt64) {
        let isPipelined = connection.pointee.isPipelined
        close(connection, now: now)
        succeed(connection, now: now)
        connection.pointee.isPipelined = isPipelined
        table.renew(connection, as: .live, now: now)
    }

    /// Bytes were passed over, up to where somebody acknowledged or sent more; if they come after
    /// all, and nothing did that lay behind them, the stream goes on with them. So it does behind
    /// more than a window holds, whatever came behind: that was not its own.
    @inline(never)
    mutating func goBack(
        _ connection: ConnectionPointer, _ direction: Direction, to sequence: UInt32, now: UInt64
    ) {
        let half = connection.half(direction)
        if sequence == half.pointee.next {
            half.pointee.claim = .none
            return
        }
        let hole = half.pointee.next &- half.pointee.rival
        let parser = connection.parser(direction)
        guard sequence &- half.pointee.rival < min(hole, Self.lateSYN),
            hole > Self.lateSYN || parser.pointee.state == .lost
        else { return }
        half.pointee.claim = .none
        half.pointee.next = sequence
        half.pointee.isFinished = false
        connection.pointee.hasLost = true
        if parser.pointee.state != .lost && parser.pointee.state != .tunnel {
            lose(connection, direction, now: now)
        }
    }
}

extension HalfPointer {
    /// Bytes from here on are passed over.
    func notePassed() {
        guard pointee.claim != .passed else { return }
        pointee.claim = .passed
        pointee.rival = pointee.next
    }

    /// Bytes behind those that were passed over are read.
    func noteRead() {
        let reach = TransactionEngine.lateSYN
        if pointee.claim == .passed && pointee.next &- pointee.rival <= reach {
            pointee.claim = .none
        }
    }
}
