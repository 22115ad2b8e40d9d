import CAllocationCounter
import CLinux
import Glibc
import Metering
import Testing

@testable import EnergySources

@Suite("A powercap tree is read") struct PowercapSourceTests {
    private var sample = EnergySample(takenAt: .zero, zones: [])

    @Test("every zone's difference goes into its accumulator") mutating func reads() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 262_143_000_000)
        tree.add("intel-rapl:0:0", "dram", energy: 5, range: 65_712_999_613)
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        #expect(sample.zones.map(\.accumulated) == [.zero, .zero])
        #expect(sample.zones.map(\.failure) == [nil, nil])
        tree.set("intel-rapl:0", 100_000_000)
        tree.setText("intel-rapl:0:0", "20000005\n\n\n\n\n")
        source.read(into: &sample, now: .seconds(2))
        #expect(sample.takenAt == .seconds(2))
        #expect(sample.zones.map(\.accumulated.rawValue) == [100_328_850 + 61, 20_000_000])
    }

    @Test(
        "a text that is no energy is a reason and keeps the baseline",
        arguments: [
            "", "\n", "abc\n", "-1\n", "18446744073709551616", "18446744073709551615", "1 2\n",
            "12x\n", "0x10", " ", "１",
        ])
    mutating func hostileText(text: String) { expectMalformed(text) }

    @Test("a text of a megabyte is no energy", arguments: ["1", "\n"])
    mutating func longText(of character: String) {
        expectMalformed(String(repeating: character, count: 1 << 20))
    }

    private mutating func expectMalformed(_ text: String) {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 1000)
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        tree.setText("intel-rapl:0", text)
        source.read(into: &sample, now: .seconds(2))
        #expect(sample.zones[0].failure == .malformed)
        #expect(sample.zones[0].readAt == .seconds(1))
        tree.setText("intel-rapl:0", "3000")
        source.read(into: &sample, now: .seconds(3))
        #expect(sample.zones[0].accumulated == Microjoules(2000))
        #expect(sample.zones[0].bridges == 1)
    }

    @Test("a folder, a FIFO and a socket link in place of the counter neither hang nor crash")
    mutating func hostileFiles() {
        let tree = PowercapTree()
        for index in 0..<3 { tree.add("intel-rapl:\(index)", "package-\(index)", energy: nil) }
        mkdir(tree.path("intel-rapl:0") + "/energy_uj", 0o755)
        mkfifo(tree.path("intel-rapl:1") + "/energy_uj", 0o644)
        symlink("/dev/null", tree.path("intel-rapl:2") + "/energy_uj")
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        #expect(sample.zones.map(\.failure) == [.readFailed, .readFailed, .readFailed])
    }

    @Test("a zone that vanishes keeps its place, and is bridged when it is back elsewhere")
    mutating func hotplug() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 1000)
        tree.add("intel-rapl:1", "package-1", energy: 5000)
        var source = PowercapSource(sysfs: tree.root)
        let zones = source.zones
        source.read(into: &sample, now: .seconds(1))
        tree.remove("intel-rapl:0")
        tree.remove("intel-rapl:1")
        source.read(into: &sample, now: .seconds(62))
        #expect(sample.zones.map(\.failure) == [.missing, .missing])
        // The ids are given anew; the names tell which is which.
        tree.add("intel-rapl:0", "package-1", energy: 5500)
        tree.add("intel-rapl:1", "package-0", energy: 1100)
        source.read(into: &sample, now: .seconds(73))
        #expect(sample.zones.map(\.failure) == [nil, nil])
        #expect(sample.zones.map(\.accumulated.rawValue) == [100, 500])
        #expect(sample.zones.map(\.bridges) == [1, 1])
        #expect(source.zones == zones)
    }

    @Test("a zone that is away when the agent starts again is unknown, not forgotten")
    mutating func awayAtRestart() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 1000)
        tree.add("intel-rapl:1", "package-1", energy: 262_143_328_000)
        var first = PowercapSource(sysfs: tree.root)
        first.read(into: &sample, now: .seconds(100))
        let baselines = first.baselines.compactMap { $0 }
        tree.remove("intel-rapl:1")
        var source = PowercapSource(sysfs: tree.root, resuming: baselines)
        #expect(source.zones.map(\.name) == ["package-0", "package-1"])
        #expect(source.zones.map(\.counted) == [true, true])
        source.read(into: &sample, now: .seconds(101))
        #expect(sample.zones.map(\.failure) == [nil, .missing])
        // It comes back under another number, and its wrap is known.
        tree.add("intel-rapl:7", "package-1", energy: 100)
        source.read(into: &sample, now: .seconds(112))
        #expect(sample.zones[1].failure == nil)
        #expect(sample.zones[1].accumulated == Microjoules(850 + 61 + 100))
        #expect(source.zones.count == 2)
    }

    @Test("of two zones of one name the one that stays is not taken for the other")
    mutating func duplicateVanishes() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 1000)
        tree.add("intel-rapl:1", "package-0", energy: 50_000)
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        tree.remove("intel-rapl:0")
        tree.set("intel-rapl:1", 50_100)
        source.read(into: &sample, now: .seconds(62))
        #expect(sample.zones.map(\.failure) == [.missing, nil])
        #expect(sample.zones.map(\.accumulated.rawValue) == [0, 100])
        tree.add("intel-rapl:0", "package-0", energy: 1500)
        source.read(into: &sample, now: .seconds(73))
        #expect(sample.zones.map(\.accumulated.rawValue) == [500, 100])
        #expect(source.zones.map(\.counted) == [true, false])
    }

    @Test("the tree is looked at again after the clock went back") mutating func clockBack() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(5000))
        tree.add("intel-rapl:1", "package-1")
        source.read(into: &sample, now: .seconds(10))
        #expect(sample.zones.count == 2)
    }

    @Test("a zone that appears is found within a minute and makes a new revision")
    mutating func appears() {
        let tree = PowercapTree()
        tree.add("intel-rapl-mmio:0", "package-0")
        var source = PowercapSource(sysfs: tree.root)
        #expect(source.zones.map(\.counted) == [true])
        source.read(into: &sample, now: .seconds(1))
        tree.add("intel-rapl:0", "package-0")
        source.read(into: &sample, now: .seconds(30))
        #expect(sample.zones.count == 1)
        source.read(into: &sample, now: .seconds(61))
        #expect(sample.zones.count == 2)
        #expect(source.zonesRevision == 2)
        #expect(source.zones.map(\.control) == ["intel-rapl-mmio", "intel-rapl"])
        #expect(source.zones.map(\.counted) == [false, true])
    }

    @Test("a package that cannot be identified fails, until its name can be read")
    mutating func unidentified() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 100)
        tree.add("intel-rapl:1", "package-1", energy: 100)
        tree.removeFile(tree.path("intel-rapl:1") + "/name")
        var source = PowercapSource(sysfs: tree.root)
        var meter = EnergyMeter(from: .seconds(1))
        func window(to end: UInt64) -> WindowEnergies {
            meter.close(at: .seconds(end), zones: source.zones, primary: .rapl)
        }
        source.read(into: &sample, now: .seconds(1))
        meter.add(sample)
        tree.set("intel-rapl:0", 150)
        source.read(into: &sample, now: .seconds(10))
        meter.add(sample)
        #expect(sample.zones.map(\.failure) == [nil, .missing])
        #expect(source.zones.map(\.name) == ["package-0", "intel-rapl:1"])
        #expect(window(to: 10).host == .unknown(.missing))
        tree.write(tree.path("intel-rapl:1") + "/name", "package-1\n")
        for second in 11...40 as ClosedRange<UInt64> {
            source.read(into: &sample, now: .seconds(second))
            meter.add(sample)
        }
        #expect(source.zones.map(\.name) == ["package-0", "intel-rapl:1", "package-1"])
        #expect(source.zones.map(\.counted) == [true, false, true])
        #expect(window(to: 30).host.value == nil)
        tree.set("intel-rapl:0", 160)
        tree.set("intel-rapl:1", 107)
        source.read(into: &sample, now: .seconds(50))
        meter.add(sample)
        #expect(window(to: 40).host == .known(.zero))
        #expect(window(to: 50).host == .known(Microjoules(17)))
    }

    @Test(
        "a zone without a right to read says so and recovers when it is granted",
        .enabled(if: geteuid() == 0, "only root can give up a right here"))
    mutating func permission() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0", energy: 1000)
        chmod(tree.root, 0o755)
        chmod(tree.path("intel-rapl:0") + "/energy_uj", 0o400)
        // The file system's identity belongs to this thread alone.
        setfsuid(65_534)
        defer { setfsuid(0) }
        var source = PowercapSource(sysfs: tree.root)
        source.read(into: &sample, now: .seconds(1))
        #expect(sample.zones[0].failure == .permissionDenied)
        setfsuid(0)
        chmod(tree.path("intel-rapl:0") + "/energy_uj", 0o444)
        setfsuid(65_534)
        source.read(into: &sample, now: .seconds(2))
        source.read(into: &sample, now: .seconds(3))
        #expect(sample.zones[0].failure == nil)
    }

    @Test("a reading after warm-up allocates nothing, with failing zones too")
    mutating func allocations() {
        let tree = PowercapTree()
        for index in 0..<4 { tree.add("intel-rapl:\(index)", "package-\(index)", energy: 1000) }
        tree.setText("intel-rapl:3", "abc")
        var source = PowercapSource(sysfs: tree.root)
        var meter = EnergyMeter(from: .seconds(1))
        for second in 1...2 {
            source.read(into: &sample, now: .seconds(UInt64(second)))
            meter.add(sample)
        }
        allocation_count_reset()
        for second in 3...9 {
            source.read(into: &sample, now: .seconds(UInt64(second)))
            meter.add(sample)
        }
        let count = allocation_count()
        #expect(count == 0)
        #expect(sample.zones.map(\.failure) == [nil, nil, nil, .malformed])
        allocation_count_reset()
        let proof = [UInt8](repeating: 1, count: Int(getpid()))
        #expect(allocation_count() > 0 && proof.count > 0, "the counter counts")
    }
}
