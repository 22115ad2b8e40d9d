import Glibc
package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
package import Store
import Synchronization
import Wire

/// What a server allows. Beyond a limit only the connection concerned suffers.
package struct ServerLimits: Sendable {
    /// Connections at a time; a further one is refused as overloaded.
    package var connections = 2_000
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
    case addressInUse(String)
    case permissionDenied(String)
    case addressNotAvailable(String)
    case cannotListen(String, reason: String)

    package var description: String {
        switch self {
        case .addressInUse(let address):
            "\(address) is in use: stop the program that listens there, or change listen.agents"
        case .permissionDenied(let address):
            "no permission to listen on \(address): ports below 1024 need CAP_NET_BIND_SERVICE"
        case .addressNotAvailable(let address):
            "\(address) is no address of this machine: change listen.agents"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        }
    }
}

/// Accepts agents over TCP and runs one session per connection.
///
/// A connection has one batch in flight: while it is stored nothing is read, so that memory is
/// bounded by connections × (frame limit + a few read buffers).
package struct Server: Service {
    private let host: String
    private let port: Int
    private let store: any RecordStore
    private let limits: ServerLimits
    private let log: Logger
    private let listening: @Sendable (SocketAddress) -> Void

    /// `listening` is told the address once connections are accepted; port 0 takes a free one.
    package init(
        host: String, port: Int, store: any RecordStore, limits: ServerLimits = ServerLimits(),
        log: Logger, listening: @escaping @Sendable (SocketAddress) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.store = store
        self.limits = limits
        self.log = log
        self.listening = listening
    }

    typealias Wired = NIOAsyncChannel<ByteBuffer, ByteBuffer>

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

    private func accept(_ connections: NIOAsyncChannelInboundStream<Wired>) async throws {
        let open = OpenConnections()
        let agents = ConnectedAgents()
        await withDiscardingTaskGroup { group in
            do {
                for try await channel in connections {
                    let isAllowed = open.enter(limit: limits.connections)
                    group.addTask { [store, limits, log] in
                        let connection = Connection(
                            channel.channel, store: store, agents: agents, limits: limits, log: log)
                        if isAllowed {
                            await connection.run(channel)
                        } else {
                            await connection.turnAway(channel)
                        }
                        open.leave()
                    }
                }
            } catch {
                log.error("accepting agents failed", metadata: ["reason": "\(error)"])
            }
            group.cancelAll()
        }
    }

    private func bind() async throws -> NIOAsyncChannel<Wired, Never> {
        do {
            return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelOption(.backlog, value: 256)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Wired(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(
                                backPressureStrategy: .init(lowWatermark: 1, highWatermark: 4),
                                isOutboundHalfClosureEnabled: false))
                    }
                }
        } catch let error as IOError {
            let address = "\(host):\(port)"
            switch error.errnoCode {
            case EADDRINUSE: throw ServerError.addressInUse(address)
            case EACCES, EPERM: throw ServerError.permissionDenied(address)
            case EADDRNOTAVAIL: throw ServerError.addressNotAvailable(address)
            default:
                throw ServerError.cannotListen(
                    address, reason: String(cString: strerror(error.errnoCode)))
            }
        } catch {
            throw ServerError.cannotListen("\(host):\(port)", reason: "\(error)")
        }
    }
}

/// Which agents are connected, and by which run: two runs of one agent at a time are two agents that
/// share an id, whose flows would be counted twice.
final class ConnectedAgents: Sendable {
    private struct Presence {
        let run: UInt64
        /// Connections of the run: an old one may outlive a lost link for a while.
        var connections: Int
    }

    private let agents = Mutex<[String: Presence]>([:])

    /// Notes a connection. False where another run of the agent is connected.
    func enter(_ agent: String, run: UInt64) -> Bool {
        agents.withLock { agents in
            guard agents[agent]?.run ?? run == run else { return false }
            agents[agent, default: Presence(run: run, connections: 0)].connections += 1
            return true
        }
    }

    func leave(_ agent: String) {
        agents.withLock { agents in
            agents[agent]?.connections -= 1
            if agents[agent]?.connections == 0 { agents[agent] = nil }
        }
    }
}

/// How many connections there are, those turned away included.
private final class OpenConnections: Sendable {
    private let count = Mutex(0)

    /// Counts one more and says whether it is within the limit.
    func enter(limit: Int) -> Bool {
        count.withLock { count in
            count += 1
            return count <= limit
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}
