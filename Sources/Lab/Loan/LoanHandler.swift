import Glibc
internal import Metering
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection of the loan application: a request in, CPU time burnt, a response out.
///
/// It works on the event loop's thread, so that a request's CPU time is that thread's, or on one of
/// a pool. The pipelining handler before it holds further requests back until the response has ended.
final class LoanHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of a request's body that are kept; a longer one is answered with 413 and the
    /// connection is closed.
    static let bodyLimit = 64 << 10

    private let ledger: LoanLedger
    private let work: LoanWork
    private let pool: NIOThreadPool?
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private let burner = Burner()

    init(ledger: LoanLedger, work: LoanWork, pool: NIOThreadPool?) {
        self.ledger = ledger
        self.work = work
        self.pool = pool
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
        let keep = head.isKeepAlive
        switch LoanRequest(method: head.method.rawValue, uri: head.uri, body: body) {
        case .flow(let scenario, let outcome, let number, let chunked):
            let flow = Flow(scenario: scenario, outcome: outcome, keep: keep)
            let answer = LoanAnswer.flow(scenario, outcome, number: number, chunked: chunked)
            write(answer, keep, context)
            if let pool {
                handOver(flow, to: pool, context)
            } else {
                let start = LabClock.thread
                burner.work(work, scenario, from: work.start)
                finish(keep, context)
                burner.learn(end: LabClock.thread)
                end(flow, cpu: LabClock.thread.subtractingClamped(start))
            }
            return
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
        work.tell(nil)
    }

    /// A request of a scenario on its way.
    private struct Flow {
        let scenario: LoanScenario
        let outcome: LoanOutcome
        let keep: Bool
        let began = LabClock.boot
    }

    /// Lets a thread of the pool work on it; the answer is sent by the event loop's.
    private func handOver(_ flow: Flow, to pool: NIOThreadPool, _ context: ChannelHandlerContext) {
        let loop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        work.tell(flow.scenario)
        pool.submit { [burner, work] state in
            guard case .active = state else { return }
            let start = LabClock.thread
            burner.work(work, flow.scenario, from: start)
            let used = LabClock.thread.subtractingClamped(start)
            loop.execute {
                let (handler, context) = bound.value
                handler.finish(flow.keep, context)
                handler.end(flow, cpu: used)
            }
        }
    }

    private func end(_ flow: Flow, cpu: Nanoseconds) {
        work.tell(flow.scenario)
        ledger.add(
            flow.scenario, flow.outcome, cpu: cpu,
            wall: LabClock.boot.subtractingClamped(flow.began))
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
///
/// Sendable, as a connection works on one request at a time: whoever has the request has the burner.
private final class Burner: @unchecked Sendable {
    /// What was burnt is told at least so often.
    private static let tellEvery = Nanoseconds.milliseconds(1)

    private var sink: UInt64 = 1
    private var reached = Nanoseconds.zero
    /// CPU time it lately took to send a response after the burning, taken off the next burn so
    /// that the whole request costs what it should: a running mean over about 8 requests.
    private var sending = Nanoseconds.zero

    /// Waits as the scenario does, and burns what it costs.
    func work(_ work: LoanWork, _ scenario: LoanScenario, from start: Nanoseconds) {
        let wait = work.waits[scenario.place]
        if wait > .zero { usleep(UInt32(clamping: wait.rawValue / 1_000)) }
        let goal = (start + work.cost(of: scenario)).subtractingClamped(sending)
        reached = LabClock.thread
        var told = reached
        while reached < goal {
            for _ in 0..<128 { sink = sink &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963 }
            reached = LabClock.thread
            if reached.subtractingClamped(told) >= Self.tellEvery {
                work.tell(scenario)
                told = reached
            }
        }
        work.tell(scenario)
    }

    func learn(end: Nanoseconds) {
        let cost = end.subtractingClamped(reached).rawValue
        sending = Nanoseconds((sending.rawValue * 7 + cost) / 8)
    }
}
