internal import Metering
import NIOCore
import NIOPosix
import Synchronization

/// Sends the flows of a plan and counts what an agent must count of them.
///
/// A flow's next request goes out when the one before has been answered, so that the order of a
/// key's exchanges is certain; requests of many flows are mixed over many connections.
package final class FlowLoad: Sendable {
    /// How far the load is.
    package struct Progress: Sendable {
        package var flows: UInt64 = 0
        package var requests: UInt64 = 0
        /// The truth of this moment while the load is paused, with no request on its way.
        package var paused: FlowTruth?
        /// The truth at the end.
        package var truth: FlowTruth?
    }

    private let group: MultiThreadedEventLoopGroup
    private let state = Mutex(Progress())
    private let stopping = Atomic(false)
    private let resumed = Atomic(0)

    /// Starts the load.
    package init(_ plan: FlowLoadPlan) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        loop.execute { FlowRun(plan, loop, owner: self).start() }
    }

    /// How far it is now.
    package var progress: Progress { state.withLock { $0 } }

    /// Sends nothing more; the truth comes when what was sent has been answered.
    package func stop() { stopping.store(true, ordering: .relaxed) }

    /// Ends the pause the load is in.
    package func resume() { resumed.add(1, ordering: .relaxed) }

    /// Ends the thread. After the truth.
    package func shutdown() throws { try group.syncShutdownGracefully() }

    fileprivate var isStopping: Bool { stopping.load(ordering: .relaxed) }

    fileprivate var resumptions: Int { resumed.load(ordering: .relaxed) }

    fileprivate func publish(_ progress: Progress) { state.withLock { $0 = progress } }
}

/// A load on its way. Belongs to its event loop.
private final class FlowRun {
    /// How long answers are waited for after the last request.
    static let drainLimit = Nanoseconds.seconds(10)
    /// Errors after which nothing more is sent.
    static let errorLimit: UInt64 = 100
    private static let tick = TimeAmount.milliseconds(10)

    /// What is still to be sent of a flow.
    private struct Walk {
        let script: FlowScript
        var step = 0
    }

    /// One service of one host: who can send to it and what waits to be sent.
    private struct Target {
        var idle: [FlowConnection] = []
        var ready: [Walk] = []
    }

    private let plan: FlowLoadPlan
    private let loop: any EventLoop
    private let owner: FlowLoad
    private var targets: [Target]
    private var connections: [ObjectIdentifier: FlowConnection] = [:]
    private var awaited = 0
    private var order: SplitMix64
    private var sums: FlowSums
    private var begin = Nanoseconds.zero
    private var drainEnd: Nanoseconds?
    private var pausesDone = 0
    private var isPaused = false
    /// Whether a connection could not be made: nothing more is sent then.
    private var isCut = false

    init(_ plan: FlowLoadPlan, _ loop: any EventLoop, owner: FlowLoad) {
        self.plan = plan
        self.loop = loop
        self.owner = owner
        targets = Array(repeating: Target(), count: plan.hosts.count * FlowService.allCases.count)
        order = SplitMix64(state: ~plan.seed)
        sums = FlowSums(hosts: plan.hosts.count)
    }

    func start() {
        begin = LabClock.boot
        let each = max(1, plan.connections / targets.count)
        for target in targets.indices {
            for _ in 0..<each { connect(target) }
        }
        step()
    }

    // MARK: Connections

    private func connect(_ target: Int) {
        let services = FlowService.allCases
        let host = plan.hosts[target / services.count]
        let port = host.port(of: services[target % services.count])
        let bound = NIOLoopBound(self, eventLoop: loop)
        let future = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let run = bound.value
                    let connection = FlowConnection(target: target) { run.handle($0, $1) }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
            .connect(host: host.address, port: port)
        future.assumeIsolated().whenFailure { error in
            self.isCut = true
            self.sums.addError(
                "\(host.address):\(port): connect: \(error); start jouleflow-lab flows-app on that"
                    + " port first")
        }
    }

    /// Takes a connection that awaits nothing back, and sends what waits for one.
    private func release(_ connection: FlowConnection) {
        targets[connection.target].idle.append(connection)
        dispatch(connection.target)
    }

    private func handle(_ connection: FlowConnection, _ event: FlowConnection.Event) {
        let message = connection.message
        connection.message = nil
        if message != nil { awaited -= 1 }
        switch event {
        case .opened:
            connections[ObjectIdentifier(connection)] = connection
            release(connection)
        case .answer(let status, let body):
            guard let message else {
                sums.addError("an answer to no request")
                return connection.close()
            }
            switch message.read(status: status, body: body, seed: plan.seed) {
            case .success(let exchange):
                sums.add(exchange, host: message.plan.host)
                advance(Walk(script: message.script, step: connection.nextStep))
            case .failure(let fault):
                sums.addError(fault.sentence)
                sums.ended += 1
            }
            // The server ends a connection that was to close with its request.
            if !message.plan.closes { release(connection) }
        case .ended(let reason):
            connections[ObjectIdentifier(connection)] = nil
            targets[connection.target].idle.removeAll { $0 === connection }
            if let message { endUnanswered(message, connection.nextStep, reason) }
            if drainEnd == nil, !isCut { connect(connection.target) }
        }
        dispatchAll()
    }

    private func endUnanswered(_ message: FlowMessage, _ nextStep: Int, _ reason: String) {
        guard message.plan.reply == .cut else {
            sums.addError(
                "\(message.plan.endpoint.rawValue) of flow \(message.script.number): no answer: "
                    + reason)
            sums.ended += 1
            return
        }
        sums.add(message.exchange(.none), host: message.plan.host)
        advance(Walk(script: message.script, step: nextStep))
    }

    // MARK: Flows

    /// Whether nothing more may be sent now.
    private var isHeld: Bool { isPaused || drainEnd != nil }

    private func advance(_ walk: Walk) {
        guard walk.step < walk.script.steps.count else {
            sums.ended += 1
            return
        }
        let plan = walk.script.steps[walk.step]
        let service = FlowService.allCases.firstIndex(of: plan.endpoint.service) ?? 0
        targets[plan.host * FlowService.allCases.count + service].ready.append(walk)
    }

    private func dispatchAll() {
        beginWhatIsDue()
        for target in targets.indices { dispatch(target) }
    }

    /// Sends while a connection is free: flows and connections by chance, so that the requests of a
    /// flow go over different connections and mix with those of others.
    private func dispatch(_ target: Int) {
        while !isHeld, !targets[target].ready.isEmpty, !targets[target].idle.isEmpty {
            let connection = take(&targets[target].idle)
            guard connection.isOpen else { continue }
            let walk = take(&targets[target].ready)
            awaited += 1
            connection.send(
                FlowMessage(walk.script, step: walk.step, seed: plan.seed),
                nextStep: walk.step + 1)
        }
    }

    private func take<T>(_ items: inout [T]) -> T {
        items.swapAt(Int.random(in: items.indices, using: &order), items.count - 1)
        return items.removeLast()
    }

    private func beginWhatIsDue() {
        guard !isHeld else { return }
        var due = plan.flows
        if let rate = plan.rate {
            due = min(due, UInt64(LabClock.boot.subtractingClamped(begin).seconds * rate))
        }
        if pausesDone < plan.pauses.count { due = min(due, plan.pauses[pausesDone]) }
        while sums.begun < due, sums.begun - sums.ended < UInt64(plan.openFlows) {
            let script = FlowScript(seed: plan.seed, number: sums.begun, hosts: plan.hosts.count)
            sums.begun += 1
            advance(Walk(script: script))
        }
    }

    // MARK: Time

    private func step() {
        let now = LabClock.boot
        let isDone = sums.ended == plan.flows
        let isLate = now.subtractingClamped(begin) >= plan.timeLimit
        let isFailing = isCut || sums.errors >= Self.errorLimit
        if drainEnd == nil, isDone || isLate || isFailing || owner.isStopping {
            drainEnd = now + Self.drainLimit
        }
        if let drainEnd, awaited == 0 || now >= drainEnd { return finish() }
        pauseOrResume()
        dispatchAll()
        publish()
        loop.assumeIsolated().scheduleTask(in: Self.tick) { self.step() }
    }

    /// Holds all when as many flows have begun as a pause wants: others stay open on their way.
    private func pauseOrResume() {
        if isPaused {
            if owner.resumptions > pausesDone {
                isPaused = false
                pausesDone += 1
            }
        } else if pausesDone < plan.pauses.count, sums.begun >= plan.pauses[pausesDone] {
            isPaused = true
        }
    }

    private func publish() {
        var progress = FlowLoad.Progress(flows: sums.ended, requests: sums.requests)
        if isPaused, awaited == 0 {
            progress.paused = owner.progress.paused ?? truth()
        }
        owner.publish(progress)
    }

    private func truth() -> FlowTruth {
        FlowTruth(
            sums, plan: plan, seconds: LabClock.boot.subtractingClamped(begin).seconds,
            finished: sums.ended == plan.flows)
    }

    private func finish() {
        if awaited > 0 {
            sums.addError("\(awaited) requests without an answer after the last was sent")
        }
        for connection in connections.values { connection.close() }
        owner.publish(
            FlowLoad.Progress(flows: sums.ended, requests: sums.requests, truth: truth()))
    }
}
