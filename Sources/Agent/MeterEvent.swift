import Metering

/// What the two hot loops hand over: each window's energy, and its counts.
enum MeterEvent: Sendable {
    case energy(WindowEnergy)
    case traffic(ordinal: Int, Tally)
}

/// The energy side of a window.
struct WindowEnergy: Sendable {
    let closed: ClosedWindow
    let energies: [ZoneEnergy]
    let zones: [ZoneDescription]
    let processor: ProcessorTime
    /// The bound on the wall clock's error in microseconds.
    let clockError: UInt64?
}

/// A window with both its sides.
struct MeteredWindow: Sendable {
    let energy: WindowEnergy
    let tally: Tally
}

/// Joins the energy of a window with its counts. Both come in the order of windows.
struct WindowJoin: AsyncSequence {
    typealias Element = MeteredWindow
    let events: AsyncStream<MeterEvent>

    func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator()) }

    struct Iterator: AsyncIteratorProtocol {
        var events: AsyncStream<MeterEvent>.Iterator
        private var energies: [Int: WindowEnergy] = [:]
        private var tallies: [Int: Tally] = [:]

        init(events: AsyncStream<MeterEvent>.Iterator) { self.events = events }

        mutating func next() async -> MeteredWindow? {
            while let event = await events.next() {
                switch event {
                case .energy(let energy):
                    let ordinal = energy.closed.ordinal
                    if let tally = tallies.removeValue(forKey: ordinal) {
                        return MeteredWindow(energy: energy, tally: tally)
                    }
                    energies[ordinal] = energy
                case .traffic(let ordinal, let tally):
                    if let energy = energies.removeValue(forKey: ordinal) {
                        return MeteredWindow(energy: energy, tally: tally)
                    }
                    tallies[ordinal] = tally
                }
            }
            return nil
        }
    }
}
