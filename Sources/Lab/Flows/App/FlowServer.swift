package import Metering
import NIOCore
import NIOHTTP1
import NIOPosix

/// The multi-step loan application: an edge and a core service over HTTP/1.1.
package final class FlowServer: Sendable {
    package let log: FlowLog
    /// The edge's port.
    package let port: Int
    package let corePort: Int
    private let group: MultiThreadedEventLoopGroup
    private let channels: [any Channel]

    /// Listens on `host` and both ports (0 for a free one).
    ///
    /// - Parameters:
    ///   - threads: of connections, at least 1.
    ///   - work: CPU time a request burns before its answer.
    package init(
        host: String = "127.0.0.1", port: Int, corePort: Int, threads: Int = 2,
        work: Nanoseconds = .zero, log: FlowLog
    ) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        var channels: [any Channel] = []
        for (service, wanted) in [(FlowService.gateway, port), (.core, corePort)] {
            do {
                channels.append(
                    try Self.bootstrap(service, group, work, log).bind(host: host, port: wanted)
                        .wait())
            } catch {
                try? group.syncShutdownGracefully()
                throw LoanServerFailure(host: host, port: wanted, reason: "\(error)")
            }
        }
        self.log = log
        self.group = group
        self.channels = channels
        self.port = channels[0].localAddress?.port ?? port
        self.corePort = channels[1].localAddress?.port ?? corePort
    }

    /// Stops listening, closes every connection, ends the threads and the access log.
    package func stop() throws {
        for channel in channels { try? channel.close().wait() }
        try group.syncShutdownGracefully()
        log.close()
    }

    private static func bootstrap(
        _ service: FlowService, _ group: MultiThreadedEventLoopGroup, _ work: Nanoseconds,
        _ log: FlowLog
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(FlowHandler(service: service, log: log, work: work))
                }
            }
    }
}
