import EnergySources
import Metering

/// What the two hot loops hand over: each window's energy, and its counts.
enum MeterEvent: Sendable {
    case energy(WindowEnergy)
    case traffic(ordinal: Int, Tally, FlowChanges)
    /// Windows in which no agent ran, before all others.
    case missed([MeteredWindow])
}

/// The energy side of a window.
struct WindowEnergy: Sendable {
    let closed: ClosedWindow
    /// `MeterSettings.generation` of the settings that held in the window.
    let generation: Int
    let energies: WindowEnergies
    let zones: [ZoneDescription]
    let source: EnergySourceKind
    let scope: EnergyScope
    let processor: ProcessorTime
    /// CPUs that are online; 0 where that is not known.
    let processors: UInt64
    /// The bound on the wall clock's error in microseconds.
    let clockError: UInt64?
    /// Where another run may go on from; `nil` where nothing is known of the counters.
    let baseline: MeterBaseline?
}

/// A window with both its sides.
struct MeteredWindow: Sendable {
    let energy: WindowEnergy
    let tally: Tally
    let flows: FlowChanges

    init(energy: WindowEnergy, tally: Tally, flows: FlowChanges = FlowChanges()) {
        self.energy = energy
        self.tally = tally
        self.flows = flows
    }
}

/// Joins the energy of a window with its counts. Both come in the order of windows.
struct WindowJoin: AsyncSequence {
    typealias Element = MeteredWindow
    let events: AsyncStream<MeterEvent>

    func makeAsyncIterator() -> Iterator { Iterator(events: events.makeAsyncIterator()) }

    struct Iterator: AsyncIteratorProtocol {
        var events: AsyncStream<MeterEvent>.Iterator
        private var energies: [Int: WindowEnergy] = [:]
        private var tallies: [Int: (Tally, FlowChanges)] = [:]
        private var missed: ArraySlice<MeteredWindow> = []

        init(events: AsyncStream<MeterEvent>.Iterator) { self.events = events }

        mutating func next() async -> MeteredWindow? {
            if let window = missed.popFirst() { return window }
            while let event = await events.next() {
                switch event {
                case .energy(let energy):
                    let ordinal = energy.closed.ordinal
                    if let (tally, flows) = tallies.removeValue(forKey: ordinal) {
                        return MeteredWindow(energy: energy, tally: tally, flows: flows)
                    }
                    energies[ordinal] = energy
                case .traffic(let ordinal, let tally, let flows):
                    if let energy = energies.removeValue(forKey: ordinal) {
                        return MeteredWindow(energy: energy, tally: tally, flows: flows)
                    }
                    tallies[ordinal] = (tally, flows)
                case .missed(let windows):
                    missed += windows
                    if let window = missed.popFirst() { return window }
                }
            }
            return nil
        }
    }
}
