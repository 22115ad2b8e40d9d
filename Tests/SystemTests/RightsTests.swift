import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite("Without a right, under load")
    struct RightsTests {
        @Test(
            "the agent without CAP_NET_RAW goes on, names the right, and reports counts unknown",
            .enabled("only root can become another user") { Host.isRoot })
        func noRightToCapture() throws {
            try Site.with { site in
                let settings = try siteForNobody(site)
                _ = try site.startApplication()
                _ = try site.startCounters()
                try setCounterModes(site, 0o444)
                _ = try site.startCollector()
                let agent = try site.startAgent(settings, as: .nobody)
                try agent.awaitSaying("no right to capture on lo")
                #expect(agent.said.contains("CAP_NET_RAW"))
                #expect(agent.said.contains("setcap cap_net_raw+ep"))
                #expect(try site.startLoad(seconds: 2).end(within: 10) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                #expect(agent.said.count(of: "no right to capture") == 1)

                let report = try site.expectSoundStore()
                expectCountsUnknown(report)
                let energy = report.round["energy_kwh"] as? Double ?? 0
                #expect(energy > 0, "energy is metered all the same")
            }
        }

        @Test(
            "with CAP_NET_RAW alone flows are counted and energy is unknown, until it is granted",
            .enabled("only root can become another user") { Host.isRoot && Host.mayCapture })
        func unreadableCounters() throws {
            try Site.with { site in
                let settings = try siteForNobody(site)
                _ = try site.startApplication()
                _ = try site.startCounters()
                try setCounterModes(site, 0o400)
                _ = try site.startCollector()
                let agent = try site.startAgent(settings, as: .capturer)
                try agent.awaitSaying("energy counters cannot be read: permission denied")
                for word in ["package-0", "package-1/dram", "chmod -R g+r", "CAP_DAC_READ_SEARCH"] {
                    #expect(agent.said.contains(word), "zones and fix are named")
                }
                let load = try site.startLoad(seconds: 2)
                #expect(try load.end(within: 10) == 0)
                try site.awaitStored()
                let blind = try site.expectSoundStore(whileRunning: true)
                #expect(blind.round["energy_kwh"] is NSNull)
                #expect(blind.round["o_grams"] is NSNull)
                #expect(blind.hosts.first?["energy_covered_seconds"] as? Double == 0)

                try setCounterModes(site, 0o440, group: Child.User.nobodyID)
                try agent.awaitSaying("energy counters can be read again", within: 20)
                try site.awaitStored()
                #expect(agent.said.count(of: "cannot be read") == 1)
                #expect(try agent.stop() == 0)
                let report = try site.expectSoundStore()
                #expect(report.flows == (try flows(ofLoad: load)))
                #expect((report.round["energy_kwh"] as? Double ?? 0) > 0)
                #expect(report.hosts.first?["energy_covered_seconds"] as? Double ?? 0 > 0)
                #expect(!report.intervals("without_energy").isEmpty)
            }
        }

        /// Settings whose state directory nobody owns.
        private func siteForNobody(_ site: Site) throws -> AgentSettings {
            let state = site.path("state")
            guard mkdir(state, 0o700) == 0,
                chown(state, Child.User.nobodyID, Child.User.nobodyID) == 0
            else { throw Trouble("\(state): errno \(errno)") }
            return site.agentSettings()
        }

        private func setCounterModes(_ site: Site, _ mode: mode_t, group: UInt32 = 0) throws {
            let root = site.path("sys/devices")
            let files = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String }
            let counters = (files ?? []).filter { $0.hasSuffix("/energy_uj") }
            #expect(counters.count == 4)
            for counter in counters {
                let path = "\(root)/\(counter)"
                #expect(chown(path, 0, group) == 0 && chmod(path, mode) == 0)
            }
        }
    }
}

extension SideBySideTests {
    @Suite("Without a right or a thing it needs")
    struct RightsTests {
        @Test(
            "a state directory it may not write to ends the agent with status 4",
            .enabled("only root can become another user") { Host.isRoot })
        func forbiddenState() throws {
            try Site.with { site in
                chmod(site.folder, 0o711)
                let agent = try site.startAgentUnready(as: .nobody)
                #expect(try agent.end(within: 5) == 4)
                #expect(agent.said.contains(site.path("state")), "\(agent.said)")
                #expect(agent.said.contains("ermission denied"), "\(agent.said)")
            }
        }

        @Test(
            "an interface that does not exist is named, and captured once it appears",
            .enabled("no right to make a network namespace") { Host.canMakeInterfaces })
        func missingInterface() throws {
            try Site.with { site in
                _ = try site.startCounters()
                var settings = site.agentSettings()
                settings.interfaces = "jf0"
                let agent = try site.startAgentUnready(settings, before: ["unshare", "-n", "--"])
                try agent.awaitSaying("there is no interface jf0")
                #expect(agent.said.contains("capture.interfaces"))
                try agent.awaitSaying("ready")
                let added = try Host.run(
                    [
                        "nsenter", "-t", "\(agent.pid)", "-n", "ip", "link", "add", "jf0", "up",
                        "type", "veth",
                    ], within: 5)
                #expect(added.status == 0, "\(added.said)")
                try agent.awaitSaying("capturing interface=jf0")
                #expect(agent.said.count(of: "there is no interface jf0") == 1)
                #expect(try agent.stop() == 0)

                _ = try site.startCollector()
                let later = try site.startAgent()
                try site.awaitStored()
                #expect(try later.stop() == 0)
                expectCountsUnknown(try site.expectSoundStore())
            }
        }

        @Test(
            "a collector that is down is told once, and gets the backlog when it is there")
        func collectorIsDown() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let agent = try site.startAgent()
                try agent.awaitSaying("collector not connected")
                // Several attempts and several windows later it has said so once.
                let began = Date()
                try wait("4 s", 5) { Date().timeIntervalSince(began) > 4 }
                #expect(agent.said.count(of: "collector not connected") == 1)
                _ = try site.startCollector()
                try agent.awaitSaying("collector connected backlog=", within: 30)
                #expect(!agent.said.contains("collector connected backlog=0"))
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let report = try site.expectSoundStore()
                #expect(report.records >= 5)
            }
        }

        @Test("a state directory in use ends the second agent with status 3, not the first")
        func lockedState() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let first = try site.startAgent()
                let second = try site.startAgentUnready()
                #expect(try second.end(within: 5) == 3)
                #expect(second.said.contains(site.path("state")), "\(second.said)")
                #expect(second.said.contains("is used by another agent"), "\(second.said)")
                #expect(try first.stop() == 0)
            }
        }

        @Test("a port in use ends the second collector with status 6, not the first")
        func portInUse() throws {
            try Site.with { site in
                let first = try site.startCollector()
                let second = try site.startCollectorUnready(store: "other.db")
                #expect(try second.end(within: 5) == 6)
                let place = "127.0.0.1:\(site.collectorPort) is in use"
                #expect(second.said.contains(place), "\(second.said)")
                for words in ["ss -ltnp 'sport = :\(site.collectorPort)'", "listen.agents"] {
                    #expect(second.said.contains(words), "\(second.said)")
                }
                #expect(try first.stop() == 0)
            }
        }
    }
}

/// TA, R and the intensity are null with their reasons, not 0.
private func expectCountsUnknown(_ report: Report) {
    #expect(report.scenarios.count == 4)
    for (scenario, figures) in report.scenarios {
        #expect(figures["ta"] is NSNull, "\(scenario)")
        #expect((figures["ta_unknown"] as? String)?.isEmpty == false, "\(scenario)")
        #expect(figures["joules_per_flow"] is NSNull, "\(scenario)")
    }
    #expect(report.round["r_cf"] is NSNull)
    #expect(report.round["intensity_grams_per_unit"] is NSNull)
    #expect((report.round["intensity_unknown"] as? String)?.isEmpty == false)
}
