package import Metering

/// What a few accumulators showed over time: entries no closer than a spacing.
///
/// Where the entries reach the limit, every other one is dropped and the spacing doubles: a run of
/// any length keeps at least half the limit of them.
package struct EnergyHistory: Sendable {
    /// Entries at most: an hour at the spacing it begins with.
    package static let limit = 36_000
    /// The spacing it begins with.
    package static let firstSpacing = Nanoseconds.milliseconds(100)

    private let limit: Int
    private var spacing: Nanoseconds
    /// CLOCK_BOOTTIME of each entry; they ascend.
    package private(set) var times: [Nanoseconds] = []
    /// The accumulated energy of each accumulator, one element for each of `times`.
    package private(set) var energies: [[Microjoules]]

    package init(accumulators: Int, limit: Int = Self.limit) {
        self.limit = max(2, limit)
        spacing = Self.firstSpacing
        energies = Array(repeating: [], count: accumulators)
    }

    /// Notes one value for each accumulator, where the last entry is old enough.
    package mutating func note(_ values: [Microjoules], at now: Nanoseconds) {
        if let last = times.last, now < last + spacing { return }
        add(values, at: now)
    }

    /// The history with an entry of `now`, as the last.
    package func ended(_ values: [Microjoules], at now: Nanoseconds) -> EnergyHistory {
        var whole = self
        if times.last.map({ $0 < now }) ?? true { whole.add(values, at: now) }
        return whole
    }

    private mutating func add(_ values: [Microjoules], at now: Nanoseconds) {
        if times.count >= limit { thin() }
        times.append(now)
        for (index, value) in zip(energies.indices, values) { energies[index].append(value) }
    }

    private mutating func thin() {
        let kept = stride(from: 0, to: times.count, by: 2)
        times = kept.map { times[$0] }
        energies = energies.map { column in kept.map { column[$0] } }
        spacing += spacing
    }
}
