// Hot path: allocates nothing.

/// Responses that begin before their requests' lines end.
extension TransactionEngine {
    /// A response begins that answers no request that is known: the one whose line has not ended
    /// yet, if that has begun.
    func noteEarly(_ connection: ConnectionPointer) {
        let client = connection.parser(.toServer)
        let server = connection.parser(.toClient)
        guard client.pointee.state == .start, client.pointee.spillLength > 0,
            client.pointee.doubt == .none, let spill = client.pointee.spill,
            spill.load(as: UInt8.self).isToken
        else { return }
        let acknowledged =
            server.pointee.startAcknowledged ?? connection.half(.toServer).pointee.next
        if Int32(bitPattern: acknowledged &- client.pointee.startSequence) > 0 {
            client.pointee.doubt = .early
        }
    }

    /// The line of a request ends: whether its response began before, so that it has none to come.
    mutating func takeEarly(_ connection: ConnectionPointer) -> Bool {
        let client = connection.parser(.toServer)
        guard client.pointee.doubt == .early else { return false }
        client.pointee.doubt = .none
        counters.unpairedRequests &+= 1
        return true
    }

    /// Nothing waits any more that was found where the place was lost, or more than that does.
    func dropFound(_ connection: ConnectionPointer) {
        let client = connection.parser(.toServer)
        if client.pointee.doubt == .found { client.pointee.doubt = .none }
    }
}
