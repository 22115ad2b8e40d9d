// Hot path: `isCurrent` and counting allocate nothing.
import Attribution
import Metering
import Scenarios
import Traffic
import Transactions

/// The counts of the open window and of those after it.
///
/// An exchange belongs to the window of its response's packet time, a packet to that of its own.
/// Packets come in the order of time but for the skew between interfaces, and a window stays open
/// until the watermark has passed its end: mostly there are two windows. Where the agent was not run
/// for a while, the ring may hold packets of many.
final class TallyBucket {
    /// Windows kept at most; at the limit the last one has what comes after it.
    static let maximumWindows = 1024

    fileprivate struct Slot {
        let bound: BoundCounter
        let start: Timestamp
        var end: Timestamp
        var tally: Tally
        /// What the rules count, until the window is taken.
        let flows: FlowTally
        let unmanagedBound: Unmanaged<BoundCounter>
        let unmanagedFlows: Unmanaged<FlowTally>
        /// By service: whether readable and encrypted packets were seen.
        var isReadable: [Bool]
        var isEncrypted: [Bool]

        init(_ bound: BoundCounter, start: Timestamp, end: Timestamp) {
            self.bound = bound
            self.start = start
            self.end = end
            tally = bound.counter.emptyTally()
            flows = bound.emptyFlows
            unmanagedBound = .passUnretained(bound)
            unmanagedFlows = .passUnretained(flows)
            isReadable = tally.services.map { _ in false }
            isEncrypted = isReadable
        }
    }

    /// Changes of flows after which all of them are told anew, so that what is kept of them does
    /// not grow with time: so many, or twice the flows.
    private static let changesBetweenSnapshots = 65_536

    private let book: FlowBook
    private var changesTold = 0
    private var counter: BoundCounter
    /// What counts under other settings, and from when on.
    private var next: (counter: BoundCounter, from: Timestamp)?
    /// The engine reads by the other settings already. Until the windows before them are taken,
    /// `counter` is still theirs.
    private var isChanged = false
    private let length: Nanoseconds
    private var start = Timestamp(0)
    /// The time that was captured before the first window, and whether the packets at hand are of it:
    /// records say that nothing is known of it.
    private var before = Timestamp(0)..<Timestamp(0)
    private var isBefore = false
    /// The open window, behind a pointer: the run-time's check of access to a class's property would
    /// cost each exchange more than counting it.
    private let openSlot: UnsafeMutablePointer<Slot>
    private var open: Slot {
        _read { yield openSlot.pointee }
        _modify { yield &openSlot.pointee }
    }
    /// Windows after the open one with something in them, ascending.
    private var later: [Slot] = []
    /// Where the open window and those after it end, as far as that is known.
    private var ends = [Timestamp(.max)]
    /// Which the packets at hand belong to, 0 the open one, and the times that belong there.
    private var current = 0
    private var currentTimes = Timestamp(0)..<Timestamp(.max)
    /// What the engine had counted when `current` was last brought up to date.
    private var counted: EngineCounters?
    /// Measures the time in flight where energy is divided by it.
    var meter: BusyMeter?

    /// - Parameter length: of a window, at whose multiples windows end.
    init(_ counter: FlowCounter, book: FlowBook, length: Nanoseconds = .seconds(1)) {
        self.book = book
        self.counter = counter.bind(to: book)
        self.length = length
        openSlot = .allocate(capacity: 1)
        openSlot.initialize(to: Slot(self.counter, start: Timestamp(0), end: Timestamp(.max)))
    }

    deinit {
        openSlot.deinitialize(count: 1)
        openSlot.deallocate()
    }

    /// The engine counts on from `counters`. Nothing that ended in `before` counts: the first window
    /// begins behind it.
    func begin(
        _ counters: EngineCounters, behind before: Range<Timestamp> = Timestamp(0)..<Timestamp(0)
    ) {
        counted = counters
        self.before = before
        start = before.upperBound
        go(to: start)
    }

    // MARK: Windows

    /// Sets where the open window and those after it end; the others end at multiples of the length.
    func replan(ends: [Timestamp]) {
        guard self.ends != ends else { return }
        self.ends = ends
        plan()
    }

    private func plan() {
        open.end = ends.first ?? Timestamp(.max)
        if let next { open.end = min(open.end, next.from) }
        // A window that was to be longer has nothing beyond its end yet.
        for end in ends.dropFirst() + (next.map { [$0.from] } ?? []) {
            guard let index = later.firstIndex(where: { end < $0.end }) else { continue }
            if times(of: index + 1).lowerBound < end { later[index].end = end }
        }
        // Later ones that the open one now reaches over are part of it.
        while let first = later.first, first.end <= open.end {
            open.add(first)
            later.removeFirst()
            current = max(0, current - 1)
        }
        if !isBefore { currentTimes = times(of: current) }
    }

    /// Whether a packet of this time belongs to the same window as the one before it.
    func isCurrent(_ time: Timestamp) -> Bool { currentTimes.contains(time) }

    /// From now on packets of this time are handed to the engine, which has counted `counters`.
    func move(to time: Timestamp, _ counters: EngineCounters) {
        settle(counters)
        go(to: countingTime(time))
    }

    private func go(to time: Timestamp) {
        isBefore = before.contains(time)
        current = isBefore || time < open.end ? 0 : slot(of: time) + 1
        currentTimes = isBefore ? before : times(of: current)
    }

    @discardableResult
    func count(_ exchange: Exchange) -> CountedMatch? {
        let time = countingTime(exchange.end)
        guard time < openSlot.pointee.end else {
            if before.contains(exchange.end) { return follow(exchange) }
            let index = slot(of: time)
            if exchange.end < time { later[index].tally.losses.late &+= 1 }
            return later[index].bound.count(exchange, into: later[index].flows)
        }
        if exchange.end < start {
            if before.contains(exchange.end) { return follow(exchange) }
            open.tally.losses.late &+= 1
        }
        // Counting does not come back here, so that the open window holds both as long as it takes:
        // to count references to them would be four atomic operations for each exchange.
        let (bound, flows) = (openSlot.pointee.unmanagedBound, openSlot.pointee.unmanagedFlows)
        return bound._withUnsafeGuaranteedRef { bound in
            flows._withUnsafeGuaranteedRef { bound.count(exchange, into: $0) }
        }
    }

    /// Lets its flow go on by an exchange of before the first window, which no record counts.
    private func follow(_ exchange: Exchange) -> CountedMatch? {
        let uncounted = open.bound.emptyFlows
        let match = open.bound.count(exchange, into: uncounted)
        open.flows.goOn(from: uncounted)
        return match
    }

    /// Counts an exchange, and ends its time in flight.
    func countMeasured(_ exchange: Exchange) {
        let counted = count(exchange)
        guard exchange.mark != .none, let meter else { return }
        meter.end(
            exchange.service, exchange.mark, scenario: counted?.match.scenario, at: exchange.end)
    }

    /// Ends the open window. Those after it end at `nextEnds`.
    ///
    /// - Parameters:
    ///   - endsSettings: the announced settings hold from its end on; `change` was called.
    ///   - end: packet time at its end, for flows that have waited too long; its own end where that
    ///     is not given.
    ///   - isLast: nothing comes after it.
    func take(
        nextEnds: [Timestamp], _ counters: EngineCounters, endsSettings: Bool = false,
        at end: Timestamp? = nil, isLast: Bool = false
    ) -> TakenTally {
        settle(counters)
        if endsSettings { for slot in removeEnding(from: 0) { open.add(late: slot) } }
        var taken = open
        taken.bound.expire(at: end ?? taken.end, into: taken.flows)
        if isLast { taken.bound.settle(into: taken.flows) }
        taken.flows.write(to: &taken.tally)
        start = taken.end
        if endsSettings, let next {
            counter = next.counter
            self.next = nil
            isChanged = false
        }
        open = Slot(counter, start: start, end: Timestamp(.max))
        ends = nextEnds
        // The clock may be set back to that time.
        before = Timestamp(0)..<Timestamp(0)
        (current, isBefore) = (0, false)
        plan()
        // What the engine counts is of the other settings; the open window is not.
        if isChanged, let next { go(to: next.from) }
        return TakenTally(
            counter: taken.bound.counter, tally: taken.tally, flows: changes(taken.flows.changes),
            isReadable: taken.isReadable, isEncrypted: taken.isEncrypted)
    }

    /// What is to be kept of a window's flows.
    private func changes(_ changes: [FlowState]) -> FlowChanges {
        // Windows without changes take room too.
        changesTold += changes.count + 16
        guard changesTold > max(Self.changesBetweenSnapshots, 2 * book.count) else {
            return FlowChanges(names: book.names, states: changes, isSnapshot: false)
        }
        changesTold = book.count
        return FlowChanges(names: book.names, states: book.states, isSnapshot: true)
    }

    // MARK: Time in flight

    /// Where the open window ends.
    var openEnd: Timestamp { open.end }

    /// The scenario that a request which waits is of, by the rules that the engine reads by.
    func scenario(of request: Exchange) -> Int? {
        (isChanged ? next?.counter ?? counter : counter).scenario(of: request)
    }

    /// Adds the time in flight of the window that ends at `end`.
    func note(_ measured: (busy: [BusyTime], unfinished: UInt64), endingAt end: Timestamp) {
        let time = Timestamp(max(end.rawValue, 1) - 1)
        if time < open.end {
            open.tally.note(measured.busy, unfinished: measured.unfinished)
        } else if measured.unfinished > 0 || measured.busy.contains(where: \.isAny) {
            later[slot(of: time)].tally.note(measured.busy, unfinished: measured.unfinished)
        }
    }

    // MARK: Other settings

    /// Announces what counts from `time` on, where a window ends; `change` is to follow.
    func expect(_ counter: FlowCounter, from time: Timestamp) {
        guard !isChanged, next?.from != time else { return }
        next = (counter.bind(to: book), time)
        plan()
    }

    /// When other settings begin to hold; `nil` where none were announced, or they hold already.
    var changeTime: Timestamp? { isChanged ? nil : next?.from }

    /// The engine goes over to the other settings: it has counted `before`, and counts on from
    /// `after`. What comes later and belongs before them counts under them, as `late`.
    func change(_ before: EngineCounters, _ after: EngineCounters) {
        guard let next, !isChanged else { return }
        settle(before)
        // The announcement came late: what is beyond cannot be told from what was before.
        let beyond = later.firstIndex { $0.end > next.from } ?? later.count
        for slot in removeEnding(from: beyond) {
            if beyond == 0 { open.add(late: slot) } else { later[beyond - 1].add(late: slot) }
        }
        isChanged = true
        counted = after
        go(to: next.from)
    }

    /// Takes the later windows out, from `first` on, that are of the settings which end.
    private func removeEnding(from first: Int) -> ArraySlice<Slot> {
        let isOther = { [isChanged, next] (slot: Slot) in
            isChanged && slot.end > next?.from ?? Timestamp(.max)
        }
        let end = later[first...].firstIndex(where: isOther) ?? later.count
        defer { later.removeSubrange(first..<end) }
        return later[first..<end]
    }

    /// When something at `time` counts: other settings count nothing before they hold.
    private func countingTime(_ time: Timestamp) -> Timestamp {
        guard isChanged, let next else { return time }
        return max(time, next.from)
    }

    // MARK: Slots

    /// Brings the current window up to what the engine has counted.
    private func settle(_ counters: EngineCounters) {
        defer { counted = counters }
        guard let counted, !isBefore else { return }
        if current == 0 {
            open.note(counters, since: counted)
        } else {
            later[current - 1].note(counters, since: counted)
        }
    }

    /// The window that `time` belongs to, as far as is known where windows end.
    func window(at time: Timestamp) -> Range<Timestamp> {
        guard time >= open.end else { return min(start, time)..<open.end }
        var end = Window.boundary(after: time, length: length)
        var start = Timestamp(end.rawValue - min(end.rawValue, length.rawValue))
        for known in ends + (next.map { [$0.from] } ?? []) {
            if known > time { end = min(end, known) } else { start = max(start, known) }
        }
        return min(start, end)..<end
    }

    /// The later window that `time` belongs to, made where it has nothing yet.
    private func slot(of time: Timestamp) -> Int {
        let (start, end) = (window(at: time).lowerBound, window(at: time).upperBound)
        let index = later.firstIndex { time < $0.end } ?? later.count
        if index < later.count, later[index].end <= end { return index }
        guard later.count < Self.maximumWindows else { return min(index, later.count - 1) }
        let isNext = isChanged && time >= next?.from ?? Timestamp(.max)
        later.insert(
            Slot(isNext ? next?.counter ?? counter : counter, start: start, end: end), at: index)
        if current > index { current += 1 }
        return index
    }

    private func times(of index: Int) -> Range<Timestamp> {
        guard index > 0 else { return min(before.upperBound, open.end)..<open.end }
        let slot = later[index - 1]
        let before = index > 1 ? later[index - 2].end : open.end
        return min(slot.end, max(before, slot.start))..<slot.end
    }
}

/// A window's counts, and what was seen of its services.
struct TakenTally {
    /// What counted them.
    let counter: FlowCounter
    var tally: Tally
    /// What became of flows.
    let flows: FlowChanges
    let isReadable: [Bool]
    let isEncrypted: [Bool]
}

extension TallyBucket.Slot {
    /// Adds a window after this one that has no record of its own.
    fileprivate mutating func add(late other: Self) {
        add(other)
        tally.losses.late &+= other.flows.exchanges
    }

    fileprivate mutating func add(_ other: Self) {
        tally.add(other.tally)
        flows.add(other.flows)
        for index in other.isReadable.indices {
            if other.isReadable[index] { isReadable[index] = true }
            if other.isEncrypted[index] { isEncrypted[index] = true }
        }
    }

    /// Adds what the engine counted between two readings of its counters.
    fileprivate mutating func note(_ now: EngineCounters, since before: EngineCounters) {
        tally.note(now, since: before)
        for (index, (now, before)) in zip(now.services, before.services).enumerated() {
            if now.readablePackets != before.readablePackets { isReadable[index] = true }
            if now.encryptedPackets != before.encryptedPackets { isEncrypted[index] = true }
        }
    }
}
