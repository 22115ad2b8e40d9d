import EnergySources
package import Metering

/// What a while of reading the counters gave: the first thing to look at on a new host.
package struct EnergyReading: Sendable {
    /// One zone of the tree.
    package struct Zone: Sendable {
        package let path: String
        package let description: ZoneDescription
        package let energy: ZoneEnergy
        /// Why the zone is added or not.
        package let role: String
        /// Why its energy is not known; `nil` where it is.
        package let failure: String?
    }

    /// Whether the root is another than `/sys`.
    package let isSimulated: Bool
    package let seconds: Double
    package let zones: [Zone]
    /// The sum of the zones that are added.
    package let host: Known<Microjoules, EnergyUnknown>
    /// Folders that are no zones with energy, and why.
    package let leftAlone: [(path: String, reason: String)]
    /// What a person can do about the first counter that cannot be read.
    package let remedy: String?

    /// RAPL where a zone is added, else none.
    package var source: EnergySourceKind {
        zones.contains { $0.description.counted } ? .rapl : .none
    }
    /// What part of the host the energy covers.
    package var scope: EnergyScope { source == .none ? .none : .processorAndMemory }
}

/// Reads the counters under `sysfs` for `length`, once a second.
///
/// - Parameter progress: called before each wait with the whole seconds left.
package func readEnergy(
    sysfs: String, procfs: String = "/proc", for length: Nanoseconds,
    progress: (UInt64) -> Void = { _ in }
) throws -> EnergyReading {
    let waker = try Waker()
    var source = PowercapSource(sysfs: sysfs, procfs: procfs)
    let start = ClockReading.now().boottime
    var meter = EnergyMeter(from: start)
    var sample = EnergySample(takenAt: start, zones: [])
    source.read(into: &sample, now: start)
    meter.add(sample)
    let end = start + length
    var now = start
    while now < end {
        let left = end.subtractingClamped(now).rawValue
        progress(left / 1_000_000_000)
        waker.wait(milliseconds: Int32(clamping: min(left, 1_000_000_000) / 1_000_000 + 1))
        now = ClockReading.now().boottime
        source.read(into: &sample, now: now)
        meter.add(sample)
    }
    let energies = meter.close(at: now)
    let zones = zip(source.explanations, energies).map { explanation, energy in
        EnergyReading.Zone(
            path: explanation.folder, description: explanation.zone, energy: energy,
            role: explanation.role.description, failure: energy.energy.reason?.sentence)
    }
    let failure = zones.first { $0.description.counted && $0.failure != nil }
    return EnergyReading(
        isSimulated: sysfs != "/sys" || procfs != "/proc",
        seconds: now.subtractingClamped(start).seconds, zones: zones,
        host: EnergyMeter.hostEnergy(energies, of: source.zones),
        leftAlone: source.refused.map { ($0.folder, $0.refusal.description) },
        remedy: failure?.energy.energy.reason?.remedy(sysfs: sysfs))
}
