// Hot path: allocates nothing but blocks of the pool.

/// Room in memory, which connections make for others.
///
/// Who holds the most makes room first, so that a request that only waits for a slow response is not
/// driven out by heads that never end, holes, or requests piled up. Each step takes a bounded time, but
/// for connections that are told apart or found lighter than their order says: each of those was
/// used, or took a block, since it was last looked at.
extension TransactionEngine {
    /// A block for `connection`. At the budget other connections make room: of those that hold the
    /// most the one used longest ago, those with early segments first. `nil` where that is not enough,
    /// or where `connection` holds more than 16 KiB already and all others hold less.
    mutating func take(_ size: Int, for connection: ConnectionPointer) -> UnsafeMutableRawPointer? {
        if let block = pool.take(size) { return block }
        guard size <= BlockPool.maximumBlock else { return nil }
        let own = bulk(of: connection, more: size)
        while makeRoom(for: connection, own) {
            if let block = pool.take(size) { return block }
        }
        return nil
    }

    /// Notes that a connection took a block: it holds more, maybe.
    @inline(__always)
    mutating func noteBulk(_ connection: ConnectionPointer) {
        let bulk = bulk(of: connection)
        if bulk > connection.pointee.bulk { table.move(connection, to: bulk) }
    }

    private func bulk(of connection: ConnectionPointer, more: Int = 0) -> Bulk {
        var bytes = Int(connection.pointee.pendingUnits) * PendingRequest.unit + more
        bytes += connection.parser(.toServer).pointee.spillCapacity
        bytes += connection.parser(.toClient).pointee.spillCapacity
        bytes += Int(connection.pointee.heldBytes)
        bytes += Int(connection.pointee.heldCount) * HeldSegment.headerSize
        let others = Int(connection.pointee.pendingCount) - 1
        if others > 0 {
            let fields = fields(connection, .toServer)
            if fields.pointee.count > 0 { bytes += others * requestSize(fields) }
        }
        return Bulk(bytes: bytes)
    }

    // MARK: Order

    /// Lets a connection go, or what one holds in vain. False where there is nothing to be had.
    private mutating func makeRoom(for connection: ConnectionPointer, _ own: Bulk) -> Bool {
        if own <= .lines && makeRoomAmongOldHoles(for: connection) { return true }
        var bulk = Bulk.most
        while bulk > .little {
            if own > .lines && bulk < own { return false }
            if makeRoom(in: .waiting(bulk), for: connection) { return true }
            if makeRoom(in: .live(bulk), for: connection) { return true }
            bulk = bulk.smaller
        }
        if own > .lines { return false }
        return makeRoom(in: .waiting(.little), for: connection)
            || makeRoom(in: .doubted, for: connection)
            || makeRoomAmongIdle(for: connection)
            || makeRoom(in: .asked, for: connection)
            || makeRoom(in: .live(.little), for: connection)
    }

    /// One whose segments have waited for those before them for some time makes room, however little it
    /// holds: what comes at all comes soon, and requests of any size are read meanwhile.
    private mutating func makeRoomAmongOldHoles(for connection: ConnectionPointer) -> Bool {
        var bulk = Bulk.most
        while true {
            if let oldest = table[.waiting(bulk)].oldest, oldest != connection,
                table.isRested(oldest, now: now)
            {
                if !isMisplaced(oldest) && !lighten(oldest) { evict(oldest) }
                return true
            }
            guard bulk > .little else { return false }
            bulk = bulk.smaller
        }
    }

    /// Of an order, the connection used longest ago makes room.
    private mutating func makeRoom(in order: UseOrder, for connection: ConnectionPointer) -> Bool {
        var candidate = table[order].oldest
        var spared = 0
        while let next = candidate {
            candidate = next.pointee.newer
            guard next != connection && !isMisplaced(next) else { continue }
            if lighten(next) { return true }
            // Between two evictions the order is that of first uses: the oldest may be in use.
            if spared < Self.mostSpared, table.isSpared(next, now: now) {
                spared += 1
                continue
            }
            evict(next)
            return true
        }
        guard spared > 0, let oldest = table[order].oldest,
            let next = oldest == connection ? oldest.pointee.newer : oldest
        else { return false }
        evict(next)
        return true
    }

    /// Of those that hold little, one without a request that waits makes room. Where all of them are in
    /// use and fewer than those whose requests wait, none does.
    private mutating func makeRoomAmongIdle(for connection: ConnectionPointer) -> Bool {
        var candidate = table[.live(.little)].oldest
        var left = table[.live(.little)].count
        var spared = 0
        while let next = candidate, left > 0, spared < Self.mostSpared {
            candidate = next.pointee.newer
            left -= 1
            guard next != connection && !isMisplaced(next) else { continue }
            if lighten(next) { return true }
            if next.pointee.pendingFirst != nil {
                table.setAside(next, in: .asked)
            } else if !next.holdsBlocks {
                table.setAside(next, in: .bare)
            } else if table.isSpared(next, now: now) {
                spared += 1
            } else {
                evict(next)
                return true
            }
        }
        return spared > 0 && table[.live(.little)].count > table[.asked].count
            && makeRoom(in: .live(.little), for: connection)
    }

    /// Whether a connection holds less than its order says, or has no request that waits as that says.
    /// It is taken to where it belongs.
    private mutating func isMisplaced(_ connection: ConnectionPointer) -> Bool {
        let bulk = bulk(of: connection)
        let before = connection.pointee.bulk
        let isAsked = connection.pointee.order == .asked
        let isAnswered = isAsked && connection.pointee.pendingFirst == nil
        guard bulk != before || isAnswered else { return false }
        table.move(connection, to: bulk)
        return connection.pointee.standing.isLive && (bulk < before || isAnswered)
    }

    /// Gives back what a connection keeps for the next line or response alone.
    private mutating func lighten(_ connection: ConnectionPointer) -> Bool {
        var isLighter = false
        let (client, server) = (connection.parser(.toServer), connection.parser(.toClient))
        if client.pointee.spill != nil, client.pointee.spillLength == 0 {
            releaseSpill(client)
            isLighter = true
        }
        if server.pointee.spill != nil, server.pointee.spillLength == 0 {
            releaseSpill(server)
            isLighter = true
        }
        if connection.pointee.responseFields != nil, connection.pointee.pendingFirst == nil,
            server.pointee.fields != .reading
        {
            releaseResponseFields(of: connection)
            isLighter = true
        }
        return isLighter
    }

    /// Lets go of a connection where it stands: what it holds is not read any more.
    private mutating func evict(_ connection: ConnectionPointer) {
        counters.evicted &+= 1
        table.noteEviction()
        flushPending(connection)
        releaseBlocks(of: connection)
        table.remove(connection)
    }

    /// Connections that are passed over at a time because they are in use.
    private static let mostSpared = 16
}
