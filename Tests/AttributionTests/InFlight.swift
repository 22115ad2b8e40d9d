import Metering
import Traffic

@testable import Attribution

/// An exchange of a made-up load; without an end its response never comes.
struct MadeExchange: Hashable {
    var service = 0
    /// `nil`: of no rule.
    var scenario: Int?
    var start: UInt64
    var end: UInt64?
}

/// A load of random exchanges: many begin and end at the same time.
func madeLoad(
    _ count: Int, services: Int = 1, scenarios: Int = 4, until: UInt64 = 1000, seed: UInt64
) -> [MadeExchange] {
    var random = SeededGenerator(state: seed)
    return (0..<count).map { _ in
        let start = random.next() % until
        let end = start + random.next() % (until - start)
        let scenario = Int(random.next() % UInt64(scenarios + 1))
        return MadeExchange(
            service: Int(random.next() % UInt64(services)),
            scenario: scenario == scenarios ? nil : scenario,
            start: start * 1_000_000, end: end * 1_000_000)
    }
}

/// What a meter makes of a load in windows that end at `ends`, ascending.
func measure(
    _ load: [MadeExchange], services: Int = 1, scenarios: Int = 4, ends: [UInt64],
    order: SeededGenerator? = nil
) -> [(busy: [BusyTime], unfinished: UInt64)] {
    let meter = BusyMeter(services: services, scenarios: scenarios, from: Timestamp(0))
    var marks: [Int: RequestMark] = [:]
    var events: [(time: UInt64, isEnd: Bool, exchange: Int)] = []
    for (index, exchange) in load.enumerated() {
        events.append((exchange.start, false, index))
        if let end = exchange.end { events.append((end, true, index)) }
    }
    if var order { events.shuffle(using: &order) }
    // Of events at the same time only an exchange's own stay in their order.
    var keyed = Array(events.enumerated())
    keyed.sort { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
    var pending = keyed.map(\.element)[...]
    return ends.map { end in
        while let event = pending.first, event.time < end {
            pending.removeFirst()
            let exchange = load[event.exchange]
            let at = Timestamp(event.time)
            // One that takes no time may end before it begins, where both are at the same time.
            if marks[event.exchange] == nil {
                marks[event.exchange] = meter.begin(exchange.service, at: at)
            }
            if event.isEnd {
                meter.end(
                    exchange.service, marks[event.exchange] ?? .none, scenario: exchange.scenario,
                    at: at)
                marks[event.exchange] = RequestMark.none
            }
        }
        meter.beginSweep(at: Timestamp(end))
        for (index, mark) in marks where mark != .none {
            let exchange = load[index]
            marks[index] = meter.sweep(
                exchange.service, mark, scenario: exchange.scenario,
                began: Timestamp(exchange.start))
        }
        return meter.take()
    }
}

/// The same by the definition: between two neighbouring events all in flight share the time.
func shares(
    _ load: [MadeExchange], service: Int = 0, scenarios: Int = 4, from start: UInt64,
    to end: UInt64
) -> [Double] {
    var parts = Array(repeating: 0.0, count: scenarios + 1)
    let mine = load.filter { $0.service == service }
    let edges = Set(mine.flatMap { [$0.start, $0.end ?? end] } + [start, end]).sorted()
    for (from, to) in zip(edges, edges.dropFirst()) where from >= start && to <= end {
        let inFlight = mine.filter { $0.start <= from && ($0.end ?? .max) >= to }
        for exchange in inFlight {
            parts[exchange.scenario ?? scenarios] += Double(to - from) / Double(inFlight.count)
        }
    }
    return parts
}

extension BusyTime {
    /// All parts, in nanoseconds; that of no scenario is the last.
    var parts: [UInt64] { scenarios.map(\.rawValue) + [other.rawValue] }
}
