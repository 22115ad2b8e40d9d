package import EnergySources
package import Metering
import Processes

/// What a while of reading the counters gave: the first thing to look at on a new host.
package struct EnergyReading: Sendable {
    /// One zone of the tree.
    package struct Zone: Sendable {
        package let path: String
        package let description: ZoneDescription
        package let energy: ZoneEnergy
        /// Why the zone is added or not.
        package let role: String
    }

    /// Whether the root is another than `/sys`.
    package let isSimulated: Bool
    /// CLOCK_BOOTTIME of the first reading and of the last.
    package let started: Nanoseconds
    package let ended: Nanoseconds
    package let zones: [Zone]
    /// The sum of the primary source's zones that are added.
    package let host: Known<Microjoules, EnergyReason>
    /// Folders that are no zones with energy, and why.
    package let leftAlone: [(path: String, reason: String)]
    /// Where the host's energy is not known: which zone's is not, why, and what a person can do.
    package let shortfall: String?

    package let source: EnergySourceKind
    /// What part of the host the energy covers.
    package let scope: EnergyScope
    /// The other sources that tell of the host's energy, and theirs: for comparison.
    package let others: [(source: EnergySourceKind, energy: Known<Microjoules, EnergyReason>)]

    /// Between the first reading and the last.
    package var seconds: Double { ended.subtractingClamped(started).seconds }
}

/// Reads the counters under `options` for `length`, once a second.
///
/// - Parameter progress: called before each wait with the whole seconds left.
package func readEnergy(
    _ options: EnergyOptions, for length: Nanoseconds, progress: (UInt64) -> Void = { _ in }
) throws -> EnergyReading {
    let waker = try Waker()
    var source = HostEnergySource(options)
    var processor = ProcessorMeter(
        procfs: options.procfs, services: [], from: ClockReading.now().boottime)
    let start = ClockReading.now()
    var meter = EnergyMeter(from: start.boottime)
    var sample = EnergySample(takenAt: start.boottime, zones: [])
    func read(at now: ClockReading) {
        processor.read(now: now.boottime, awake: now.monotonic)
        source.read(into: &sample, at: now, load: processor.load)
        meter.add(sample)
    }
    read(at: start)
    let end = start.boottime + length
    var now = start
    while now.boottime < end {
        let left = end.subtractingClamped(now.boottime).rawValue
        progress(left / 1_000_000_000)
        waker.wait(milliseconds: Int32(clamping: min(left, 1_000_000_000) / 1_000_000 + 1))
        now = ClockReading.now()
        read(at: now)
    }
    let energies = meter.close(at: now.boottime, zones: source.zones, primary: source.primary)
    return EnergyReading(options, source, energies, from: start.boottime, to: now.boottime)
}

extension EnergyReading {
    fileprivate init(
        _ options: EnergyOptions, _ source: borrowing HostEnergySource,
        _ energies: WindowEnergies, from started: Nanoseconds, to ended: Nanoseconds
    ) {
        isSimulated = options.sysfs != "/sys" || options.procfs != "/proc"
        self.started = started
        self.ended = ended
        zones = zip(source.explanations, energies.zones).map { explanation, energy in
            // Nothing follows this reading: what was deferred is lost.
            let final: ZoneEnergy =
                if case .deferred(let reason) = energy { .lost(reason) } else { energy }
            return Zone(
                path: explanation.folder, description: explanation.zone, energy: final,
                role: explanation.role)
        }
        host = energies.host
        leftAlone = source.refused.map { ($0.folder, $0.refusal) }
        self.source = source.primary
        scope = source.scope
        shortfall = energies.host.reason.map { reason in
            let zone = zip(source.explanations, energies.zones).first { explanation, energy in
                explanation.zone.counted && explanation.zone.source == source.primary
                    && energy.reason == reason && energy.energy.value == nil
            }
            return reason.account(of: zone?.0, sysfs: options.sysfs)
        }
        let descriptions = source.zones
        others = [EnergySourceKind.wall, .rapl, .model].compactMap { kind in
            let counted = zip(descriptions, energies.zones).filter {
                $0.0.counted && $0.0.source == kind
            }
            guard kind != source.primary, !counted.isEmpty else { return nil }
            if let reason = counted.lazy.compactMap(\.1.energy.reason).first {
                return (kind, .unknown(reason))
            }
            return (kind, .known(counted.reduce(.zero) { $0 + ($1.1.energy.value ?? .zero) }))
        }
    }
}
