// Hot path: `isCurrent` and counting allocate nothing.
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
        var end: Timestamp
        var tally: Tally
        /// By service: whether readable and encrypted packets were seen.
        var isReadable: [Bool]
        var isEncrypted: [Bool]
    }

    private let counter: FlowCounter
    private let length: Nanoseconds
    private var start = Timestamp(0)
    private var open: Slot
    /// Windows after the open one with something in them, ascending.
    private var later: [Slot] = []
    /// Which the packets at hand belong to, 0 the open one, and the times that belong there.
    private var current = 0
    private var currentTimes = Timestamp(0)..<Timestamp(.max)
    /// What the engine had counted when `current` was last brought up to date.
    private var counted: EngineCounters?

    /// - Parameter length: of a window, at whose multiples windows end.
    init(_ counter: FlowCounter, length: Nanoseconds = .seconds(1)) {
        self.counter = counter
        self.length = length
        open = Self.empty(counter, end: Timestamp(.max))
    }

    /// The engine counts on from `counters`.
    func begin(_ counters: EngineCounters) { counted = counters }

    /// Sets where the open window ends.
    func replan(end: Timestamp) {
        guard open.end != end else { return }
        open.end = end
        // Later ones that it now reaches over are part of it.
        absorb()
    }

    /// Whether a packet of this time belongs to the same window as the one before it.
    func isCurrent(_ time: Timestamp) -> Bool { currentTimes.contains(time) }

    /// From now on packets of this time are handed to the engine, which has counted `counters`.
    func move(to time: Timestamp, _ counters: EngineCounters) {
        settle(counters)
        current = time < open.end ? 0 : slot(of: time) + 1
        currentTimes = times(of: current)
    }

    @discardableResult
    func count(_ exchange: Exchange) -> Match? {
        guard exchange.end < open.end else {
            return counter.count(exchange, into: &later[slot(of: exchange.end)].tally)
        }
        if exchange.end < start { open.tally.losses.late &+= 1 }
        return counter.count(exchange, into: &open.tally)
    }

    /// Ends the open window. The one after it ends at `nextEnd`.
    func take(nextEnd: Timestamp, _ counters: EngineCounters) -> TakenTally {
        settle(counters)
        let taken = open
        start = taken.end
        open = Self.empty(counter, end: nextEnd)
        absorb()
        current = 0
        currentTimes = times(of: 0)
        return TakenTally(
            tally: taken.tally, isReadable: taken.isReadable, isEncrypted: taken.isEncrypted)
    }

    /// Brings the current window up to what the engine has counted.
    private func settle(_ counters: EngineCounters) {
        defer { counted = counters }
        guard let counted else { return }
        if current == 0 {
            open.note(counters, since: counted)
        } else {
            later[current - 1].note(counters, since: counted)
        }
    }

    /// The later window that `time` belongs to, made where it has nothing yet.
    private func slot(of time: Timestamp) -> Int {
        let end = Window.boundary(after: time, length: length)
        let index = later.firstIndex { time < $0.end } ?? later.count
        if index < later.count, later[index].end <= end { return index }
        guard later.count < Self.maximumWindows else { return min(index, later.count - 1) }
        later.insert(Self.empty(counter, end: end), at: index)
        if current > index { current += 1 }
        return index
    }

    private func times(of index: Int) -> Range<Timestamp> {
        guard index > 0 else { return Timestamp(0)..<open.end }
        let end = later[index - 1].end
        let before = index > 1 ? later[index - 2].end : open.end
        let start = Timestamp(end.rawValue - min(end.rawValue, length.rawValue))
        return min(end, max(before, start))..<end
    }

    /// Joins the later windows that the open one reaches over to it.
    private func absorb() {
        while let first = later.first, first.end <= open.end {
            open.tally.add(first.tally)
            for index in first.isReadable.indices {
                if first.isReadable[index] { open.isReadable[index] = true }
                if first.isEncrypted[index] { open.isEncrypted[index] = true }
            }
            later.removeFirst()
            current = max(0, current - 1)
        }
        currentTimes = times(of: current)
    }

    private static func empty(_ counter: FlowCounter, end: Timestamp) -> Slot {
        let tally = counter.emptyTally()
        let none = tally.services.map { _ in false }
        return Slot(end: end, tally: tally, isReadable: none, isEncrypted: none)
    }
}

/// A window's counts, and what was seen of its services.
struct TakenTally {
    var tally: Tally
    let isReadable: [Bool]
    let isEncrypted: [Bool]
}

extension TallyBucket.Slot {
    /// Adds what the engine counted between two readings of its counters.
    fileprivate mutating func note(_ now: EngineCounters, since before: EngineCounters) {
        tally.note(now, since: before)
        for (index, (now, before)) in zip(now.services, before.services).enumerated() {
            if now.readablePackets != before.readablePackets { isReadable[index] = true }
            if now.encryptedPackets != before.encryptedPackets { isEncrypted[index] = true }
        }
    }
}

extension Tally {
    /// Adds what the engine counted between two readings of its counters.
    mutating func note(_ now: EngineCounters, since before: EngineCounters) {
        packets &+= now.packets &- before.packets
        losses.gaps &+= now.gaps &- before.gaps
        losses.gapBytes &+= now.gapBytes &- before.gapBytes
        losses.evicted &+= now.evicted &- before.evicted
        losses.unpairedRequests &+= now.unpairedRequests &- before.unpairedRequests
        losses.unpairedResponses &+= now.unpairedResponses &- before.unpairedResponses
        losses.malformed &+= now.malformedTotal &- before.malformedTotal
        losses.undecoded &+= now.undecoded &- before.undecoded
        for index in services.indices {
            services[index].packets &+=
                now.services[index].packets &- before.services[index].packets
            services[index].encryptedConnections &+=
                now.services[index].encryptedConnections
                &- before.services[index].encryptedConnections
        }
    }

    /// Adds another tally of the same scenarios and services; observations stay.
    mutating func add(_ other: Tally) {
        for index in scenarios.indices {
            scenarios[index].requests &+= other.scenarios[index].requests
            scenarios[index].flows &+= other.scenarios[index].flows
            scenarios[index].completed &+= other.scenarios[index].completed
            scenarios[index].refused &+= other.scenarios[index].refused
            scenarios[index].failed &+= other.scenarios[index].failed
            scenarios[index].incomplete &+= other.scenarios[index].incomplete
        }
        for index in services.indices {
            services[index].packets &+= other.services[index].packets
            services[index].encryptedConnections &+= other.services[index].encryptedConnections
            services[index].otherRequests &+= other.services[index].otherRequests
            for scenario in services[index].flows.indices {
                services[index].flows[scenario] &+= other.services[index].flows[scenario]
            }
        }
        losses.gaps &+= other.losses.gaps
        losses.gapBytes &+= other.losses.gapBytes
        losses.evicted &+= other.losses.evicted
        losses.unpairedRequests &+= other.losses.unpairedRequests
        losses.unpairedResponses &+= other.losses.unpairedResponses
        losses.malformed &+= other.losses.malformed
        losses.undecoded &+= other.losses.undecoded
        losses.late &+= other.losses.late
        packets &+= other.packets
        exchanges &+= other.exchanges
    }
}
