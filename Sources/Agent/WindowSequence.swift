import Metering

/// A window that has ended, and what must be said of it.
struct ClosedWindow: Sendable, Hashable {
    /// Counts from 0 in each run of the program; pairs the energy of a window with its counts.
    let ordinal: Int
    let window: Window
    /// Where the window ended on CLOCK_BOOTTIME: where its counters are interpolated.
    let endBoottime: Nanoseconds
    private(set) var flags: RecordFlags

    /// The same window with more to be said of it.
    func adding(_ more: RecordFlags) -> Self {
        var window = self
        window.flags.formUnion(more)
        return window
    }
}

/// Where a window ended: what a later run of the agent goes on from.
struct WindowBoundary: Sendable, Hashable {
    let label: Timestamp
    /// CLOCK_BOOTTIME at the label.
    let boottime: Nanoseconds
    /// The reading of the clocks that passed it.
    let clock: ClockReading
}

/// Windows that tile time: aligned to UTC multiples of their length, each beginning where the one
/// before it ended. Pure; the clocks are parameters.
///
/// A step of the wall clock closes a window early, at the label the old clock would have given; the
/// next begins at that label and carries the step: its label's length is not its duration, and its
/// flags say so. Only where the clock is set back by more than a window's length do labels begin
/// anew at the clock's own time, and overlap those that the wrong clock gave.
struct WindowSequence: Sendable {
    /// Larger changes between the clocks are steps; smaller ones are slewing and reading jitter.
    static let stepThreshold: Int64 = 50_000_000
    /// A reading that comes later than this after a boundary is late.
    static let lateThreshold = Nanoseconds.milliseconds(500)

    /// Windows in which no agent ran that get a record: a day of 10 s windows. What is older stays
    /// without one, which a collector takes for not covered as well.
    static let maximumMissed = 8640

    let length: Nanoseconds
    private(set) var ordinal = 0
    private(set) var start: Timestamp
    /// The label where the open window will end.
    private(set) var plannedEnd: Timestamp
    private var startBoottime: Nanoseconds
    private var latest: ClockReading
    private var flags: RecordFlags = []

    init(from reading: ClockReading, length: Nanoseconds) {
        self.length = length
        start = reading.realtime
        startBoottime = reading.boottime
        plannedEnd = Window.boundary(after: reading.realtime, length: length)
        latest = reading
    }

    /// Windows that go on at `boundary`, where those of another run of this boot ended.
    init(resumingAt boundary: WindowBoundary, length: Nanoseconds) {
        self.length = length
        start = boundary.label
        startBoottime = boundary.boottime
        plannedEnd = Window.boundary(after: boundary.label, length: length)
        latest = boundary.clock
    }

    /// The windows in which no agent ran, up to this reading: the next one begins here.
    mutating func miss(upTo reading: ClockReading) -> [ClosedWindow] {
        var closed = advance(to: reading)
        if start < reading.realtime {
            closed.append(close(at: reading.realtime, boottime: reading.boottime))
        }
        return closed.map { $0.adding(.agentStopped) }
    }

    /// The windows between two labels when nothing is known of the boot's clocks, as those of
    /// another boot: their durations are the labels', and the oldest beyond `maximumMissed` are
    /// left out.
    static func missed(
        from start: Timestamp, to end: Timestamp, length: Nanoseconds
    ) -> [ClosedWindow] {
        let longest = UInt128(length.rawValue) * UInt128(maximumMissed)
        let time = UInt64(clamping: min(UInt128(end.since(start).rawValue), longest))
        let first = ClockReading(
            realtime: Timestamp(end.rawValue - time), boottime: .zero, monotonic: .zero)
        var windows = WindowSequence(from: first, length: length)
        return windows.miss(
            upTo: ClockReading(
                realtime: end, boottime: Nanoseconds(time), monotonic: Nanoseconds(time)))
    }

    /// The windows that ended up to this reading, oldest first.
    mutating func advance(to reading: ClockReading) -> [ClosedWindow] {
        defer { latest = reading }
        var closed: [ClosedWindow] = []
        let elapsed = reading.boottime.rawValue &- latest.boottime.rawValue
        let step = moved(reading.realtime.rawValue &- latest.realtime.rawValue, beyond: elapsed)
        if step.magnitude > UInt64(Self.stepThreshold) {
            let label = latest.realtime + reading.boottime.subtractingClamped(latest.boottime)
            // Boundaries the old clock passed before the step are kept.
            closeBoundaries(upTo: label, at: reading, labelled: label, into: &closed)
            if label > start { closed.append(close(at: label, boottime: reading.boottime)) }
            flags.insert(.clockStepped)
            if start.since(reading.realtime) > length { start = reading.realtime }
            plannedEnd = Window.boundary(after: max(start, reading.realtime), length: length)
        }
        closeBoundaries(
            upTo: reading.realtime, at: reading, labelled: reading.realtime, into: &closed)
        let awake = reading.monotonic.rawValue &- latest.monotonic.rawValue
        guard moved(elapsed, beyond: awake) > Self.stepThreshold else { return closed }
        // Any of these windows, and the one that is open, may hold the suspension.
        flags.insert(.suspended)
        return closed.map { $0.adding(.suspended) }
    }

    /// Lets the open window end at `label`, or at its own end where that comes first.
    mutating func end(at label: Timestamp) { plannedEnd = min(plannedEnd, max(label, start)) }

    /// The last windows, up to the end that was planned: what comes after it is not metered.
    mutating func stop(at reading: ClockReading) -> [ClosedWindow] {
        let last = plannedEnd
        var closed = advance(to: reading).filter { $0.window.end <= last }
        // The clock was set back meanwhile and has not reached the end.
        if start < last && start < reading.realtime {
            closed.append(close(at: reading.realtime, boottime: reading.boottime))
        }
        return closed
    }

    /// By how much one clock moved further than another, in nanoseconds.
    private func moved(_ clock: UInt64, beyond other: UInt64) -> Int64 {
        Int64(bitPattern: clock &- other)
    }

    private mutating func closeBoundaries(
        upTo time: Timestamp, at reading: ClockReading, labelled label: Timestamp,
        into closed: inout [ClosedWindow]
    ) {
        while plannedEnd <= time {
            let late = label.since(plannedEnd)
            if late > Self.lateThreshold { flags.insert(.lateTick) }
            closed.append(
                close(at: plannedEnd, boottime: reading.boottime.subtractingClamped(late)))
        }
    }

    private mutating func close(at end: Timestamp, boottime: Nanoseconds) -> ClosedWindow {
        let boottime = max(boottime, startBoottime)
        let duration = boottime.subtractingClamped(startBoottime)
        var flags = flags
        if end.since(start) < length { flags.insert(.partial) }
        defer {
            ordinal += 1
            start = end
            startBoottime = boottime
            plannedEnd = Window.boundary(after: end, length: length)
            self.flags = []
        }
        return ClosedWindow(
            ordinal: ordinal, window: Window(start: start, end: end, duration: duration),
            endBoottime: boottime, flags: flags)
    }
}
