// Hot path: allocates nothing but blocks of the pool.

/// Room in memory, which connections make for others.
extension TransactionEngine {
    /// A block for `connection`. At the budget other connections make room: of those that hold early
    /// segments the one used longest ago, then of the others. `nil` where that is not enough.
    mutating func take(_ size: Int, for connection: ConnectionPointer) -> UnsafeMutableRawPointer? {
        if let block = pool.take(size) { return block }
        guard size <= BlockPool.maximumBlock else { return nil }
        while let victim = victim(except: connection) {
            evict(victim)
            if let block = pool.take(size) { return block }
        }
        return nil
    }

    private mutating func victim(except connection: ConnectionPointer) -> ConnectionPointer? {
        if let waiting = table[.waiting].oldest, waiting != connection { return waiting }
        if let doubted = table[.doubted].oldest, doubted != connection { return doubted }
        // Between two evictions the order is that of first uses: the oldest may be in use.
        if let next = holder(except: connection, sparing: true) { return next }
        if let next = holder(except: connection, sparing: false) { return next }
        let oldest = table[.live].oldest
        return oldest == connection ? connection.pointee.newer : oldest
    }

    /// Of the oldest connections the first that gives memory back, unless it is spared.
    private mutating func holder(
        except connection: ConnectionPointer, sparing: Bool
    ) -> ConnectionPointer? {
        var candidate = table[.live].oldest
        for _ in 0..<Self.victimsConsidered {
            guard let next = candidate else { break }
            candidate = next.pointee.newer
            guard next != connection && next.holdsBlocks else { continue }
            if !sparing || !table.isSpared(next, now: now) { return next }
        }
        return nil
    }

    /// Lets go of a connection where it stands: what it holds is not read any more.
    private mutating func evict(_ connection: ConnectionPointer) {
        counters.evicted &+= 1
        table.noteEviction()
        flushPending(connection)
        releaseBlocks(of: connection)
        table.remove(connection)
    }

    private static let victimsConsidered = 16
}
