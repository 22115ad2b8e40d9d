import Foundation
import NIOCore
import NIOHTTP1

/// A keep-alive connection of the load generator. Belongs to its event loop.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// What a connection tells the run.
    enum Event {
        case reply(LoadRequest, status: Int, body: [UInt8])
        /// The connection ended with this many requests unanswered.
        case ended(unanswered: Int, reason: String)
    }

    /// Requests that may wait for their replies on one connection.
    static let inFlightLimit = 2
    /// Bytes of a reply's body that are kept; a longer one ends the connection.
    private static let bodyLimit = 1 << 20
    /// How long the second half of a split body waits for the first.
    private static let splitDelay = TimeAmount.milliseconds(2)

    private let report: (Event) -> Void
    private var context: ChannelHandlerContext?
    private var waiting: [LoadRequest] = []
    private var writing = false
    private var closing = false
    private var status = 0
    private var body: [UInt8] = []
    private var failure: String?

    init(report: @escaping (Event) -> Void) { self.report = report }

    /// Whether nothing waits for a reply.
    var isIdle: Bool { waiting.isEmpty && !writing }

    var isOpen: Bool { context != nil && !closing }

    func channelActive(context: ChannelHandlerContext) { self.context = context }

    /// Sends requests, all but a split one in a single write.
    func send(_ requests: [LoadRequest]) {
        guard let context else { return }
        waiting += requests
        for request in requests { write(request, context) }
        context.flush()
    }

    /// Closes a connection on which nothing waits.
    func close() {
        closing = true
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            body = []
        case .body(let part):
            body += part.readableBytesView
            if body.count > Self.bodyLimit {
                failure = "a reply of more than \(Self.bodyLimit) bytes"
                context.close(promise: nil)
            }
        case .end:
            guard !waiting.isEmpty else { return }
            report(.reply(waiting.removeFirst(), status: status, body: body))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        let unanswered = waiting.count
        waiting = []
        writing = false
        if !closing || unanswered > 0 {
            report(.ended(unanswered: unanswered, reason: failure ?? "closed by the server"))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? "\(error)"
        context.close(promise: nil)
    }

    private func write(_ request: LoadRequest, _ context: ChannelHandlerContext) {
        let bytes = Array(request.body.utf8)
        var headers = HTTPHeaders([("host", "loan-app"), ("accept", "application/json")])
        if !bytes.isEmpty {
            headers.add(name: "content-type", value: "application/json")
            headers.add(name: "content-length", value: "\(bytes.count)")
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.uri,
            headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        guard request.split else {
            writeBody(bytes[...], context)
            context.write(wrapOutboundOut(.end(nil)), promise: nil)
            return
        }
        writeBody(bytes[..<(bytes.count / 2)], context)
        writing = true
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.splitDelay) {
            self.writing = false
            guard let context = self.context else { return }
            self.writeBody(bytes[(bytes.count / 2)...], context)
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    private func writeBody(_ bytes: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        guard !bytes.isEmpty else { return }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }
}

/// A reply's body as far as the load generator verifies it.
struct LoanReply: Decodable {
    struct Content: Decodable {
        let no: String
    }

    let code: String
    let data: Content

    /// Why the reply is not the one the request asked for, or its outcome.
    static func check(
        _ request: LoadRequest, status: Int, body: [UInt8]
    ) -> Result<LoanOutcome?, LoanReplyFailure> {
        guard case .flow(let scenario, let wanted) = request.kind else {
            return status == 204 && body.isEmpty
                ? .success(nil) : .failure(.init(what: "health check: HTTP \(status)"))
        }
        let what = "\(scenario.rawValue) \(request.number): HTTP \(status)"
        guard let reply = try? JSONDecoder().decode(LoanReply.self, from: Data(body)) else {
            return .failure(.init(what: what + ", a body that is no reply of the application"))
        }
        guard reply.data.no == request.number else {
            return .failure(.init(what: what + ", the reply of \(reply.data.no)"))
        }
        guard let outcome = LoanOutcome(status: status, code: reply.code), outcome == wanted else {
            return .failure(
                .init(what: what + ", code \(reply.code) where \(wanted.rawValue) was asked"))
        }
        return .success(outcome)
    }
}

/// A reply that was not as asked for.
struct LoanReplyFailure: Error {
    let what: String
}
