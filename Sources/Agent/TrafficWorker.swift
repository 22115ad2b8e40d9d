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
/// been handled. They are given a second late at most, or five where the ring still holds packets of
/// the window, as after an overload; what comes later counts in the window after it, as `late`.
struct TrafficWorker: ~Copyable {
    /// The time between two readings of the kernel's counters.
    private static let counterReading = Nanoseconds.milliseconds(100)
    private static let latestGiving = Nanoseconds.seconds(1)
    private static let latestGivingBehind = Nanoseconds.seconds(5)

    /// The settings that hold in the open window.
    private var settings: MeterSettings
    /// The number of other settings that capture makes ready for, and whether it has gone over.
    private var announced: Int?
    private let events: AsyncStream<MeterEvent>.Continuation
    private let log: Logger
    private let clock: @Sendable () -> ClockReading
    private let core: TrafficCore
    /// When capture was opened: a moment before the first window.
    private let opened: Timestamp
    private var shedding: LoadShedding?
    private var interfaces: CaptureSet
    /// When the kernel's counters are read next, and the end of the window whose end they were read
    /// at.
    private var nextCounters = Nanoseconds.zero
    private var countedEnd = Timestamp(0)
    /// Since when a window waits to be given.
    private var dueSince: Nanoseconds?

    init(
        _ settings: MeterSettings, flows: RestoredFlows,
        events: AsyncStream<MeterEvent>.Continuation, log: Logger,
        clock: @escaping @Sendable () -> ClockReading
    ) {
        self.settings = settings
        self.events = events
        self.log = log
        self.clock = clock
        opened = clock().realtime
        core = TrafficCore(
            settings, book: flows.book, localAddresses: Interfaces.localAddresses())
        shedding = settings.cpuPercent.map(LoadShedding.init)
        interfaces = CaptureSet(settings, core: core, log: log, clock: clock)
    }

    /// Captures until the schedule says that no window follows, and gives the last one's counts.
    mutating func run(_ schedule: WindowSchedule, waker: Waker) {
        core.begin(behind: min(opened, schedule.start)..<schedule.start)
        core.bucket.replan(ends: schedule.current.ends)
        var isQuiet = false
        while true {
            let state = schedule.current
            let end = state.plannedEnd
            let wait = CaptureRhythm.milliseconds(
                to: end, waiting: state.closed.first?.window.end,
                isQuiet: isQuiet && !interfaces.isLeaving, at: clock().realtime)
            isQuiet = !waker.wait(&interfaces.polled, milliseconds: wait)
            let woken = clock()
            readCounters(at: woken, end: end)
            interfaces.reconcile(at: woken)
            prepareChange(schedule.current)
            shedLoad(at: woken)
            let isDrained = interfaces.takePackets()
            let reading = clock()
            let watermark = watermark(at: reading, isDrained: isDrained)
            if isDrained { core.advance(to: watermark) }
            core.changeSettings(at: watermark)
            if giveDue(schedule, watermark: watermark, now: reading.boottime) { return }
        }
    }

    /// Reads the kernel's counters ten times a second, at rest in each look, and as soon as a window
    /// has ended, before its successor's packets are handled: drops belong to the window in which
    /// they happened.
    private mutating func readCounters(at reading: ClockReading, end: Timestamp) {
        let isBoundary = reading.realtime >= end && end != countedEnd
        guard isBoundary || reading.boottime >= nextCounters else { return }
        if isBoundary { countedEnd = end }
        nextCounters = reading.boottime + Self.counterReading
        interfaces.readCounters(at: reading.boottime, interfaces: isBoundary)
    }

    /// All packets up to this time have been handled.
    private func watermark(at reading: ClockReading, isDrained: Bool) -> Timestamp {
        let settled = Timestamp(
            reading.realtime.rawValue
                - min(reading.realtime.rawValue, CaptureSet.settling.rawValue))
        guard !isDrained, let behind = interfaces.behind else { return settled }
        return min(settled, behind)
    }

    /// Gives the counts of the windows whose time has come. True after the last one.
    private mutating func giveDue(
        _ schedule: WindowSchedule, watermark: Timestamp, now: Nanoseconds
    ) -> Bool {
        var state = schedule.current
        // One may have been announced a moment ago, and its window have ended.
        prepareChange(state)
        // The open window may end earlier than it was to: a stop is announced before it comes.
        core.bucket.replan(ends: state.ends)
        while let window = state.closed.first {
            let end = window.window.end
            let since = dueSince ?? now
            dueSince = since
            let isBehind = !state.isStopped && interfaces.behind.map { $0 < end } == true
            let limit = isBehind ? Self.latestGivingBehind : Self.latestGiving
            guard watermark >= end || since + limit <= now else { return false }
            dueSince = nil
            let isLast = state.isStopped && state.closed.count == 1
            if isLast { core.finish() }
            schedule.takeFirst()
            state.closed.removeFirst()
            let change = state.change.flatMap { $0.ordinal == window.ordinal ? $0 : nil }
            if change != nil { core.changeSettings(at: Timestamp(.max)) }
            give(window, nextEnds: state.ends, endsSettings: change != nil)
            if let change {
                if settings.cpuPercent != change.settings.cpuPercent {
                    shedding = change.settings.cpuPercent.map(LoadShedding.init)
                    core.shed(parts: 0)
                }
                settings = change.settings
                announced = nil
                interfaces.apply(settings)
                schedule.takeChange()
                state.change = nil
            }
        }
        return state.isStopped
    }

    /// Keeps to the limit of CPU time, if there is one.
    private mutating func shedLoad(at reading: ClockReading) {
        let before = shedding?.parts ?? 0
        guard shedding?.note(cpu: ClockReading.threadTime(), at: reading.boottime) == true,
            let shedding
        else { return }
        core.shed(parts: shedding.parts)
        if (before == 0) != (shedding.parts == 0) {
            log.warning(
                shedding.parts > 0
                    ? "capture is above its cpu_limit: connections are left out, and counted as shed"
                    : "capture keeps to its cpu_limit again: all connections are followed",
                metadata: ["cpu_limit": "\(shedding.percent)%"])
        }
    }

    /// Makes ready for settings that hold from the end of a window on: until then what they and
    /// those before them need is captured.
    private mutating func prepareChange(_ state: WindowSchedule.State) {
        guard let change = state.change, let end = state.end(of: change.ordinal) else { return }
        if announced != change.settings.generation {
            announced = change.settings.generation
            interfaces.apply(change.settings, besides: settings)
        }
        core.expect(change.settings, from: end)
    }

    private mutating func give(
        _ closed: ClosedWindow, nextEnds: [Timestamp], endsSettings: Bool
    ) {
        let taken = core.take(nextEnds: nextEnds, endsSettings: endsSettings)
        let window = closed.window
        let start = closed.endBoottime.subtractingClamped(window.duration)
        var tally = taken.tally
        tally.losses.add(captured: interfaces.takeLosses(from: start, to: closed.endBoottime))
        let away = CountLoss(uncaptured: tally.losses.uncaptured, of: window.duration)
        let left = CountLoss(
            shed: tally.losses.shed, beside: tally.services.reduce(0) { $0 &+ $1.packets })
        taken.counter.observe(
            &tally, readable: taken.isReadable, encrypted: taken.isEncrypted,
            isCaptured: away <= .doubtful && left <= .doubtful)
        if case .dropped = events.yield(.traffic(ordinal: closed.ordinal, tally, taken.flows)) {
            log.error("a window was lost: its records cannot be stored fast enough")
        }
    }
}

extension TrafficLosses {
    /// Sets what capture lost, beside what the engine could not count.
    fileprivate mutating func add(captured losses: TrafficLosses) {
        kernelDrops = losses.kernelDrops
        interfaceDrops = losses.interfaceDrops
        undatedDrops = losses.undatedDrops
        uncaptured = losses.uncaptured
    }
}
