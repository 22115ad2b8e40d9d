internal import Metering
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Sends a bounded mix of requests and reads every reply to its end.
///
/// Open loop: flows fall due by the clock, whatever the server does, but never more wait on a
/// connection than `LoadConnection.inFlightLimit`. At the end nothing more is sent, and what was
/// sent is waited for, so that no flow is left unfinished.
package final class LoadGenerator: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let state = Mutex<(flows: UInt64, result: LoadResult?)>((0, nil))
    private let stopping = Atomic(false)

    /// Starts the load.
    package init(_ plan: LoadPlan) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        loop.execute {
            LoadRun(plan, loop, owner: self).start()
        }
    }

    /// Flows whose reply was read.
    package var flows: UInt64 { state.withLock { $0.flows } }

    /// The result once the load has ended, else `nil`.
    package var result: LoadResult? { state.withLock { $0.result } }

    /// Sends nothing more; the result comes when what was sent has been answered.
    package func stop() { stopping.store(true, ordering: .relaxed) }

    /// Ends the thread. After the result.
    package func shutdown() throws { try group.syncShutdownGracefully() }

    fileprivate var isStopping: Bool { stopping.load(ordering: .relaxed) }

    fileprivate func publish(flows: UInt64) { state.withLock { $0.flows = flows } }

    fileprivate func publish(_ result: LoadResult) {
        state.withLock { $0 = (result.flows, result) }
    }
}

/// A load on its way. Belongs to its event loop.
private final class LoadRun {
    /// How long replies are waited for after the last request.
    static let drainLimit = Nanoseconds.seconds(10)
    private static let tick = TimeAmount.milliseconds(2)

    private let plan: LoadPlan
    private let loop: any EventLoop
    private let owner: LoadGenerator
    private var sequence: LoadSequence
    private var arrivals: LoadArrivals?
    private var connections: [LoadConnection] = []
    private var nextConnection = 0
    private var sent: UInt64 = 0
    private var unanswered = 0
    private var begin = Nanoseconds.zero
    private var drainEnd: Nanoseconds?
    private var result = LoadResult()

    init(_ plan: LoadPlan, _ loop: any EventLoop, owner: LoadGenerator) {
        self.plan = plan
        self.loop = loop
        self.owner = owner
        sequence = LoadSequence(plan.mix)
        if case .random(let swing, let bursts) = plan.rhythm {
            arrivals = LoadArrivals(plan.mix, rate: plan.rate, swing: swing, bursts: bursts)
        }
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let run = bound.value
                    let connection = LoadConnection { run.handle($0) }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(connection)
                    run.connections.append(connection)
                }
            }
        let all = (0..<plan.connections).map { _ in
            bootstrap.connect(host: plan.host, port: plan.port).map { _ in () }
        }
        EventLoopFuture.whenAllComplete(all, on: loop).assumeIsolated().whenComplete { outcome in
            for case .failure(let error) in (try? outcome.get()) ?? [] {
                self.result.addError(
                    "\(self.plan.host):\(self.plan.port): connect: \(error); start jouleflow-lab"
                        + " app on that port first")
            }
            self.begin = LabClock.boot
            self.step()
        }
    }

    private func step() {
        let now = LabClock.boot
        let elapsed = now.subtractingClamped(begin)
        let open = connections.contains { $0.isOpen }
        if drainEnd == nil, elapsed >= plan.length || owner.isStopping || !open {
            drainEnd = now + Self.drainLimit
            result.seconds = elapsed.seconds
        }
        if let drainEnd {
            if unanswered == 0 || now >= drainEnd { return finish() }
        } else {
            sendWhatIsDue(elapsed)
        }
        loop.assumeIsolated().scheduleTask(in: pause(elapsed)) { self.step() }
    }

    /// Until the next look: a random rhythm is met to the microsecond.
    private func pause(_ elapsed: Nanoseconds) -> TimeAmount {
        guard let arrivals, drainEnd == nil else { return Self.tick }
        let wait = TimeAmount.nanoseconds(Int64((arrivals.due - elapsed.seconds) * 1e9))
        return max(.microseconds(20), min(Self.tick, wait))
    }

    private func sendWhatIsDue(_ elapsed: Nanoseconds) {
        guard arrivals == nil else { return sendRandom(elapsed) }
        let due = UInt64(elapsed.seconds * plan.rate)
        while sent < due, let connection = idleConnection() {
            var requests = [sequence.next()]
            // Nothing may follow a body whose second half is still to be written.
            let pair = sent + 1 < due && !requests[0].split && sequence.nextIsPair()
            if pair { requests.append(sequence.next()) }
            sent += UInt64(requests.count)
            unanswered += requests.count
            connection.send(requests)
        }
    }

    private func sendRandom(_ elapsed: Nanoseconds) {
        while let arrivals, arrivals.due <= elapsed.seconds, let connection = idleConnection() {
            unanswered += 1
            connection.send([sequence.next(shares: arrivals.rates, plain: true)])
            self.arrivals?.advance()
        }
    }

    private func idleConnection() -> LoadConnection? {
        for offset in connections.indices {
            let index = (nextConnection + offset) % connections.count
            if connections[index].isOpen, connections[index].isIdle {
                nextConnection = index + 1
                return connections[index]
            }
        }
        return nil
    }

    private func handle(_ event: LoadConnection.Event) {
        switch event {
        case .reply(let request, let status, let body):
            unanswered -= 1
            switch LoanReply.check(request, status: status, body: body) {
            case .success(let outcome):
                if case .flow(let scenario, _) = request.kind, let outcome {
                    result.add(scenario, outcome)
                } else {
                    result.other.requests += 1
                }
            case .failure(let failure):
                result.addError(failure.what)
            }
            owner.publish(flows: result.flows)
        case .ended(let count, let reason):
            unanswered -= count
            result.addError(
                "a connection ended, \(count) requests unanswered: \(reason)",
                count: UInt64(max(1, count)))
        }
    }

    private func finish() {
        if unanswered > 0 {
            result.addError(
                "\(unanswered) requests without a reply after \(Self.drainLimit.seconds) s",
                count: UInt64(unanswered))
        }
        for connection in connections { connection.close() }
        owner.publish(result)
    }
}
