// Hot path: `read` runs every second and does not allocate once the buffer holds the CPU lines.
internal import KernelFiles
internal import Metering

/// The host's busy time: CPUs × elapsed − Δ(idle + iowait + steal).
///
/// The kernel counts idle time exactly, where its user and system times are sampled at ticks.
/// Counters are cut to ticks of 10 ms, so the sum of all elapsed time is compared with the sum
/// of all idle time: the error of a tick stays one tick and does not add up.
///
/// Source: Linux Documentation/filesystems/proc.rst, 1.7 "Miscellaneous kernel statistics in
/// /proc/stat".
struct HostBusy: Sendable {
    /// What one reading of `<procfs>/stat` says.
    struct Reading: Sendable, Hashable {
        /// idle + iowait + steal of all CPUs.
        var idle: Nanoseconds
        /// CPUs that are online.
        var processors: UInt64
    }

    /// Idle time may show up this much late or early against the clock, per CPU; more in one
    /// reading is no time that passed (a CPU came online with its old counter) and is cut.
    static let idleSlack = Nanoseconds.seconds(1)

    private var timeline: Timeline<ProcessorUnknown>
    /// `awake` stands still while the host is suspended, as the CPUs do.
    private var last: (reading: Reading, awake: Nanoseconds)?
    private var capacity: UInt64 = 0
    private var idle: UInt64 = 0
    private var failed: ProcessorUnknown?
    /// The highest busy time and its capacity, over all that was read.
    private(set) var load = HostLoad(busy: .zero, capacity: .zero, processors: 0)

    /// Why the latest reading gave nothing; `nil` where it succeeded.
    var failure: ProcessorUnknown? { last == nil ? failed ?? .firstReading : failed }

    init(from start: Nanoseconds) { timeline = Timeline(from: start, unread: .firstReading) }

    /// Takes a reading. `awake` is CLOCK_MONOTONIC.
    mutating func note(_ reading: Reading, at now: Nanoseconds, awake: Nanoseconds) {
        var lost: ProcessorUnknown?
        var highest = reading
        if let last {
            let processors = min(reading.processors, last.reading.processors)
            let elapsed = awake.subtractingClamped(last.awake)
            let most = elapsed.times(processors)
            let slack = Self.idleSlack.times(processors)
            let change = reading.idle.subtractingClamped(last.reading.idle)
            capacity = capacity.addingClamped(most.rawValue)
            idle = idle.addingClamped(min(change, most + slack).rawValue)
            // iowait may fall a little: wait until the sum is above its highest again.
            let fall = last.reading.idle.subtractingClamped(reading.idle)
            if fall <= slack {
                highest.idle = max(reading.idle, last.reading.idle)
            } else if processors == last.reading.processors {
                lost = .malformed
            }
        }
        last = (highest, awake)
        let busy = Nanoseconds(capacity >= idle ? capacity - idle : 0)
        // The timeline keeps the highest value, so that late idle time never makes it fall.
        timeline.append(busy.rawValue, at: now, bridged: failed, lost: lost)
        load = HostLoad(
            busy: max(load.busy, busy), capacity: Nanoseconds(capacity),
            processors: reading.processors)
        failed = nil
    }

    mutating func fail(_ reason: ProcessorUnknown) {
        timeline.fail(reason)
        failed = reason
    }

    mutating func close(at end: Nanoseconds) -> Known<Nanoseconds, ProcessorUnknown> {
        timeline.closeOwn(at: end)
    }
}

extension HostBusy.Reading {
    /// Parses the `cpu` lines, which come first. `nil` where there is none or one is malformed.
    init?(_ bytes: [UInt8], count: Int, ticksPerSecond: UInt64) {
        var text = ByteScanner(bytes, count: count)
        guard text.skip("cpu ") else { return nil }
        guard text.skipWord(), text.skipWord(), text.skipWord(),  // user, nice, system
            let idle = text.number(), let iowait = text.number(),
            text.skipWord(), text.skipWord(),  // irq, softirq
            let steal = text.number()
        else { return nil }
        processors = 0
        text.skipLine()
        while text.skip("cpu") {
            processors += 1
            text.skipLine()
        }
        guard processors > 0 else { return nil }
        let ticks = idle.addingClamped(iowait).addingClamped(steal)
        self.idle = Nanoseconds.ticks(ticks, perSecond: ticksPerSecond)
    }

    /// Whether the first `count` bytes hold every `cpu` line: another line follows them.
    static func isComplete(_ bytes: [UInt8], count: Int) -> Bool {
        var text = ByteScanner(bytes, count: count)
        while text.skip("cpu") { text.skipLine() }
        return !text.isAtEnd && !text.isPrefix(of: "cpu")
    }
}

extension Nanoseconds {
    /// USER_HZ ticks as time, clamped to the range.
    static func ticks(_ ticks: UInt64, perSecond: UInt64) -> Nanoseconds {
        Nanoseconds(1_000_000_000 / max(1, perSecond)).times(ticks)
    }

    /// `count` times this, clamped to the range.
    func times(_ count: UInt64) -> Nanoseconds {
        let (value, over) = rawValue.multipliedReportingOverflow(by: count)
        return Nanoseconds(over ? .max : value)
    }
}

extension Timeline where Reason == ProcessorUnknown {
    /// The time of the stretch that ends at `end`. One that holds time of stretches before it is not known:
    /// their energy was divided without that time.
    mutating func closeOwn(at end: Nanoseconds) -> Known<Nanoseconds, ProcessorUnknown> {
        let wasDeferred = isDeferred
        switch close(at: end) {
        case .bridged(_, let reason) where wasDeferred: return .unknown(reason)
        case .measured(let time), .bridged(let time, _): return .known(Nanoseconds(time))
        case .unknown(let reason), .deferred(let reason): return .unknown(reason)
        }
    }
}
