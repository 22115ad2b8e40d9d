import CAllocationCounter
import CLinux
import Glibc
import Metering
import Testing

@testable import EnergySources

@Suite("The sensors of hwmon are read") struct HwmonSourceTests {
    private var sample = EnergySample(takenAt: .zero, zones: [])

    @Test(
        "a power meter's mean becomes energy, wherever its driver puts the files",
        arguments: [false, true])
    mutating func meter(isOld: Bool) {
        let tree = HwmonTree()
        tree.addMeter(isOld: isOld, watts: 200)
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        source.read(into: &sample, at: clock(seconds: 10))
        #expect(sample.zones.map(\.accumulated) == [.zero])
        tree.set(0, watts: 350)
        source.read(into: &sample, at: clock(seconds: 11))
        #expect(sample.takenAt == .seconds(11))
        #expect(sample.zones.map(\.accumulated) == [Microjoules(350_000_000)])
        #expect(sample.zones.map(\.failure) == [nil])
        #expect(sample.zones.map(\.estimated) == [nil])
    }

    @Test("an instantaneous power is integrated as a trapezoid and estimated")
    mutating func instantaneous() {
        let tree = HwmonTree()
        tree.add(0, "pmbus", ["power1_input": "100000000"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["pmbus/power1"])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.set(0, "power1_input", "300000000")
        source.read(into: &sample, at: clock(seconds: 2))
        #expect(sample.zones.map(\.accumulated) == [Microjoules(200_000_000)])
        #expect(sample.zones.map(\.estimated) == [.sampled])
    }

    @Test("an energy counter's differences are taken, over hours too")
    mutating func counter() {
        let tree = HwmonTree()
        tree.add(0, "ibmaem", ["energy1_input": "18446744000000000000"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["ibmaem/energy1"])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.set(0, "energy1_input", "18446744000300000000")
        source.read(into: &sample, at: clock(seconds: 2))
        #expect(sample.zones.map(\.accumulated) == [Microjoules(300_000_000)])
        tree.set(0, "energy1_input", "18446744001300000000")
        source.read(into: &sample, at: clock(seconds: 7202))
        #expect(sample.zones.map(\.accumulated) == [Microjoules(1_300_000_000)])
        #expect(sample.zones.map(\.losses) == [0])
        #expect(sample.zones.map(\.estimated) == [nil])
    }

    @Test(
        "an energy counter that falls or leaps is lost, and counting goes on",
        arguments: ["5", "900000000000000"])
    mutating func discontinuity(value: String) {
        let tree = HwmonTree()
        tree.add(0, "ibmaem", ["energy1_input": "500000000000"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["ibmaem/energy1"])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.set(0, "energy1_input", value)
        source.read(into: &sample, at: clock(seconds: 2))
        #expect(sample.zones.map(\.failure) == [.discontinuity])
        source.read(into: &sample, at: clock(seconds: 3))
        #expect(sample.zones.map(\.failure) == [nil])
        #expect(sample.zones.map(\.lost) == [.discontinuity])
        #expect(sample.zones.map(\.accumulated) == [.zero])
    }

    @Test(
        "a text that is no power is a reason, and the next good one bridges",
        arguments: [
            "", "\n", "abc\n", "-1\n", "18446744073709551616", "18446744073709551615", "1 2\n",
            "12x\n", "0x10", " ", "１", "0\n", "100000000001\n", "4294967295000000\n",
        ])
    mutating func hostileText(text: String) { expectMalformed(text) }

    @Test("a text of a megabyte is no power", arguments: ["1", "\n"])
    mutating func longText(of character: String) {
        expectMalformed(String(repeating: character, count: 1 << 20))
    }

    private mutating func expectMalformed(_ text: String) {
        let tree = HwmonTree()
        tree.addMeter(watts: 200)
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.setText(0, "power1_average", text)
        source.read(into: &sample, at: clock(seconds: 2))
        #expect(sample.zones.map(\.failure) == [.malformed])
        #expect(sample.zones.map(\.readAt) == [.seconds(1)])
        tree.set(0, watts: 100)
        source.read(into: &sample, at: clock(seconds: 3))
        #expect(sample.zones.map(\.accumulated) == [Microjoules(200_000_000)])
        #expect(sample.zones.map(\.bridged) == [.malformed])
    }

    @Test("0 W is a power of a part of the host, and of one of several supplies")
    mutating func zeroWatts() {
        let tree = HwmonTree()
        tree.add(0, "nvme", device: "nvme0", ["power1_input": "0"])
        tree.add(1, "pmbus", device: "3-0058", ["power1_input": "0"])
        tree.add(2, "pmbus", device: "3-0059", ["power1_input": "300000000"])
        let names = ["pmbus@3-0058/power1", "pmbus@3-0059/power1"]
        var source = HwmonSource(sysfs: tree.root, wallSensors: names)
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(sample.zones.map(\.failure) == [nil, nil, nil])
    }

    @Test("a folder, a FIFO and a device in place of the value neither hang nor crash")
    mutating func hostileFiles() {
        let tree = HwmonTree()
        for number in 0..<3 { tree.add(number, "chip\(number)", [:]) }
        mkdir(tree.path(0, "power1_average"), 0o755)
        mkfifo(tree.path(1, "power1_average"), 0o644)
        symlink("/dev/null", tree.path(2, "power1_average"))
        for number in 0..<3 { mkfifo(tree.path(number, "power1_average_interval"), 0o644) }
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(sample.zones.map(\.failure) == [.readFailed, .readFailed, .readFailed])
    }

    @Test("a sensor that vanishes keeps its place and is found again under another number")
    mutating func renumbered() {
        let tree = HwmonTree()
        tree.addMeter(3, watts: 200, interval: "60000")
        tree.add(4, "nvme", device: "nvme0", ["power1_input": "5000000"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        #expect(source.explanations.map(\.zone.parent) == ["power_meter", "nvme"])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.remove(3)
        tree.remove(4)
        // Files of sysfs fail with ENODEV as soon as the device is gone; these only with a new look.
        source.read(into: &sample, at: clock(seconds: 62))
        #expect(sample.zones.map(\.failure) == [.missing, .missing])
        tree.addMeter(5, watts: 100, interval: "60000")
        tree.add(6, "nvme", device: "nvme0", ["power1_input": "5000000"])
        source.read(into: &sample, at: clock(seconds: 64))
        #expect(sample.zones.map(\.failure) == [nil, nil])
        #expect(sample.zones.map(\.accumulated) == [Microjoules(6_300_000_000), .zero])
        #expect(sample.zones.map(\.bridged) == [.missing, nil])
        #expect(sample.zones.map(\.lost) == [nil, .gapTooLong])
        #expect(
            source.explanations.map(\.folder).allSatisfy { $0.hasSuffix("5") || $0.hasSuffix("6") })
    }

    @Test("while a counted sensor fails the tree is looked at every ten seconds")
    mutating func failingScans() {
        let tree = HwmonTree()
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["power_meter/power1"])
        source.read(into: &sample, at: clock(seconds: 1))
        tree.addMeter()
        for second in 2...10 { source.read(into: &sample, at: clock(seconds: UInt64(second))) }
        #expect(sample.zones.map(\.failure) == [.missing])
        source.read(into: &sample, at: clock(seconds: 11))
        #expect(sample.zones.map(\.failure) == [nil])
    }

    @Test("another averaging interval is noticed within a minute") mutating func interval() {
        let tree = HwmonTree()
        tree.addMeter(interval: "1000")
        var source = HwmonSource(sysfs: tree.root, wallSensors: [])
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(sample.zones.map(\.estimated) == [nil])
        tree.set(0, "power1_average_interval", "unknown")
        source.read(into: &sample, at: clock(seconds: 61))
        #expect(sample.zones.map(\.estimated) == [.sampled])
    }

    @Test(
        "a sensor without a right to read says so and recovers when it is granted",
        .enabled(if: geteuid() == 0, "only root can give up a right here"))
    mutating func permission() {
        let tree = HwmonTree()
        tree.addMeter()
        chmod(tree.root, 0o755)
        chmod(tree.path(0, "power1_average"), 0o400)
        // The file system's identity belongs to this thread alone.
        setfsuid(65_534)
        defer { setfsuid(0) }
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["power_meter/power1"])
        source.read(into: &sample, at: clock(seconds: 1))
        #expect(sample.zones.map(\.failure) == [.permissionDenied])
        setfsuid(0)
        chmod(tree.path(0, "power1_average"), 0o444)
        setfsuid(65_534)
        source.read(into: &sample, at: clock(seconds: 11))
        #expect(sample.zones.map(\.failure) == [nil])
    }

    @Test("a named sensor that is missing makes the host's energy unknown, until it is there")
    mutating func unknownHost() {
        let tree = HwmonTree()
        tree.add(0, "pmbus", device: "3-0058", ["power1_input": "100000000"])
        var source = HwmonSource(
            sysfs: tree.root, wallSensors: ["pmbus/power1", "power_meter/power1"])
        var meter = EnergyMeter(from: .seconds(0))
        var hosts: [Known<Microjoules, EnergyReason>] = []
        for second in 0...30 as ClosedRange<UInt64> {
            if second == 5 { tree.addMeter(1, watts: 200) }
            source.read(into: &sample, at: clock(seconds: second))
            meter.add(sample)
            guard second > 0, second % 10 == 0 else { continue }
            let window = meter.close(
                at: .seconds(second), zones: source.explanations.map(\.zone), primary: .wall)
            hosts.append(window.host)
        }
        #expect(hosts[0] == .unknown(.missing) || hosts[0] == .unknown(.firstReading))
        #expect(hosts[2] == .known(Microjoules(3_000_000_000)))
    }

    @Test("a reading after warm-up allocates nothing, with failing sensors too")
    mutating func allocations() {
        let tree = HwmonTree()
        tree.addMeter(0)
        tree.add(1, "pmbus", device: "3-0058", ["power1_input": "5", "energy1_input": "7"])
        tree.add(2, "nvme", device: "nvme0", ["power1_input": "abc"])
        var source = HwmonSource(sysfs: tree.root, wallSensors: ["power_meter/power1", "a/power9"])
        for second in 1...2 { source.read(into: &sample, at: clock(seconds: UInt64(second))) }
        allocation_count_reset()
        for second in 3...9 { source.read(into: &sample, at: clock(seconds: UInt64(second))) }
        let count = allocation_count()
        #expect(count == 0)
        #expect(sample.zones.map(\.failure) == [nil, nil, nil, .malformed, .missing])
        allocation_count_reset()
        let proof = [UInt8](repeating: 1, count: Int(getpid()))
        #expect(allocation_count() > 0 && proof.count > 0, "the counter counts")
    }
}
