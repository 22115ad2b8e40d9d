// Hot path: counting allocates nothing.
import Metering
import Scenarios
import Traffic
import Transactions

/// The counts of the open window and of the one after it.
///
/// An exchange belongs to the window of its response's packet time. Packets come in the order of
/// time, but for the skew between interfaces, and a window stays open until the watermark has
/// passed its end: so two windows are enough.
final class TallyBucket {
    private let counter: FlowCounter
    private var start = Timestamp(0)
    private var end = Timestamp(.max)
    private var open: Tally
    private var next: Tally

    init(_ counter: FlowCounter) {
        self.counter = counter
        open = counter.emptyTally()
        next = counter.emptyTally()
    }

    /// Sets where the open window ends.
    func replan(end: Timestamp) { self.end = end }

    @discardableResult
    func count(_ exchange: Exchange) -> Match? {
        if exchange.end >= end { return counter.count(exchange, into: &next) }
        if exchange.end < start { open.losses.late &+= 1 }
        return counter.count(exchange, into: &open)
    }

    /// Ends the open window. The one after it ends at `nextEnd`.
    func take(nextEnd: Timestamp) -> Tally {
        let taken = open
        open = next
        next = counter.emptyTally()
        start = end
        end = nextEnd
        return taken
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
}
