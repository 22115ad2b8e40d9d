import CAllocationCounter
import EnergySources
import Lab
import Metering
import Processes

/// Does what the agent's counter thread does in a tick, and adds up what it costs.
///
/// Left out are the waiting for the next second and the end of a window.
struct TickBench: ~Copyable {
    enum Part: CaseIterable { case energy, whole, rescan }

    /// What a number of ticks cost.
    struct Cost: Encodable {
        private(set) var ticks = 0
        private(set) var cpuMicroseconds = 0.0
        private(set) var allocations: UInt64 = 0

        enum CodingKeys: String, CodingKey {
            case ticks
            case cpuMicroseconds = "cpu_microseconds"
            case allocations
        }

        fileprivate mutating func add(_ ticks: Int, _ time: Nanoseconds, _ allocations: UInt64) {
            self.ticks += ticks
            cpuMicroseconds += time.seconds * 1e6
            self.allocations += allocations
        }
    }

    /// Sums over the ticks of each part.
    struct Costs: Encodable {
        var zones = 0
        var energy = Cost()
        var whole = Cost()
        /// Ticks of the kind `energy`, each with a look at the whole tree.
        var rescan = Cost()
    }

    /// Ticks from one window's end to the next, as with windows of 10 s.
    private static let window = 10

    private var source: HostEnergySource
    private var meter: EnergyMeter
    private var processor: ProcessorMeter
    private var sample: EnergySample
    private var now: ClockReading
    /// How far the clock that the parts are given is ahead of the system's.
    private var ahead = Nanoseconds.zero
    private(set) var costs = Costs()

    /// - Parameter sysfs: the root that plays `/sys`.
    init(sysfs: String) {
        let options = EnergyOptions(sysfs: sysfs)
        now = ClockReading(
            realtime: LabClock.wall, boottime: LabClock.boot, monotonic: LabClock.awake)
        source = HostEnergySource(options)
        meter = EnergyMeter(from: now.boottime)
        processor = ProcessorMeter(procfs: options.procfs, services: [], from: now.boottime)
        sample = EnergySample(takenAt: now.boottime, zones: [])
        costs.zones = source.zones.count
    }

    /// The zones whose energy is the host's.
    var countedZones: Int {
        let primary = source.primary
        return source.zones.count { $0.counted && $0.source == primary }
    }

    /// Whether the latest reading of every zone succeeded.
    var isReading: Bool { sample.zones.allSatisfy { $0.failure == nil } }

    /// Begins to add up anew.
    mutating func forgetCosts() {
        costs = Costs()
        costs.zones = source.zones.count
    }

    /// Ticks, in windows.
    mutating func run(_ part: Part, ticks: Int) {
        var left = ticks
        while left > 0 {
            let count = min(left, Self.window)
            runWindow(part, ticks: count)
            let end = now.boottime
            _ = meter.close(at: end, zones: source.zones, primary: source.primary)
            _ = processor.close(at: end)
            left -= count
        }
    }

    private mutating func runWindow(_ part: Part, ticks: Int) {
        allocation_count_reset()
        let before = LabClock.thread
        switch part {
        case .energy: for _ in 0..<ticks { readEnergy() }
        case .whole: for _ in 0..<ticks { readAll() }
        case .rescan: for _ in 0..<ticks { readAfterAMinute() }
        }
        let time = LabClock.thread.subtractingClamped(before)
        let allocations = allocation_count()
        switch part {
        case .energy: costs.energy.add(ticks, time, allocations)
        case .whole: costs.whole.add(ticks, time, allocations)
        case .rescan: costs.rescan.add(ticks, time, allocations)
        }
    }

    private mutating func readEnergy() {
        readClocks()
        source.read(into: &sample, at: now, load: processor.load)
        meter.add(sample)
    }

    private mutating func readAll() {
        readClocks()
        processor.read(now: now.boottime, awake: now.monotonic)
        source.read(into: &sample, at: now, load: processor.load)
        meter.add(sample)
    }

    private mutating func readAfterAMinute() {
        ahead = ahead + .seconds(61)
        readEnergy()
    }

    private mutating func readClocks() {
        now = ClockReading(
            realtime: LabClock.wall, boottime: LabClock.boot + ahead,
            monotonic: LabClock.awake + ahead)
    }
}
