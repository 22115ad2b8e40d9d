import Foundation
import Glibc
import Testing

extension SideBySideTests {
    @Suite("The first start")
    struct FirstStartTests {
        private func run(_ site: Site, _ file: String) throws -> Child {
            try site.start(
                "agent", [try Site.program("agent"), "run", "--config", site.path(file)])
        }

        /// Waits until the spool has the records of a few windows.
        private func awaitKept(_ site: Site) throws {
            let spool = site.path("state/spool")
            try wait("windows to be kept", 20) {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: spool)) ?? []
                let sizes = names.map { name in
                    let file = "\(spool)/\(name)"
                    let values = try? FileManager.default.attributesOfItem(atPath: file)
                    return values?[.size] as? Int ?? 0
                }
                return sizes.reduce(0, +) > 1200
            }
        }

        @Test("with a file that configures nothing meters, keeps records, and says what to do next")
        func unconfigured() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let base =
                    "version: 1\nagent: {id: host-a, state: state}\nwindow: 1s\n"
                    + "energy: {sysfs: sys, idle_watts: 60}\n"
                let agent = try site.startAgentUnready(text: base)
                try agent.awaitSaying("ready")
                #expect(agent.said.contains("nothing is configured"))
                #expect(agent.said.contains("Write services and collectors in"))
                #expect(!agent.said.contains("capturing"))
                #expect(!agent.said.contains(" error "), "\(agent.said)")
                try awaitKept(site)
                #expect(agent.isRunning)
                #expect(try agent.stop() == 0)

                // Configured later, it sends what was metered before as well.
                _ = try site.startCollector()
                let later = try site.startAgent()
                try site.awaitStored()
                #expect(try later.stop() == 0)
                let report = try site.expectSoundStore()
                #expect(report.records > 4)
            }
        }

        @Test("says in its status whether it knows the energy, and says so anew when that changes")
        func status() throws {
            try Site.with { site in
                let base =
                    "version: 1\nagent: {id: host-a, state: state}\nwindow: 1s\n"
                    + "energy: {sysfs: sys, idle_watts: 60}\n"
                let blind = try site.startAgentUnready(text: base)
                try blind.awaitSaying("ready")
                #expect(
                    blind.said.contains("Not configured: energy is unknown (there is no counter)"),
                    "\(blind.said)")
                #expect(try blind.stop() == 0)

                let counters = try site.startCounters()
                let agent = try site.startAgentUnready(text: base)
                try agent.awaitSaying("Not configured: meters energy")
                counters.kill()
                for counter in site.counters() { try write("none\n", to: counter) }
                try agent.awaitSaying("Not configured: energy is unknown (it holds", within: 30)
                #expect(try agent.stop() == 0)
            }
        }

        @Test(
            "without scenarios keeps no flows, and none is missed later; where some were kept, they are"
        )
        func flows() throws {
            try Site.with { site in
                _ = try site.startCounters()
                var settings = site.agentSettings()
                settings.collectorPort = nil
                settings.rules = "scenarios: []"
                let before = try site.startAgent(settings)
                try awaitKept(site)
                #expect(try before.stop() == 0)

                settings.rules = """
                    scenarios:
                      - id: drawdown
                        steps:
                          - when: {method: POST, path: "/api/loan/{loanNo}/payout"}
                            flow_key: path.loanNo
                            outcome: {completed: {status: 2xx}}
                    """
                let keyed = try site.startAgent(settings)
                let files = FileManager.default
                try wait("flows to be kept", 20) {
                    files.fileExists(atPath: site.path("state/flows"))
                }
                #expect(try keyed.stop() == 0)
                #expect(!keyed.said.contains("flows that were kept are missing"), "\(keyed.said)")

                try files.removeItem(atPath: site.path("state/flows"))
                let robbed = try site.startAgent(settings)
                #expect(try robbed.stop() == 0)
                #expect(robbed.said.contains("flows that were kept are missing"), "\(robbed.said)")
            }
        }

        @Test(
            "under another id than the one configured later holds up no record, and says what is lost"
        )
        func idOfTheHost() throws {
            try Site.with { site in
                _ = try site.startCounters()
                var settings = site.agentSettings()
                settings.id = "name-of-the-host"
                settings.collectorPort = nil
                let before = try site.startAgent(settings)
                try awaitKept(site)
                #expect(try before.stop() == 0)

                _ = try site.startCollector()
                let agent = try site.startAgent()
                try site.awaitStored(within: 20)
                #expect(try agent.stop() == 0)
                #expect(agent.said.contains("agent.id has changed"), "\(agent.said)")
                #expect(agent.said.contains("from=name-of-the-host"), "\(agent.said)")
                let report = try site.expectSoundStore()
                let hosts = report.hosts.compactMap { $0["host"] as? String }
                #expect(hosts == ["host-a"])
                let dropped = try #require(report.hosts.first?["spool_dropped"] as? Int)
                #expect(dropped >= 2)
                #expect(agent.said.contains("lost=\(dropped)"), "\(agent.said)")
            }
        }

        @Test(
            "without a file meters all the same",
            .enabled("no right to mount") { Host.isRoot && Host.canMakeInterfaces })
        func missing() throws {
            try Site.with { site in
                let folder = "/var/lib/jouleflow"
                let outcome = try Host.run(
                    [
                        "unshare", "-m", "--", "sh", "-ec",
                        "mount -t tmpfs none /var/lib; mkdir -m 700 \(folder); "
                            + "timeout 3 \(try Site.program("agent")) run --config "
                            + "\(site.path("none.yaml")) || echo status $?; ls \(folder)/spool",
                    ], within: 30)
                #expect(outcome.said.contains("nothing is configured"), "\(outcome.said)")
                #expect(outcome.said.contains("exists=false"))
                #expect(outcome.said.contains("ready"))
                // timeout(1) ends it by SIGTERM, at which it ends well; 124 is timeout's own word.
                #expect(outcome.printed.contains("status 124"), "\(outcome.printed)")
                #expect(outcome.printed.contains("segment-"), "\(outcome.printed)")
            }
        }

        @Test("with a wrong file ends with status 3, which no unit tries again")
        func wrong() throws {
            try Site.with { site in
                try write("version: 1\nwindow: 7s\n", to: site.path("wrong.yaml"))
                let agent = try run(site, "wrong.yaml")
                #expect(try agent.end(within: 10) == 3)
                #expect(agent.said.contains("wrong.yaml:2:9"), "\(agent.said)")
            }
        }

        @Test("takes services by a reload, and collectors by a restart, as it says")
        func reloaded() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let base =
                    "version: 1\nagent: {id: host-a, state: state}\nwindow: 1s\n"
                    + "energy: {sysfs: sys, idle_watts: 60}\n"
                    + "capture: {interfaces: [lo]}\n"
                let agent = try site.startAgentUnready(text: base)
                try agent.awaitSaying("ready")
                try write(site.agentSettings().text, to: site.settingsFile)
                agent.send(SIGHUP)
                try agent.awaitSaying("collectors cannot change while the agent runs: restart it")
                var local = site.agentSettings()
                local.collectorPort = nil
                try write(local.text, to: site.settingsFile)
                agent.send(SIGHUP)
                try agent.awaitSaying("settings read again")
                if Host.mayCapture { try agent.awaitSaying("capturing interface=lo") }
                #expect(try agent.stop() == 0)
            }
        }

        @Test("is right with the files that come with the packages")
        func packaged() throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let file = root.appending(path: "packaging/etc/agent.yaml").path
            for language in ["en", "zh"] {
                let outcome = try Host.run(
                    [try Site.program("agent"), "check", file, "--language", language], within: 10)
                #expect(outcome.status == 0, "\(outcome.said)")
                #expect(outcome.printed.contains("services"), "\(outcome.printed)")
                #expect(outcome.said.isEmpty)
            }
        }
    }
}
