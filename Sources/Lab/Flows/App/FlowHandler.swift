internal import Metering
import NIOCore
import NIOHTTP1

/// One connection of the multi-step loan application. Works on its event loop's thread.
final class FlowHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of a request's body that are kept; a longer one closes the connection.
    static let bodyLimit = 64 << 10

    private let service: FlowService
    private let log: FlowLog
    private let work: Nanoseconds
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    /// - Parameter work: CPU time a request burns before its answer.
    init(service: FlowService, log: FlowLog, work: Nanoseconds) {
        self.service = service
        self.log = log
        self.work = work
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.removeAll(keepingCapacity: true)
        case .body(let part):
            guard head != nil else { return }
            body += part.readableBytesView
            if body.count > Self.bodyLimit {
                head = nil
                context.close(promise: nil)
            }
        case .end:
            guard let head else { return }
            self.head = nil
            serve(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A client that went away or sent no HTTP: this connection's end, nobody else's.
        context.close(promise: nil)
    }

    private func serve(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        burn()
        let answer: FlowAnswer
        var request: FlowRequest?
        do throws(FlowRequest.Fault) {
            let read = try FlowRequest(
                service: service, method: head.method.rawValue, uri: head.uri,
                expect: head.headers.first(name: "x-expect"),
                channel: head.headers.first(name: "x-channel"), body: body)
            request = read
            answer = FlowAnswer(read)
        } catch {
            answer = FlowAnswer(error)
        }
        let path = head.uri.prefix { $0 != "?" }
        log.add(request, answer, line: "\(service.rawValue) \(head.method.rawValue) \(path)")
        if request?.reply == .cut {
            writeHalf(answer, context)
        } else {
            write(answer, framing: framing(head), keep: head.isKeepAlive, context)
        }
    }

    /// How the client wants the body: what `x-framing` asks for, gzip only where it is accepted.
    private func framing(_ head: HTTPRequestHead) -> FlowFraming {
        let wish = head.headers.first(name: "x-framing").flatMap(FlowFraming.init(rawValue:))
        let accepts = head.headers["accept-encoding"].contains { $0.contains("gzip") }
        return wish == .gzip && !accepts ? .length : wish ?? .length
    }

    private func write(
        _ answer: FlowAnswer, framing: FlowFraming, keep: Bool, _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders()
        if !keep { headers.add(name: "connection", value: "close") }
        var bytes = Array(answer.body.utf8)
        if answer.status != 204 {
            headers.add(name: "content-type", value: "application/json; charset=utf-8")
            if framing == .gzip, let member = StoredGzip.member(bytes) {
                bytes = member
                headers.add(name: "content-encoding", value: "gzip")
            }
            if framing == .chunked {
                headers.add(name: "transfer-encoding", value: "chunked")
            } else {
                headers.add(name: "content-length", value: "\(bytes.count)")
            }
        }
        writeHead(answer.status, headers, context)
        // A chunked body comes in two chunks, cut inside the first field.
        let cut = framing == .chunked ? min(9, bytes.count) : 0
        writeBody(bytes[..<cut], context)
        writeBody(bytes[cut...], context)
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !keep { done.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
    }

    /// Sends half a response and closes the connection.
    private func writeHalf(_ answer: FlowAnswer, _ context: ChannelHandlerContext) {
        let bytes = Array(answer.body.utf8)
        let headers = HTTPHeaders([
            ("content-type", "application/json"), ("content-length", "\(bytes.count)"),
        ])
        writeHead(answer.status, headers, context)
        writeBody(bytes[..<(bytes.count / 2)], context)
        context.flush()
        context.close(promise: nil)
    }

    private func writeHead(
        _ status: Int, _ headers: HTTPHeaders, _ context: ChannelHandlerContext
    ) {
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func writeBody(_ bytes: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        guard !bytes.isEmpty else { return }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }

    private func burn() {
        guard work > .zero else { return }
        let end = LabClock.thread + work
        while LabClock.thread < end {}
    }
}
