// Hot path: allocates nothing.

/// A SYN in the middle of a connection, and a RST elsewhere than where its stream goes on: the
/// connection has ended, or somebody made them up.
///
/// TCP answers both with an acknowledgement, and goes on (RFC 5961, 3 and 4). A capture may lack
/// what came before them, so that neither can be told by itself: such a segment makes a claim
/// alone, and the segments that follow decide.
extension TransactionEngine {
    // MARK: SYN

    /// A SYN claims that a new connection begins over the one that is open.
    mutating func contend(
        _ connection: ConnectionPointer, _ direction: Direction, at sequence: UInt32,
        _ segment: SegmentPointer
    ) {
        let half = connection.half(direction)
        let other = connection.half(direction.opposite)
        if direction == .toClient && segment.pointee.flags.contains(.ack) {
            // The SYN that it answers was not captured; it ended where this acknowledges.
            other.pointee.rival = segment.pointee.acknowledgement
            other.pointee.claim = .opening
        } else if other.pointee.claim == .opening && half.opening != sequence {
            // That SYN did not answer this one.
            other.pointee.claim = .none
        }
        half.pointee.rival = sequence
        half.pointee.claim = .opening
    }

    /// Whether a SYN of the server acknowledges one of the client that claims a new connection.
    mutating func answersRival(_ connection: ConnectionPointer, _ segment: SegmentPointer) -> Bool {
        let client = connection.half(.toServer)
        guard client.pointee.claim == .opening, segment.pointee.flags.contains(.ack) else {
            return false
        }
        // Data on the SYN is acknowledged with it.
        let acknowledged = segment.pointee.acknowledgement
        return acknowledged != client.pointee.initial
            && acknowledged &- client.pointee.rival <= Self.dataOnSYN
    }

    /// Looks which of two connections a segment goes on, where a SYN claims a new one: with the
    /// first of the new one the old one ends.
    @inline(never)
    mutating func weighRivals(
        _ connection: ConnectionPointer, _ segment: SegmentPointer, _ direction: Direction,
        now: UInt64
    ) {
        let half = connection.half(direction)
        let other = connection.half(direction.opposite)
        let sequence = segment.pointee.sequence
        let acknowledged =
            segment.pointee.flags.contains(.ack) ? segment.pointee.acknowledgement : nil
        if half.pointee.isOpen && sequence == half.pointee.next {
            // Its sender goes on as before: the SYN was not its own. A server that does has answered
            // none either.
            guard segment.pointee.length > 0 else { return }
            if half.pointee.claim == .opening { half.pointee.claim = .none }
            if direction == .toClient && other.pointee.claim == .opening {
                other.pointee.claim = .none
            }
            return
        }
        let isClaimed = half.pointee.claim == .opening
        if isClaimed {
            guard sequence &- half.pointee.rival <= Self.lateSYN else { return }
        }
        if other.pointee.claim == .opening {
            guard let acknowledged else { return }
            guard acknowledged &- other.pointee.rival <= Self.lateSYN else { return }
        }
        if half.isNear(sequence) && (acknowledged.map { other.isNear($0) } ?? true) {
            // It may be of either: the new one's if it is its first, but no copy of the old one's.
            guard isClaimed, sequence == half.pointee.rival,
                Int32(bitPattern: sequence &- half.pointee.next) > 0
            else { return }
        }
        takeOver(connection, now: now)
    }

    /// The connection that a SYN claims takes the place of the one before.
    mutating func takeOver(_ connection: ConnectionPointer, now: UInt64) {
        let toServer = connection.half(.toServer).opening
        let toClient = connection.half(.toClient).opening
        close(connection, now: now)
        succeed(connection, now: now)
        if let toServer { open(connection, .toServer, at: toServer) }
        if let toClient { open(connection, .toClient, at: toClient) }
    }

    // MARK: RST

    /// A RST ends its connection where it lies where its stream goes on. Elsewhere, but near, it
    /// may be made up, or bytes before it were not captured: the connection is doubted.
    mutating func reset(
        _ connection: ConnectionPointer, _ direction: Direction, _ segment: SegmentPointer,
        now: UInt64
    ) {
        let half = connection.half(direction)
        let other = connection.half(direction.opposite)
        let sequence = segment.pointee.sequence
        let isExact =
            half.pointee.isOpen
            ? sequence == half.pointee.next
            : segment.pointee.flags.contains(.ack) && other.pointee.isOpen
                && segment.pointee.acknowledgement == other.pointee.next
        if isExact {
            close(connection, now: now)
        } else if half.isNear(sequence) {
            if half.pointee.claim != .opening && half.pointee.claim != .passed {
                half.pointee.claim = .reset
                half.pointee.rival = sequence
            }
            if connection.pointee.standing != .doubted {
                table.renew(connection, as: .doubted, now: now)
            }
        }
    }

    /// A connection that was embryonic or doubted has data, up to the sequence number `end`.
    @inline(never)
    mutating func enliven(
        _ connection: ConnectionPointer, _ half: HalfPointer, upTo end: UInt32,
        now: UInt64
    ) {
        if connection.pointee.standing == .doubted && half.pointee.isOpen {
            // What was read before tells nothing, and the last bytes before the RST confirm it.
            let fresh = Int32(bitPattern: end &- half.pointee.next)
            if half.pointee.claim == .reset && half.pointee.rival == end { return }
            guard fresh > 0 && fresh <= Self.maximumAhead else { return }
        }
        table.renew(
            connection, as: connection.pointee.heldFirst == nil ? .live : .waiting, now: now)
    }

    /// Counts what comes for a connection that has ended, unless it is a copy.
    mutating func noteLate(
        _ connection: ConnectionPointer, _ half: HalfPointer,
        _ segment: SegmentPointer
    ) {
        let length = segment.pointee.length
        guard length > 0, !segment.pointee.flags.contains(.rst) else { return }
        let end = segment.pointee.sequence &+ UInt32(truncatingIfNeeded: length)
        let fresh = Int32(bitPattern: end &- half.pointee.next)
        let isCopy = half.pointee.isOpen && fresh <= 0 && fresh >= -Self.maximumAhead
        guard !isCopy else { return }
        counters.gaps &+= 1
        counters.gapBytes &+= UInt64(length)
        half.pointee.next = end
        half.pointee.opening = .seen
    }
}

extension HalfPointer {
    /// Where the stream begins that a SYN claims; `nil` where none does.
    fileprivate var opening: UInt32? { pointee.claim == .opening ? pointee.rival : nil }

    /// Whether a number lies where a direction is, as far as a window holds; true where that is
    /// not known.
    fileprivate func isNear(_ sequence: UInt32) -> Bool {
        let reach = TransactionEngine.lateSYN
        return !pointee.isOpen || sequence &- pointee.next &+ reach <= 2 * reach
    }
}
