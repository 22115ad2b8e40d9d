import Glibc
import Logging
import Metering
import NIOCore
import NIOPosix
import Settings
import Synchronization
import Wire

/// Sends records to a collector and frees them when it has them durably. Never gives up.
final class Shipper: Sendable {
    /// Records sent and not acknowledged at most: what a lost connection costs to send again.
    private static let window: UInt64 = 4000
    private static let batchRecords = 500
    private static let batchBytes = 256 << 10

    private let address: NetworkAddress
    private let agent: String
    private let softwareVersion: String
    private let keeper: RecordKeeper
    private let log: Logger
    private let group: any EventLoopGroup
    private let wake: Mutex<AsyncStream<Signal>.Continuation?> = Mutex(nil)

    private enum Signal {
        case work, heartbeat
    }

    init(
        address: NetworkAddress, agent: String, softwareVersion: String, keeper: RecordKeeper,
        group: any EventLoopGroup, log: Logger
    ) {
        self.address = address
        self.agent = agent
        self.softwareVersion = softwareVersion
        self.keeper = keeper
        self.group = group
        self.log = log
    }

    /// Says that there may be records to send.
    func notify() { wake.withLock { _ = $0?.yield(.work) } }

    /// Connects, sends, and connects again after growing pauses, until cancelled.
    func run() async {
        var pause = WireTiming.firstPause
        var said: String?
        while !Task.isCancelled {
            let progress = ShippingProgress()
            do { try await session(progress) } catch {
                guard !Task.isCancelled else { return }
                if case .refused(code: .identity, text: _)? = error as? WireError {
                    pause = WireTiming.longestPause
                } else if progress.isWelcomed {
                    pause = WireTiming.firstPause
                    said = nil
                }
                let reason = Self.reason(error)
                if said != reason {
                    let backlog = await keeper.backlog
                    log.warning(
                        "collector not connected, records are kept in the spool: \(reason)",
                        metadata: [
                            "collector": "\(address)", "backlog": "\(backlog)",
                        ])
                    said = reason
                }
            }
            // Jitter keeps a fleet from coming back at one moment.
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, WireTiming.longestPause)
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as WireError: error.description
        case let error as ShippingError: error.description
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "\(error)"
        default: "\(error)"
        }
    }

    // MARK: One connection

    private func session(_ progress: ShippingProgress) async throws {
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(10))
            .connect(host: address.host, port: Int(address.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        let hello = try Hello(
            agent: agent, run: await keeper.run.rawValue, first: await keeper.first,
            next: await keeper.next, softwareVersion: softwareVersion)
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: progress.open(hello)))
            let (signals, continuation) = AsyncStream.makeStream(
                of: Signal.self, bufferingPolicy: .bufferingNewest(8))
            wake.withLock { $0 = continuation }
            defer { wake.withLock { $0 = nil } }
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await self.receive(inbound, progress, continuation) }
                tasks.addTask { try await self.send(outbound, progress, signals) }
                tasks.addTask { try await self.watch(progress, continuation) }
                // None ends while the connection is well; the first to end ends the others.
                defer { tasks.cancelAll() }
                try await tasks.next()
            }
        }
    }

    private func receive(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ progress: ShippingProgress,
        _ signals: AsyncStream<Signal>.Continuation
    ) async throws {
        for try await buffer in inbound {
            for event in progress.receive(buffer) {
                switch event {
                case .welcomed(let highest):
                    try await keeper.acknowledge(through: highest)
                    progress.welcome(highest)
                    let backlog = await keeper.backlog
                    log.notice(
                        "collector connected",
                        metadata: [
                            "collector": "\(address)", "backlog": "\(backlog)",
                        ])
                    signals.yield(.work)
                case .acknowledged(let through):
                    try await keeper.acknowledge(through: through)
                    progress.acknowledge(through)
                    signals.yield(.work)
                case .heartbeat: break
                case .failed(let error): throw error
                }
            }
        }
        throw ShippingError.closed
    }

    private func send(
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ progress: ShippingProgress,
        _ signals: AsyncStream<Signal>
    ) async throws {
        var manifest: [UInt8] = []
        for await signal in signals {
            if case .heartbeat = signal {
                try await outbound.write(ByteBuffer(bytes: progress.heartbeat()))
            }
            while let next = progress.nextToSend(window: Self.window),
                let batch = try await keeper.batch(
                    from: next, maximumRecords: Self.batchRecords, maximumBytes: Self.batchBytes)
            {
                if batch.manifest != manifest {
                    try await outbound.write(ByteBuffer(bytes: progress.manifest(batch.manifest)))
                    manifest = batch.manifest
                }
                try await outbound.write(
                    ByteBuffer(bytes: progress.batch(first: batch.first, batch.records)))
            }
        }
    }

    /// Sends heartbeats and ends a connection that stands still.
    private func watch(
        _ progress: ShippingProgress, _ signals: AsyncStream<Signal>.Continuation
    ) async throws {
        var sinceHeartbeat = 0
        while true {
            try await Task.sleep(for: .seconds(1))
            try progress.checkTimes(.now)
            sinceHeartbeat += 1
            if progress.isWelcomed && .seconds(sinceHeartbeat) >= WireTiming.heartbeat {
                sinceHeartbeat = 0
                signals.yield(.heartbeat)
            }
        }
    }
}
