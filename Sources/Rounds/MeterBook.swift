import Assessment
import Metering

/// A meter's readings in the order of time: one that came twice counts once, and of those that
/// overlap the first is kept.
struct MeterReadings: Sendable {
    let ordered: OrderedIntervals
    let energies: [Microjoules]
    /// Where readings speak of the same time.
    let overlaps: [Interval]

    init(_ readings: some Sequence<MeterReading>) {
        var intervals: [Interval] = []
        var energies: [Microjoules] = []
        var overlaps: [Interval] = []
        let sorted = Set(readings).filter { $0.interval.start < $0.interval.end }.sorted {
            ($0.interval.start, $0.interval.end, $0.energy)
                < ($1.interval.start, $1.interval.end, $1.energy)
        }
        for reading in sorted {
            if let overlap = intervals.last?.clamped(to: reading.interval) {
                overlaps.append(overlap)
                continue
            }
            intervals.append(reading.interval)
            energies.append(reading.energy)
        }
        ordered = OrderedIntervals(intervals: intervals)
        self.energies = energies
        self.overlaps = overlaps
    }
}

/// What a host's own counters tell over the same time as the readings of a meter of its name.
struct MeterBook: Sendable {
    private let readings: MeterReadings
    private var own: [Microjoules]

    init(_ readings: MeterReadings) {
        self.readings = readings
        own = Array(repeating: .zero, count: readings.energies.count)
    }

    mutating func add(_ known: KnownEnergy) {
        let touched = readings.ordered.touched(by: known.span)
        guard !touched.isEmpty else { return }
        let shares = known.shares(among: Array(readings.ordered.intervals[touched]))
        for (index, share) in zip(touched, shares) {
            if let share { own[index] += share.byState.total }
        }
    }

    /// Over the readings that lie in a round where the host's energy is known all the time; `nil`
    /// where there is none.
    func comparison(in host: HostRound) -> EnergyComparison? {
        var sum: EnergyComparison?
        for (index, interval) in readings.ordered.intervals.enumerated()
        where interval.start >= host.round.start && interval.end <= host.round.end
            && host.energyTime.gaps(in: interval.range).isEmpty
        {
            var comparison = sum ?? EnergyComparison()
            comparison.primary += own[index]
            comparison.other += readings.energies[index]
            sum = comparison
        }
        return sum
    }
}
