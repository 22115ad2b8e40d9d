import Glibc
import Metering

/// A host with several packages whose counters lie in a powercap tree, through every fault that
/// the real ones have. Everything follows from the seed.
final class SimulatedHost {
    /// Zones that come and go together: a package and its dram.
    private static let groups: [[Int]] = [[0, 1], [2, 3], [4], [5]]

    let tree = PowercapTree()
    private(set) var zones: [SimulatedZone]
    private(set) var clock: ClockReading
    private(set) var presented: [Presented]
    /// When each zone's files were made anew, or broken, the latest time.
    private(set) var touchedAt: [Nanoseconds?]
    private(set) var faults: [SimulatedFault?]
    private var faultEnds: [Int]
    /// The number in `intel-rapl:N` of each group; `nil` while it is unplugged.
    private var slots: [Int?] = groups.indices.map { $0 }
    private var torn: Set<Int> = []
    private var step = 0
    var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(state: seed)
        let watt: UInt64 = 1_000_000
        var random = random
        zones = [
            SimulatedZone("package-0", unit: 61_035, limit: 1600 * watt, register: random.next()),
            SimulatedZone("dram", in: "package-0", unit: 15_300, register: random.next()),
            SimulatedZone("package-1", unit: 15_258, register: random.next()),
            SimulatedZone(
                "dram", in: "package-1", unit: 15_300, hasRange: false, register: random.next()),
            SimulatedZone(
                "psys", unit: 1_000_000_000, limit: 10_000 * watt, register: random.next()),
            SimulatedZone("package-2", unit: 61_035, register: random.next()),
        ]
        self.random = random
        presented = zones.map { _ in Presented() }
        touchedAt = zones.map { _ in nil }
        faults = zones.map { _ in nil }
        faultEnds = zones.map { _ in 0 }
        clock = ClockReading(
            realtime: Timestamp(1_800_000_000_000_000_000), boottime: .seconds(100_000),
            monotonic: .seconds(90_000))
        chmod(tree.root, 0o755)
        for group in slots.indices { plug(group, slot: group) }
        changePower()
    }

    // MARK: Time

    /// Time passes and energy is used; while `asleep` little, and CLOCK_MONOTONIC stands still.
    func run(_ nanoseconds: UInt64, asleep: UInt64? = nil) {
        // The clocks are not read at one instant.
        let jitter = random.next() % 2_000_000
        let still = asleep == nil ? nanoseconds : 0
        clock = ClockReading(
            realtime: clock.realtime + Nanoseconds(nanoseconds),
            boottime: clock.boottime + Nanoseconds(nanoseconds),
            monotonic: monotonic + Nanoseconds(still + jitter))
        monotonic = monotonic + Nanoseconds(still)
        for zone in zones.indices { zones[zone].run(nanoseconds, at: asleep) }
    }

    /// CLOCK_MONOTONIC without the jitter of reading it.
    private lazy var monotonic = clock.monotonic

    /// Every zone draws something else, now and then as much as it can.
    func changePower() {
        for zone in zones.indices {
            let limit = zones[zone].limit
            zones[zone].power = chance(10) ? limit : random.next() % (limit / (chance(3) ? 1 : 8))
        }
    }

    func chance(_ oneIn: UInt64) -> Bool { random.next() % oneIn == 0 }

    func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

    // MARK: Faults

    /// Whether the reader is another user than root.
    var isForeign: Bool { faults.contains(.forbidden) }

    func restart(_ zone: Int, at value: UInt64) { zones[zone].restart(at: value) }

    /// The next text of the zone is none that its register showed.
    func tear(_ zone: Int) { torn.insert(zone) }

    func breakFile(_ zone: Int, _ fault: SimulatedFault, steps: Int) {
        guard let id = id(zone), faults[zone] == nil else { return }
        faults[zone] = fault
        faultEnds[zone] = step + steps
        if case .text = fault { return }
        touch(zone)
        let path = tree.path(id) + "/energy_uj"
        tree.removeFile(path)
        switch fault {
        case .text, .missing: break
        case .folder: mkdir(path, 0o755)
        case .fifo: mkfifo(path, 0o644)
        case .loop: symlink("energy_uj", path)
        case .forbidden:
            tree.write(path, "\(zones[zone].shown)\n")
            chmod(path, 0o400)
        }
    }

    private func heal(_ zone: Int) {
        guard let fault = faults[zone], let id = id(zone) else { return }
        faults[zone] = nil
        if case .text = fault { return }
        touch(zone)
        let path = tree.path(id) + "/energy_uj"
        if fault == .folder { rmdir(path) } else { unlink(path) }
    }

    private func touch(_ zone: Int) { touchedAt[zone] = clock.boottime }

    // MARK: Hotplug

    /// A group's zones vanish.
    func unplug(_ group: Int) {
        guard let slot = slots[group] else { return }
        for zone in Self.groups[group] {
            heal(zone)
            touch(zone)
            id(zone).map { tree.removeFile(tree.path($0) + "/energy_uj") }
        }
        tree.remove("intel-rapl:\(slot)")
        if Self.groups[group].count > 1 { tree.removeLink("intel-rapl:\(slot):0") }
        slots[group] = nil
    }

    /// They come back under another number.
    func plugAll() {
        var free = Array(0..<8).filter { !slots.contains($0) }
        for group in slots.indices where slots[group] == nil {
            plug(group, slot: free.remove(at: pick(free.count)))
        }
    }

    var groupCount: Int { slots.count }
    func zonesOf(group: Int) -> [Int] { Self.groups[group] }
    func isPlugged(_ group: Int) -> Bool { slots[group] != nil }

    private func plug(_ group: Int, slot: Int) {
        slots[group] = slot
        for zone in Self.groups[group] {
            guard let id = id(zone) else { continue }
            touch(zone)
            tree.add(
                id, zones[zone].name, energy: zones[zone].shown,
                range: zones[zone].hasRange ? zones[zone].range : nil)
            if zone == 0 {
                tree.write(tree.path(id) + "/constraint_0_max_power_uw", "800000000\n")
            }
        }
    }

    private func id(_ zone: Int) -> String? {
        guard let group = Self.groups.firstIndex(where: { $0.contains(zone) }),
            let slot = slots[group]
        else { return nil }
        return "intel-rapl:\(slot)" + (zones[zone].parent.isEmpty ? "" : ":0")
    }

    // MARK: Reading

    /// Writes what every counter shows now.
    func show() {
        step += 1
        for zone in zones.indices {
            if faults[zone] != nil, step > faultEnds[zone] { heal(zone) }
            presented[zone] = present(zone)
        }
        torn = []
    }

    private func present(_ zone: Int) -> Presented {
        guard let id = id(zone) else { return Presented() }
        switch faults[zone] {
        case .text(let text):
            tree.setText(id, text)
            return Presented(value: SimulatedFault.number(in: text), isTorn: true)
        case .some: return Presented()
        case nil:
            let shown = zones[zone].shown
            guard torn.contains(zone) else {
                tree.show(id, shown)
                return Presented(value: shown)
            }
            let digits = Array("\(shown)".utf8)
            let cut = String(decoding: digits.prefix(1 + pick(digits.count)), as: UTF8.self)
            tree.setText(id, cut)
            return Presented(value: UInt64(cut), isTorn: cut.utf8.count < digits.count)
        }
    }
}
