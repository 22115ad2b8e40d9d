import NIOCore
import NIOHTTP1

/// A connection of the flow load: one request at a time. Belongs to its event loop.
final class FlowConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// What a connection tells the run.
    enum Event {
        case opened
        case answer(status: Int, body: [UInt8])
        /// The connection ended; with a request on it, that one has no whole answer.
        case ended(reason: String)
    }

    /// Bytes of an answer's body that are kept; a longer one ends the connection.
    private static let bodyLimit = 1 << 20
    /// How long the second half of a split body waits for the first.
    private static let splitDelay = TimeAmount.milliseconds(2)

    /// The host and service it leads to, as an index of the run.
    let target: Int
    /// The message whose answer is awaited.
    var message: FlowMessage?
    /// The flow's step after that one.
    var nextStep = 0

    private let report: (FlowConnection, Event) -> Void
    private var context: ChannelHandlerContext?
    private var status = 0
    private var body: [UInt8] = []
    private var isGzip = false
    private var failure: String?

    init(target: Int, report: @escaping (FlowConnection, Event) -> Void) {
        self.target = target
        self.report = report
    }

    var isOpen: Bool { context != nil }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        report(self, .opened)
    }

    /// Sends a message; nothing may be awaited.
    func send(_ message: FlowMessage, nextStep: Int) {
        guard let context else { return }
        self.message = message
        self.nextStep = nextStep
        var headers = HTTPHeaders(message.fields)
        if !message.body.isEmpty {
            headers.add(name: "content-type", value: "application/json")
            headers.add(name: "content-length", value: "\(message.body.count)")
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: message.plan.endpoint.method),
            uri: message.uri, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        let half = message.plan.split ? message.body.count / 2 : 0
        writeBody(message.body[..<half], context)
        guard half > 0 else { return finish(message.body[...], context) }
        context.flush()
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.splitDelay) {
            if let context = self.context { self.finish(message.body[half...], context) }
        }
    }

    /// Closes the connection; what is awaited has no answer then.
    func close() { context?.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            isGzip = head.headers["content-encoding"].contains("gzip")
            body.removeAll(keepingCapacity: true)
        case .body(let part):
            body += part.readableBytesView
            if body.count > Self.bodyLimit {
                failure = "an answer of more than \(Self.bodyLimit) bytes"
                context.close(promise: nil)
            }
        case .end:
            let plain = isGzip ? StoredGzip.data(body).map { Array($0) } ?? [] : body
            report(self, .answer(status: status, body: plain))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        report(self, .ended(reason: failure ?? "closed by the server"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? "\(error)"
        context.close(promise: nil)
    }

    private func finish(_ rest: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        writeBody(rest, context)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func writeBody(_ bytes: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        guard !bytes.isEmpty else { return }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }
}
