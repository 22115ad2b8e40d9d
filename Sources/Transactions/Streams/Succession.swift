// Hot path: allocates nothing.

/// One connection after another on the same ends.
///
/// A packet that is captured twice may come the second time when its connection has ended and the
/// next has begun. Each side's numbers tell the two apart for as long as a closed connection is
/// remembered; without that a late SYN would begin the old connection again, over the new one.
extension TransactionEngine {
    /// Makes a closed connection a new one of the same ends.
    mutating func succeed(_ connection: ConnectionPointer, now: UInt64) {
        counters.connections &+= 1
        table.renew(connection, as: .embryonic, now: now)
        connection.pointee.isEncrypted = false
        connection.pointee.isRecognised = false
        connection.pointee.isPipelined = false
        connection.pointee.hasLost = false
        connection.pointee.requestsInTurn = 0
        connection.pointee.previousUntil = now.addingClamped(limits.closedTime.rawValue)
        succeed(connection, .toServer)
        succeed(connection, .toClient)
    }

    private func succeed(_ connection: ConnectionPointer, _ direction: Direction) {
        let half = connection.half(direction)
        let next = half.pointee.next
        let initial = half.pointee.initial ?? next &- Self.lateSYN
        half.initialize(to: Half())
        connection.parser(direction).initialize(to: MessageParser())
        half.pointee.previousInitial = initial
        half.pointee.previousNext = next
    }

    /// Whether a segment is a late copy of the connection before: its SYN, or bytes of its range
    /// that the new connection has not come to.
    func isOfPrevious(
        _ connection: ConnectionPointer, _ segment: SegmentPointer, _ direction: Direction,
        now: UInt64
    ) -> Bool {
        guard now <= connection.pointee.previousUntil else {
            connection.pointee.previousUntil = 0
            return false
        }
        let half = connection.half(direction)
        if segment.pointee.flags.contains(.syn) {
            return segment.pointee.sequence &+ 1 == half.pointee.previousInitial
        }
        let behind = half.pointee.previousNext &- segment.pointee.sequence
        if behind == 0 && segment.pointee.length > 0 { return false }
        let span = min(
            half.pointee.previousNext &- half.pointee.previousInitial, UInt32(Self.maximumAhead))
        guard behind <= span else { return false }
        if segment.pointee.flags.contains(.rst) {
            return !half.pointee.isOpen || segment.pointee.sequence != half.pointee.next
        }
        let ahead = Int32(bitPattern: segment.pointee.sequence &- half.pointee.next)
        return !half.pointee.isOpen || ahead > 0 || ahead < -Int32(Self.lateSYN)
    }
}
