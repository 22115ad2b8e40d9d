// Hot path: a tick allocates nothing; a window's end may.
import EnergySources
import Logging
import Metering
import Processes

/// Reads the energy counters and CPU times every second and at each boundary, on a thread of its
/// own, and decides when windows end.
struct CounterWorker: ~Copyable {
    /// How long before the last window's end the capture's thread learns of it, and is woken.
    private static let notice = Nanoseconds.milliseconds(100)

    private var settings: MeterSettings
    private let schedule: WindowSchedule
    private let events: AsyncStream<MeterEvent>.Continuation
    private let log: Logger
    private let clock: @Sendable () -> ClockReading

    private var source: HostEnergySource
    private var energy: EnergyMeter
    /// Whether `energy` goes on from another run's boundary, so that it can tell of the windows since.
    private let isResumed: Bool
    private var processor: ProcessorMeter
    /// Other settings, and the window after which they hold; and the meter of their services, where
    /// those are not the same. It reads from the announcement on, so that it knows their first window.
    private var change: SettingsChange?
    private var nextProcessor: ProcessorMeter?
    private var windows: WindowSequence
    private var sample: EnergySample
    /// The zones that could not be read at the latest tick, by name, and why.
    private var failing: [String: EnergyReason] = [:]
    /// Why each service's CPU time is unknown, as far as it was said.
    private var untimed: [ProcessorUnknown?]

    /// Reads the counters for the first time, and gives the windows in which no agent ran.
    ///
    /// - Parameters:
    ///   - processor: has looked for the services, before the start.
    ///   - start: a moment ago.
    init(
        _ settings: MeterSettings, processor: consuming ProcessorMeter,
        from start: MeteringStart, events: AsyncStream<MeterEvent>.Continuation, log: Logger,
        clock: @escaping @Sendable () -> ClockReading
    ) {
        self.settings = settings
        self.processor = processor
        schedule = start.schedule
        self.events = events
        self.log = log
        self.clock = clock
        windows = start.windows
        let reading = start.reading
        if case .from(let baseline) = start.resumption {
            isResumed = true
            source = HostEnergySource(settings.energy, resuming: baseline.zones)
            energy = EnergyMeter(
                resumingAt: baseline.boundary.boottime,
                with: source.resumedSample(at: reading.boottime), pending: baseline.pending)
        } else {
            isResumed = false
            source = HostEnergySource(settings.energy)
            energy = EnergyMeter(from: reading.boottime)
        }
        sample = EnergySample(takenAt: reading.boottime, zones: [])
        untimed = settings.services.map { _ in nil }
        describeSource()
        read(reading)
        // What was used while the services were looked for belongs to no window.
        _ = self.processor.close(at: reading.boottime)
        giveMissed(start.missed, at: reading)
    }

    /// Ticks until the order to stop.
    mutating func run(_ waker: Waker, orders: Handover<MeterSettings>, isStopping: () -> Bool) {
        while !isStopping() {
            waker.wait(milliseconds: untilNextTick(clock()))
            guard !isStopping() else { break }
            tick()
            // One change after another: the counts of the windows before it are given first.
            if change == nil, schedule.current.change == nil, let next = orders.take() {
                announce(next)
            }
        }
        // The end is announced before it comes, so that the counts are cut exactly there.
        windows.end(at: clock().realtime + Self.notice)
        schedule.announce([], before: windows, isStopped: false)
        let limit = clock().boottime + Self.notice + Self.notice
        while clock().realtime < windows.plannedEnd, clock().boottime < limit {
            waker.wait(milliseconds: untilNextTick(clock()))
        }
        let reading = clock()
        read(reading)
        give(windows.stop(at: reading), at: reading, isStopped: true)
    }

    /// Reads everything once and gives the windows that have ended.
    mutating func tick() {
        let reading = clock()
        read(reading)
        give(windows.advance(to: reading), at: reading, isStopped: false)
        // What takes long comes last: the readings belong to the time from before them.
        processor.look(now: reading.boottime)
        nextProcessor?.look(now: reading.boottime)
    }

    /// Ends the open window in a moment; from then on other settings hold.
    private mutating func announce(_ next: MeterSettings) {
        let reading = clock()
        windows.end(at: reading.realtime + Self.notice)
        if next.services != settings.services {
            nextProcessor = ProcessorMeter(lookingFor: next, now: reading)
            let second = clock()
            nextProcessor?.read(now: second.boottime, awake: second.monotonic)
        }
        let change = SettingsChange(ordinal: windows.ordinal, settings: next)
        self.change = change
        schedule.announce(change, before: windows)
    }

    /// Goes on with the settings that hold from `boundary` on.
    private mutating func apply(_ change: SettingsChange, at boundary: Nanoseconds) {
        settings = change.settings
        self.change = nil
        guard nextProcessor != nil else { return }
        // What its services used before the boundary belongs to no window of theirs.
        _ = nextProcessor?.close(at: boundary)
        if let next = nextProcessor.take() { processor = next }
        untimed = settings.services.map { _ in nil }
    }

    private mutating func read(_ reading: ClockReading) {
        processor.read(now: reading.boottime, awake: reading.monotonic)
        nextProcessor?.read(now: reading.boottime, awake: reading.monotonic)
        if settings.readsCounters {
            source.read(into: &sample, at: reading, load: processor.load)
            energy.add(sample)
        }
        noteFailures()
    }

    private mutating func give(_ closed: [ClosedWindow], at reading: ClockReading, isStopped: Bool)
    {
        guard !closed.isEmpty || isStopped else { return }
        let error = ClockReading.errorBound()
        for window in closed {
            let time = processor.close(at: window.endBoottime)
            noteServices(time.services)
            let result = close(window, at: reading, processor: time, clockError: error)
            if case .dropped = events.yield(.energy(result)) {
                log.error("a window was lost: its records cannot be stored fast enough")
            }
            if let change, window.ordinal >= change.ordinal {
                apply(change, at: window.endBoottime)
            }
        }
        schedule.announce(closed, before: windows, isStopped: isStopped)
    }

    /// Gives the windows in which no agent ran: their energy as far as the counters tell it, which
    /// is not at all without a baseline, and no counts.
    private mutating func giveMissed(_ missed: [ClosedWindow], at reading: ClockReading) {
        guard !missed.isEmpty else { return }
        let time = ProcessorTime(
            hostBusy: .unknown(.agentStopped),
            services: settings.services.map { _ in .unknown(.agentStopped) })
        var tally = settings.counter.emptyTally()
        settings.counter.observe(
            &tally, readable: settings.services.map { _ in false },
            encrypted: settings.services.map { _ in false }, isCaptured: false)
        let windows = missed.map {
            MeteredWindow(
                energy: isResumed
                    ? close($0, at: reading, processor: time, clockError: nil)
                    : unmetered($0, processor: time),
                tally: tally)
        }
        let known = windows.filter { $0.energy.energies.host.value != nil }
        log.notice(
            "the agent did not run for a while; the windows of that time get records without counts",
            metadata: ["windows": "\(windows.count)", "energy_known": "\(known.count)"])
        events.yield(.missed(windows))
    }

    private mutating func close(
        _ window: ClosedWindow, at reading: ClockReading, processor time: ProcessorTime,
        clockError: UInt64?
    ) -> WindowEnergy {
        let energies = energy.close(
            at: window.endBoottime, zones: zones, primary: source.primary)
        var baselines: [ZoneBaseline] = []
        for (baseline, beyond) in zip(source.baselines, energy.beyondBoundary) {
            guard var baseline, let beyond else { continue }
            baseline.beyond = beyond
            baselines.append(baseline)
        }
        return windowEnergy(
            window, energies, processor: time, clockError: clockError,
            baseline: MeterBaseline(
                boundary: WindowBoundary(
                    label: window.window.end, boottime: window.endBoottime, clock: reading),
                zones: baselines, pending: energy.pending))
    }

    /// A window of which nothing is known: the meter begins later, and on clocks that may be
    /// another boot's.
    private func unmetered(_ window: ClosedWindow, processor time: ProcessorTime) -> WindowEnergy {
        let energies = WindowEnergies(
            zones: zones.map { _ in .lost(.agentStopped) },
            host: .unknown(zones.isEmpty ? .noSource : .agentStopped), carried: nil)
        return windowEnergy(window, energies, processor: time, clockError: nil, baseline: nil)
    }

    private var zones: [ZoneDescription] { settings.readsCounters ? source.zones : [] }

    private func windowEnergy(
        _ window: ClosedWindow, _ energies: WindowEnergies, processor time: ProcessorTime,
        clockError: UInt64?, baseline: MeterBaseline?
    ) -> WindowEnergy {
        let zones = zones
        return WindowEnergy(
            closed: window, generation: settings.generation, energies: energies, zones: zones,
            source: zones.isEmpty ? .none : source.primary,
            scope: zones.isEmpty ? .none : source.scope, processor: time,
            processors: processor.load.value?.processors ?? 0, clockError: clockError,
            baseline: baseline)
    }

    /// Milliseconds to the next whole second or boundary, whichever comes first.
    private func untilNextTick(_ reading: ClockReading) -> Int32 {
        let next = min(
            Window.boundary(after: reading.realtime, length: .seconds(1)), windows.plannedEnd)
        let wait = next.since(reading.realtime).rawValue
        return Int32(clamping: min(wait, 1_000_000_000) / 1_000_000 + 1)
    }

    // MARK: What a person should know

    private func describeSource() {
        guard settings.readsCounters else {
            log.notice("energy is not metered: energy.source is none")
            return
        }
        let kind = source.primary
        let counted = source.zones.filter { $0.counted && $0.source == kind }
        guard !counted.isEmpty else {
            log.warning(
                "no energy source: energy is unknown, flows are counted all the same",
                metadata: ["fix": "\(EnergyReason.noSource.remedy(sysfs: settings.energy.sysfs))"])
            return
        }
        let others = source.zones.filter { $0.counted && $0.source != kind }
        log.notice(
            "energy source found",
            metadata: [
                "source": "\(kind.label)", "scope": "\(source.scope.label)",
                "zones": "\(counted.map(\.label).joined(separator: ","))",
                "for_comparison": "\(others.map(\.label).joined(separator: ","))",
                "simulated": "\(settings.isSimulated)",
            ])
    }

    /// Says once when a counter cannot be read, and once when it can again.
    private mutating func noteFailures() {
        guard settings.readsCounters, hasNews() else { return }
        let zones = source.zones
        var now: [String: EnergyReason] = [:]
        for (index, zone) in zones.enumerated() where zone.counted && index < sample.zones.count {
            if let failure = sample.zones[index].failure, failure != .firstReading {
                now[zone.label] = failure
            }
        }
        let news = now.filter { failing[$0.key] != $0.value }
        for (reason, zones) in Dictionary(grouping: news.keys.sorted(), by: { news[$0] }) {
            guard let reason else { continue }
            let first = source.explanations.first { $0.zone.label == zones.first }
            log.error(
                "energy counters cannot be read: \(reason.sentence)",
                metadata: [
                    "zones": "\(zones.joined(separator: ","))",
                    "fix": "\(reason.remedy(for: first, sysfs: settings.energy.sysfs))",
                ])
        }
        let again = failing.keys.filter { now[$0] == nil }.sorted()
        if !again.isEmpty {
            log.notice(
                "energy counters can be read again; the gap is bridged where that is certain",
                metadata: ["zones": "\(again.joined(separator: ","))"])
        }
        failing = now
    }

    /// Says once when a service's CPU time cannot be told, and once when it can again.
    private mutating func noteServices(_ times: [Known<Nanoseconds, ProcessorUnknown>]) {
        for index in times.indices where times[index].reason != untimed[index] {
            let name: Logger.Metadata = ["service": "\(settings.serviceNames[index])"]
            if let reason = times[index].reason {
                // A first window, or one in which a process ended, passes by itself.
                guard reason != .firstReading && reason != .processEnded else { continue }
                log.warning(
                    "CPU time of a service is unknown, its energy is undivided: \(reason.sentence(of: settings.services[index]))",
                    metadata: name)
            } else {
                log.notice("CPU time of a service is known", metadata: name)
            }
            untimed[index] = times[index].reason
        }
    }

    /// Whether a zone fails, or one failed before: without either there is nothing to say.
    private func hasNews() -> Bool {
        if !failing.isEmpty { return true }
        for zone in sample.zones {
            if let failure = zone.failure, failure != .firstReading { return true }
        }
        return false
    }
}

extension ProcessorUnknown {
    /// The reason in words, with what a person can do about it.
    func sentence(of source: ServiceSource) -> String {
        switch self {
        case .firstReading: "it was read for the first time"
        case .permissionDenied:
            "no right to read it; `cpu: process` needs CAP_SYS_PTRACE for other users' processes"
        case .notFound:
            switch source {
            case .callers: "it has none of its own"
            case .cgroupPath(let path): "there is no cgroup \(path); correct the service's cpu"
            case .processOfPorts: "no process listens on its ports; it is looked for every 10 s"
            case .cgroupOfPorts:
                """
                nothing listens on its ports, or its socket has no cgroup of version 2; where it has \
                none, name the cgroup's folder or `process` in the service's cpu
                """
            }
        case .readFailed: "the kernel reports an error"
        case .malformed: "its file holds no number"
        case .shared:
            switch source {
            case .cgroupOfPorts:
                """
                it shares its cgroup with another service or with the whole host; give it a unit of its \
                own, name `process` in the service's cpu, or write the ports as one service
                """
            default:
                """
                it shares its process or cgroup with another service, and whose its time is cannot be \
                told; write their ports as one service
                """
            }
        case .processEnded: "a process of it ended"
        case .agentStopped: "the agent did not run"
        }
    }
}
