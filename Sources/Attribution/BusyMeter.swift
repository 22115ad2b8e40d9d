// Hot path: allocates nothing per exchange.
package import Metering
package import Traffic

/// The time in flight of all services' exchanges, by scenario, in the window that is being measured.
///
/// Its owner tells when exchanges begin and end, and at the end of each window, between `beginSweep`
/// and `take`, of each that is in flight: what goes on has had its part of the window, and begins
/// anew in the next one. The scenario of an exchange that goes on is what its request says.
package final class BusyMeter {
    /// How long a response is waited for. At the end of the window in which it is over, the request
    /// has no part any more, and is counted as unfinished.
    package static let patience = Nanoseconds.seconds(60)

    private let scenarios: Int
    private var clocks: [VirtualTime]
    /// By service: each scenario's part, and that of no scenario, in units of virtual time.
    private var parts: [UInt64]
    private var unfinished: UInt64 = 0
    /// Where the window that is being measured begins.
    package private(set) var start: Timestamp

    package init(services: Int, scenarios: Int, from start: Timestamp) {
        self.scenarios = scenarios
        self.start = start
        clocks = Array(repeating: VirtualTime(from: start), count: services)
        parts = Array(repeating: 0, count: services * (scenarios + 1))
    }

    /// Whether nothing is in flight and nothing was.
    package var isQuiet: Bool {
        unfinished == 0 && clocks.allSatisfy { $0.inFlight == 0 } && parts.allSatisfy { $0 == 0 }
    }

    /// An exchange begins.
    package func begin(_ service: Int, at time: Timestamp) -> RequestMark {
        guard clocks.indices.contains(service) else { return .none }
        return RequestMark(clocks[service].begin(at: time))
    }

    /// An exchange ends that belongs to a scenario, or to none.
    package func end(_ service: Int, _ mark: RequestMark, scenario: Int?, at time: Timestamp) {
        guard mark != .none, clocks.indices.contains(service) else { return }
        add(clocks[service].end(mark.rawValue, at: time), service, scenario)
    }

    /// An exchange ends without a response.
    package func abandon(_ service: Int, _ mark: RequestMark, scenario: Int?, at time: Timestamp) {
        guard mark != .none, clocks.indices.contains(service) else { return }
        unfinished &+= 1
        end(service, mark, scenario: scenario, at: time)
    }

    private func add(_ part: UInt64, _ service: Int, _ scenario: Int?) {
        let place = scenario.map { min($0, scenarios) } ?? scenarios
        parts[service * (scenarios + 1) + place] &+= part
    }

    // MARK: Windows

    /// The window ends: each exchange in flight is to be told by `sweep`, and no other one.
    package func beginSweep(at end: Timestamp) {
        for index in clocks.indices { clocks[index].restart(at: end) }
        start = end
    }

    /// An exchange in flight that began at `began`; it has its part, and goes on with another mark.
    package func sweep(
        _ service: Int, _ mark: RequestMark, scenario: Int?, began: Timestamp
    ) -> RequestMark {
        guard mark != .none, clocks.indices.contains(service) else { return .none }
        add(clocks[service].value &- mark.rawValue, service, scenario)
        guard start.since(began) <= Self.patience else {
            unfinished &+= 1
            return .none
        }
        return RequestMark(clocks[service].begin(at: start))
    }

    /// What was measured since it was last taken, by service.
    package func take() -> (busy: [BusyTime], unfinished: UInt64) {
        defer {
            for index in parts.indices { parts[index] = 0 }
            unfinished = 0
        }
        let busy = clocks.indices.map { service in
            var busy = BusyTime(scenarios: scenarios)
            let first = service * (scenarios + 1)
            for scenario in 0..<scenarios { busy.scenarios[scenario] = time(first + scenario) }
            busy.other = time(first + scenarios)
            return busy
        }
        return (busy, unfinished)
    }

    /// Rounded down, so that a service's parts never sum to more than the time that passed.
    private func time(_ index: Int) -> Nanoseconds {
        Nanoseconds(parts[index] >> VirtualTime.fraction)
    }
}
