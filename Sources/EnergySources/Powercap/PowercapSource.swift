package import KernelFiles
package import Metering

/// The energy counters of a powercap tree.
///
/// Zones are known by control type, name and parent's name, and keep their place in `zones` when
/// they vanish, reappear or are renumbered. The tree is looked at again every minute, and after a
/// reading that failed.
///
/// Source: Linux Documentation/power/powercap/powercap.rst.
package struct PowercapSource: EnergySource, ~Copyable, Sendable {
    private struct Entry: Sendable {
        let key: ZoneKey
        var folder: String
        /// `nil` while the zone is not in the tree.
        var file: FileTable.Handle?
        var counter: EnergyCounter
        /// What is known of a folder that may be a package or dram and cannot be identified.
        var unidentified: UnidentifiedZone?
        /// The entry stands, or stood, for such a folder: it is never read.
        var isPlaceholder = false

        /// Reads what bounds the counter, in the zone's folder. A range that cannot be read keeps
        /// its value.
        mutating func readLimits() {
            counter.range = number("max_energy_range_uj", in: folder) ?? counter.range
            counter.maximumPower = mostPower(of: key, in: folder)
        }
    }

    /// Zones that are taken at most, those that vanished included: with those of hwmon and a model
    /// as many as a record holds, 256. The largest hosts have some dozens; the rest is refused.
    package static let zoneLimit = 255 - HwmonSource.zoneLimit
    /// How often the tree is looked at, and how often while a zone cannot be read.
    static let scanInterval = Nanoseconds.seconds(60)
    static let failingScanInterval = Nanoseconds.seconds(10)
    /// The least time between two looks, whatever fails.
    static let leastScanInterval = Nanoseconds.seconds(1)
    /// An energy has at most 20 digits; simulators pad with line feeds.
    private static let textLimit = 64

    private let sysfs: String
    private let diesMirror: Bool
    private var files = FileTable(limit: textLimit)
    private var entries: [Entry] = []
    private var scannedAt: Nanoseconds?
    private var failing = false
    private var failedAnew = false

    /// Grows; no zone leaves it.
    package private(set) var explanations: [ZoneExplanation] = []
    package private(set) var zonesRevision = 0
    /// Folders of the tree that are no zones of this source.
    package private(set) var refused: [RefusedZone] = []
    /// Why there is no powercap tree, or `nil` where there is one.
    package private(set) var treeFailure: ReadFailure?

    /// Looks for zones under `sysfs`.
    ///
    /// - Parameters:
    ///   - sysfs: the root that plays `/sys`.
    ///   - procfs: the root that plays `/proc`, whose `cpuinfo` tells the processor's vendor where
    ///     sysfs does not. Dies of AMD and Hygon mirror their package's counter. Without the
    ///     vendor every die is counted.
    ///   - baselines: where another run of the agent in this boot left the counters.
    package init(sysfs: String, procfs: String? = nil, resuming baselines: [ZoneBaseline] = []) {
        self.sysfs = sysfs
        diesMirror = processorMirrorsDies(sysfs: sysfs, procfs: procfs)
        scan()
        for baseline in baselines { resume(baseline) }
        describe()
    }

    /// A zone that is not in the tree becomes one that fails: the host's energy is unknown until it
    /// is back, never silently less.
    private mutating func resume(_ baseline: ZoneBaseline) {
        let key = ZoneKey(
            control: baseline.control, name: baseline.name, parent: baseline.parent,
            ordinal: baseline.ordinal)
        let index = entries.firstIndex { $0.key == key } ?? entries.count
        if index == entries.count {
            guard entries.count < Self.zoneLimit else { return }
            entries.append(Entry(key: key, folder: "", counter: EnergyCounter(range: nil)))
        }
        entries[index].counter.resume(
            from: EnergyCounter.Reading(
                value: baseline.value, time: baseline.readAt, awake: baseline.awakeAt),
            beyond: baseline.beyond)
    }

    /// Where the counters stand: one element per zone, `nil` where it was never read. `beyond` is 0.
    package var baselines: [ZoneBaseline?] {
        entries.map { entry in
            entry.counter.baseline.map {
                ZoneBaseline(
                    control: entry.key.control, name: entry.key.name, parent: entry.key.parent,
                    ordinal: entry.key.ordinal, value: $0.value, readAt: $0.time,
                    awakeAt: $0.awake, beyond: 0)
            }
        }
    }

    /// Reads every zone once, back to back, into `sample`.
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
            if entries[index].isPlaceholder {
                entries[index].counter.fail(entries[index].unidentified?.reason ?? .missing)
                failing = failing || entries[index].unidentified != nil
                continue
            }
            let before = entries[index].counter.sample.failure
            let readable = before == nil || before == .firstReading || before == .agentStopped
            read(index, clock)
            guard let failure = entries[index].counter.sample.failure else { continue }
            failing = true
            if readable && failure != .malformed && failure != .discontinuity { failedAnew = true }
        }
        copy(into: &sample, now)
    }

    private mutating func read(_ index: Int, _ now: ClockReading) {
        guard let file = entries[index].file else { return entries[index].counter.fail(.missing) }
        do {
            let count = try files.read(file)
            var text = ByteScanner(files.buffer, count: count)
            guard let value = text.number(), text.restIsBlank else {
                return entries[index].counter.fail(.malformed)
            }
            entries[index].counter.note(value, at: now)
        } catch {
            entries[index].counter.fail(EnergyReason(error))
        }
    }

    /// The state of the counters as of the latest reading.
    package func copy(into sample: inout EnergySample, _ now: Nanoseconds) {
        sample.takenAt = now
        if sample.zones.count > entries.count {
            sample.zones.removeLast(sample.zones.count - entries.count)
        }
        while sample.zones.count < entries.count { sample.zones.append(ZoneSample()) }
        for index in entries.indices { sample.zones[index] = entries[index].counter.sample }
    }

    private func isScanDue(_ now: Nanoseconds) -> Bool {
        guard let scannedAt else { return false }
        if now < scannedAt { return true }
        let age = now.subtractingClamped(scannedAt)
        if failedAnew { return age >= Self.leastScanInterval }
        return age >= (failing ? Self.failingScanInterval : Self.scanInterval)
    }

    private mutating func scan() {
        failedAnew = false
        var found = Discovery(sysfs: sysfs)
        found.keepOrdinals(of: entries.map { FoundZone(key: $0.key, folder: $0.folder) })
        treeFailure = found.failure
        refused = found.refused
        for index in entries.indices where !entries[index].isPlaceholder {
            let zone = found.zones.first { $0.key == entries[index].key }
            update(index, folder: zone?.folder)
        }
        for zone in found.zones where entries.count < Self.zoneLimit {
            guard !entries.contains(where: { $0.key == zone.key && !$0.isPlaceholder }) else {
                continue
            }
            var entry = Entry(
                key: zone.key, folder: zone.folder, counter: EnergyCounter(range: nil))
            entry.readLimits()
            entry.file = files.add(zone.folder + "/energy_uj")
            entries.append(entry)
        }
        notice(found.unidentified)
        describe()
    }

    /// Lets each folder that cannot be identified be a zone that fails, for as long as it cannot.
    private mutating func notice(_ unidentified: [UnidentifiedZone]) {
        for index in entries.indices where entries[index].isPlaceholder {
            entries[index].unidentified = unidentified.first { $0.id == entries[index].key.name }
        }
        for zone in unidentified where entries.count < Self.zoneLimit {
            let isKnown = entries.contains { $0.isPlaceholder && $0.key.name == zone.id }
            guard !isKnown else { continue }
            entries.append(
                Entry(
                    key: ZoneKey(control: primaryControl, name: zone.id, parent: "", ordinal: 0),
                    folder: zone.folder, counter: EnergyCounter(range: nil), unidentified: zone,
                    isPlaceholder: true))
        }
    }

    /// Opens a known zone's counter again where it moved or could not be read.
    private mutating func update(_ index: Int, folder: String?) {
        let moved = folder != entries[index].folder
        let broken = entries[index].counter.sample.failure != nil || entries[index].file == nil
        guard moved || broken else { return }
        if let file = entries[index].file { files.remove(file) }
        entries[index].file = nil
        guard let folder else { return }
        entries[index].folder = folder
        entries[index].file = files.add(folder + "/energy_uj")
        entries[index].readLimits()
    }

    private mutating func describe() {
        let roles = roles(of: entries.map(\.key), diesMirror: diesMirror)
        let described = zip(entries, roles).map { entry, roleByName in
            let role: ZoneRole
            if entry.isPlaceholder {
                role = entry.unidentified.map { .unidentified($0.refusal) } ?? .identified
            } else {
                role = roleByName
            }
            let zone = ZoneDescription(
                control: entry.key.control, name: entry.key.name, parent: entry.key.parent,
                kind: ZoneName(entry.key.name).kind, counted: role.isCounted)
            return ZoneExplanation(zone: zone, folder: entry.folder, role: role.description)
        }
        if described != explanations {
            explanations = described
            zonesRevision += 1
        }
    }
}

extension EnergyReason {
    /// The reason why a counter's file gave nothing.
    init(_ failure: ReadFailure) {
        switch failure {
        case .permissionDenied: self = .permissionDenied
        case .missing: self = .missing
        case .failed, .notRegular: self = .readFailed
        case .tooLong: self = .malformed
        }
    }
}

/// The number in a zone's file; `nil` where it cannot be read, is none or is 0.
private func number(_ file: String, in folder: String) -> UInt64? {
    number(in: folder + "/" + file).flatMap { $0 > 0 ? $0 : nil }
}

/// The most a zone is believed to draw, in microwatts.
///
/// `constraint_N_max_power_uw` only raises the default: firmware leaves it at 0 or at the rated
/// power, which short peaks exceed up to twice.
private func mostPower(of zone: ZoneKey, in folder: String) -> UInt64 {
    if ZoneName(zone.name).kind == .psys { return EnergyCounter.sanePlatformMicrowatts }
    let constraints = (0..<3).compactMap {
        number("constraint_\($0)_max_power_uw", in: folder)
    }
    let largest = min(constraints.max() ?? 0, EnergyCounter.sanePlatformMicrowatts / 2)
    return max(EnergyCounter.saneMicrowatts, largest * 2)
}

/// Whether the dies of a package show the package's one counter: those of AMD and Hygon do.
///
/// The vendor is read in the tree that the counters are in, so that another machine's tree is
/// taken for what it is; where the tree does not tell it, in `cpuinfo`.
///
/// Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_msrs_are_pkg_scope`: newer kernels
/// show these vendors' packages without dies. Vendors in modalias: arch/x86/include/asm/processor.h,
/// X86_VENDOR_AMD and X86_VENDOR_HYGON.
private func processorMirrorsDies(sysfs: String, procfs: String?) -> Bool {
    var files = FileTable(limit: 4096)
    let modalias = files.add(sysfs + "/devices/system/cpu/modalias")
    if let count = try? files.readPrefix(modalias) {
        var text = ByteScanner(files.buffer, count: count)
        if text.skip("cpu:type:x86,ven") { return text.skip("0002") || text.skip("0009") }
    }
    guard let procfs else { return false }
    let file = files.add(procfs + "/cpuinfo")
    guard let count = try? files.readPrefix(file) else { return false }
    var text = ByteScanner(files.buffer, count: count)
    while !text.isAtEnd {
        if text.skip("vendor_id") {
            text.skipBlanks()
            guard text.skip(":") else { return false }
            text.skipBlanks()
            return text.skip("AuthenticAMD") || text.skip("HygonGenuine")
        }
        text.skipLine()
    }
    return false
}
