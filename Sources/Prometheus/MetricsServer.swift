import Glibc
package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers `GET /metrics` over HTTP/1.1, each time anew; anything else with an error.
///
/// It reads no body, answers one request a connection and holds few connections at a time: it is for
/// the scraper of the same network, and whoever else finds it gets numbers or is closed.
package final class MetricsServer: Sendable {
    /// Connections at a time; a further one is closed at once.
    static let connections = 16
    /// A connection that is quiet for so long is closed.
    private static let quiet = TimeAmount.seconds(10)

    private let channel: any Channel

    /// Where it listens.
    package var address: SocketAddress? { channel.localAddress }

    /// Listens. Throws the system's error where it cannot.
    ///
    /// - Parameters:
    ///   - host: A name or an address.
    ///   - port: 0 takes a free one.
    ///   - content: Makes the text, format `MetricsText.mediaType`.
    package init(
        host: String, port: Int, group: any EventLoopGroup,
        content: @escaping @Sendable () async -> String
    ) async throws {
        let open = Mutex(0)
        let counter = Counter(open)
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // A client may end its side with the request, and still wants its answer.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard counter.enter() else { throw ChannelError.alreadyClosed }
                    channel.closeFuture.whenComplete { _ in counter.leave() }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: Self.quiet))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(MetricsHandler(content))
                }
            }
            .bind(host: host, port: port).get()
    }

    /// What to do where the address cannot be taken, by the system's error; `program` is then to be
    /// started anew.
    package static func fix(_ code: Int32?, port: Int, of program: String) -> String {
        let restart = "then restart the \(program)"
        switch code {
        case EADDRINUSE:
            let who = "ss -ltnp 'sport = :\(port)'"
            return "\(who) as root names who listens there: stop that program, "
                + "or name another port in listen.metrics, \(restart)"
        case EACCES, EPERM:
            return "name a port from 1024 on in listen.metrics, \(restart)"
        default: return "name an address of this host in listen.metrics, \(restart)"
        }
    }

    /// Stops listening. Answers on their way are finished.
    package func close() async { try? await channel.close() }
}

/// How many connections there are.
private final class Counter: Sendable {
    private let open: Mutex<Int>

    init(_ open: consuming sending Mutex<Int>) { self.open = open }

    func enter() -> Bool {
        open.withLock { open in
            guard open < MetricsServer.connections else { return false }
            open += 1
            return true
        }
    }

    func leave() { open.withLock { $0 -= 1 } }
}

/// One request, one answer, then the end.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let content: @Sendable () async -> String
    private var head: HTTPRequestHead?
    private var hasAnswered = false
    /// While the page is made, its maker is slow and not the peer.
    private var isMaking = false

    init(_ content: @escaping @Sendable () async -> String) { self.content = content }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasAnswered else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: answer(context, .payloadTooLarge, "a request for metrics has no body\n")
        case .end: if let head { answer(context, head) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent, !isMaking { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        let path = head.uri.split(separator: "?", maxSplits: 1).first ?? ""
        guard path == "/metrics" else { return answer(context, .notFound, "try /metrics\n") }
        guard head.method == .GET || head.method == .HEAD else {
            return answer(context, .methodNotAllowed, "GET alone\n")
        }
        (hasAnswered, isMaking) = (true, true)
        let text = context.eventLoop.makeFutureWithTask(content)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        text.whenSuccess { text in
            let (handler, context) = bound.value
            handler.isMaking = false
            handler.write(context, .ok, text, withBody: head.method == .GET)
        }
    }

    private func answer(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ text: String
    ) {
        hasAnswered = true
        write(context, status, text, withBody: true)
    }

    private func write(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ text: String,
        withBody: Bool
    ) {
        let headers: HTTPHeaders = [
            "content-type": MetricsText.mediaType, "content-length": "\(text.utf8.count)",
            "connection": "close",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if withBody {
            let body = context.channel.allocator.buffer(string: text)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }
}
