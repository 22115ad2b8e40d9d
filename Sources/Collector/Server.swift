import Glibc
package import Logging
package import Metering
package import NIOCore
import NIOPosix
import ServiceLifecycle
package import Store
package import TransportSecurity
import Wire

/// What a server allows. Beyond a limit only the connection concerned suffers.
package struct ServerLimits: Sendable {
    /// Agents connected at a time; a further one is refused as overloaded.
    package var connections = 2_000
    /// Connections at a time that have not said who they are; for a further one the oldest of the
    /// address with the most of them is closed.
    package var strangers = 256
    /// Bytes of all frames of which a part has come, beside 16 KiB for each connection.
    package var unfinishedFrames = 64 << 20
    /// How long a connection may take over a frame while others wait for memory.
    package var patience: Duration = .seconds(2)
    /// A window that ends later than this after the collector's clock is told of.
    package var clockAhead: Nanoseconds = .seconds(3_600)
    /// From the connection to the whole Hello; then it is closed.
    package var handshake: Duration = WireTiming.handshake
    /// After this long without a whole message it is closed.
    package var silence: Duration = WireTiming.silence
    /// The collector sends a heartbeat this often.
    package var heartbeat: Duration = WireTiming.heartbeat

    package init() {}
}

/// Why the server cannot listen.
package enum ServerError: Error, Sendable, Hashable, CustomStringConvertible {
    case addressInUse(String, port: Int)
    case permissionDenied(String)
    case addressNotAvailable(String)
    case cannotListen(String, reason: String)

    /// Whether it may pass by itself: an interface may come late, and who holds a port may let go of it.
    package var mayPass: Bool {
        switch self {
        case .addressInUse, .addressNotAvailable: true
        case .permissionDenied, .cannotListen: false
        }
    }

    package var description: String {
        switch self {
        case .addressInUse(let address, let port):
            "\(address) is in use, perhaps by a collector that runs already: "
                + "`ss -ltnp 'sport = :\(port)'` as root names the program; stop it, or name another port "
                + "in listen.agents"
        case .permissionDenied(let address):
            "no permission to listen on \(address): name a port from 1024 on in listen.agents; those below "
                + "need CAP_NET_BIND_SERVICE"
        case .addressNotAvailable(let address):
            "\(address) is no address of this machine: name one in listen.agents (`ip address` lists them), "
                + "or 0.0.0.0 for all of IPv4"
        case .cannotListen(let address, let reason):
            "cannot listen on \(address): \(reason); name another address in listen.agents"
        }
    }
}

/// Accepts agents over TLS, or over TCP where it has no credentials, and runs one session per
/// connection.
///
/// A connection has one batch in flight: while it is stored nothing is read. Memory is bounded by
/// the frames of `ServerLimits.unfinishedFrames`, and a few read buffers for each connection.
package struct Server: Service {
    private let host: String
    private let port: Int
    private let store: any RecordStore
    private let credentials: LiveCredentials?
    private let limits: ServerLimits
    private let metrics: IngestMetrics
    private let now: @Sendable () -> Timestamp
    private let log: Logger
    private let listening: @Sendable (SocketAddress) -> Void

    /// Without `credentials` agents connect without encryption. `listening` is told
    /// the address once connections are accepted; port 0 takes a free one. `now` is the clock by which
    /// things are received.
    package init(
        host: String, port: Int, store: any RecordStore, credentials: LiveCredentials? = nil,
        limits: ServerLimits = ServerLimits(), metrics: IngestMetrics = IngestMetrics(),
        now: @escaping @Sendable () -> Timestamp = { .now }, log: Logger,
        listening: @escaping @Sendable (SocketAddress) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.store = store
        self.credentials = credentials
        self.limits = limits
        self.metrics = metrics
        self.now = now
        self.log = log
        self.listening = listening
    }

    typealias Wired = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// A connection with the peer's certificate once it is verified; without TLS there is none.
    struct Accepted: Sendable {
        let wired: Wired
        let peer: EventLoopFuture<CertificateFacts>?
    }

    /// Runs until graceful shutdown or cancellation; then every connection finishes its batch.
    package func run() async throws {
        let server = try await bind()
        if let address = server.channel.localAddress {
            listening(address)
            log.notice("ready: listening for agents", metadata: ["address": "\(address.label)"])
        }
        try await server.executeThenClose { connections in
            // `closeFuture` inside a cancellation handler would ignore SIGTERM: close the channel.
            try await withTaskCancellationOrGracefulShutdownHandler {
                try await accept(connections)
            } onCancelOrGracefulShutdown: {
                server.channel.close(promise: nil)
            }
        }
        log.notice("stopped")
    }

    private func accept(_ connections: NIOAsyncChannelInboundStream<Accepted>) async throws {
        let shared = ServerState(store, limits, metrics, now: now)
        await withDiscardingTaskGroup { group in
            do {
                if let credentials { group.addTask { await credentials.watchExpiry() } }
                for try await accepted in connections {
                    let wired = accepted.wired
                    let connection = Connection(
                        wired.channel, certificate: accepted.peer, shared, limits: limits,
                        log: log)
                    group.addTask { await connection.run(wired) }
                }
            } catch {
                log.error("accepting agents failed", metadata: ["reason": "\(error)"])
            }
            group.cancelAll()
        }
    }

    private func bind() async throws -> NIOAsyncChannel<Accepted, Never> {
        let needsTLS = ByteBuffer(bytes: try Connection.needsTLS())
        let (credentials, limit) = (credentials, TimeAmount(limits.handshake))
        do {
            return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelOption(.backlog, value: 256)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(
                    .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 16_384)
                )
                .bind(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let peer = try credentials?.accept(
                            channel, within: limit, answerToPlain: needsTLS)
                        let wired = try Wired(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(
                                backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2),
                                isOutboundHalfClosureEnabled: false))
                        return Accepted(wired: wired, peer: peer)
                    }
                }
        } catch let error as IOError {
            let address = Self.address(host, port)
            switch error.errnoCode {
            case EADDRINUSE: throw ServerError.addressInUse(address, port: port)
            case EACCES, EPERM: throw ServerError.permissionDenied(address)
            case EADDRNOTAVAIL: throw ServerError.addressNotAvailable(address)
            default:
                throw ServerError.cannotListen(
                    address, reason: String(cString: strerror(error.errnoCode)))
            }
        } catch {
            throw ServerError.cannotListen(Self.address(host, port), reason: "\(error)")
        }
    }

    /// As settings have it: an IPv6 address in brackets.
    static func address(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// What the connections of a server share.
struct ServerState: Sendable {
    let store: any RecordStore
    let admission: Admission
    let presence = Presence()
    let budget: ReadBudget
    let commits: CommitQueue
    let manifests: KnownManifests
    let metrics: IngestMetrics
    let now: @Sendable () -> Timestamp

    init(
        _ store: any RecordStore, _ limits: ServerLimits, _ metrics: IngestMetrics,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.now = now
        self.store = store
        self.metrics = metrics
        admission = Admission(strangers: limits.strangers, agents: limits.connections)
        budget = ReadBudget(
            bytes: max(limits.unfinishedFrames, WireLimits.frame), patience: limits.patience)
        commits = CommitQueue(store)
        manifests = KnownManifests(store)
    }
}
