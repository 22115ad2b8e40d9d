// Hot path: `read` runs every second and allocates nothing once the sensors are known.
internal import KernelFiles
package import Metering

/// The power and energy sensors of hwmon.
///
/// One zone per channel: `power1` and `energy1` of a chip are two. Those that together measure the
/// whole host are counted: the ones that the administrator named, else the only ACPI power meter.
/// All others, of a CPU, a GPU, a disk, a battery or a power supply, are shown and never added.
///
/// Zones are known by chip, device and channel, and keep their place when they vanish, reappear or
/// are renumbered. The tree is looked at again every minute, soon after a sensor vanished, and
/// every ten seconds while a counted one fails.
///
/// What a power shows is what the sensor's firmware made of it: see `PowerIntegrator` on its lag.
/// acpi_power_meter asks the firmware at most once per sampling time, which sysfs does not tell, and
/// where the firmware fails goes on showing the value before; that cannot be told from a steady
/// power.
///
/// Source: Linux drivers/hwmon/acpi_power_meter.c, `update_meter` and `show_power`.
package struct HwmonSource: EnergySource, ~Copyable, Sendable {
    private struct Entry: Sendable {
        /// As found last; `nil` where it never was.
        var found: FoundSensor?
        /// `nil` while the sensor is not in the tree.
        var file: FileTable.Handle?
        /// `nil` where the sensor was never found.
        var meter: SensorMeter?

        var sample: ZoneSample { meter?.sample ?? ZoneSample(failure: .missing) }
    }

    /// Sensors that are taken at most, those that vanished included; named ones are always taken,
    /// ACPI power meters first. The rest is refused.
    package static let zoneLimit = 64
    /// How often the tree is looked at, and how often while a counted sensor cannot be read.
    static let scanInterval = Nanoseconds.seconds(60)
    static let failingScanInterval = Nanoseconds.seconds(10)
    /// The least time between two looks, whatever vanishes.
    static let leastScanInterval = Nanoseconds.seconds(1)
    /// A value has at most 20 digits.
    private static let textLimit = 64

    private let sysfs: String
    private let takesOthers: Bool
    private var wallSensors: WallSensors
    private var files = FileTable(limit: textLimit)
    private var entries: [Entry] = []
    /// One per entry.
    private var candidates: [WallCandidate] = []
    private(set) var roles: [SensorRole] = []
    /// Whether a single sensor measures the whole host.
    private var oneIsCounted = false
    private var scannedAt: Nanoseconds?
    private var failing = false
    private var vanishedAnew = false

    /// Grows; no zone leaves it.
    package private(set) var explanations: [ZoneExplanation] = []
    package private(set) var zonesRevision = 0
    /// Chips and sensors that are no zones of this source.
    package private(set) var refused: [RefusedZone] = []

    /// Looks for sensors under `sysfs`.
    ///
    /// - Parameters:
    ///   - sysfs: the root that plays `/sys`.
    ///   - wallSensors: the sensors that together measure the whole host, as `chip/sensor` or
    ///     `chip@device/sensor`; empty: an ACPI power meter, where there is exactly one. One that
    ///     is not found is a zone that fails.
    ///   - takesOthers: whether sensors that cannot measure the whole host are zones too, for a
    ///     person to see. Reading them costs time, above all where they lie behind a slow bus.
    package init(sysfs: String, wallSensors: [String], takesOthers: Bool = true) {
        self.sysfs = sysfs
        self.takesOthers = takesOthers
        self.wallSensors = WallSensors(wallSensors)
        scan()
    }

    /// Reads every sensor once, back to back, into `sample`.
    ///
    /// Allocates where zones were added since the last call and when the tree is looked at again.
    package mutating func read(into sample: inout EnergySample, at clock: ClockReading) {
        let now = clock.boottime
        if isScanDue(now) {
            scan()
            scannedAt = now
        }
        if scannedAt == nil { scannedAt = now }
        failing = false
        for index in entries.indices {
            let before = entries[index].sample.failure
            read(index, clock)
            guard let failure = entries[index].sample.failure else { continue }
            if roles[index].isCounted { failing = true }
            if failure == .missing && before != .missing { vanishedAnew = true }
        }
        copy(into: &sample, now)
    }

    private mutating func read(_ index: Int, _ now: ClockReading) {
        guard let file = entries[index].file else { return fail(index, .missing) }
        do {
            let count = try files.read(file)
            var text = ByteScanner(files.buffer, count: count)
            guard let value = text.number(), text.restIsBlank else {
                return fail(index, .malformed)
            }
            let wholeHost = oneIsCounted && roles[index].isCounted
            entries[index].meter?.note(value, at: now, wholeHost: wholeHost)
        } catch {
            fail(index, EnergyReason(error))
        }
    }

    private mutating func fail(_ index: Int, _ reason: EnergyReason) {
        entries[index].meter?.fail(reason)
    }

    private func copy(into sample: inout EnergySample, _ now: Nanoseconds) {
        sample.takenAt = now
        if sample.zones.count > entries.count {
            sample.zones.removeLast(sample.zones.count - entries.count)
        }
        while sample.zones.count < entries.count { sample.zones.append(ZoneSample()) }
        for index in entries.indices { sample.zones[index] = entries[index].sample }
    }

    private func isScanDue(_ now: Nanoseconds) -> Bool {
        guard let scannedAt else { return false }
        if now < scannedAt { return true }
        let age = now.subtractingClamped(scannedAt)
        if vanishedAnew { return age >= Self.leastScanInterval }
        return age >= (failing ? Self.failingScanInterval : Self.scanInterval)
    }

    private mutating func scan() {
        vanishedAnew = false
        let found = HwmonDiscovery(sysfs: sysfs)
        refused = found.refused
        adopt(found.sensors)
        for index in entries.indices {
            guard let key = candidates[index].key else { continue }
            update(index, found.sensors.first { $0.key == key })
        }
        let known = Set(candidates.compactMap(\.key))
        for sensor in inOrder(found.sensors) where !known.contains(sensor.key) {
            if takesOthers || sensor.isPowerMeter || wallSensors.include(sensor.key) { add(sensor) }
        }
        wallSensors.resolve(&candidates)
        while entries.count < candidates.count { entries.append(Entry()) }
        roles = wallSensors.roles(of: candidates)
        oneIsCounted = roles.count(where: \.isCounted) == 1
        describe()
    }

    /// Lets each zone that stands for a name be the one sensor that the name fits.
    private mutating func adopt(_ sensors: [FoundSensor]) {
        for index in candidates.indices {
            guard case .name(let name) = candidates[index].identity else { continue }
            let fitting = sensors.filter { name.fits($0.key) }
            guard fitting.count == 1, !candidates.contains(where: { $0.key == fitting[0].key })
            else { continue }
            candidates[index].identity = .sensor(fitting[0].key)
        }
    }

    /// Named sensors, then ACPI power meters, then the rest, each in the order of the tree.
    private func inOrder(_ sensors: [FoundSensor]) -> [FoundSensor] {
        let named = sensors.filter { wallSensors.include($0.key) }
        let others = sensors.filter { !wallSensors.include($0.key) }
        return named + others.filter(\.isPowerMeter) + others.filter { !$0.isPowerMeter }
    }

    private mutating func add(_ sensor: FoundSensor) {
        guard entries.count < Self.zoneLimit || wallSensors.include(sensor.key) else {
            let refusal = "left alone: more than \(Self.zoneLimit) sensors"
            refused.append(RefusedZone(folder: sensor.file, refusal: refusal))
            return
        }
        entries.append(Entry())
        candidates.append(WallCandidate(identity: .sensor(sensor.key)))
        update(entries.count - 1, sensor)
    }

    /// Takes what the tree says of a zone, and opens its file again where it moved or could not be
    /// read.
    private mutating func update(_ index: Int, _ sensor: FoundSensor?) {
        candidates[index].isPresent = sensor != nil
        let moved = sensor?.file != entries[index].found?.file
        if let file = entries[index].file, moved || entries[index].sample.failure != nil {
            files.remove(file)
            entries[index].file = nil
        }
        guard let sensor else { return }
        entries[index].found = sensor
        if sensor.isBattery { candidates[index].isBattery = true }
        candidates[index].isPowerMeter = sensor.isPowerMeter && !candidates[index].isBattery
        if entries[index].meter == nil { entries[index].meter = SensorMeter(sensor.quantity) }
        entries[index].meter?.update(sensor.quantity)
        if entries[index].file == nil { entries[index].file = files.add(sensor.file) }
        if sensor.isPowerMeter, !candidates[index].hasShownPower {
            let power = number(in: sensor.file) ?? 0
            candidates[index].hasShownPower = (1...SensorMeter.maximumMicrowatts).contains(power)
        }
    }

    private mutating func describe() {
        let described = entries.indices.map { index in
            let isCounted = roles[index].isCounted
            let zone = ZoneDescription(
                control: "hwmon", name: name(index).sensor, parent: name(index).chip,
                kind: isCounted ? .wall : .opaque, counted: isCounted, source: .wall)
            let found = entries[index].found
            let label = found?.label.map { "; its label is \"\($0)\"" } ?? ""
            return ZoneExplanation(
                zone: zone, folder: found?.folder ?? "", role: roles[index].description + label)
        }
        if described != explanations {
            explanations = described
            zonesRevision += 1
        }
    }

    /// A zone's chip, with its device where several chips have that name, and its channel.
    private func name(_ index: Int) -> (chip: String, sensor: String) {
        switch candidates[index].identity {
        case .name(let name): return (name.chip, name.sensor)
        case .sensor(let key):
            let isShared = candidates.contains { other in
                guard let other = other.key else { return false }
                return other.chip == key.chip && other.device != key.device
            }
            let device = isShared && !key.device.isEmpty ? "@" + key.device : ""
            return (key.chip + device, key.sensor)
        }
    }
}
