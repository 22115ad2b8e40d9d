package import Metering

/// Cuts successive samples of a source at window boundaries. Pure.
///
/// A zone's windows add up to the difference of its accumulator exactly, and what readings could
/// not tell is unknown with its reason:
///
/// - no good reading in the window: the latest failure; the energy arrives, `bridged`, in the
///   window of the next good reading;
/// - the first good reading lies inside the window: `firstReading`;
/// - energy was lost inside the window: `discontinuity`.
package struct EnergyMeter: Sendable {
    private struct Zone: Sendable {
        var timeline: Timeline<EnergyUnknown>
        var last = ZoneSample()

        mutating func add(_ sample: ZoneSample) {
            defer { last = sample }
            if let failure = sample.failure { return timeline.fail(failure) }
            timeline.append(
                sample.accumulated.rawValue, at: sample.readAt,
                bridged: sample.bridges != last.bridges,
                lost: sample.losses != last.losses ? .discontinuity : nil)
        }
    }

    private var boundary: Nanoseconds
    private var zones: [Zone] = []

    /// A meter whose first window begins at `start` (CLOCK_BOOTTIME): the time of the first sample,
    /// or that window is unknown.
    package init(from start: Nanoseconds) { boundary = start }

    /// Takes a sample, in the order of time. Allocates only where zones were added.
    package mutating func add(_ sample: EnergySample) {
        while zones.count < sample.zones.count {
            zones.append(Zone(timeline: Timeline(from: boundary, unread: .firstReading)))
        }
        for index in sample.zones.indices { zones[index].add(sample.zones[index]) }
    }

    /// The energy of each zone from the last boundary to this one, in the order of the source.
    ///
    /// The value at the boundary is interpolated between the readings around it; where none
    /// follows it, the latest is taken and the rest belongs to the next window.
    package mutating func close(at end: Nanoseconds) -> [ZoneEnergy] {
        boundary = max(boundary, end)
        return zones.indices.map { index in
            switch zones[index].timeline.close(at: end) {
            case .measured(let energy): ZoneEnergy(Microjoules(energy), .measured)
            case .bridged(let energy): ZoneEnergy(Microjoules(energy), .bridged)
            case .unknown(let reason): ZoneEnergy(unknown: reason)
            }
        }
    }

    /// The host's energy: the sum of the counted zones.
    ///
    /// Unknown where a counted zone is unknown, with the reason of the first such zone, and
    /// `noSource` where no zone is counted. A zone that `energies` does not have yet is unread.
    package static func hostEnergy(
        _ energies: [ZoneEnergy], of zones: [ZoneDescription]
    ) -> Known<Microjoules, EnergyUnknown> {
        var sum: Microjoules?
        for (index, zone) in zones.enumerated() where zone.counted {
            guard index < energies.count else { return .unknown(.firstReading) }
            switch energies[index].energy {
            case .known(let energy): sum = (sum ?? .zero) + energy
            case .unknown(let reason): return .unknown(reason)
            }
        }
        return sum.map { .known($0) } ?? .unknown(.noSource)
    }
}
