package import Metering

/// What is simulated, and what happens to it.
package struct SimulationPlan: Sendable {
    package var machine: Machine
    package var power: PowerModel
    /// About how long after the start every register wraps. `nil`: the last package's after 12 s
    /// idle, sooner under load, and no other's soon.
    package var wrapAfter: Nanoseconds?
    package var failure: FailureWindow?
    /// The wall meter's averaging interval, within `WallMeter.intervals`.
    package var wallInterval: Nanoseconds
    /// Where programs tell whose the CPU time is.
    package var ledgers: [CPULedger]

    package init(
        machine: Machine, power: PowerModel, wrapAfter: Nanoseconds? = nil,
        failure: FailureWindow? = nil, wallInterval: Nanoseconds = .seconds(1),
        ledgers: [CPULedger] = []
    ) {
        self.machine = machine
        self.power = power
        self.wrapAfter = wrapAfter
        self.failure = failure
        self.wallInterval = wallInterval
        self.ledgers = ledgers
    }
}

/// A machine whose registers advance with time and with this machine's real CPU time.
package final class Simulation {
    private let plan: SimulationPlan
    private let tree: SimulatedTree
    private var time: HostBusyTime?
    private let start: Nanoseconds
    private var reached: (at: Nanoseconds, busy: Nanoseconds)
    private var longestTick = Nanoseconds.zero
    /// In the order of the machine's registers.
    package private(set) var counters: [SimulatedCounter]
    private var meter: WallMeter
    private var history: EnergyHistory
    private var split: EnergySplit

    /// How long the last package takes to its wrap with the host idle, where nothing else is
    /// planned.
    package static let idleTimeToWrap = Nanoseconds.seconds(12)
    /// The longest step that is taken at once: a longer sleep is made up for in several.
    private static let longestStep = Nanoseconds.milliseconds(100)

    /// Makes the tree below `root` and takes the first reading of `stat`.
    package init(
        root: String, plan: SimulationPlan, stat: String = "/proc/stat",
        at now: Nanoseconds = LabClock.boot
    ) throws {
        self.plan = plan
        split = EnergySplit(plan.ledgers)
        time = plan.power.followsLoad ? try HostBusyTime(path: stat, at: now) : nil
        tree = try SimulatedTree(
            root: root, machine: plan.machine, wallInterval: plan.wallInterval)
        start = now
        reached = (now, .zero)
        counters = plan.startingCounters()
        let moment = plan.energy(elapsed: .milliseconds(1), busy: .zero)
        meter = WallMeter(interval: plan.wallInterval, picojoulesPerMillisecond: moment.wall)
        history = EnergyHistory(accumulators: counters.count + 1)
        history.note(accumulated, at: now)
        try show()
    }

    /// Advances the registers to `now` (CLOCK_BOOTTIME) and shows them.
    package func tick(at now: Nanoseconds) throws {
        let busy = try time?.busy(at: now) ?? .zero
        let elapsed = now.subtractingClamped(reached.at)
        longestTick = max(longestTick, elapsed)
        let steps = elapsed.rawValue / Self.longestStep.rawValue + 1
        let worked = busy.subtractingClamped(reached.busy)
        for step in 0..<steps {
            advance(elapsed: elapsed.part(step, of: steps), busy: worked.part(step, of: steps))
        }
        split.take(picojoules: plan.dynamicEnergy(elapsed: elapsed, busy: worked), busy: worked)
        reached = (max(now, reached.at), busy)
        history.note(accumulated, at: reached.at)
        try show()
    }

    /// What was advanced so far.
    package var truth: Truth {
        let history = history.ended(accumulated, at: reached.at)
        let columns = history.energies.map { $0.map(\.rawValue) }
        let counted = Set(plan.machine.countedZones)
        let zones = zip(plan.machine.zones.indices, plan.machine.zones).map { index, zone in
            Truth.Zone(
                zone: zone.id, name: zone.name, parent: zone.parent,
                counted: counted.contains(index),
                advancedMicrojoules: counters[zone.register].advanced.rawValue,
                wraps: counters[zone.register].wraps,
                stepNanojoules: counters[zone.register].unit,
                historyMicrojoules: columns[zone.register])
        }
        let wall = Truth.Wall(
            sensor: "hwmon0/device/power1_average",
            intervalMilliseconds: plan.wallInterval.rawValue / 1_000_000,
            advancedMicrojoules: meter.total.rawValue,
            historyMicrojoules: columns[counters.count])
        return Truth(
            simulated: true, machine: plan.machine.name,
            seconds: reached.at.subtractingClamped(start).seconds,
            busySeconds: reached.busy.seconds,
            longestStepNanoseconds: longestTick.rawValue,
            historyNanoseconds: history.times.map(\.rawValue), zones: zones,
            wall: plan.machine.wallMeter ? wall : nil, split: split.truth)
    }

    private var accumulated: [Microjoules] { counters.map(\.advanced) + [meter.total] }

    private func advance(elapsed: Nanoseconds, busy: Nanoseconds) {
        let energy = plan.energy(elapsed: elapsed, busy: busy)
        for (index, register) in plan.machine.registers.enumerated() {
            counters[index].advance(picojoules: energy[register.part])
        }
        meter.advance(picojoules: energy.wall, elapsed: elapsed)
    }

    private func show() throws(SimulationFailure) {
        let fails = plan.failure?.contains(reached.at.subtractingClamped(start)) ?? false
        for index in counters.indices {
            try tree.show(register: index, fails ? nil : counters[index].visible)
        }
        try tree.showWall(microwatts: fails ? nil : meter.microwatts)
    }
}

extension SimulationPlan {
    func energy(elapsed: Nanoseconds, busy: Nanoseconds) -> PartEnergy {
        power.energy(elapsed: elapsed, busy: busy, sockets: machine.sockets)
    }

    /// The energy of packages and memory beyond that of the idle host; none where it is steady.
    func dynamicEnergy(elapsed: Nanoseconds, busy: Nanoseconds) -> UInt64 {
        guard case .curve(let curve) = power.source else { return 0 }
        return curve.dynamicEnergy(elapsed: elapsed, busy: busy)
    }

    /// The registers as they stand at the start.
    func startingCounters() -> [SimulatedCounter] {
        let second = energy(elapsed: .seconds(1), busy: .zero)
        return machine.registers.map { register in
            let isLastPackage = register.part == .package(machine.sockets - 1)
            let time = wrapAfter ?? (isLastPackage ? Simulation.idleTimeToWrap : nil)
            let raw = time.map { time in
                let steps =
                    Double(second[register.part]) / Double(register.unit * 1000) * time.seconds
                // At least 1: the kernel registers no domain whose counter shows 0.
                return UInt32.max - UInt32(min(max(steps, 1), Double(UInt32.max - 1)))
            }
            // Far from a wrap, where none is planned.
            return SimulatedCounter(unit: register.unit, raw: raw ?? 1 << 28)
        }
    }
}

extension Nanoseconds {
    /// Part `index` of `count` nearly equal parts that sum to the whole.
    fileprivate func part(_ index: UInt64, of count: UInt64) -> Nanoseconds {
        Nanoseconds(rawValue / count + (index < rawValue % count ? 1 : 0))
    }
}
