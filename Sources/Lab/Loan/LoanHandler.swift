internal import Metering
import NIOCore
import NIOHTTP1

/// One connection of the loan application: a request in, CPU time burnt, a response out.
///
/// It works on the event loop's thread, so that a request's CPU time is that thread's. The
/// pipelining handler before it holds further requests back until the response has ended.
final class LoanHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of a request's body that are kept; a longer one is answered with 413 and the
    /// connection is closed.
    static let bodyLimit = 64 << 10

    private let ledger: LoanLedger
    private let unit: Nanoseconds
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var burner = Burner()

    init(ledger: LoanLedger, unit: Nanoseconds) {
        self.ledger = ledger
        self.unit = unit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.removeAll(keepingCapacity: true)
        case .body(let part):
            guard head != nil else { return }
            body += part.readableBytesView
            if body.count > Self.bodyLimit { refuseBody(context) }
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
        let start = (cpu: LabClock.thread, wall: LabClock.boot)
        let keep = head.isKeepAlive
        switch LoanRequest(method: head.method.rawValue, uri: head.uri, body: body) {
        case .flow(let scenario, let outcome, let number, let chunked):
            let answer = LoanAnswer.flow(scenario, outcome, number: number, chunked: chunked)
            write(answer, keep, context)
            let cost = Nanoseconds(unit.rawValue.multipliedClamped(by: scenario.units))
            burner.burn(until: start.cpu + cost)
            finish(keep, context)
            burner.learn(end: LabClock.thread)
            ledger.add(
                scenario, outcome, cpu: LabClock.thread.subtractingClamped(start.cpu),
                wall: LabClock.boot.subtractingClamped(start.wall))
        case .health:
            ledger.addOther()
            reply(LoanAnswer(status: 204, body: ""), keep, context)
        case .truth:
            reply(.truth(ledger.snapshot), keep, context)
        case .invalid(_, let status, let code):
            ledger.addOther()
            reply(.problem(status: status, code: code, "method or body"), keep, context)
        case .unknown:
            ledger.addOther()
            reply(.problem(status: 404, code: "E4040", "no such path"), keep, context)
        }
    }

    private func reply(_ answer: LoanAnswer, _ keep: Bool, _ context: ChannelHandlerContext) {
        write(answer, keep, context)
        finish(keep, context)
    }

    private func write(_ answer: LoanAnswer, _ keep: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        if !keep { headers.add(name: "connection", value: "close") }
        let bytes = Array(answer.body.utf8)
        if answer.status != 204 {
            headers.add(name: "content-type", value: "application/json; charset=utf-8")
            if answer.chunked {
                headers.add(name: "transfer-encoding", value: "chunked")
            } else {
                headers.add(name: "content-length", value: "\(bytes.count)")
            }
        }
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        // A chunked body comes in two chunks, cut inside the first field.
        let cut = answer.chunked ? min(9, bytes.count) : 0
        for part in [bytes[..<cut], bytes[cut...]] where !part.isEmpty {
            let buffer = context.channel.allocator.buffer(bytes: part)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
    }

    private func finish(_ keep: Bool, _ context: ChannelHandlerContext) {
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !keep { done.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
    }

    private func refuseBody(_ context: ChannelHandlerContext) {
        head = nil
        body = []
        ledger.addOther()
        reply(.problem(status: 413, code: "E4130", "body too long"), false, context)
    }
}

/// Burns CPU time on the calling thread.
private struct Burner {
    private var sink: UInt64 = 1
    private var reached = Nanoseconds.zero
    /// CPU time it lately took to send a response after the burning, taken off the next burn so
    /// that the whole request costs what it should: a running mean over about 8 requests.
    private var sending = Nanoseconds.zero

    mutating func burn(until target: Nanoseconds) {
        let goal = target.subtractingClamped(sending)
        reached = LabClock.thread
        while reached < goal {
            for _ in 0..<128 { sink = sink &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963 }
            reached = LabClock.thread
        }
    }

    mutating func learn(end: Nanoseconds) {
        let cost = end.subtractingClamped(reached).rawValue
        sending = Nanoseconds((sending.rawValue * 7 + cost) / 8)
    }
}
