package import Metering
import NIOCore
import NIOHTTP1
import NIOPosix

/// The small loan application: four scenarios over HTTP/1.1 on a few event-loop threads.
package final class LoanServer: Sendable {
    package let ledger: LoanLedger
    /// The port it listens on.
    package let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let pool: NIOThreadPool?
    private let channel: any Channel

    /// Listens on `host` and `port` (0 for a free one).
    ///
    /// - Parameter unit: CPU time of one unit of work; a query burns one.
    package convenience init(host: String = "127.0.0.1", port: Int, unit: Nanoseconds) throws {
        try self.init(host: host, port: port, work: LoanWork(unit: unit))
    }

    /// Listens on `host` and `port` (0 for a free one).
    package init(host: String = "127.0.0.1", port: Int, work: LoanWork) throws {
        let ledger = LoanLedger()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: work.threads)
        let pool = work.pool > 0 ? NIOThreadPool(numberOfThreads: work.pool) : nil
        pool?.start()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(
                        LoanHandler(ledger: ledger, work: work, pool: pool))
                }
            }
        do {
            channel = try bootstrap.bind(host: host, port: port).wait()
        } catch {
            try? pool?.syncShutdownGracefully()
            try? group.syncShutdownGracefully()
            throw LoanServerFailure(host: host, port: port, reason: "\(error)")
        }
        self.ledger = ledger
        self.group = group
        self.pool = pool
        self.port = channel.localAddress?.port ?? port
    }

    /// Stops listening, closes every connection and ends the threads.
    package func stop() throws {
        try? channel.close().wait()
        try pool?.syncShutdownGracefully()
        try group.syncShutdownGracefully()
    }
}

/// The application cannot listen.
package struct LoanServerFailure: Error, CustomStringConvertible {
    package let host: String
    package let port: Int
    package let reason: String

    package var description: String {
        "\(host):\(port): cannot listen: \(reason); name a free port with --port and an address of"
            + " this machine with --host"
    }
}
