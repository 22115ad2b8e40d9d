// Hot path: a tick allocates nothing; a window's end may.
import EnergySources
import Logging
import Metering
import Processes

/// Reads the energy counters and CPU times every second and at each boundary, on a thread of its
/// own, and decides when windows end.
struct CounterWorker: ~Copyable {
    /// How long before the last window's end the capture's thread learns of it: twice the time
    /// between its looks.
    private static let notice = Nanoseconds.milliseconds(100)

    private let settings: MeterSettings
    private let schedule: WindowSchedule
    private let events: AsyncStream<MeterEvent>.Continuation
    private let log: Logger
    private let clock: @Sendable () -> ClockReading

    private var source: PowercapSource
    private var energy: EnergyMeter
    private var processor: ProcessorMeter
    private var windows: WindowSequence
    private var sample: EnergySample
    /// The zones that could not be read at the latest tick, by name, and why.
    private var failing: [String: EnergyUnknown] = [:]
    /// Why each service's CPU time is unknown, as far as it was said.
    private var untimed: [ProcessorUnknown?]

    init(
        _ settings: MeterSettings, windows: WindowSequence, from start: ClockReading,
        schedule: WindowSchedule, events: AsyncStream<MeterEvent>.Continuation, log: Logger,
        clock: @escaping @Sendable () -> ClockReading
    ) {
        self.settings = settings
        self.schedule = schedule
        self.events = events
        self.log = log
        self.clock = clock
        self.windows = windows
        source = PowercapSource(sysfs: settings.sysfs, procfs: settings.procfs)
        energy = EnergyMeter(from: start.boottime)
        processor = ProcessorMeter(
            procfs: settings.procfs, services: settings.services, from: start.boottime)
        sample = EnergySample(takenAt: start.boottime, zones: [])
        untimed = settings.services.map { _ in nil }
        describeSource()
        read(start)
    }

    /// Ticks until the order to stop.
    mutating func run(_ waker: Waker, isStopping: () -> Bool) {
        while !isStopping() {
            waker.wait(milliseconds: untilNextTick(clock()))
            guard !isStopping() else { break }
            tick()
        }
        // The end is announced before it comes, so that the counts are cut exactly there.
        windows.end(at: clock().realtime + Self.notice)
        schedule.announce([], plannedEnd: windows.plannedEnd, isStopped: false)
        let limit = clock().boottime + Self.notice + Self.notice
        while clock().realtime < windows.plannedEnd, clock().boottime < limit {
            waker.wait(milliseconds: untilNextTick(clock()))
        }
        let reading = clock()
        read(reading)
        give(windows.stop(at: reading), isStopped: true)
    }

    private mutating func tick() {
        let reading = clock()
        read(reading)
        give(windows.advance(to: reading), isStopped: false)
    }

    private mutating func read(_ reading: ClockReading) {
        if settings.readsCounters {
            source.read(into: &sample, now: reading.boottime)
            energy.add(sample)
        }
        processor.read(now: reading.boottime)
        noteFailures()
    }

    private mutating func give(_ closed: [ClosedWindow], isStopped: Bool) {
        guard !closed.isEmpty || isStopped else { return }
        let zones = settings.readsCounters ? source.zones : []
        let error = ClockReading.errorBound()
        for window in closed {
            let time = processor.close(at: window.endBoottime)
            noteServices(time.services)
            let result = WindowEnergy(
                closed: window, energies: energy.close(at: window.endBoottime), zones: zones,
                processor: time, clockError: error)
            if case .dropped = events.yield(.energy(result)) {
                log.error("a window was lost: its records cannot be stored fast enough")
            }
        }
        schedule.announce(closed, plannedEnd: windows.plannedEnd, isStopped: isStopped)
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
        let counted = source.zones.filter(\.counted).map(\.name)
        guard !counted.isEmpty else {
            log.warning(
                """
                no energy counters under \(settings.sysfs)/class/powercap: energy is unknown, \
                flows are counted all the same
                """)
            return
        }
        log.notice(
            "energy counters found",
            metadata: [
                "zones": "\(counted.joined(separator: ","))",
                "simulated": "\(settings.isSimulated)",
            ])
    }

    /// Says once when a counter cannot be read, and once when it can again.
    private mutating func noteFailures() {
        guard settings.readsCounters, hasNews() else { return }
        let zones = source.zones
        var now: [String: EnergyUnknown] = [:]
        for (index, zone) in zones.enumerated() where zone.counted && index < sample.zones.count {
            if let failure = sample.zones[index].failure, failure != .firstReading {
                now[zone.parent.isEmpty ? zone.name : "\(zone.parent)/\(zone.name)"] = failure
            }
        }
        let news = now.filter { failing[$0.key] != $0.value }
        for (reason, zones) in Dictionary(grouping: news.keys.sorted(), by: { news[$0] }) {
            guard let reason else { continue }
            log.error(
                "energy counters cannot be read: \(reason.sentence)",
                metadata: [
                    "zones": "\(zones.joined(separator: ","))",
                    "fix": "\(reason.remedy(sysfs: settings.sysfs))",
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

extension EnergyUnknown {
    /// The reason in words.
    var sentence: String {
        switch self {
        case .firstReading: "it was read for the first time"
        case .permissionDenied: "permission denied"
        case .missing: "it is gone"
        case .readFailed: "the kernel reports an error"
        case .malformed: "it holds no number"
        case .discontinuity: "it restarted, or wrapped more than once"
        case .noSource: "there is no counter"
        }
    }

    /// What a person can do about it.
    func remedy(sysfs: String) -> String {
        switch self {
        case .permissionDenied:
            """
            give the agent's group the right to read energy_uj: a udev rule SUBSYSTEM=="powercap", \
            ACTION=="add", RUN+="/bin/chgrp -R jouleflow /sys%p", RUN+="/bin/chmod -R g+r /sys%p", or \
            CAP_DAC_READ_SEARCH; it is tried again every 10 s
            """
        default: "look at \(sysfs)/class/powercap; it is tried again every 10 s"
        }
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
        case .sharedCgroup:
            """
            it shares the root cgroup with the whole host; give it a unit of its own, or name \
            `process` in the service's cpu
            """
        case .processEnded: "a process of it ended"
        }
    }
}
