// Hot path: allocates only while the number of connections grows.

/// Connections by their ends, and in the order of their use.
///
/// Open addressing over slot pointers with linear probing; slots come from slabs and are used
/// again. At `maximum` connections the caller evicts the one that was used longest ago.
struct ConnectionTable: ~Copyable {
    private static let slabSlots = 64
    /// The order of use is kept to this grain: a connection moves to the front at most once in it.
    private static let useGrain: UInt64 = 250_000_000

    let maximum: Int
    private(set) var count = 0
    private(set) var newest: ConnectionPointer?
    private(set) var oldest: ConnectionPointer?
    private var buckets: UnsafeMutablePointer<ConnectionPointer?>
    private var mask: Int
    private var freeSlots: [ConnectionPointer] = []
    private var slabs: [UnsafeMutableRawPointer] = []

    init(maximum: Int) {
        self.maximum = max(1, maximum)
        let capacity = 1024
        buckets = .allocate(capacity: capacity)
        buckets.initialize(repeating: nil, count: capacity)
        mask = capacity - 1
    }

    deinit {
        buckets.deallocate()
        for slab in slabs { slab.deallocate() }
    }

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
        linkNewest(slot)
        count += 1
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
        count -= 1
        freeSlots.append(connection)
    }

    /// Notes that `connection` was used at `now`.
    @inline(__always)
    mutating func use(_ connection: ConnectionPointer, now: UInt64) {
        let idle = now > connection.pointee.lastSeen ? now - connection.pointee.lastSeen : 0
        guard idle > Self.useGrain else { return }
        connection.pointee.lastSeen = now
        guard newest != connection else { return }
        unlink(connection)
        linkNewest(connection)
    }

    private mutating func unlink(_ connection: ConnectionPointer) {
        let newer = connection.pointee.newer
        let older = connection.pointee.older
        if let newer { newer.pointee.older = older } else { newest = older }
        if let older { older.pointee.newer = newer } else { oldest = newer }
    }

    private mutating func linkNewest(_ connection: ConnectionPointer) {
        connection.pointee.newer = nil
        connection.pointee.older = newest
        newest?.pointee.newer = connection
        newest = connection
        if oldest == nil { oldest = connection }
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
