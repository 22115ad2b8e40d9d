// Hot path: allocates only while the number of connections grows.

/// Connections of one standing in the order of their use.
struct UseOrder {
    fileprivate(set) var newest: ConnectionPointer?
    fileprivate(set) var oldest: ConnectionPointer?
    fileprivate(set) var count = 0
}

/// Connections by their ends, and in the order of their use.
///
/// Open addressing over slot pointers with linear probing; slots come from slabs and are used
/// again. At `maximum` connections the caller evicts `victim`.
struct ConnectionTable: ~Copyable {
    private static let slabSlots = 64
    /// The order of use is kept to this grain of time, or of an eighth of `maximum` connections
    /// taken in: a connection moves to the front at most once in it.
    private static let useGrain: UInt64 = 250_000_000

    let maximum: Int
    private var orders: InlineArray<4, UseOrder> = .init(repeating: UseOrder())
    /// Connections taken in so far.
    private var inserted: UInt32 = 0
    private let insertGrain: UInt32
    private var buckets: UnsafeMutablePointer<ConnectionPointer?>
    private var mask: Int
    private var freeSlots: [ConnectionPointer] = []
    private var slabs: [UnsafeMutableRawPointer] = []

    init(maximum: Int) {
        self.maximum = max(1, maximum)
        insertGrain = UInt32(clamping: self.maximum / 8)
        let capacity = 1024
        buckets = .allocate(capacity: capacity)
        buckets.initialize(repeating: nil, count: capacity)
        mask = capacity - 1
    }

    var count: Int { orders[0].count + orders[1].count + orders[2].count + orders[3].count }

    subscript(standing: Standing) -> UseOrder { orders[standing.rawValue] }

    /// Any connection, the one of its standing that was used longest ago; `nil` where none is left.
    var anyOldest: ConnectionPointer? {
        oldestLive ?? self[.embryonic].oldest ?? self[.closed].oldest
    }

    /// The live connection that was used longest ago.
    private var oldestLive: ConnectionPointer? {
        guard let live = self[.live].oldest else { return self[.waiting].oldest }
        guard let waiting = self[.waiting].oldest else { return live }
        return waiting.pointee.lastSeen < live.pointee.lastSeen ? waiting : live
    }

    /// The connection to evict: of those that have ended or sent nothing yet, while they are more
    /// than an eighth, so that a flood of them cannot drive out the others; else the live one that
    /// was used longest ago.
    var victim: ConnectionPointer? {
        if self[.embryonic].count > maximum / 8 { return self[.embryonic].oldest }
        if self[.closed].count > maximum / 8 { return self[.closed].oldest }
        return anyOldest
    }

    deinit {
        buckets.deallocate()
        for slab in slabs { slab.deallocate() }
    }

    /// Inlined, for a call would lend it a copy of the table.
    @inline(__always)
    func find(_ key: ConnectionKey, hash: UInt32) -> ConnectionPointer? {
        var index = Int(hash) & mask
        while let candidate = buckets[index] {
            if candidate.pointee.hash == hash && candidate.pointee.key == key { return candidate }
            index = (index + 1) & mask
        }
        return nil
    }

    /// Adds a connection that is not in the table. The caller has made room below `maximum`.
    mutating func insert(
        _ key: ConnectionKey, hash: UInt32, service: Int32, now: UInt64
    ) -> ConnectionPointer {
        if (count + 1) * 2 > mask { grow() }
        let slot = takeSlot()
        slot.initialize(to: Connection(key: key, hash: hash, service: service, now: now))
        slot.half(.toServer).initialize(to: Half())
        slot.half(.toClient).initialize(to: Half())
        place(slot)
        inserted &+= 1
        linkNewest(slot)
        return slot
    }

    /// Removes a connection whose blocks the caller has given back.
    mutating func remove(_ connection: ConnectionPointer) {
        unlink(connection)
        var hole = Int(connection.pointee.hash) & mask
        while buckets[hole] != connection { hole = (hole + 1) & mask }
        // Backward shift: later members of the run move up so that no probe ends early.
        var index = hole
        while true {
            index = (index + 1) & mask
            guard let candidate = buckets[index] else { break }
            let home = Int(candidate.pointee.hash) & mask
            if (index - home) & mask >= (index - hole) & mask {
                buckets[hole] = candidate
                hole = index
            }
        }
        buckets[hole] = nil
        freeSlots.append(connection)
    }

    /// Notes that `connection` was used at `now`.
    @inline(__always)
    mutating func use(_ connection: ConnectionPointer, now: UInt64) {
        let idle = now > connection.pointee.lastSeen ? now - connection.pointee.lastSeen : 0
        guard idle > Self.useGrain || inserted &- connection.pointee.stamp > insertGrain else {
            return
        }
        renew(connection, as: connection.pointee.standing, now: now)
    }

    /// Makes `connection` the one of a standing that was used last.
    mutating func renew(_ connection: ConnectionPointer, as standing: Standing, now: UInt64) {
        connection.pointee.lastSeen = max(connection.pointee.lastSeen, now)
        unlink(connection)
        connection.pointee.standing = standing
        linkNewest(connection)
    }

    private mutating func unlink(_ connection: ConnectionPointer) {
        let newer = connection.pointee.newer
        let older = connection.pointee.older
        let index = connection.pointee.standing.rawValue
        if let newer { newer.pointee.older = older } else { orders[index].newest = older }
        if let older { older.pointee.newer = newer } else { orders[index].oldest = newer }
        orders[index].count -= 1
    }

    private mutating func linkNewest(_ connection: ConnectionPointer) {
        let index = connection.pointee.standing.rawValue
        connection.pointee.stamp = inserted
        connection.pointee.newer = nil
        connection.pointee.older = orders[index].newest
        orders[index].newest?.pointee.newer = connection
        orders[index].newest = connection
        if orders[index].oldest == nil { orders[index].oldest = connection }
        orders[index].count += 1
    }

    private func place(_ connection: ConnectionPointer) {
        var index = Int(connection.pointee.hash) & mask
        while buckets[index] != nil { index = (index + 1) & mask }
        buckets[index] = connection
    }

    private mutating func grow() {
        let old = buckets
        let oldCapacity = mask + 1
        buckets = .allocate(capacity: oldCapacity * 2)
        buckets.initialize(repeating: nil, count: oldCapacity * 2)
        mask = oldCapacity * 2 - 1
        for index in 0..<oldCapacity {
            if let connection = old[index] { place(connection) }
        }
        old.deallocate()
    }

    private mutating func takeSlot() -> ConnectionPointer {
        if let slot = freeSlots.popLast() { return slot }
        let size = ConnectionPointer.slotSize
        let slab = UnsafeMutableRawPointer.allocate(
            byteCount: size * Self.slabSlots, alignment: 16)
        slabs.append(slab)
        freeSlots.reserveCapacity(slabs.count * Self.slabSlots)
        for index in (1..<Self.slabSlots).reversed() {
            freeSlots.append((slab + index * size).assumingMemoryBound(to: Connection.self))
        }
        return slab.assumingMemoryBound(to: Connection.self)
    }
}
