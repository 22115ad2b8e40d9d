import Chain
import Glibc
import Logging
import Metering
import NIOCore
import NIOPosix
import Settings
import Synchronization
import TransportSecurity
import Wire

/// Sends records to a collector and frees them when it has them durably. Never gives up.
final class Shipper: Sendable {
    /// Records sent and not acknowledged at most: what a lost connection costs to send again.
    private static let window: UInt64 = 4000
    private static let batchRecords = 500
    private static let batchBytes = 256 << 10

    /// Records a second at most while more than a batch waits: what was kept for days is sent in
    /// minutes, and neither host nor collector is busy with it alone.
    private static let catchUpRecords = 2000
    /// How long a collector that stands in for another is used before that one is tried again.
    private static let standInTime: Duration = .seconds(600)

    let destination: Destination
    /// Of the destination's collectors, in their order; `nil` where one is reached in the plain.
    private let securities: [ShipperSecurity?]
    private let identity: AgentIdentity
    private let keeper: RecordKeeper
    private let log: Logger
    private let group: any EventLoopGroup
    private let wake: Mutex<AsyncStream<Signal>.Continuation?> = Mutex(nil)
    private let counted = Mutex(ShippingCounts())

    private enum Signal {
        case work, heartbeat
    }

    init(
        destination: Destination, identity: AgentIdentity, keeper: RecordKeeper,
        group: any EventLoopGroup, log: Logger
    ) {
        self.destination = destination
        self.identity = identity
        securities = destination.collectors.map {
            ShipperSecurity($0, agent: identity.agent, log: log)
        }
        self.keeper = keeper
        self.group = group
        self.log = log
    }

    /// Says that there may be records to send.
    func notify() { wake.withLock { _ = $0?.yield(.work) } }

    /// What was done so far.
    var counts: ShippingCounts { counted.withLock { $0 } }

    /// Connects, sends, and connects again after growing pauses, until cancelled.
    func run() async {
        let watching = securities.compactMap { $0 }
        await withDiscardingTaskGroup { group in
            for security in watching { group.addTask { await security.watchExpiry() } }
            await ship()
            group.cancelAll()
        }
    }

    private func ship() async {
        var pause = WireTiming.firstPause
        var said: [String?] = destination.collectors.map { _ in nil }
        var index = 0
        while !Task.isCancelled {
            let progress = ShippingProgress()
            let failure = await attempt(index, progress)
            counted.withLock {
                $0.isConnected = false
                $0.failures += 1
                if !failure.isIntended { $0.failure = failure.reason }
            }
            guard !Task.isCancelled else { return }
            if progress.isWelcomed {
                pause = WireTiming.firstPause
                said[index] = nil
            }
            if said[index] != failure.reason, !failure.isTold {
                await tell(failure, of: destination.collectors[index])
                said[index] = failure.reason
            }
            index = progress.isWelcomed ? 0 : (index + 1) % destination.collectors.count
            // One that stands in is tried at once.
            if failure.isIntended || index > 0 { continue }
            if failure.isHopeless { pause = WireTiming.longestPause }
            // Jitter keeps a fleet from coming back at one moment.
            let isRenewed = await ShipperSecurity.rest(
                pause * Double.random(in: 0.5...1), unlessRenewed: securities.compactMap { $0 })
            pause = isRenewed ? WireTiming.firstPause : min(pause * 2, WireTiming.longestPause)
        }
    }

    private struct Failure {
        let reason: String
        /// Whether only a person can change it.
        var isHopeless = false
        /// Whether nothing is to be said of it, or no more.
        var isTold = false
        /// Whether to connect again at once.
        var isIntended = false
    }

    private func attempt(_ index: Int, _ progress: ShippingProgress) async -> Failure {
        do {
            try await session(index, progress)
            return Failure(reason: "", isTold: true, isIntended: true)
        } catch {
            var failure = Failure(reason: Self.reason(error))
            switch error as? ShippingError {
            case .returning: (failure.isTold, failure.isIntended) = (true, true)
            case .otherRun: failure.isTold = true
            default: break
            }
            switch error as? WireError {
            case .refused(code: .identity, text: _): failure.isHopeless = true
            case .refused(code: .otherRecords, text: _), .unknownRecords:
                guard let run = progress.run else { break }
                failure.isTold = await keeper.leave(run, because: failure.reason)
                failure.isHopeless = !failure.isTold
            default: break
            }
            return failure
        }
    }

    private func tell(_ failure: Failure, of collector: CollectorEndpoint) async {
        let backlog = await keeper.backlog(of: destination.name)
        log.warning(
            "collector not connected, records are kept in the spool: \(failure.reason)",
            metadata: ["collector": "\(collector.address)", "backlog": "\(backlog)"])
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as WireError: error.description
        case let error as ShippingError: error.description
        case let error as TLSFailure: error.sentence(on: .agent)
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "\(error)"
        default: "\(error)"
        }
    }

    // MARK: One connection

    private func session(_ index: Int, _ progress: ShippingProgress) async throws {
        let address = destination.collectors[index].address
        let security = securities[index]
        try security?.refresh()
        let (channel, collector) = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(10))
            .connect(host: address.host, port: Int(address.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let collector = try security?.secure(channel)
                    return (
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                            wrappingChannelSynchronously: channel), collector
                    )
                }
            }
        let holding = await keeper.holding(for: destination.name)
        let hello = try identity.hello(holding)
        try await channel.executeThenClose { inbound, outbound in
            _ = try await collector?.get()
            let opening = try progress.open(hello)
            let (signals, continuation) = AsyncStream.makeStream(
                of: Signal.self, bufferingPolicy: .bufferingNewest(8))
            wake.withLock { $0 = continuation }
            defer { wake.withLock { $0 = nil } }
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    try await self.receive(
                        inbound, from: address, holding.run, progress, continuation)
                    return true
                }
                tasks.addTask {
                    try await Self.writing {
                        try await outbound.write(ByteBuffer(bytes: opening))
                        try await self.send(outbound, holding.run, progress, signals)
                    }
                }
                tasks.addTask {
                    try await self.watch(progress, isFirst: index == 0, continuation)
                    return true
                }
                // None ends while the connection is well; the first to end ends the others.
                defer { tasks.cancelAll() }
                while try await tasks.next() == false {}
            }
        }
    }

    /// Whether the work came to its end: `false` where the connection ended under it, of which the
    /// reading side knows the reason.
    private static func writing(_ work: () async throws -> Void) async throws -> Bool {
        do { try await work() } catch  where error is ChannelError || error is IOError {
            return false
        }
        return true
    }

    private func receive(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, from address: NetworkAddress,
        _ run: UInt64, _ progress: ShippingProgress, _ signals: AsyncStream<Signal>.Continuation
    ) async throws {
        for try await buffer in inbound {
            for event in progress.receive(buffer) {
                switch event {
                case .welcomed(let highest):
                    try await keeper.acknowledge(
                        of: run, through: highest, by: destination.name)
                    progress.welcome(highest)
                    counted.withLock {
                        $0.isConnected = true
                        $0.failure = nil
                        $0.welcomes += 1
                    }
                    let backlog = await keeper.backlog(of: destination.name)
                    log.notice(
                        "collector connected",
                        metadata: [
                            "collector": "\(address)", "backlog": "\(backlog)",
                        ])
                    signals.yield(.work)
                case .acknowledged(let through):
                    try await keeper.acknowledge(
                        of: run, through: through, by: destination.name)
                    let more = progress.acknowledge(through)
                    counted.withLock { $0.acknowledged += more }
                    signals.yield(.work)
                case .heartbeat: break
                case .failed(let error): throw error
                }
            }
        }
        throw ShippingError.closed
    }

    private func send(
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ run: UInt64,
        _ progress: ShippingProgress, _ signals: AsyncStream<Signal>
    ) async throws {
        var manifest: [UInt8] = []
        for await signal in signals {
            if case .heartbeat = signal {
                try await outbound.write(ByteBuffer(bytes: progress.heartbeat()))
            }
            while let next = progress.nextToSend(window: Self.window),
                let batch = try await keeper.batch(
                    of: run, from: next, maximumRecords: Self.batchRecords,
                    maximumBytes: Self.batchBytes)
            {
                if batch.manifest != manifest {
                    try await outbound.write(ByteBuffer(bytes: progress.manifest(batch.manifest)))
                    manifest = batch.manifest
                }
                let bytes = try progress.batch(identity.signed(batch, of: run))
                try await outbound.write(ByteBuffer(bytes: bytes))
                counted.withLock { $0.sent += UInt64(batch.records.count) }
                if batch.records.count == Self.batchRecords {
                    let time = Duration.seconds(1) * batch.records.count / Self.catchUpRecords
                    try await Task.sleep(for: time)
                }
            }
        }
    }

    /// Sends heartbeats and ends a connection that stands still. Wakes for that alone: a second's beat
    /// would be a third of what an agent at rest costs its host.
    private func watch(
        _ progress: ShippingProgress, isFirst: Bool, _ signals: AsyncStream<Signal>.Continuation
    ) async throws {
        let leaving = isFirst ? nil : ContinuousClock.now + Self.standInTime
        while true {
            let next = progress.nextLook
            try await Task.sleep(until: min(next, leaving ?? next), clock: .continuous)
            let now = ContinuousClock.now
            try progress.checkTimes(now)
            if let leaving, now >= leaving { throw ShippingError.returning }
            if progress.takeHeartbeat(at: now) { signals.yield(.heartbeat) }
        }
    }
}
