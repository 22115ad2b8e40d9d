// Hot path: `takePackets` allocates nothing per packet.
import Capture
import Logging
import Metering
import Traffic

/// The interfaces that are captured, as they come and go, each with a ring of its own.
///
/// What is captured is what carries a wanted name now. An interface that goes is read to its end
/// before it is closed; one that is renamed to a name that is not wanted is left at that time. None
/// is captured twice: an interface is its kernel's index, whatever its names.
struct CaptureSet: ~Copyable {
    /// Packets handled of one interface before the others have their turn.
    private static let turn: Int32 = 2048
    /// After this time a packet that was captured has been handed over. The kernel retires a block
    /// at the second expiry of its timer after the block was opened, which is two time-outs, and
    /// may be late by as much again on a busy host.
    static let settling = Nanoseconds(4 * LiveCapture.blockTimeout.rawValue)
    /// How long until an interface that could not be opened is tried again.
    private static let retrying = Nanoseconds.seconds(2)
    /// Ring memory of all interfaces in MiB. What would go beyond is not captured, and told.
    static let maximumRingMebibytes = 1024

    private var wanted: WantedInterfaces
    /// What the settings want that still hold, where others are made ready for.
    private var stillWanted: WantedInterfaces?
    private var filter: CaptureFilter
    private let ringMebibytes: Int
    private let core: TrafficCore
    private let log: Logger
    private let clock: @Sendable () -> ClockReading

    private var monitor: LinkMonitor?
    private var sources: [CaptureSource] = []
    private(set) var uncaptured = UncapturedTime()
    private(set) var drops = DropLedger()
    private var words: CaptureWords
    /// When the host's interfaces were last known.
    private var lastChecked: Nanoseconds
    private var nextRetry = Nanoseconds.zero
    private var isIncomplete = true

    init(
        _ settings: MeterSettings, core: TrafficCore, log: Logger,
        clock: @escaping @Sendable () -> ClockReading
    ) {
        wanted = settings.interfaces
        filter = settings.filter
        ringMebibytes = settings.ringMebibytes
        self.core = core
        self.log = log
        self.clock = clock
        words = CaptureWords(log)
        let now = clock()
        lastChecked = now.boottime
        uncaptured.begin(at: now.boottime)
        reconcile(at: now, force: true)
    }

    /// What to poll for readability.
    var polled = Polled([])

    private mutating func poll() {
        polled = Polled(
            sources.compactMap { $0.isLeaving ? nil : $0.descriptor }
                + [monitor?.descriptor].compactMap { $0 })
    }

    /// From now on captures what `settings` want, and what `others` want that hold until then.
    /// Interfaces that are wanted as before stay open with their rings, change filters without a gap,
    /// and lose nothing.
    mutating func apply(_ settings: MeterSettings, besides others: MeterSettings? = nil) {
        let filter = others.map { settings.filter.joined(with: $0.filter) } ?? settings.filter
        stillWanted = others?.interfaces
        if settings.interfaces != wanted {
            wanted = settings.interfaces
            words = CaptureWords(log)
        }
        defer { reconcile(at: clock(), force: true) }
        guard filter != self.filter else { return }
        self.filter = filter
        for source in sources where !source.isLeaving {
            do throws(CaptureError) {
                try source.install(filter)
            } catch {
                log.error(
                    "flows may be missing, the filter before stays: \(error)",
                    metadata: ["interface": "\(source.link.name)"])
            }
        }
    }

    /// Whether an interface is read to its end, of which nothing wakes the thread.
    var isLeaving: Bool { sources.contains { $0.isLeaving } }

    // MARK: Packets

    /// Handles what is ready, a turn of each interface. True where nothing was left.
    func takePackets() -> Bool {
        var isDrained = true
        for source in sources {
            source.takeTurn(limit: Self.turn)
            if source.hasMore { isDrained = false }
        }
        return isDrained
    }

    /// The latest packet of the interface that is furthest behind; `nil` where none has packets
    /// left. A silent interface holds nothing back.
    var behind: Timestamp? {
        var earliest: Timestamp?
        for source in sources where source.hasMore {
            earliest = min(earliest ?? source.latest, source.latest)
        }
        return earliest
    }

    // MARK: Accounting

    /// Reads the counters of every interface.
    ///
    /// - Parameter interfaces: those of the interfaces themselves as well.
    mutating func readCounters(at time: Nanoseconds, interfaces: Bool) {
        for source in sources {
            let drops = interfaces ? monitor?.drops(of: source.link.index) : nil
            source.readCounters(into: &self.drops, drops: drops, at: time)
        }
    }

    /// What capture lost in the window from `start` to `end` on CLOCK_BOOTTIME.
    mutating func takeLosses(from start: Nanoseconds, to end: Nanoseconds) -> TrafficLosses {
        var losses = TrafficLosses()
        let share = drops.take(from: start, to: end)
        losses.kernelDrops = share.kernel
        losses.interfaceDrops = share.interface
        losses.undatedDrops = share.undated
        losses.uncaptured = uncaptured.take(from: start, to: end)
        return losses
    }

    // MARK: Interfaces

    /// Brings what is captured in line with the interfaces there are, where something changed.
    mutating func reconcile(at reading: ClockReading, force: Bool = false) {
        closeEnded(at: reading.boottime)
        var hasChanged = watch(at: reading.boottime) || force
        if isIncomplete, reading.boottime >= nextRetry { hasChanged = true }
        if sources.contains(where: { $0.failure != nil && !$0.isLeaving }) { hasChanged = true }
        defer { lastChecked = reading.boottime }
        guard hasChanged else { return }
        defer { poll() }
        core.change(localAddresses: Interfaces.localAddresses())
        // What was told happened before now.
        let reading = clock()
        nextRetry = reading.boottime + Self.retrying
        let links = monitor.map { Array($0.links.values) } ?? Interfaces.named(wanted.names)
        followLinks(links, at: reading)
        var selection = select(wanted, from: links)
        let held = stillWanted.map { select($0, from: links) } ?? selection
        selection.join(held)
        leaveUnwanted(selection, at: reading)
        // What is not captured now was so since the latest look. What others want is not missed
        // before they hold.
        if !isCaptured(held) { uncaptured.begin(at: lastChecked) }
        open(selection, at: reading)
        if isCaptured(held) { uncaptured.end(at: clock().boottime) }
    }

    private func select(
        _ wanted: WantedInterfaces, from links: [Link]
    ) -> WantedInterfaces.Selection {
        wanted.select(
            from: links,
            addressed: wanted.isAutomatic ? Set(Interfaces.addressed()) : [],
            open: Set(sources.filter { !$0.isLeaving }.map(\.link.index)))
    }

    /// Takes the kernel's notices. True where something changed.
    private mutating func watch(at time: Nanoseconds) -> Bool {
        do throws(LinkError) {
            guard let monitor else {
                guard time >= nextRetry else { return false }
                self.monitor = try LinkMonitor()
                words.noteWatched()
                return true
            }
            return try monitor.update()
        } catch {
            monitor = nil
            isIncomplete = true
            poll()
            words.noteUnwatched(error)
            return false
        }
    }

    /// Notes new names, and lets go of what is gone or can give nothing more.
    private mutating func followLinks(_ links: [Link], at reading: ClockReading) {
        for gone in monitor?.takeGone() ?? [] {
            for source in sources where source.link.index == gone.index && !source.isLeaving {
                source.readCounters(into: &drops, drops: gone.drops, at: reading.boottime)
                leave(source, at: reading, because: "it is gone")
            }
        }
        for source in sources where !source.isLeaving {
            guard let link = links.first(where: { $0.index == source.link.index }) else {
                leave(source, at: reading, because: "it is gone")
                continue
            }
            if link.isUp != source.link.isUp {
                log.notice(
                    link.isUp
                        ? "an interface is up again" : "an interface is down: nothing passes it",
                    metadata: ["interface": "\(link.name)"])
            }
            if link.isUp, let failure = source.failure {
                leave(source, at: reading, because: "\(failure)")
            } else {
                source.link = link
            }
        }
    }

    private mutating func leaveUnwanted(
        _ selection: WantedInterfaces.Selection, at reading: ClockReading
    ) {
        let indices = Set(selection.links.map(\.index))
        for source in sources where !source.isLeaving && !indices.contains(source.link.index) {
            leave(
                source, at: reading, cutoff: reading.realtime,
                because: "\(source.link.name) is not wanted")
        }
    }

    private mutating func leave(
        _ source: CaptureSource, at reading: ClockReading, cutoff: Timestamp = Timestamp(.max),
        because reason: String
    ) {
        source.leave(at: reading.boottime, cutoff: cutoff)
        log.notice(
            "not captured any more: \(reason)", metadata: ["interface": "\(source.link.name)"])
    }

    /// Opens what is wanted and not open. Says once why something cannot be.
    private mutating func open(
        _ selection: WantedInterfaces.Selection, at reading: ClockReading
    ) {
        var isComplete = selection.absent.isEmpty && selection.leftOut.isEmpty
        for name in selection.absent { words.error(.noSuchInterface(name), of: name) }
        words.noteLimit(selection.leftOut)
        for link in selection.links where !isOpen(link) && !open(link) { isComplete = false }
        isIncomplete = !isComplete
        let isAny = sources.contains { !$0.isLeaving }
        words.noteNone(
            isAny || !selection.links.isEmpty || !selection.absent.isEmpty || wanted.isNothing)
    }

    /// Whether all of a selection is captured, and anything at all.
    private func isCaptured(_ selection: WantedInterfaces.Selection) -> Bool {
        guard selection.absent.isEmpty, selection.leftOut.isEmpty else { return false }
        for link in selection.links where !isOpen(link) { return false }
        return sources.contains { !$0.isLeaving }
    }

    private mutating func open(_ link: Link) -> Bool {
        guard link.isUp else {
            words.error(.interfaceDown(link.name), of: link.name)
            return false
        }
        let count = sources.count { !$0.isLeaving }
        guard (count + 1) * ringMebibytes <= max(Self.maximumRingMebibytes, ringMebibytes) else {
            words.noteRings(
                of: link.name, ringMebibytes: ringMebibytes, limit: Self.maximumRingMebibytes)
            return false
        }
        do throws(CaptureError) {
            let source = try CaptureSource(
                link, drops: monitor?.drops(of: link.index) ?? link.drops,
                ringMiB: ringMebibytes, filter: filter, core: core, at: clock().boottime)
            sources.append(source)
            for name in wanted.names where link.isCalled(name) { words.forget(name) }
            words.forget(link.name)
            log.notice(
                "capturing",
                metadata: [
                    "interface": "\(link.name)", "ring_mib": "\(ringMebibytes)",
                    "rings_mib": "\((count + 1) * ringMebibytes)",
                ])
            return true
        } catch {
            words.error(error, of: link.name)
            return false
        }
    }

    private func isOpen(_ link: Link) -> Bool {
        sources.contains { !$0.isLeaving && $0.link.index == link.index }
    }

    /// Closes one interface that was read to its end. The kernel takes tens of milliseconds for it,
    /// and the others' rings fill meanwhile.
    private mutating func closeEnded(at time: Nanoseconds) {
        let ended = sources.firstIndex { source in
            guard let since = source.leavingSince, !source.hasMore else { return false }
            return since + Self.settling <= time
        }
        guard let ended else { return }
        sources[ended].readCounters(into: &drops, drops: nil, at: time)
        sources.remove(at: ended)
    }
}
