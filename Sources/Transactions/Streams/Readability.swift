// Hot path: allocates nothing.
import Traffic

/// Which packets can be read: TLS is told from HTTP by the first three bytes of a record, in
/// however many segments they come.
///
/// A connection is of neither until its first message is recognised, or its first record. Until then
/// its packets count in the order of its bytes; what may begin a record yet counts as encrypted, as
/// no message of HTTP/1 begins so.
extension TransactionEngine {
    /// Counts a packet with payload as it comes, where it is known already of its connection. It decides
    /// nothing: what does not come in its turn may be no part of the stream.
    mutating func noteReadability(_ connection: ConnectionPointer, _ segment: SegmentPointer) {
        let service = Int(connection.pointee.service)
        if connection.pointee.isRecognised {
            counters.services[service].readablePackets &+= 1
        } else if connection.pointee.isEncrypted {
            counters.services[service].encryptedPackets &+= 1
        }
    }

    /// Counts a packet of a connection that is not recognised, when its bytes' turn has come. False
    /// where they are, or may yet be, a part of what is encrypted.
    mutating func isReadable(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer,
        now: UInt64
    ) -> Bool {
        guard !connection.pointee.isEncrypted else { return false }
        let parser = connection.parser(direction)
        let before = parser.pointee.bytesOfTLS
        parser.pointee.bytesOfTLS = 0
        let start = readEnd &- UInt32(truncatingIfNeeded: bytes.count)
        if before > 0 || mayBeginRecord(connection, direction, at: start),
            let count = bytes.bytesOfTLS(behind: before)
        {
            if count == 3 {
                encrypt(connection)
            } else {
                parser.pointee.bytesOfTLS = count
            }
            if readBeginsSegment {
                counters.services[Int(connection.pointee.service)].encryptedPackets &+= 1
            }
            return false
        }
        noteReadable(connection)
        if before > 0 && parser.pointee.state == .start {
            giveUp(
                connection, direction, direction == .toServer ? .requestLine : .statusLine, now: now
            )
        }
        return true
    }

    /// Counts a packet that is not encrypted, unless that was done when it came.
    mutating func noteReadable(_ connection: ConnectionPointer) {
        guard readBeginsSegment, !connection.pointee.isRecognised, !connection.pointee.isEncrypted
        else { return }
        counters.services[Int(connection.pointee.service)].readablePackets &+= 1
    }

    /// Whether a record may begin at a sequence number: where a stream begins, or was picked up. Behind
    /// an empty line a message must follow.
    private func mayBeginRecord(
        _ connection: ConnectionPointer, _ direction: Direction, at start: UInt32
    ) -> Bool {
        switch connection.parser(direction).pointee.state {
        case .start: connection.half(direction).pointee.initial == start
        case .lost: readBeginsSegment
        default: false
        }
    }

    private mutating func encrypt(_ connection: ConnectionPointer) {
        connection.pointee.isEncrypted = true
        counters.services[Int(connection.pointee.service)].encryptedConnections &+= 1
        connection.parser(.toServer).pointee.state = .tunnel
        connection.parser(.toClient).pointee.state = .tunnel
    }
}
