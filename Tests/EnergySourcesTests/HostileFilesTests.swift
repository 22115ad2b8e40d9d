import Glibc
import Metering
import Testing

@testable import EnergySources

@Suite("Hostile files in place of a source's neither crash nor hang it") struct HostileFilesTests {
    private var sample = EnergySample(takenAt: .zero, zones: [])

    /// A tree with a sound package beside the one whose files are hostile.
    private func powercap() -> PowercapTree {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 1000)
        tree.add("intel-rapl:1", "package-1", energy: 1000)
        return tree
    }

    @Test("energy_uj: a reason, and the baseline is kept", arguments: HostileFile.all)
    mutating func energy(hostile: HostileFile) {
        let tree = powercap()
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        let path = tree.path("intel-rapl:0") + "/energy_uj"
        // A descriptor that was opened before sees an end; the tree is looked at ten seconds later.
        tree.removeFile(path)
        hostile.plant(at: path)
        tree.set("intel-rapl:1", 3000)
        source.read(into: &sample, now: .seconds(2))
        #expect(sample.zones[0].failure == .malformed)
        source.read(into: &sample, now: .seconds(12))
        source.read(into: &sample, now: .seconds(13))
        #expect(sample.zones[1].failure == nil)
        #expect(sample.zones[1].accumulated == Microjoules(2000))
        #expect(sample.zones[0].accumulated == .zero)
        switch hostile {
        // A counter that has just wrapped shows it; this one restarted.
        case _ where hostile.isNumber("0"): #expect(sample.zones[0].lost == .discontinuity)
        case .text: #expect(sample.zones[0].failure == .malformed)
        case .dangling: #expect(sample.zones[0].failure == .missing)
        default: #expect(sample.zones[0].failure == .readFailed)
        }
        if hostile == .folder { rmdir(path) } else if !hostile.isText { unlink(path) }
        tree.set("intel-rapl:0", 1500)
        for second in [24, 25, 26] as [UInt64] {
            source.read(into: &sample, now: .seconds(second))
        }
        #expect(sample.zones[0].failure == nil)
        #expect(sample.zones[0].accumulated == Microjoules(hostile.isNumber("0") ? 1500 : 500))
    }

    @Test(
        "a counter of 0 is a value: before a wrap's difference and after", arguments: ["0", "0\n"])
    mutating func zero(text: String) {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 262_143_328_850)
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        tree.setText("intel-rapl:0", text)
        source.read(into: &sample, now: .seconds(2))
        #expect(
            sample.zones == [
                ZoneSample(accumulated: Microjoules(61), readAt: .seconds(2), failure: nil)
            ])
        tree.set("intel-rapl:0", 9)
        source.read(into: &sample, now: .seconds(3))
        #expect(sample.zones.map(\.accumulated) == [Microjoules(70)])
    }

    @Test(
        "name: the zone is one of an unknown name, or counted and unread: it may be a package",
        arguments: HostileFile.all)
    mutating func name(hostile: HostileFile) {
        let tree = powercap()
        hostile.plant(at: tree.path("intel-rapl:0") + "/name")
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        let isName = hostile.isOneLine
        let counted = source.zones.filter(\.counted).map(\.name)
        #expect(counted == (isName ? ["package-1"] : ["package-1", "intel-rapl:0"]))
        #expect(source.refused.count == (isName ? 0 : 1))
        #expect(source.zones.count == 2)
        let unread = zip(source.zones, sample.zones).filter { $1.failure != nil }
        #expect(unread.map(\.0.name) == (isName ? [] : ["intel-rapl:0"]))
    }

    @Test(
        "max_energy_range_uj: the range is unknown, and no wrap is guessed",
        arguments: HostileFile.all)
    mutating func range(hostile: HostileFile) {
        let tree = powercap()
        hostile.plant(at: tree.path("intel-rapl:0") + "/max_energy_range_uj")
        var source = PowercapSource(sysfs: tree.root)
        for (second, energy) in [(1, 5000), (2, 7000), (3, 10), (4, 30)] as [(UInt64, UInt64)] {
            tree.set("intel-rapl:0", energy)
            source.read(into: &sample, now: .seconds(second))
        }
        #expect(sample.zones[0].lost == .rangeUnknown)
        #expect(sample.zones[0].accumulated == Microjoules(2020))
    }

    @Test("constraint files: the power limit is the default", arguments: HostileFile.all)
    mutating func constraint(hostile: HostileFile) {
        let tree = powercap()
        for index in 0..<3 {
            hostile.plant(at: tree.path("intel-rapl:0") + "/constraint_\(index)_max_power_uw")
        }
        var source = PowercapSource(sysfs: tree.root)
        for (second, energy) in [(1, 0), (2, 1_099_000_000), (3, 2_200_000_000)]
            as [(UInt64, UInt64)]
        {
            tree.set("intel-rapl:0", energy)
            source.read(into: &sample, now: .seconds(second))
        }
        #expect(sample.zones[0].failure == .discontinuity)
        #expect(sample.zones[0].accumulated == Microjoules(1_099_000_000))
    }

    @Test(
        "modalias and cpuinfo: the vendor is unknown, and every die counts",
        arguments: HostileFile.all)
    func vendor(hostile: HostileFile) {
        let tree = PowercapTree()
        tree.folder("/devices/system/cpu")
        hostile.plant(at: tree.root + "/devices/system/cpu/modalias")
        hostile.plant(at: tree.root + "/cpuinfo")
        for die in 0..<2 { tree.add("intel-rapl:\(die)", "package-0-die-\(die)") }
        let source = PowercapSource(sysfs: tree.root, procfs: tree.root)
        #expect(source.zones.map(\.counted) == [true, true])
    }

    // MARK: hwmon

    @Test("power1_average of the host's meter: a reason, also for 0", arguments: HostileFile.all)
    mutating func power(hostile: HostileFile) {
        let tree = HwmonTree()
        tree.addMeter(watts: 200)
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.setText(0, "power1_average", "")
        hostile.plant(at: tree.path(0, "power1_average"))
        for second in [2, 12, 13] as [UInt64] {
            source.read(into: &sample, at: clock(seconds: second))
        }
        #expect(source.zones.map(\.counted) == [true])
        #expect(sample.zones[0].failure != nil)
        #expect(sample.zones[0].accumulated == .zero)
        if hostile == .folder { rmdir(tree.path(0, "power1_average")) }
    }

    @Test(
        "the other files of a chip: the meter is refused or read",
        arguments: HostileFile.all,
        ["name", "power1_average_interval", "power1_is_battery", "power1_label"])
    mutating func chip(hostile: HostileFile, file: String) {
        let tree = HwmonTree()
        tree.addMeter(watts: 200)
        tree.set(0, "power1_label", "input")
        hostile.plant(at: tree.path(0, file))
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        for second in 1...3 as ClosedRange<UInt64> {
            source.read(into: &sample, at: clock(seconds: second))
        }
        if file == "name" {
            #expect(source.zones.count { $0.counted } == 0)
            #expect(source.zones.count + source.refused.count >= (hostile.isPresent ? 1 : 0))
        } else {
            #expect(sample.zones.map(\.failure) == [nil])
            #expect(sample.zones.map(\.accumulated) == [Microjoules(400_000_000)])
        }
        if hostile == .folder { rmdir(tree.path(0, file)) }
    }

    // MARK: Files that change, and many of them

    @Test(
        "a file that is replaced after it was opened is read as it was, until the tree is looked at"
    )
    mutating func replaced() {
        let tree = powercap()
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        let path = tree.path("intel-rapl:0") + "/energy_uj"
        for hostile in [HostileFile.fifo, .endless, .text("abc")] {
            let next = tree.root + "/next"
            hostile.plant(at: next)
            rename(next, path)
            source.read(into: &sample, now: .seconds(2))
            #expect(sample.zones.map(\.failure) == [nil, nil])
        }
    }

    @Test(
        "a folder with 100,000 entries takes bounded time",
        arguments: ["intel-rapl:", "hwmon"])
    mutating func manyEntries(prefix: String) {
        let tree = powercap()
        let folder = tree.root + (prefix == "hwmon" ? "/class/hwmon" : "/class/powercap")
        tree.folder(prefix == "hwmon" ? "/class/hwmon" : "/class/powercap")
        for number in 0..<100_000 { symlink("/nonexistent", folder + "/\(prefix)\(number)") }
        let begin = processorSeconds()
        var source = HostEnergySource(EnergyOptions(sysfs: tree.root, procfs: tree.root))
        source.read(
            into: &sample, at: clock(seconds: 1), load: .unknown(.firstReading))
        #expect(processorSeconds() - begin < 1)
        #expect(source.zones.count <= PowercapSource.zoneLimit)
    }

    @Test("a chip with 100,000 channels takes bounded time") mutating func manyChannels() {
        let tree = HwmonTree()
        tree.add(0, "pmbus", [:])
        let folder = tree.path(0, "")
        for number in 0..<100_000 { symlink("/nonexistent", folder + "power\(number)_input") }
        let begin = processorSeconds()
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(processorSeconds() - begin < 1)
        #expect(source.zones.count == HwmonSource.zoneLimit)
        for number in 0..<100_000 { unlink(folder + "power\(number)_input") }
    }
}

extension HostileFile {
    /// Whether a name can be read from it: a short line of printable characters.
    fileprivate var isOneLine: Bool {
        guard case .text(let text) = self else { return false }
        return ["0", "abc", "-1", "18446744073709551616"].contains(text.filter { $0 != "\n" })
    }

    fileprivate var isText: Bool {
        if case .text = self { true } else { false }
    }

    fileprivate var isPresent: Bool { self != .loop && self != .dangling }
}
