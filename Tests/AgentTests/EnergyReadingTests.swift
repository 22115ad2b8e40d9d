import EnergySources
import Glibc
import Metering
import Testing

@testable import Agent

/// A powercap folder of its own, removed at its end.
private final class Tree {
    let root: String

    init(_ zones: [(folder: String, files: [(String, String)])]) throws {
        var name = Array("/tmp/jouleflow-energy-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&name))
        root = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for folder in ["/class", "/class/powercap"] { mkdir(root + folder, 0o755) }
        for zone in zones {
            let path = root + "/class/powercap/" + zone.folder
            mkdir(path, 0o755)
            for (file, text) in zone.files {
                let descriptor = open(path + "/" + file, O_WRONLY | O_CREAT, 0o644)
                #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
                close(descriptor)
            }
        }
    }

    deinit {
        let folder = root + "/class/powercap"
        for zone in ["intel-rapl:0", "intel-rapl:1"] {
            for file in ["name", "energy_uj", "max_energy_range_uj"] {
                unlink("\(folder)/\(zone)/\(file)")
            }
            rmdir("\(folder)/\(zone)")
        }
        for path in [folder, root + "/class", root] { rmdir(path) }
    }
}

@Suite("Reading the counters for a while")
struct EnergyReadingTests {
    private let package = (
        folder: "intel-rapl:0",
        files: [
            ("name", "package-0\n"), ("energy_uj", "5000\n"),
            ("max_energy_range_uj", "262143328850\n"),
        ]
    )

    @Test("counts packages, explains the rest and marks another root as simulated")
    func reading() throws {
        let platform = (
            folder: "intel-rapl:1",
            files: [
                ("name", "psys\n"), ("energy_uj", "7000\n"),
                ("max_energy_range_uj", "262143328850\n"),
            ]
        )
        let tree = try Tree([package, platform])
        let reading = try readEnergy(EnergyOptions(sysfs: tree.root), for: .milliseconds(20))
        #expect(reading.isSimulated)
        #expect(reading.source == .rapl && reading.scope == .processorAndMemory)
        // The counters stood still: that is an energy of zero, and known.
        #expect(reading.host == .known(.zero))
        #expect(reading.zones.map(\.description.counted) == [true, false])
        #expect(reading.shortfall == nil)
        #expect(reading.ended >= reading.started + .milliseconds(20))
    }

    @Test("of a counter that cannot be read is unknown, never zero")
    func unreadable() throws {
        var broken = package
        broken.files[1].1 = "abc"
        let tree = try Tree([broken])
        let reading = try readEnergy(EnergyOptions(sysfs: tree.root), for: .milliseconds(20))
        #expect(reading.host.value == nil)
        #expect(reading.zones.first?.energy == .lost(.malformed))
        let shortfall = try #require(reading.shortfall)
        #expect(shortfall.hasPrefix("package-0 (\(tree.root)/class/powercap/intel-rapl:0): "))
        #expect(shortfall.contains("cat \(tree.root)/class/powercap/intel-rapl:0/energy_uj"))
    }

    @Test("of a host without counters has no source")
    func nothing() throws {
        let tree = try Tree([])
        let reading = try readEnergy(EnergyOptions(sysfs: tree.root), for: .milliseconds(20))
        #expect(reading.host == .unknown(.noSource))
        #expect(reading.source == .none && reading.scope == .none)
    }
}
