// Hot path: allocates only while the working set grows.
package import Metering
package import Traffic

/// The bounds of the engine's memory and patience. Times are packet time.
package struct EngineLimits: Sendable {
    /// Connections at once; at the limit one makes room, is evicted and counted:
    /// `ConnectionTable.victim`.
    package var connections = 32_768
    /// Bytes for requests that wait, fields of messages, segments that came early, split lines and
    /// decompression. At the limit the connections that hold the most are evicted and counted, of
    /// those that hold little idle ones first.
    package var memory = 8 << 20
    /// Connections for whose messages' fields there is room beyond `memory` where rules ask for many: for
    /// what a request's block and a response's take more than `fewFields` bytes; and the most bytes of that.
    package var fieldMessages = 4096
    package var fewFields = 512
    package var fieldMemory = 64 << 20
    /// Bodies that are decompressed at once; the fields of others are unread.
    package var inflations = 64
    /// Bytes of a body, decompressed, in which fields are looked for; a field beyond is unread.
    package var body: UInt64 = 16 << 10
    /// Early segments and bytes of one connection; beyond either the hole before them is a gap.
    package var heldSegments: Int16 = 64
    package var heldBytes: Int32 = 256 << 10
    /// How long an early segment waits for the bytes before it.
    package var heldTime = Nanoseconds.seconds(1)
    /// How long a segment waits for bytes that it acknowledges: they were sent, and will not come.
    package var acknowledgedTime = Nanoseconds.milliseconds(100)
    /// How long a connection may be silent; kept to a quarter of a second.
    package var idleTime = Nanoseconds.seconds(300)
    /// How long a closed connection is remembered, so that its late packets open no new one, and
    /// how long one waits for its bytes to go on that a RST has made doubtful.
    package var closedTime = Nanoseconds.seconds(2)
    /// Requests of one connection that wait for their responses.
    package var pendingRequests: Int16 = 100
    /// Datagrams that wait for fragments, or are remembered, at once, and the bytes of their
    /// fragments, apart from `memory` and at least 128 KiB; at either the oldest makes room.
    package var fragmentedDatagrams = 1024
    package var fragmentMemory = 1 << 20
    /// How long a datagram waits for its fragments. Identifications come again, so that a longer
    /// wait would join what does not belong together.
    package var fragmentTime = Nanoseconds.seconds(1)

    package init() {}
}

/// What the engine counted on one service since it began.
package struct ServiceCounters: Sendable, Hashable {
    package var packets: UInt64 = 0
    /// Packets with payload of encrypted connections and of others. A segment that may be the
    /// beginning of a TLS record counts as encrypted.
    package var encryptedPackets: UInt64 = 0
    package var readablePackets: UInt64 = 0
    package var encryptedConnections: UInt64 = 0

    package init() {}
}

/// What the engine counted since it began.
package struct EngineCounters: Sendable, Hashable {
    package var packets: UInt64 = 0
    /// Bytes on the wire of those packets.
    package var bytes: UInt64 = 0
    package var connections: UInt64 = 0
    package var exchanges: UInt64 = 0
    package var unpairedRequests: UInt64 = 0
    package var unpairedResponses: UInt64 = 0
    /// Holes in streams, and segments with data that lay outside every stream that is followed.
    package var gaps: UInt64 = 0
    package var gapBytes: UInt64 = 0
    /// Packets of connections that `shed` leaves out.
    package var shed: UInt64 = 0
    /// Connections that had to make room for others, in number or in memory.
    package var evicted: UInt64 = 0
    package var fragments = FragmentCounters()
    /// Messages whose framing was ambiguous and was read as RFC 9112 says.
    package var suspicious: UInt64 = 0
    /// Of those, by `SuspiciousReason.rawValue`; a message may have several reasons.
    package var suspiciousByReason: [UInt64]
    /// By `MalformedReason.rawValue`.
    package var malformed: [UInt64]
    /// Frames and fragments that could not be decoded, by `UndecodedReason.rawValue`.
    package var undecodedByReason: [UInt64]
    /// In the order of the services.
    package var services: [ServiceCounters]

    /// Malformed messages of any kind.
    package var malformedTotal: UInt64 { malformed.reduce(0, &+) }
    /// Frames and fragments that could not be decoded, for any reason.
    package var undecoded: UInt64 { undecodedByReason.reduce(0, &+) }
    /// Encrypted connections of all services.
    package var encryptedConnections: UInt64 {
        services.reduce(0) { $0 &+ $1.encryptedConnections }
    }
}

/// Frames → TCP streams → HTTP/1 messages → exchanges, within bounded memory.
///
/// One thread owns an engine. `sink` receives each exchange during `ingest`, `advance` or
/// `finish`; what it is given ends with its return.
package struct TransactionEngine: ~Copyable {
    let limits: EngineLimits
    let sink: (Exchange) -> Void
    /// Hears of requests from now on; their marks are those of the one before it until
    /// `forEachWaiting` gives them others.
    package var observer: RequestObserver?
    package internal(set) var counters: EngineCounters

    var decoder: PacketDecoder
    var table: ConnectionTable
    var pool: BlockPool
    private var services: ServicePorts
    private(set) var plans: FieldPlans
    /// The bytes being read: the sequence number behind them, and what their segment acknowledged.
    var readEnd: UInt32 = 0
    var readAcknowledged: UInt32?
    /// Whether they are a segment from its beginning.
    var readBeginsSegment = false
    /// The latest packet time that was told.
    var now: UInt64 = 0
    var inflaters: InflaterPool
    /// Connections are left out whose hash has less than this in its highest byte.
    private var shedParts: UInt32 = 0
    private var nextSweep: UInt64 = 0

    /// - Parameter localAddresses: the host's own addresses, 16 bytes each. Connections that this
    ///   host opens to other hosts are of the services that it calls, all others of those that it
    ///   offers. Empty where the host is not known, as with files: then all connections count.
    package init(
        services: [EngineService], localAddresses: [[UInt8]] = [],
        tunnels: TunnelPorts = .init(), limits: EngineLimits = .init(),
        sink: @escaping (Exchange) -> Void
    ) {
        self.limits = limits
        self.sink = sink
        counters = EngineCounters(
            suspiciousByReason: Array(repeating: 0, count: SuspiciousReason.allCases.count),
            malformed: Array(repeating: 0, count: MalformedReason.allCases.count),
            undecodedByReason: Array(repeating: 0, count: UndecodedReason.allCases.count),
            services: Array(repeating: ServiceCounters(), count: services.count))
        decoder = PacketDecoder(limits: limits, ports: tunnels)
        table = ConnectionTable(maximum: limits.connections)
        plans = FieldPlans(services)
        pool = BlockPool(budget: Self.budget(limits, plans))
        inflaters = InflaterPool(maximum: limits.inflations)
        self.services = ServicePorts(services, localAddresses: localAddresses)
    }

    deinit {
        for number in UseOrder.all {
            var next = table[UseOrder(number: number)].newest
            while let connection = next {
                next = connection.pointee.older
                connection.deallocateBlocks()
            }
        }
    }

    /// Goes on with other services and fields, and without a break: connections of ports that stay
    /// are followed further, requests that wait and bodies that are being read included; those of
    /// ports that are no service's any more are let go of, uncounted. The counters of services
    /// begin anew. A field that was not asked for when a message's head or body began is unread in
    /// that head or body; those of requests that wait are kept where they are still asked for.
    package mutating func change(
        services: [EngineService], localAddresses: [[UInt8]], tunnels: TunnelPorts = .init()
    ) {
        self.services = ServicePorts(services, localAddresses: localAddresses)
        decoder.ports = tunnels
        counters.services = Array(repeating: ServiceCounters(), count: services.count)
        // What is let go of has blocks of the sizes that the old fields ask for.
        forEachConnection { engine, connection in
            guard engine.services.service(of: connection.pointee.key) == nil else { return }
            engine.releaseBlocks(of: connection)
            engine.table.remove(connection)
        }
        var before = FieldPlans(services)
        swap(&before, &plans)
        pool.budget = Self.budget(limits, plans)
        forEachConnection { engine, connection in
            guard let service = engine.services.service(of: connection.pointee.key) else { return }
            engine.move(connection, to: UInt16(service), from: before)
        }
    }

    /// Bytes that connections and their messages may take.
    private static func budget(_ limits: EngineLimits, _ plans: borrowing FieldPlans) -> Int {
        limits.memory(fields: plans.largest.bytes)
    }

    /// Calls `body`, which may remove the connection it is given, for every connection.
    private mutating func forEachConnection(
        _ body: (inout TransactionEngine, ConnectionPointer) -> Void
    ) {
        for number in UseOrder.all {
            var next = table[UseOrder(number: number)].newest
            while let connection = next {
                next = connection.pointee.older
                body(&self, connection)
            }
        }
    }

    /// Connections being followed, or remembered.
    package var openConnections: Int { table.count }
    /// Bytes of `EngineLimits.memory` in use or kept for use.
    package var accountedMemory: Int { pool.allocated }
    /// Connections that hold early segments.
    var holding: Int { table.waiting }

    /// Takes one frame. Its bytes are not kept.
    package mutating func ingest(_ frame: Frame) {
        counters.packets &+= 1
        counters.bytes &+= UInt64(frame.wireLength)
        let now = frame.time.rawValue
        self.now = now
        if now >= nextSweep { advance(to: frame.time) }
        switch decoder.decode(frame) {
        case .segment: take(decoder.found, now: now)
        case .undecoded(let reason): counters.undecodedByReason[reason.rawValue] &+= 1
        case .other, .fragment: break
        }
        if decoder.fragments.hasChanged { noteFragments() }
    }

    /// Lets packet time pass: early segments and idle connections time out.
    package mutating func advance(to time: Timestamp) {
        let now = time.rawValue
        self.now = now
        nextSweep = now.addingClamped(Self.sweepInterval)
        decoder.fragments.expire(now: now)
        if decoder.fragments.hasChanged { noteFragments() }
        releaseOverdue(now: now)
        for number in UseOrder.all {
            let order = UseOrder(number: number)
            let isShort = order == .doubted || order == .closed
            expire(order, after: isShort ? limits.closedTime : limits.idleTime, now: now)
        }
    }

    private mutating func expire(_ order: UseOrder, after limit: Nanoseconds, now: UInt64) {
        while let connection = table[order].oldest,
            connection.pointee.lastSeen.addingClamped(limit.rawValue) < now
        {
            drop(connection, now: now)
        }
    }

    /// Goes on with other addresses of this host: they tell of connections that begin from now on
    /// which service they are of.
    package mutating func change(localAddresses: [[UInt8]]) {
        services.localAddresses = Set(localAddresses.compactMap(Address.init))
    }

    /// Leaves out `parts` of 256 of the connections, always the same ones, and counts their packets.
    /// What is being read of them is let go of, uncounted.
    package mutating func shed(parts: UInt16) {
        shedParts = UInt32(min(parts, 256))
        forEachConnection { engine, connection in
            guard connection.pointee.hash >> 24 < engine.shedParts else { return }
            engine.releaseBlocks(of: connection)
            engine.table.remove(connection)
        }
    }

    /// Ends all connections as if the traffic ended here.
    package mutating func finish() {
        decoder.fragments.finish()
        noteFragments()
        while let connection = table.anyOldest {
            drop(connection, now: connection.pointee.lastSeen)
        }
    }

    private mutating func noteFragments() {
        decoder.fragments.hasChanged = false
        counters.fragments = decoder.fragments.counters
        counters.undecodedByReason[UndecodedReason.lostFragment.rawValue] = decoder.fragments.lost
        counters.undecodedByReason[UndecodedReason.refusedFragment.rawValue] =
            decoder.fragments.refused
    }

    private static let sweepInterval: UInt64 = 100_000_000

    private mutating func take(_ segment: SegmentPointer, now: UInt64) {
        guard let (key, direction) = ends(of: segment) else { return }
        let hash = table.hash(key)
        if hash >> 24 < shedParts {
            if services.service(of: key) != nil { counters.shed &+= 1 }
            return
        }
        var connection = table.find(key, hash: hash, direction)
        guard let service = connection.map({ Int($0.pointee.service) }) ?? services.service(of: key)
        else { return }
        counters.services[service].packets &+= 1
        if let known = connection {
            if !known.pointee.isClosed {
                table.use(known, now: now)
            } else if known.pointee.lastSeen.addingClamped(limits.closedTime.rawValue) < now {
                drop(known, now: now)
                connection = nil
            }
        }
        if connection == nil {
            connection = open(key, hash: hash, service: service, for: segment, now: now)
        }
        guard let connection else { return }
        follow(connection, segment, direction, now: now)
    }

    private mutating func open(
        _ key: ConnectionKey, hash: UInt32, service: Int, for segment: SegmentPointer, now: UInt64
    ) -> ConnectionPointer? {
        guard segment.pointee.flags.contains(.syn) || segment.pointee.length > 0,
            !segment.pointee.flags.contains(.rst)
        else { return nil }
        if table.count >= table.maximum, let victim = table.victim() {
            if !victim.pointee.isClosed { counters.evicted &+= 1 }
            drop(victim, now: now)
        }
        counters.connections &+= 1
        return table.insert(key, hash: hash, service: UInt16(service), now: now)
    }

    /// Which end serves.
    @inline(__always)
    private mutating func ends(of segment: SegmentPointer) -> (ConnectionKey, Direction)? {
        let isSource = services.contains(segment.pointee.sourcePort)
        let isDestination = services.contains(segment.pointee.destinationPort)
        guard isSource || isDestination else { return nil }
        let toServer = isSource && isDestination ? isToServer(segment) : isDestination
        return (ConnectionKey(segment, toServer: toServer), toServer ? .toServer : .toClient)
    }

    /// Whether a segment between ports that are both services' goes to the server: its connection's
    /// SYN told that, or else what it says itself; where nothing tells, the lower port serves.
    @inline(never)
    private mutating func isToServer(_ segment: SegmentPointer) -> Bool {
        let flags = segment.pointee.flags
        if flags.contains(.syn) { return !flags.contains(.ack) }
        let forth = ConnectionKey(segment, toServer: true)
        let back = ConnectionKey(segment, toServer: false)
        let known = table.find(forth, hash: table.hash(forth), .toServer)
        let reverse = table.find(back, hash: table.hash(back), .toClient)
        if let known, let reverse {
            return known.pointee.standing.isLive || !reverse.pointee.standing.isLive
        }
        if known != nil || reverse != nil { return known != nil }
        let service = services.service(of: forth)
        guard service != nil, services.service(of: back) != nil else { return service != nil }
        if segment.pointee.payload.beginsRequest { return true }
        if segment.pointee.payload.beginsResponse { return false }
        return segment.pointee.destinationPort <= segment.pointee.sourcePort
    }
}
