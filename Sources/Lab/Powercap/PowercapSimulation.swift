package import Metering

/// What the simulated counters were advanced by: the truth to compare a reader with.
package struct PowercapTruth: Sendable, Codable {
    /// One zone's part.
    package struct Zone: Sendable, Codable {
        /// The zone's folder name, e.g. `intel-rapl:0:0`.
        package let zone: String
        package let name: String
        /// The parent zone's name, empty at the top.
        package let parent: String
        /// The sum of the differences visible in `energy_uj`, in microjoules, wraps corrected.
        package let advancedMicrojoules: UInt64
        package let wraps: UInt64

        enum CodingKeys: String, CodingKey {
            case zone, name, parent, wraps
            case advancedMicrojoules = "advanced_microjoules"
        }
    }

    /// Always true: no hardware was read.
    package let simulated: Bool
    package let seconds: Double
    /// CPU seconds this machine was busy in that time.
    package let busySeconds: Double
    package let zones: [Zone]

    enum CodingKeys: String, CodingKey {
        case simulated, seconds, zones
        case busySeconds = "busy_seconds"
    }
}

/// A 2-socket server whose counters advance with this machine's real CPU time.
package final class PowercapSimulation {
    package let tree: PowercapTree
    private let curve: PowerCurve
    private var time: HostBusyTime
    private let start: Nanoseconds
    private var reached: (at: Nanoseconds, busy: Nanoseconds)

    /// Nanojoules of a package's counter. Source: Intel SDM, MSR_RAPL_POWER_UNIT with ESU 14.
    package static let packageUnit: UInt64 = 61_035
    /// Nanojoules of a server's dram counter.
    ///
    /// Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_defaults_hsw_server`.
    package static let dramUnit: UInt64 = 15_300
    /// How long the second package takes to its wrap with the host idle; sooner under load.
    package static let idleTimeToWrap = Nanoseconds.seconds(12)
    private static let sockets = 2
    /// The longest step that is taken at once: a longer sleep is made up for in several.
    private static let longestStep = Nanoseconds.milliseconds(100)

    /// Makes the tree below `root` and takes the first reading of `stat`.
    package init(
        root: String, curve: PowerCurve, stat: String = "/proc/stat",
        at now: Nanoseconds = LabClock.boot
    ) throws {
        self.curve = curve
        time = try HostBusyTime(path: stat, at: now)
        tree = try PowercapTree(root: root, zones: Self.zones(curve))
        start = now
        reached = (now, .zero)
    }

    /// Advances the counters to `now` (CLOCK_BOOTTIME).
    package func tick(at now: Nanoseconds) throws {
        let busy = try time.busy(at: now)
        let elapsed = now.subtractingClamped(reached.at)
        let steps = elapsed.rawValue / Self.longestStep.rawValue + 1
        let worked = busy.subtractingClamped(reached.busy)
        for step in 0..<steps {
            try advance(
                elapsed: elapsed.part(step, of: steps), busy: worked.part(step, of: steps))
        }
        reached = (max(now, reached.at), busy)
    }

    /// What was advanced so far.
    package var truth: PowercapTruth {
        PowercapTruth(
            simulated: true, seconds: reached.at.subtractingClamped(start).seconds,
            busySeconds: reached.busy.seconds,
            zones: tree.zones.map {
                PowercapTruth.Zone(
                    zone: $0.id, name: $0.name, parent: $0.parent,
                    advancedMicrojoules: $0.counter.advanced.rawValue, wraps: $0.counter.wraps)
            })
    }

    private func advance(elapsed: Nanoseconds, busy: Nanoseconds) throws {
        let energy = curve.energy(elapsed: elapsed, busy: busy)
        for (socket, part) in curve.split(energy, sockets: Self.sockets).enumerated() {
            try tree.advance(zone: 2 * socket, picojoules: part.package)
            try tree.advance(zone: 2 * socket + 1, picojoules: part.dram)
        }
    }

    private static func zones(_ curve: PowerCurve) -> [SimulatedZone] {
        let idle = curve.energy(elapsed: idleTimeToWrap, busy: .zero)
        let wrapping = curve.split(idle, sockets: sockets)[1].package / (packageUnit * 1000)
        // Far from a wrap, and not 0: the kernel registers no domain whose counter shows 0.
        let quiet: UInt32 = 1 << 28
        let near = UInt32.max - UInt32(min(max(wrapping, 1000), UInt64(quiet)))
        return (0..<sockets).flatMap { socket in
            let folder = "intel-rapl/intel-rapl:\(socket)"
            let name = "package-\(socket)"
            return [
                SimulatedZone(
                    folder: folder, name: name, parent: "",
                    counter: SimulatedCounter(unit: packageUnit, raw: socket == 1 ? near : quiet)),
                SimulatedZone(
                    folder: "\(folder)/intel-rapl:\(socket):0", name: "dram", parent: name,
                    counter: SimulatedCounter(unit: dramUnit, raw: quiet)),
            ]
        }
    }
}

extension Nanoseconds {
    /// Part `index` of `count` nearly equal parts that sum to the whole.
    fileprivate func part(_ index: UInt64, of count: UInt64) -> Nanoseconds {
        Nanoseconds(rawValue / count + (index < rawValue % count ? 1 : 0))
    }
}
