// Hot path: allocates nothing per packet.
import Capture
import Logging
import Metering
import Scenarios
import Traffic
import Transactions

/// Captures, follows and counts traffic on a thread of its own, and gives each window its counts.
///
/// A window's counts are given when the watermark has passed its end: all packets up to there have
/// been handled. They are given a second late at most; what comes later counts in the window after
/// it, as `late`.
struct TrafficWorker: ~Copyable {
    /// Packets handled of one interface before the others have their turn.
    private static let turn: Int32 = 2048
    /// After this time a packet that was captured has been handed over. The kernel retires a block
    /// at the second expiry of its timer after the block was opened, which is two time-outs, and
    /// may be late by as much again on a busy host.
    private static let settling = Nanoseconds(4 * LiveCapture.blockTimeout.rawValue)
    private static let latestGiving = Nanoseconds.seconds(1)
    private static let reopening = Nanoseconds.seconds(2)

    private let settings: MeterSettings
    private let events: AsyncStream<MeterEvent>.Continuation
    private let log: Logger
    private let clock: @Sendable () -> ClockReading
    private let core: TrafficCore
    private let sources: [CaptureSource]
    /// The engine's counters at the end of the latest window that was given.
    private var reported: EngineCounters
    private var nextOpening = Nanoseconds.zero

    init(
        _ settings: MeterSettings, events: AsyncStream<MeterEvent>.Continuation, log: Logger,
        clock: @escaping @Sendable () -> ClockReading
    ) {
        self.settings = settings
        self.events = events
        self.log = log
        self.clock = clock
        core = TrafficCore(settings, localAddresses: Interfaces.localAddresses())
        reported = core.engine.counters
        let names = settings.interfaces.isEmpty ? Interfaces.addressed() : settings.interfaces
        sources = names.map(CaptureSource.init)
        openMissing(at: clock())
    }

    /// Captures until the schedule says that no window follows, and gives the last one's counts.
    mutating func run(_ schedule: WindowSchedule, waker: Waker) {
        core.bucket.replan(end: schedule.current.plannedEnd)
        while true {
            waker.wait(sources.compactMap { $0.capture?.descriptor }, milliseconds: 50)
            let isDrained = takePackets()
            let reading = clock()
            let watermark = watermark(at: reading, isDrained: isDrained)
            if isDrained { core.engine.advance(to: watermark) }
            if giveDue(schedule, watermark: watermark, now: reading.realtime) { return }
            if reading.boottime >= nextOpening { openMissing(at: reading) }
        }
    }

    /// Handles what is ready, a turn of each interface. True where nothing was left.
    private func takePackets() -> Bool {
        var isDrained = true
        for source in sources {
            guard let capture = source.capture else { continue }
            do throws(CaptureError) {
                source.hasMore = try capture.dispatch(limit: Self.turn) >= Int(Self.turn)
                if source.hasMore { isDrained = false }
            } catch {
                source.lose(error)
                log.error("capture stopped: \(error)", metadata: ["interface": "\(source.name)"])
            }
        }
        return isDrained
    }

    /// All packets up to this time have been handled.
    private func watermark(at reading: ClockReading, isDrained: Bool) -> Timestamp {
        let settled = Timestamp(
            reading.realtime.rawValue - min(reading.realtime.rawValue, Self.settling.rawValue))
        guard !isDrained else { return settled }
        // Only an interface with packets left holds the others back: a silent one has none.
        let behind = sources.filter { $0.hasMore }.map(\.latest).min() ?? settled
        return min(settled, behind)
    }

    /// Gives the counts of the windows whose time has come. True after the last one.
    private mutating func giveDue(
        _ schedule: WindowSchedule, watermark: Timestamp, now: Timestamp
    ) -> Bool {
        var state = schedule.current
        // The open window may end earlier than it was to: a stop is announced before it comes.
        core.bucket.replan(end: state.closed.first?.window.end ?? state.plannedEnd)
        while let window = state.closed.first {
            let end = window.window.end
            guard watermark >= end || end + Self.latestGiving <= now else { return false }
            let isLast = state.isStopped && state.closed.count == 1
            if isLast { core.engine.finish() }
            schedule.takeFirst()
            state.closed.removeFirst()
            let next = state.closed.first?.window.end ?? state.plannedEnd
            give(window, nextEnd: next)
        }
        return state.isStopped
    }

    private mutating func give(_ window: ClosedWindow, nextEnd: Timestamp) {
        let isCaptured =
            !sources.isEmpty && sources.allSatisfy { $0.capture != nil && !$0.wasMissing }
        var tally = core.bucket.take(nextEnd: nextEnd)
        let counters = core.engine.counters
        tally.note(counters, since: reported)
        for source in sources { source.noteDrops(in: &tally) }
        let services = zip(counters.services, reported.services)
        settings.counter.observe(
            &tally, readable: services.map { $0.readablePackets > $1.readablePackets },
            encrypted: services.map { $0.encryptedPackets > $1.encryptedPackets },
            isCaptured: isCaptured)
        reported = counters
        for source in sources { source.wasMissing = source.capture == nil }
        if case .dropped = events.yield(.traffic(ordinal: window.ordinal, tally)) {
            log.error("a window was lost: its records cannot be stored fast enough")
        }
    }

    /// Opens the interfaces that are not captured. Says once why one cannot be.
    private mutating func openMissing(at reading: ClockReading) {
        nextOpening = reading.boottime + Self.reopening
        for source in sources where source.capture == nil {
            do throws(CaptureError) {
                source.capture = try LiveCapture(
                    interface: source.name, ringMiB: settings.ringMebibytes,
                    filter: settings.filter, handler: source.handler(core))
                log.notice("capturing", metadata: ["interface": "\(source.name)"])
                source.failure = nil
            } catch {
                source.wasMissing = true
                guard source.failure != error else { continue }
                source.failure = error
                log.error(
                    "flows are not counted, energy is metered all the same: \(error)",
                    metadata: ["interface": "\(source.name)"])
            }
        }
    }
}

/// The engine and the counts it fills, in one place for the interfaces' handlers.
private final class TrafficCore {
    let bucket: TallyBucket
    var engine: TransactionEngine

    init(_ settings: MeterSettings, localAddresses: [[UInt8]]) {
        let bucket = TallyBucket(settings.counter)
        self.bucket = bucket
        engine = TransactionEngine(
            services: settings.engineServices, localAddresses: localAddresses,
            tunnels: settings.tunnelPorts, sink: { bucket.count($0) })
    }
}

/// An interface that is wanted, captured or not.
private final class CaptureSource {
    let name: String
    var capture: LiveCapture?
    /// Why it is not captured, as far as it was said.
    var failure: CaptureError?
    /// It was not captured at some time of the open window.
    var wasMissing = false
    /// Packet time of the latest packet.
    var latest = Timestamp(0)
    /// The latest turn left packets in the ring.
    var hasMore = false
    private var reported = CaptureCounters()

    init(name: String) { self.name = name }

    func handler(_ core: TrafficCore) -> (Frame) -> Void {
        reported = CaptureCounters()
        return { [unowned self] frame in
            latest = frame.time
            core.engine.ingest(frame)
        }
    }

    func lose(_ error: CaptureError) {
        capture = nil
        hasMore = false
        wasMissing = true
        failure = error
    }

    /// Adds what the kernel dropped since the latest window.
    func noteDrops(in tally: inout Tally) {
        guard let capture else { return }
        let now = capture.readCounters()
        tally.losses.kernelDrops &+= now.kernelDrops &- reported.kernelDrops
        tally.losses.interfaceDrops &+= now.interfaceDrops &- reported.interfaceDrops
        reported = now
    }
}
