// Hot path: `read` runs every second and allocates nothing once the zones are known.
package import KernelFiles
package import Metering

/// Which source gives the host's energy.
package enum PrimarySource: Sendable, Hashable {
    /// The wall meter where there is one, else RAPL, else the model where its watts are given.
    case automatic
    case always(EnergySourceKind)
}

/// Where a host's energy is read, as its administrator said it.
package struct EnergyOptions: Sendable, Hashable {
    /// The root that plays `/sys`.
    package var sysfs: String
    /// The root that plays `/proc`.
    package var procfs: String
    package var primary: PrimarySource
    /// The sensors that together measure the whole host; empty: an ACPI power meter, where there is
    /// exactly one.
    package var wallSensors: [String]
    /// The model's watts; `nil` where they are not given.
    package var model: ModelPower?
    /// Whether sensors that cannot measure the whole host are zones too, for a person to see.
    package var showsAllSensors: Bool

    package init(
        sysfs: String = "/sys", procfs: String = "/proc", primary: PrimarySource = .automatic,
        wallSensors: [String] = [], model: ModelPower? = nil, showsAllSensors: Bool = false
    ) {
        self.sysfs = sysfs
        self.procfs = procfs
        self.primary = primary
        self.wallSensors = wallSensors
        self.model = model
        self.showsAllSensors = showsAllSensors
    }
}

/// All that tells of a host's energy: one primary source, the others for comparison.
///
/// The primary is chosen when the zones are found. It changes once more only where there was none,
/// or the model alone, and counters appear: the scope of a run's records does not go to and fro.
package struct HostEnergySource: ~Copyable {
    private let options: EnergyOptions
    private var powercap: PowercapSource
    private var hwmon: HwmonSource
    private var model: ModelSource?
    private var readings: [EnergySample]
    /// Where each source's zones are among all.
    private var places: [[Int]] = [[], [], []]
    private var revisions = [-1, -1, -1]

    /// The zones of all sources in the order of every sample's. Grows; no zone leaves it.
    package private(set) var zones: [ZoneDescription] = []
    /// Where the zones are, and why they are counted or not; in the order of `zones`.
    package private(set) var explanations: [ZoneExplanation] = []
    /// The source whose counted zones are the host's energy.
    package private(set) var primary: EnergySourceKind = .none

    /// Looks for the sources.
    ///
    /// - Parameter baselines: where another run of the agent in this boot left the counters.
    package init(_ options: EnergyOptions, resuming baselines: [ZoneBaseline] = []) {
        self.options = options
        powercap = PowercapSource(
            sysfs: options.sysfs, procfs: options.procfs, resuming: baselines)
        hwmon = HwmonSource(
            sysfs: options.sysfs, wallSensors: options.wallSensors,
            takesOthers: options.showsAllSensors)
        model = options.model.map(ModelSource.init)
        readings = (0..<3).map { _ in EnergySample(takenAt: .zero, zones: []) }
        arrange()
    }

    /// What part of the host the primary source covers.
    package var scope: EnergyScope { primary.scope }

    /// Folders of the powercap tree and sensors that are no zones.
    package var refused: [RefusedZone] { powercap.refused + hwmon.refused }

    /// Why there is no powercap tree, or `nil` where there is one.
    package var treeFailure: ReadFailure? { powercap.treeFailure }

    /// Where the counters stand: one element per zone of `zones`, `nil` for a zone without counter.
    package var baselines: [ZoneBaseline?] {
        var all = [ZoneBaseline?](repeating: nil, count: zones.count)
        for (place, baseline) in zip(places[0], powercap.baselines) { all[place] = baseline }
        return all
    }

    /// What is known before the first reading: resumed counters alone.
    package func resumedSample(at now: Nanoseconds) -> EnergySample {
        var sample = EnergySample(takenAt: now, zones: zones.map { _ in ZoneSample() })
        var counters = EnergySample(takenAt: now, zones: [])
        powercap.copy(into: &counters, now)
        for (place, zone) in zip(places[0], counters.zones) { sample.zones[place] = zone }
        return sample
    }

    /// Reads every zone of every source once, back to back, into `sample`.
    ///
    /// - Parameter load: the host's CPU time as of now, for the model.
    package mutating func read(
        into sample: inout EnergySample, at now: ClockReading,
        load: Known<HostLoad, ProcessorUnknown>
    ) {
        powercap.read(into: &readings[0], at: now)
        hwmon.read(into: &readings[1], at: now)
        model?.load = load
        model?.read(into: &readings[2], at: now)
        if powercap.zonesRevision != revisions[0] || hwmon.zonesRevision != revisions[1] {
            arrange()
        }
        sample.takenAt = now.boottime
        if sample.zones.count > zones.count {
            sample.zones.removeLast(sample.zones.count - zones.count)
        }
        while sample.zones.count < zones.count { sample.zones.append(ZoneSample()) }
        for source in places.indices {
            for index in places[source].indices {
                sample.zones[places[source][index]] = readings[source].zones[index]
            }
        }
    }

    private mutating func arrange() {
        arrange(0, powercap.explanations, powercap.zonesRevision)
        arrange(1, hwmon.explanations, hwmon.zonesRevision)
        if let model { arrange(2, model.explanations, model.zonesRevision) }
        choosePrimary()
    }

    private mutating func arrange(_ source: Int, _ found: [ZoneExplanation], _ revision: Int) {
        for (index, explanation) in found.enumerated() {
            if index < places[source].count {
                let place = places[source][index]
                zones[place] = explanation.zone
                explanations[place] = explanation
            } else {
                places[source].append(zones.count)
                zones.append(explanation.zone)
                explanations.append(explanation)
            }
        }
        revisions[source] = revision
    }

    private mutating func choosePrimary() {
        switch options.primary {
        case .always(let kind): primary = kind
        case .automatic:
            guard primary == .none || primary == .model else { return }
            let counted = Set(zones.filter(\.counted).map(\.source))
            primary = [.wall, .rapl, .model].first(where: counted.contains) ?? .none
        }
    }
}
