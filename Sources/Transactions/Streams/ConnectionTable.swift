// Hot path: allocates only while the number of connections grows.
import CIntrinsics

/// Connections of one kind in the order of their use.
struct Uses {
    fileprivate(set) var newest: ConnectionPointer?
    fileprivate(set) var oldest: ConnectionPointer?
    fileprivate(set) var count = 0
}

/// A hash of a connection's ends that nobody outside can foresee: who could would send packets that
/// all fall on one place of the table, and each would be looked for among all of them.
///
/// Products of numbers with a random key, folded, as in wyhash.
struct EndsHash {
    private let keys: (UInt64, UInt64, UInt64, UInt64)

    init() {
        var random = SystemRandomNumberGenerator()
        keys = (random.next(), random.next(), random.next(), random.next())
    }

    @inline(__always)
    func callAsFunction(_ key: ConnectionKey) -> UInt32 {
        let low = fold(key.client.low ^ keys.0, key.server.low ^ keys.1)
        let high = fold(key.client.high ^ keys.2, key.server.high ^ keys.3)
        let ports = UInt64(key.clientPort) << 16 | UInt64(key.serverPort)
        return UInt32(truncatingIfNeeded: fold(low ^ ports ^ keys.2, high ^ keys.0))
    }

    @inline(__always)
    private func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

/// Connections by their ends, and in the order of their use.
///
/// Open addressing over slot numbers with linear probing; slots come from slabs and are used
/// again. At `maximum` connections the caller evicts `victim`.
struct ConnectionTable: ~Copyable {
    private static let slabSlots: UInt32 = 64
    private static let emptyBucket = UInt32.max
    /// The order of use is kept to this grain of time, or of as many connections taken in as are
    /// a 64th of those there are, or from one eviction to the next: a connection moves to the front
    /// at most once in it.
    private static let useGrain: UInt64 = 250_000_000

    let maximum: Int
    let hash = EndsHash()
    private let orders: UnsafeMutablePointer<Uses>
    private(set) var count = 0
    /// Connections taken in so far, and a grain for each that had to make room.
    private var turns: UInt32 = 0
    private var turnGrain: UInt32 = 0
    private var buckets: UnsafeMutablePointer<UInt32>
    private var mask: Int
    /// The slots that are free, linked by `older`.
    private var freeSlot: ConnectionPointer?
    private let slabs: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var slabCount: UInt32 = 0
    /// Slots of the last slab that were never used.
    private var unusedSlots: UInt32 = 0

    init(maximum: Int) {
        self.maximum = max(1, maximum)
        orders = .allocate(capacity: UseOrder.all.count)
        orders.initialize(repeating: Uses(), count: UseOrder.all.count)
        let capacity = 1024
        buckets = .allocate(capacity: capacity)
        buckets.initialize(repeating: Self.emptyBucket, count: capacity)
        mask = capacity - 1
        slabs = .allocate(capacity: self.maximum / Int(Self.slabSlots) + 1)
    }

    subscript(order: UseOrder) -> Uses { orders[Int(order.rawValue)] }

    /// Connections that hold early segments.
    var waiting: Int {
        var sum = 0
        for number in UseOrder.allWaiting { sum += self[UseOrder(number: number)].count }
        return sum
    }

    /// Any connection, the one of its kind that was used longest ago; `nil` where none is left.
    var anyOldest: ConnectionPointer? {
        oldestLive ?? self[.embryonic].oldest ?? self[.closed].oldest
    }

    /// The live connection that was used longest ago, or one that a RST has made doubtful.
    private var oldestLive: ConnectionPointer? {
        var oldest: ConnectionPointer?
        for number in UseOrder.allLive {
            oldest = older(oldest, self[UseOrder(number: number)].oldest)
        }
        return oldest
    }

    private func older(_ one: ConnectionPointer?, _ other: ConnectionPointer?) -> ConnectionPointer?
    {
        guard let one, let other else { return one ?? other }
        return other.pointee.lastSeen < one.pointee.lastSeen ? other : one
    }

    /// The connection to evict: of those that have ended or sent nothing yet, while they are more
    /// than an eighth, so that a flood of them cannot drive out the others; else of those without
    /// a request that waits the one that was used longest ago, unless another has been idle for longer and
    /// they are fewer than the others: then that one.
    mutating func victim() -> ConnectionPointer? {
        if self[.embryonic].count > maximum / 8 { return self[.embryonic].oldest }
        if self[.closed].count > maximum / 8 { return self[.closed].oldest }
        let idle = older(oldestIdle(.bare), oldestIdle(.live(.little)))
        guard let idle, let oldest = oldestLive else { return anyOldest }
        let idleCount = self[.bare].count + self[.live(.little)].count
        return idleCount > maximum / 2 || idle.pointee.lastSeen < oldest.pointee.lastSeen
            ? idle : oldest
    }

    /// Of an order the oldest without a request that waits; those before it are set aside.
    private mutating func oldestIdle(_ order: UseOrder) -> ConnectionPointer? {
        while let oldest = self[order].oldest {
            guard oldest.pointee.pendingFirst != nil else { return oldest }
            setAside(oldest, in: .asked)
        }
        return nil
    }

    deinit {
        orders.deallocate()
        buckets.deallocate()
        for index in 0..<Int(slabCount) { slabs[index].deallocate() }
        slabs.deallocate()
    }

    /// Inlined, for a call would lend it a copy of the table.
    @inline(__always)
    func find(
        _ key: ConnectionKey, hash: UInt32, _ direction: Direction
    ) -> ConnectionPointer? {
        var index = Int(hash) & mask
        while buckets[index] != Self.emptyBucket {
            let candidate = slot(buckets[index])
            // Of thousands of connections each packet's is far away: all of it is asked for at once.
            prefetch_line(candidate.half(direction))
            prefetch_line(candidate.parser(direction))
            if candidate.pointee.hash == hash && candidate.pointee.key == key { return candidate }
            index = (index + 1) & mask
        }
        return nil
    }

    /// Adds a connection that is not in the table. The caller has made room below `maximum`.
    mutating func insert(
        _ key: ConnectionKey, hash: UInt32, service: UInt16, now: UInt64
    ) -> ConnectionPointer {
        if (count + 1) * 2 > mask { grow() }
        let (slot, number) = takeSlot()
        slot.initialize(
            to: Connection(number: number, key: key, hash: hash, service: service, now: now))
        slot.half(.toServer).initialize(to: Half())
        slot.half(.toClient).initialize(to: Half())
        slot.parser(.toServer).initialize(to: MessageParser())
        slot.parser(.toClient).initialize(to: MessageParser())
        place(slot)
        turns &+= 1
        count += 1
        linkNewest(slot, in: .embryonic)
        turnGrain = UInt32(clamping: count / 64)
        return slot
    }

    /// Removes a connection whose blocks the caller has given back.
    mutating func remove(_ connection: ConnectionPointer) {
        unlink(connection)
        count -= 1
        var hole = Int(connection.pointee.hash) & mask
        while buckets[hole] != connection.pointee.number { hole = (hole + 1) & mask }
        // Backward shift: later members of the run move up so that no probe ends early.
        var index = hole
        while true {
            index = (index + 1) & mask
            let candidate = buckets[index]
            guard candidate != Self.emptyBucket else { break }
            let home = Int(slot(candidate).pointee.hash) & mask
            if (index - home) & mask >= (index - hole) & mask {
                buckets[hole] = candidate
                hole = index
            }
        }
        buckets[hole] = Self.emptyBucket
        connection.pointee.older = freeSlot
        freeSlot = connection
        turnGrain = UInt32(clamping: count / 64)
    }

    /// Notes that `connection` was used at `now`.
    @inline(__always)
    mutating func use(_ connection: ConnectionPointer, now: UInt64) {
        let idle = now > connection.pointee.lastSeen ? now - connection.pointee.lastSeen : 0
        guard idle > Self.useGrain || turns &- connection.pointee.stamp > turnGrain else {
            if !connection.pointee.isUsed { connection.pointee.isUsed = true }
            return
        }
        renew(connection, as: connection.pointee.standing, now: now)
    }

    /// Whether a connection that is about to make room for others was used since it moved to the front,
    /// within a grain of time: then it moves there again.
    mutating func isSpared(_ connection: ConnectionPointer, now: UInt64) -> Bool {
        guard connection.pointee.isUsed,
            connection.pointee.lastSeen.addingClamped(2 * Self.useGrain) >= now
        else { return false }
        unlink(connection)
        linkNewest(connection, in: connection.pointee.order)
        return true
    }

    /// Whether no packet of a connection came for a grain of time.
    func isRested(_ connection: ConnectionPointer, now: UInt64) -> Bool {
        connection.pointee.lastSeen.addingClamped(Self.useGrain) < now
    }

    /// A connection has to make room for others: those that are used after it show that they are.
    mutating func noteEviction() { turns &+= turnGrain &+ 1 }

    /// Makes `connection` the one of a standing that was used last.
    mutating func renew(_ connection: ConnectionPointer, as standing: Standing, now: UInt64) {
        connection.pointee.lastSeen = max(connection.pointee.lastSeen, now)
        unlink(connection)
        connection.pointee.standing = standing
        linkNewest(connection, in: UseOrder(standing, connection.pointee.bulk))
    }

    /// Notes what a connection holds: it becomes the newest of its kind.
    mutating func move(_ connection: ConnectionPointer, to bulk: Bulk) {
        connection.pointee.bulk = bulk
        setAside(connection, in: UseOrder(connection.pointee.standing, bulk))
    }

    /// Takes a connection over to another order, until it is used again.
    mutating func setAside(_ connection: ConnectionPointer, in order: UseOrder) {
        let stamp = connection.pointee.stamp
        let isUsed = connection.pointee.isUsed
        unlink(connection)
        linkNewest(connection, in: order)
        connection.pointee.stamp = stamp
        connection.pointee.isUsed = isUsed
    }

    private mutating func unlink(_ connection: ConnectionPointer) {
        let newer = connection.pointee.newer
        let older = connection.pointee.older
        let index = Int(connection.pointee.order.rawValue)
        if let newer { newer.pointee.older = older } else { orders[index].newest = older }
        if let older { older.pointee.newer = newer } else { orders[index].oldest = newer }
        orders[index].count -= 1
    }

    private mutating func linkNewest(_ connection: ConnectionPointer, in order: UseOrder) {
        let index = Int(order.rawValue)
        connection.pointee.order = order
        connection.pointee.stamp = turns
        connection.pointee.isUsed = false
        connection.pointee.newer = nil
        connection.pointee.older = orders[index].newest
        orders[index].newest?.pointee.newer = connection
        orders[index].newest = connection
        if orders[index].oldest == nil { orders[index].oldest = connection }
        orders[index].count += 1
    }

    private func place(_ connection: ConnectionPointer) {
        var index = Int(connection.pointee.hash) & mask
        while buckets[index] != Self.emptyBucket { index = (index + 1) & mask }
        buckets[index] = connection.pointee.number
    }

    private mutating func grow() {
        let old = buckets
        let oldCapacity = mask + 1
        buckets = .allocate(capacity: oldCapacity * 2)
        buckets.initialize(repeating: Self.emptyBucket, count: oldCapacity * 2)
        mask = oldCapacity * 2 - 1
        for index in 0..<oldCapacity where old[index] != Self.emptyBucket {
            place(slot(old[index]))
        }
        old.deallocate()
    }

    @inline(__always)
    private func slot(_ number: UInt32) -> ConnectionPointer {
        (slabs[Int(number / Self.slabSlots)]
            + Int(number % Self.slabSlots) * ConnectionPointer.slotSize)
            .assumingMemoryBound(to: Connection.self)
    }

    private mutating func takeSlot() -> (ConnectionPointer, number: UInt32) {
        if let slot = freeSlot {
            freeSlot = slot.pointee.older
            return (slot, slot.pointee.number)
        }
        if unusedSlots == 0 {
            slabs[Int(slabCount)] = .allocate(
                byteCount: ConnectionPointer.slotSize * Int(Self.slabSlots), alignment: 64)
            slabCount += 1
            unusedSlots = Self.slabSlots
        }
        let number = slabCount * Self.slabSlots - unusedSlots
        unusedSlots -= 1
        return (slot(number), number)
    }
}
