import Foundation
import Glibc
import Testing

extension SideBySideTests {
    @Suite("Of a host that is broken on purpose, the doctor")
    struct DoctorTests {
        // MARK: Energy

        @Test(
            "names counters that the agent's user may not read; its words make them readable",
            .enabled("only root can become another user") { Host.isRoot && Host.mayCapture })
        func unreadableCounters() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                _ = try site.startCounters()
                for counter in site.counters() { #expect(chmod(counter, 0o400) == 0) }
                // Root goes on with the rights of the state folder's owner.
                let ill = try site.doctor()
                #expect(ill.status == 1 && !ill.isSound)
                #expect(ill.lines("user").first?.found.contains(ServiceUser.name) == true)
                let faults = ill.lines("energy").filter { $0.state == "fault" }
                #expect(faults.count == 4, "\(ill.lines("energy"))")
                for fault in faults {
                    #expect(fault.found.contains("permission denied"))
                    try fault.follow()
                }
                let well = try site.doctor()
                #expect(well.states("energy").filter { $0 != "ok" } == ["warning"], "simulated")
                #expect(!well.faults.contains("energy"))
            }
        }

        @Test("finds no counter in a tree without zones, and takes the watts that it asks for")
        func noCounters() throws {
            try Site.with { site in
                let folder = site.path("sys/class/powercap")
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true)
                let ill = try site.doctor()
                let fault = try ill.trouble("energy")
                #expect(fault.state == "fault" && fault.found.contains(folder))
                #expect(fault.fix.contains("energy.maximum_watts"))
                let given = site.agentSettings().text.replacing(
                    "idle_watts: 60", with: "idle_watts: 60, maximum_watts: 200")
                #expect(try site.doctor(text: given).faults.contains("energy") == false)
            }
        }

        @Test("tells a counter that cannot be read from one that may not be")
        func failingCounter() throws {
            try Site.with { site in
                let zone = site.path("sys/class/powercap/intel-rapl:0")
                try FileManager.default.createDirectory(
                    atPath: zone + "/energy_uj", withIntermediateDirectories: true)
                try write("package-0\n", to: zone + "/name")
                try write("262143328850\n", to: zone + "/max_energy_range_uj")
                let fault = try site.doctor().trouble("energy", "package-0")
                #expect(fault.state == "fault" && fault.found.contains("a read of it fails"))
                rmdir(zone + "/energy_uj")
                try write("5000\n", to: zone + "/energy_uj")
                let still = try site.doctor().trouble("energy", "package-0")
                #expect(still.state == "warning" && still.found.contains("stood still"))
            }
        }

        // MARK: Capture

        @Test(
            "names the missing right to capture, of a user who has none",
            .enabled("only root can become another user") { Host.isRoot && Host.mayCapture })
        func noRightToCapture() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                let ill = try site.doctor(before: ServiceUser.words)
                let fault = try ill.trouble("capture", "lo")
                #expect(fault.state == "fault" && fault.found.contains("CAP_NET_RAW"))
                #expect(fault.fix.contains("AmbientCapabilities=CAP_NET_RAW"))
                let well = try site.doctor(before: ServiceUser.capturing)
                #expect(well.states("capture") == ["ok"])
            }
        }

        @Test(
            "names an interface that is down; its words bring it up",
            .enabled("no right to make a network namespace") { Host.canMakeInterfaces })
        func interfaceDown() throws {
            try Site.with { site in
                let holder = try site.start(
                    "namespace",
                    [
                        "unshare", "-n", "--", "sh", "-ec",
                        "ip link add jf0 type veth peer name jf1; echo made >&2; exec sleep 600",
                    ])
                try holder.awaitSaying("made")
                let enter = ["nsenter", "-t", "\(holder.pid)", "-n", "--"]
                var settings = site.agentSettings()
                settings.interfaces = "jf0, jf9"
                let ill = try site.doctor(settings, before: enter)
                let absent = try ill.trouble("capture", "jf9")
                #expect(absent.state == "fault" && absent.found.contains("no such interface"))
                let down = try ill.trouble("capture", "jf0")
                #expect(down.state == "fault" && down.found.contains("down"))
                try down.follow(in: holder.pid)
                settings.interfaces = "jf0"
                #expect(try site.doctor(settings, before: enter).states("capture") == ["ok"])
            }
        }

        // MARK: Settings, services and rules

        @Test("names the place of a wrong setting, and of one that is missing altogether")
        func wrongSettings() throws {
            try Site.with { site in
                let text = site.agentSettings().text
                let ill = try site.doctor(text: text.replacing("ports: [", with: "prots: ["))
                let fault = try ill.trouble("configuration")
                #expect(fault.state == "fault" && fault.subject.split(separator: ":").count == 2)
                #expect(fault.found.contains("did you mean \"ports\"?"), "\(fault)")
                #expect(ill.status == 1)
                #expect(try site.doctor(text: text).states("configuration") == ["ok"])
                let unconfigured = try site.doctor(text: "version: 1\nagent: {state: state}\n")
                #expect(try unconfigured.trouble("configuration").state == "fault")
                #expect(unconfigured.states("capture").isEmpty)
            }
        }

        @Test(
            "names the port that nobody listens on and the rule that took no request in the records",
            .hasCapture)
        func neverMatches() throws {
            try Site.with { site in
                _ = try site.startCounters()
                var settings = site.agentSettings()
                settings.otherPort = try Host.freePort()
                settings.rules = """
                    scenarios:
                      - id: query
                        steps:
                          - name: summary
                            when: {method: GET, path: "/api/account/{accountNo}/summary"}
                            completes: true
                      - id: credit
                        steps:
                          - name: misspelt
                            when: {method: POST, path: "/api/kredit/{applyNo}/decision"}
                            completes: true
                    """
                let early = try site.doctor(settings)
                #expect(early.states("rules") == ["unknown"])
                #expect(early.states("agent") == ["warning"])
                _ = try site.startApplication()
                _ = try site.startCollector()
                let agent = try site.startAgent(settings)
                #expect(try site.startLoad(seconds: 3).end(within: 20) == 0)
                try site.awaitStored()
                let ill = try site.doctor(settings)
                #expect(ill.states("agent") == ["ok"], "\(ill.lines("agent"))")
                #expect(ill.lines("agent").first?.found.contains("\(agent.pid)") == true)
                #expect(ill.lines("rules").map(\.subject) == ["credit/misspelt"])
                let rule = try ill.trouble("rules")
                #expect(rule.state == "warning" && rule.fix.contains("jouleflow-agent replay"))
                let port = try ill.trouble("services", "other")
                #expect(port.found.contains("\(settings.otherPort ?? 0)"))
                #expect(ill.states("services", "web") == ["ok"], "\(ill.lines("services"))")
                #expect(ill.states("ring") == ["ok"])
                #expect(ill.states("collector") == ["ok"])
                #expect(ill.states("spool", "127.0.0.1:\(site.collectorPort)") == ["ok"])
                #expect(ill.isSound && ill.status == 0, "\(ill.lines)")
                // Nobody was disturbed: neither the agent nor its connection.
                #expect(agent.said.count(of: "collector connected") == 1)
                #expect(try agent.stop() == 0)
                try site.expectSoundStore()
            }
        }

        // MARK: State and spool

        @Test(
            "names a state folder that cannot be used; its words make one that can",
            .enabled("only root can become another user") { Host.isRoot })
        func state() throws {
            try Site.with { site in
                let missing = try site.doctor(before: ServiceUser.words).trouble("state")
                #expect(missing.state == "fault" && missing.found.contains("no such folder"))
                try missing.follow()
                #expect(
                    try site.doctor(before: ServiceUser.words).states("state", "/state") == ["ok"])
                chown(site.path("state"), 0, 0)
                let foreign = try site.doctor(before: ServiceUser.words).trouble("state")
                #expect(foreign.state == "fault" && foreign.found.contains("may not write"))
                try foreign.follow()
                #expect(
                    try site.doctor(before: ServiceUser.words).states("state", "/state") == ["ok"])
            }
        }

        @Test(
            "names a secret that is missing or exposed; its words make one that can be used",
            .enabled("only root can become another user") { Host.isRoot })
        func secret() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                var settings = site.agentSettings()
                settings.further = "flow_secret: flow.secret"
                let user = ServiceUser.words
                let missing = try site.doctor(settings, before: user).trouble(
                    "state", "flow.secret")
                #expect(missing.state == "fault")
                try missing.follow()
                #expect(
                    try site.doctor(settings, before: user).states("state", "flow.secret") == ["ok"]
                )
                chmod(site.path("flow.secret"), 0o644)
                let exposed = try site.doctor(settings, before: user).trouble(
                    "state", "flow.secret")
                #expect(exposed.state == "fault" && exposed.found.contains("others"))
                try exposed.follow()
                #expect(
                    try site.doctor(settings, before: user).states("state", "flow.secret") == ["ok"]
                )
            }
        }

        @Test(
            "names a full disk and a read-only one, and is content when there is room",
            .enabled("no right to mount") { Host.isRoot && Host.canMakeInterfaces })
        func disks() throws {
            try Site.with { site in
                let state = site.path("state")
                mkdir(state, 0o700)
                func mounted(_ then: String) -> [String] {
                    [
                        "unshare", "-m", "--", "sh", "-ec",
                        "mount -t tmpfs -o size=16m none '\(state)'; \(then); exec \"$@\"", "sh",
                    ]
                }
                let fill = "head -c 15900000 /dev/zero > '\(state)/filler'"
                let full = try site.doctor(before: mounted(fill)).trouble("spool", "/state")
                #expect(full.state == "fault" && full.found.contains("full"))
                #expect(full.fix.contains("df -h"))
                let tight = try site.doctor(before: mounted("true")).trouble("spool", "/state")
                #expect(tight.state == "warning", "64 MiB do not fit")
                var settings = site.agentSettings()
                settings.further = "spool: {max_mib: 8}"
                let roomy = try site.doctor(settings, before: mounted("rm -f '\(state)/filler'"))
                #expect(roomy.states("spool", "/state") == ["ok"])
                let fixed = try site.doctor(
                    before: mounted("mount -o remount,ro '\(state)'")
                ).trouble("state", "/state")
                #expect(fixed.state == "fault" && fixed.found.contains("read-only"))
                #expect(try fixed.command == "mount -o remount,rw \(state)")
            }
        }

        @Test("names a spool of a newer format; its words let this version go on without it")
        func otherFormat() throws {
            try Site.with { site in
                let spool = site.path("state/spool")
                try FileManager.default.createDirectory(
                    atPath: spool, withIntermediateDirectories: true)
                let segment = spool + "/segment-00000000000000000001.spool"
                try Data(NewerSegment.bytes).write(to: URL(filePath: segment))
                let newer = try site.doctor().trouble("spool")
                #expect(newer.state == "fault" && newer.found.contains("format 9"))
                try newer.follow()
                #expect(try !site.doctor().faults.contains("spool"))

                try FileManager.default.createDirectory(
                    atPath: spool, withIntermediateDirectories: true)
                try write("of something else\n", to: segment)
                let foreign = try site.doctor().trouble("spool")
                #expect(foreign.state == "fault" && foreign.found.contains("cannot be read"))
            }
        }

        @Test("names a file in the spool's place; its words let the agent make the folder")
        func spoolIsFile() throws {
            try Site.with { site in
                #expect(mkdir(site.path("state"), 0o700) == 0)
                try write("no folder\n", to: site.path("state/spool"))
                let file = try site.doctor().trouble("spool")
                #expect(file.state == "fault" && file.found.contains("is no folder"), "\(file)")
                #expect(!file.fix.contains("disk"), "\(file)")
                try file.follow()
                #expect(!(try site.doctor().faults.contains("spool")))
                let agent = try site.startAgent()
                #expect(try agent.stop() == 0)
            }
        }

        @Test("names a port of the metrics that somebody else has, and so does the agent")
        func metricsPort() throws {
            try Site.with { site in
                _ = try site.startCounters()
                var settings = site.agentSettings()
                settings.collectorPort = nil
                settings.further = "listen: {metrics: \"127.0.0.1:\(site.collectorPort)\"}"
                #expect(try site.doctor(settings).states("metrics") == ["ok"])
                let collector = try site.startCollector()
                let taken = try site.doctor(settings).trouble("metrics")
                #expect(taken.state == "warning" && taken.found.contains("listens there"))
                #expect(taken.fix.contains("listen.metrics"), "\(taken)")
                let agent = try site.startAgent(settings)
                try agent.awaitSaying("no metrics are shown: Address already in use")
                #expect(agent.said.contains("ss -ltnp"), "\(agent.said)")
                #expect(try agent.stop() == 0)
                #expect(try collector.stop() == 0)
                let well = try site.startAgent(settings)
                try well.awaitSaying("metrics are shown")
                let seen = try site.doctor(settings)
                #expect(seen.states("metrics") == ["ok"], "\(seen.lines("metrics"))")
                #expect(try well.stop() == 0)
            }
        }
    }
}

/// The head of a segment as a version with format 9 might write it: magic, format, length and the
/// CRC-32C of what comes before it.
private enum NewerSegment {
    static var bytes: [UInt8] {
        var bytes = Array("JFSPOOL\n".utf8) + [9, 0, 0, 0, 124, 0, 0, 0]
        bytes += [UInt8](repeating: 1, count: 104)
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        sum = ~sum
        return bytes + (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
    }
}
