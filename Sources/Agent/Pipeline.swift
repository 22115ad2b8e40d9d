import CLinux
package import Logging
import Metering
import NIOPosix
import Processes
import Scenarios
package import Settings
import Spool
import Synchronization

/// The agent's one direction: counters become a window's energy, packets become its counts, both
/// become a record, which is kept until the collector has it.
///
///     EnergySources ─┐ CounterWorker ─┐
///     Processes ─────┘                ├─ WindowJoin ─ Attribution ─ Records ─ Spool ─ Wire
///     Capture ─ Transactions ─ Scenarios ─ TrafficWorker ─┘
package final class Pipeline: Sendable {
    /// Windows that wait for their record at most: above an hour of 1 s windows.
    private static let waitingEvents = 8192
    /// How long a stop waits for the last records to be acknowledged.
    private static let farewell: Duration = .milliseconds(800)

    private let settings: MeterSettings
    private let host: HostIdentity
    private let secret: FlowSecret
    /// The settings that hold, or will in a moment, and how often they changed.
    private let current: Mutex<(settings: AgentSettings, generation: Int)>
    private let orders = Handover<MeterSettings>()
    private let keeper: RecordKeeper
    private let shippers: [Shipper]
    /// The destinations' names.
    private let names: [String]
    private let log: Logger
    private let group: MultiThreadedEventLoopGroup
    private let stopping: StopOrder
    private let trafficWaker: Waker
    /// The rounds of both hot loops when `isMoving` held last.
    private let seen = Mutex<(counters: UInt64, traffic: UInt64)>((0, 0))

    /// Opens the spool; starts nothing.
    package init(_ settings: AgentSettings, host: HostIdentity, log: Logger) throws {
        let meter = MeterSettings(settings)
        let state = try StateDirectory(preparing: settings.state)
        let secret = try FlowSecretFile.secret(settings.flowKeys.secret, else: state.flowSecret)
        let (key, isKeyNew) = try SigningKeyFile.key(state.signingKey)
        let destinations = Destination.all(of: settings)
        let keeper = try RecordKeeper(
            meter, manifest: Manifest(settings, host: host, secret: secret), secret: secret,
            state: state, destinations: destinations.map(\.name),
            limits: SpoolLimits(settings.spool), isKeyNew: isKeyNew, log: log)
        // Not before the run of a former key is left: wherever the agent ends, it is left once.
        if isKeyNew { try SigningKeyFile.keep(key, state.signingKey) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.settings = meter
        self.host = host
        self.secret = secret
        current = Mutex((settings, 0))
        self.keeper = keeper
        self.group = group
        self.log = log
        stopping = try StopOrder()
        trafficWaker = try Waker()
        let identity = AgentIdentity(
            agent: settings.id, softwareVersion: host.softwareVersion, key: key)
        shippers = destinations.map {
            Shipper(destination: $0, identity: identity, keeper: keeper, group: group, log: log)
        }
        names = destinations.map(\.name)
    }

    /// Meters until `stop`. `ready` is called once both hot loops run; `status` hears what windows
    /// tell of the energy.
    package func run(status: StatusLine, ready: @Sendable () -> Void) async throws {
        let (events, sink) = AsyncStream.makeStream(
            of: MeterEvent.self, bufferingPolicy: .bufferingOldest(Self.waitingEvents))
        let threads = try startThreads(events: sink)
        ready()
        clinux_release_program()
        let metrics = await MetricsPage(
            current.withLock { $0.settings.metrics }, keeper: keeper, shippers: shippers,
            softwareVersion: host.softwareVersion, group: group, log: log)
        await withTaskGroup { tasks in
            for shipper in shippers { tasks.addTask { await shipper.run() } }
            var pages = UnneededPages()
            for await window in WindowJoin(events: events) {
                if let energy = EnergyStatus(window.energy) { status.note(energy) }
                for shipper in shippers {
                    status.note(shipper.destination.name, refuses: shipper.counts.failure)
                }
                if await keeper.keep(window) { shippers.forEach { $0.notify() } }
                pages.windowEnded()
            }
            await keeper.finish()
            await sayFarewell()
            tasks.cancelAll()
        }
        await metrics?.close()
        threads.forEach { $0.join() }
        try await group.shutdownGracefully()
    }

    /// Closes the open window and lets `run` end. Safe from any thread, also twice.
    package func stop() { stopping.give() }

    /// Whether both hot loops have come round since this held before; they do so every second or more
    /// often. False where one of them hangs, and for a moment where it is asked more often.
    package func isMoving() -> Bool {
        let now = (counters: stopping.waker.rounds, traffic: trafficWaker.rounds)
        return seen.withLock { seen in
            guard now.counters != seen.counters, now.traffic != seen.traffic else { return false }
            seen = now
            return true
        }
    }

    /// Goes on with other settings from a moment on, which ends a window: no exchange is lost or
    /// doubled by it. Throws, and goes on as before, where they differ in what cannot change.
    package func reload(_ settings: AgentSettings) async throws(ReloadRefusal) {
        let generation = try current.withLock { current throws(ReloadRefusal) in
            let keys = settings.fixedKeys(differingFrom: current.settings)
            guard keys.isEmpty else { throw .needsRestart(keys: keys) }
            current = (settings, current.generation + 1)
            return current.generation
        }
        let meter = MeterSettings(settings, generation: generation)
        await keeper.expect(meter, manifest: Manifest(settings, host: host, secret: secret))
        orders.give(meter)
        stopping.waker.wake()
    }

    private func startThreads(
        events: AsyncStream<MeterEvent>.Continuation
    ) throws -> [WorkerThread] {
        let (settings, log, stopping, orders) = (settings, log, stopping, orders)
        let (flows, trafficWaker) = (keeper.flows, trafficWaker)
        let (opened, looked) = (try OneShot<Bool>(), try OneShot<Bool>())
        let (begun, metering) = (try OneShot<WindowSchedule>(), try OneShot<MeteringStart>())
        let traffic = try WorkerThread(name: "jf-capture") {
            guard let restored = flows.take() else {
                preconditionFailure("a pipeline runs once")
            }
            var worker = TrafficWorker(
                settings, flows: restored, events: events, log: log, clock: ClockReading.now)
            opened.fulfil(true)
            worker.run(begun.wait(), waker: trafficWaker)
            events.finish()
        }
        let counters = try WorkerThread(name: "jf-counters") {
            let processor = ProcessorMeter(lookingFor: settings, now: ClockReading.now())
            looked.fulfil(true)
            var worker = CounterWorker(
                settings, processor: processor, from: metering.wait(), events: events, log: log,
                clock: ClockReading.now)
            worker.run(stopping.waker, orders: orders) { stopping.isGiven }
            trafficWaker.wake()
        }
        // The first window begins when capture runs, so that it is captured as a whole, and when
        // services were looked for, which takes its time: the first readings are of its beginning.
        _ = opened.wait()
        _ = looked.wait()
        let start = MeteringStart(
            at: ClockReading.now(), resuming: keeper.resumption, length: settings.windowLength,
            waking: trafficWaker)
        begun.fulfil(start.schedule)
        metering.fulfil(start)
        return [traffic, counters]
    }

    /// Waits a moment for the last records to reach the collector; the spool keeps the others.
    private func sayFarewell() async {
        let deadline = ContinuousClock.now + Self.farewell
        while await backlog > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        let unstored = await keeper.unstored
        if unstored > 0 { log.error("\(unstored) windows are lost: the spool cannot be written") }
        let left = await backlog
        log.notice("stopped", metadata: ["backlog": "\(left)"])
    }

    /// The records that the one farthest behind does not have.
    private var backlog: UInt64 {
        get async {
            var most: UInt64 = 0
            for name in names { most = max(most, await keeper.backlog(of: name)) }
            return most
        }
    }
}

extension SpoolLimits {
    init(_ settings: SpoolSettings) {
        self.init(totalBytes: settings.maximumMebibytes << 20, maximumAge: settings.maximumAge)
    }
}
