import Glibc
import Metering
import Testing

@testable import EnergySources

@Suite("Zones are found by name and counted once") struct ZoneTests {
    private func roles(_ tree: PowercapTree, procfs: String? = nil) -> [String: ZoneRole] {
        let source = PowercapSource(sysfs: tree.root, procfs: procfs)
        return Dictionary(
            source.explanations.compactMap { explanation in
                let zone = explanation.zone
                #expect(zone.counted == explanation.powercapRole?.isCounted)
                return explanation.powercapRole.map { ("\(zone.control) \(zone.label)", $0) }
            }, uniquingKeysWith: { first, _ in first })
    }

    @Test(
        "names are taken apart",
        arguments: [
            ("package-0", ZoneKind.package), ("package-15", .package),
            ("package-0-die-1", .package),
            ("dram", .dram), ("core", .core), ("uncore", .uncore), ("psys", .psys),
            ("psys-1", .psys), ("package-", .opaque), ("package-x", .opaque), ("package", .opaque),
            ("package--1", .opaque), ("package-+1", .opaque), ("package-1-die-", .opaque),
            ("package-1-die-2-x", .opaque), ("Package-0", .opaque), ("", .opaque), ("-", .opaque),
            ("package-99999999999999999999", .opaque), ("soc", .opaque),
        ])
    func names(name: String, kind: ZoneKind) { #expect(ZoneName(name).kind == kind) }

    @Test("a server with psys at index 1 and hex ids") func server() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:0:0", "dram")
        tree.add("intel-rapl:1", "psys")
        tree.add("intel-rapl:a", "package-1")
        tree.add("intel-rapl:a:0", "dram")
        tree.add("intel-rapl:b", "psys-1")
        tree.add("intel-rapl:c", "novel")
        #expect(
            roles(tree) == [
                "intel-rapl package-0": .package, "intel-rapl package-0/dram": .dram,
                "intel-rapl package-1": .package, "intel-rapl package-1/dram": .dram,
                "intel-rapl psys": .platform, "intel-rapl psys-1": .platform,
                "intel-rapl novel": .unknownName,
            ])
    }

    @Test("a client with core, uncore, psys and the mmio twin") func client() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:0:0", "core")
        tree.add("intel-rapl:0:1", "uncore")
        tree.add("intel-rapl:1", "psys")
        tree.add("intel-rapl-mmio:0", "package-0")
        #expect(
            roles(tree) == [
                "intel-rapl package-0": .package, "intel-rapl package-0/core": .insidePackage,
                "intel-rapl package-0/uncore": .insidePackage, "intel-rapl psys": .platform,
                "intel-rapl-mmio package-0": .twin,
            ])
    }

    @Test("mmio alone is counted") func mmioAlone() {
        let tree = PowercapTree()
        tree.add("intel-rapl-mmio:0", "package-0")
        tree.add("intel-rapl-mmio:0:0", "dram")
        #expect(
            roles(tree) == [
                "intel-rapl-mmio package-0": .package, "intel-rapl-mmio package-0/dram": .dram,
            ])
    }

    @Test(
        "mirrored dies count once on AMD and Hygon, each on Intel",
        arguments: [("AuthenticAMD", true), ("HygonGenuine", true), ("GenuineIntel", false)])
    func dies(vendor: String, mirror: Bool) {
        let tree = PowercapTree()
        tree.folder("/proc")
        tree.write(
            tree.root + "/proc/cpuinfo", "processor\t: 0\nvendor_id\t: \(vendor)\nmodel\t: 1\n")
        for (index, name) in ["0-die-0", "0-die-1", "1-die-2", "1-die-3"].enumerated() {
            tree.add("intel-rapl:\(index)", "package-" + name)
        }
        let roles = roles(tree, procfs: tree.root + "/proc")
        #expect(roles["intel-rapl package-0-die-0"] == .package)
        #expect(roles["intel-rapl package-1-die-2"] == .package)
        #expect(roles["intel-rapl package-0-die-1"] == (mirror ? .mirroredDie : .package))
        #expect(roles["intel-rapl package-1-die-3"] == (mirror ? .mirroredDie : .package))
    }

    @Test(
        "the vendor of the tree itself goes before this host's",
        arguments: [
            ("cpu:type:x86,ven0002fam0017mod0001:feature:,0000,0001", true),
            ("cpu:type:x86,ven0009fam0018mod0000:feature:", true),
            ("cpu:type:x86,ven0000fam0006mod0055:feature:", false),
        ])
    func vendorOfTree(modalias: String, mirror: Bool) {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0-die-0")
        tree.add("intel-rapl:1", "package-0-die-1")
        tree.folder("/devices/system/cpu")
        tree.write(tree.root + "/devices/system/cpu/modalias", modalias + "\n")
        tree.folder("/proc")
        tree.write(
            tree.root + "/proc/cpuinfo",
            "vendor_id\t: \(mirror ? "GenuineIntel" : "AuthenticAMD")\n")
        let roles = roles(tree, procfs: tree.root + "/proc")
        #expect(roles["intel-rapl package-0-die-1"] == (mirror ? .mirroredDie : .package))
    }

    @Test("zones without an energy counter are left alone, others of their kind are not added")
    func otherControls() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        tree.add("dtpm:0", "soc", energy: nil, range: nil)
        tree.add("arm-scmi:0", "package-1")
        let source = PowercapSource(sysfs: tree.root)
        #expect(source.refused.map(\.refusal) == [ZoneRefusal.noEnergyCounter.description])
        #expect(source.explanations.map(\.powercapRole) == [.package, .otherControl])
    }

    @Test("a package without a counter is counted and fails: the host is never silently less")
    func packageWithoutCounter() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:1", "package-1", energy: nil)
        var source = PowercapSource(sysfs: tree.root)
        var sample = EnergySample(takenAt: .zero, zones: [])
        source.read(into: &sample, now: .seconds(1))
        #expect(source.zones.map(\.counted) == [true, true])
        #expect(sample.zones.map(\.failure) == [nil, .missing])
    }

    @Test("without class links the tree of devices is looked at, and no loop is followed")
    func devicesOnly() {
        let tree = PowercapTree(flatLinks: false)
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:0:0", "dram")
        #expect(
            roles(tree) == [
                "intel-rapl package-0": .package, "intel-rapl package-0/dram": .dram,
            ])
    }

    @Test("two zones of one name are told apart and added once") func duplicates() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:1", "package-0")
        let source = PowercapSource(sysfs: tree.root)
        #expect(source.explanations.map(\.powercapRole) == [.package, .duplicate])
    }

    @Test(
        "a zone whose name is hostile may be a package: it is counted, unread, and never shown raw",
        arguments: ["", "\u{1B}[31m", String(repeating: "x", count: 65)])
    func hostileNames(name: String) {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", name)
        tree.add("intel-rapl:0:0", "dram")
        tree.add("intel-rapl:1", "package-1")
        let source = PowercapSource(sysfs: tree.root)
        #expect(source.zones.map(\.name) == ["package-1", "intel-rapl:0"])
        #expect(source.zones.map(\.parent) == ["", ""])
        #expect(source.zones.map(\.counted) == [true, true])
        let refusals: [ZoneRefusal] = [.nameMalformed, .parentUnidentified]
        #expect(source.refused.map(\.refusal) == refusals.map(\.description))
    }

    @Test("control characters in a folder's name reach nobody")
    func hostileFolders() {
        let tree = PowercapTree()
        tree.add("intel-rapl:0", "package-0")
        tree.add("intel-rapl:\u{1B}[2J", "package-1")
        tree.add("dtpm:\u{9B}2J", "soc", energy: nil, range: nil)
        let source = PowercapSource(sysfs: tree.root)
        #expect(source.zones.map(\.name) == ["package-0", "intel-rapl:\\x1b[2J"])
        #expect(source.zones.map(\.counted) == [true, true])
        let shown = source.refused.map(\.folder) + source.explanations.map(\.folder)
        #expect(source.refused.count == 2)
        #expect(shown.joined().utf8.allSatisfy { (0x20...0x7E).contains($0) })
    }

    @Test("a dangling link is gone, and a name that is a FIFO is not known") func brokenLinks() {
        let tree = PowercapTree()
        symlink("/nonexistent", tree.root + "/class/powercap/intel-rapl:0")
        tree.add("intel-rapl:1", "package-0")
        unlink(tree.path("intel-rapl:1") + "/name")
        mkfifo(tree.path("intel-rapl:1") + "/name", 0o644)
        let source = PowercapSource(sysfs: tree.root)
        let refusals: [ZoneRefusal] = [.gone, .nameUnreadable(.notRegular)]
        #expect(source.refused.map(\.refusal) == refusals.map(\.description))
        #expect(source.zones.map(\.name) == ["intel-rapl:1"])
    }

    @Test("more zones than are taken leave the host's energy unknown, whatever others are there")
    func tooManyZones() {
        let tree = PowercapTree()
        for index in 0..<200 { tree.add("a:\(String(index + 0x1000, radix: 16))", "x\(index)") }
        for index in 0..<2 { tree.add("intel-rapl:\(index)", "package-\(index)") }
        let few = PowercapSource(sysfs: tree.root)
        #expect(few.zones.filter(\.counted).map(\.name) == ["package-0", "package-1"])
        for index in 2..<250 {
            tree.add("intel-rapl:\(String(index, radix: 16))", "package-\(index)")
        }
        let many = PowercapSource(sysfs: tree.root)
        #expect(many.zones.count == PowercapSource.zoneLimit)
        #expect(many.zones.last?.name.hasPrefix("intel-rapl:") == true)
        #expect(many.zones.last?.counted == true)
    }

    @Test("no tree is no zone, with the reason") func noTree() {
        let source = PowercapSource(sysfs: "/nonexistent")
        #expect(source.zones.isEmpty)
        #expect(source.treeFailure == .missing)
    }
}
