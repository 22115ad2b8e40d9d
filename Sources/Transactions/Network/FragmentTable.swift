// Hot path: allocates nothing but blocks of the pool.
import Metering

/// What the engine counted of fragments since it began, beyond those in `UndecodedReason`.
package struct FragmentCounters: Sendable, Hashable {
    /// Fragments of TCP and of tunnels.
    package var received: UInt64 = 0
    /// Datagrams that fragments were joined to.
    package var joined: UInt64 = 0
    /// First fragments that end inside the TCP header, as no sender makes them (RFC 1858, 3.1).
    /// They are joined as others are.
    package var tiny: UInt64 = 0

    package init() {}
}

/// Datagrams of which fragments have come, joined when they are whole.
///
/// Bounded by datagrams, bytes and packet time; at the first two the datagram whose first fragment
/// came longest ago makes room, and what is let go of is counted. A fragment that overlaps
/// others refuses its datagram as a whole (RFC 5722, and in IPv4 as Linux does); an exact copy of
/// one is passed over. A joined datagram is remembered as long as it would have waited, so that
/// copies of its fragments begin no second one.
struct FragmentTable: ~Copyable {
    /// The largest datagram.
    static let maximumDatagram = 65_535
    /// Fragments of one datagram; one with more is refused. The smallest MTU of IPv4 hosts makes 119.
    static let maximumFragments: Int32 = 256
    private static let buckets = 1024

    enum Joining {
        /// The fragment waits, or was passed over or refused.
        case none
        /// The payload, as far as it was captured from its start, its length, and its protocol.
        /// The bytes end with the next call.
        case joined(UnsafeRawBufferPointer, length: Int, number: UInt8)
    }

    private(set) var counters = FragmentCounters()
    /// Fragments by `UndecodedReason.lostFragment` and `.refusedFragment`.
    private(set) var lost: UInt64 = 0
    private(set) var refused: UInt64 = 0
    /// The counters have changed since this was last set to false.
    var hasChanged = false

    private let patience: Nanoseconds
    private var pool: BlockPool
    private let slots: UnsafeMutablePointer<Datagram>
    private let heads: UnsafeMutablePointer<UnsafeMutablePointer<Datagram>?>
    private var free: UnsafeMutablePointer<Datagram>?
    private var newest: UnsafeMutablePointer<Datagram>?
    private var oldest: UnsafeMutablePointer<Datagram>?
    private let joined: UnsafeMutableRawPointer

    init(datagrams: Int, memory: Int, patience: Nanoseconds) {
        self.patience = patience
        pool = BlockPool(budget: max(memory, BlockPool.maximumBlock))
        let count = max(1, datagrams)
        slots = .allocate(capacity: count)
        heads = .allocate(capacity: Self.buckets)
        heads.initialize(repeating: nil, count: Self.buckets)
        joined = .allocate(byteCount: Self.maximumDatagram + 1, alignment: 16)
        for index in (0..<count).reversed() {
            let slot = slots + index
            slot.initialize(to: Datagram())
            slot.pointee.newer = free
            free = slot
        }
    }

    deinit {
        var next = oldest
        while let datagram = next {
            next = datagram.pointee.newer
            var fragment = datagram.pointee.first
            while let held = fragment {
                fragment = held.pointee.next
                UnsafeMutableRawPointer(held).deallocate()
            }
        }
        slots.deallocate()
        heads.deallocate()
        joined.deallocate()
    }

    /// Bytes of memory that fragments have taken.
    var allocated: Int { pool.allocated }
    /// Datagrams that wait or are remembered.
    private(set) var waiting = 0

    /// Takes a fragment whose payload is `length` long and captured as far as `payload` goes.
    mutating func add(
        _ fragment: Fragment, payload: UnsafeRawBufferPointer, length: Int, time: UInt64
    ) -> Joining {
        expire(now: time)
        hasChanged = true
        counters.received &+= 1
        if fragment.offset == 0, fragment.number == 6, length < 20, !fragment.isLast {
            counters.tiny &+= 1
        }
        let datagram = find(fragment.key) ?? insert(fragment.key, time: time)
        switch datagram.pointee.state {
        case .ignored: return .none
        case .refused:
            refused &+= 1
            return .none
        case .joined:
            // An identification may be used again; a copy begins with the same bytes.
            guard fragment.offset == 0, payload.digest != datagram.pointee.digest else {
                return .none
            }
            unlink(datagram)
            datagram.pointee.restart(time: time)
            linkNewest(datagram)
        case .waiting: break
        }
        guard let place = place(for: fragment, payload, length: length, in: datagram) else {
            return refuse(datagram)
        }
        guard !place.isCopy else { return .none }
        guard hold(fragment, payload, length: length, in: datagram, after: place.previous) else {
            return refuse(datagram)
        }
        if fragment.offset == 0 {
            datagram.pointee.number = fragment.number
            datagram.pointee.digest = payload.digest
        }
        if fragment.isLast { datagram.pointee.total = Int32(fragment.offset + length) }
        guard datagram.pointee.length == datagram.pointee.total else { return .none }
        return join(datagram)
    }

    /// Notes that the fragments of a datagram are of no interest.
    mutating func ignore(_ key: FragmentKey, time: UInt64) {
        expire(now: time)
        let datagram = find(key) ?? insert(key, time: time)
        release(datagram)
        datagram.pointee.state = .ignored
    }

    /// Lets go of the datagrams whose time is over.
    mutating func expire(now: UInt64) {
        while let datagram = oldest,
            datagram.pointee.since.addingClamped(patience.rawValue) < now
        {
            remove(datagram)
        }
    }

    /// Lets go of everything that waits, and counts it.
    mutating func finish() {
        while let datagram = oldest { remove(datagram) }
    }

    // MARK: Fragments

    /// Behind which held fragment a new one stands; `nil` where it cannot stand anywhere.
    private func place(
        for fragment: Fragment, _ payload: UnsafeRawBufferPointer, length: Int,
        in datagram: UnsafeMutablePointer<Datagram>
    ) -> (previous: UnsafeMutablePointer<HeldFragment>?, isCopy: Bool)? {
        let end = fragment.offset + length
        guard length > 0, end <= Self.maximumDatagram, fragment.isLast || length % 8 == 0 else {
            return nil
        }
        let total = Int(datagram.pointee.total)
        if total >= 0, fragment.isLast ? end != total : end >= total { return nil }
        // Most come in order.
        var previous: UnsafeMutablePointer<HeldFragment>?
        var next = datagram.pointee.first
        if let last = datagram.pointee.last, last.pointee.end <= fragment.offset {
            previous = last
            next = nil
        }
        while let held = next, held.pointee.end <= fragment.offset {
            previous = held
            next = held.pointee.next
        }
        if let next, Int(next.pointee.offset) < end {
            return next.isCopy(of: fragment, payload, length: length) ? (nil, true) : nil
        }
        if fragment.isLast, next != nil { return nil }
        return (previous, false)
    }

    private mutating func hold(
        _ fragment: Fragment, _ payload: UnsafeRawBufferPointer, length: Int,
        in datagram: UnsafeMutablePointer<Datagram>,
        after previous: UnsafeMutablePointer<HeldFragment>?
    ) -> Bool {
        guard datagram.pointee.count < Self.maximumFragments,
            let block = makeRoom(HeldFragment.headerSize + payload.count, for: datagram)
        else { return false }
        if let bytes = payload.baseAddress {
            (block + HeldFragment.headerSize).copyMemory(from: bytes, byteCount: payload.count)
        }
        let held = block.bindMemory(to: HeldFragment.self, capacity: 1)
        held.initialize(
            to: HeldFragment(
                next: previous.map { $0.pointee.next } ?? datagram.pointee.first,
                offset: Int32(fragment.offset), length: Int32(length),
                captured: Int32(payload.count)))
        if let previous {
            previous.pointee.next = held
        } else {
            datagram.pointee.first = held
        }
        if held.pointee.next == nil { datagram.pointee.last = held }
        datagram.pointee.count += 1
        datagram.pointee.length += Int32(length)
        return true
    }

    /// A block of the pool; older datagrams than `datagram` make room for it.
    private mutating func makeRoom(
        _ size: Int, for datagram: UnsafeMutablePointer<Datagram>
    ) -> UnsafeMutableRawPointer? {
        while true {
            if let block = pool.take(size) { return block }
            let candidate = oldest == datagram ? datagram.pointee.newer : oldest
            guard let candidate else { return nil }
            remove(candidate)
        }
    }

    private mutating func join(_ datagram: UnsafeMutablePointer<Datagram>) -> Joining {
        // Bytes in front of the first that a cut fragment lacks.
        var captured = 0
        var next = datagram.pointee.first
        while let held = next, captured == Int(held.pointee.offset) {
            (joined + captured).copyMemory(
                from: held.bytes, byteCount: Int(held.pointee.captured))
            captured += Int(held.pointee.captured)
            next = held.pointee.next
        }
        counters.joined &+= 1
        let length = Int(datagram.pointee.total)
        release(datagram)
        datagram.pointee.state = .joined
        return .joined(
            UnsafeRawBufferPointer(start: joined, count: captured), length: length,
            number: datagram.pointee.number)
    }

    private mutating func refuse(_ datagram: UnsafeMutablePointer<Datagram>) -> Joining {
        refused &+= UInt64(datagram.pointee.count) + 1
        release(datagram)
        datagram.pointee.state = .refused
        return .none
    }

    private mutating func release(_ datagram: UnsafeMutablePointer<Datagram>) {
        while let held = datagram.pointee.first {
            datagram.pointee.first = held.pointee.next
            pool.give(UnsafeMutableRawPointer(held), size: held.pointee.blockSize)
        }
        datagram.pointee.last = nil
        datagram.pointee.count = 0
    }

    // MARK: Datagrams

    private func find(_ key: FragmentKey) -> UnsafeMutablePointer<Datagram>? {
        let hash = key.hash
        var next = heads[Int(hash) % Self.buckets]
        while let datagram = next {
            if datagram.pointee.hash == hash && datagram.pointee.key == key { return datagram }
            next = datagram.pointee.chained
        }
        return nil
    }

    private mutating func insert(
        _ key: FragmentKey, time: UInt64
    ) -> UnsafeMutablePointer<Datagram> {
        if free == nil, let oldest { remove(oldest) }
        // There is at least one slot, and it is free or was the oldest.
        let datagram = free ?? slots
        free = datagram.pointee.newer
        let hash = key.hash
        let bucket = Int(hash) % Self.buckets
        datagram.initialize(to: Datagram(key: key, hash: hash, since: time, chained: heads[bucket]))
        heads[bucket] = datagram
        linkNewest(datagram)
        waiting += 1
        return datagram
    }

    private mutating func remove(_ datagram: UnsafeMutablePointer<Datagram>) {
        if datagram.pointee.count > 0 {
            lost &+= UInt64(datagram.pointee.count)
            hasChanged = true
        }
        release(datagram)
        unlink(datagram)
        waiting -= 1
        let bucket = Int(datagram.pointee.hash) % Self.buckets
        if heads[bucket] == datagram {
            heads[bucket] = datagram.pointee.chained
        } else {
            var before = heads[bucket]
            while let one = before, one.pointee.chained != datagram { before = one.pointee.chained }
            before?.pointee.chained = datagram.pointee.chained
        }
        datagram.pointee.newer = free
        free = datagram
    }

    private mutating func linkNewest(_ datagram: UnsafeMutablePointer<Datagram>) {
        datagram.pointee.newer = nil
        datagram.pointee.older = newest
        newest?.pointee.newer = datagram
        newest = datagram
        if oldest == nil { oldest = datagram }
    }

    private mutating func unlink(_ datagram: UnsafeMutablePointer<Datagram>) {
        let newer = datagram.pointee.newer
        let older = datagram.pointee.older
        if let newer { newer.pointee.older = older } else { newest = older }
        if let older { older.pointee.newer = newer } else { oldest = newer }
    }
}
