import Glibc
import Testing

extension SystemTests {
    @Suite("Settings that change while traffic runs")
    struct ReloadTests {
        @Test(
            "lose and double nothing in 50 changes of services, scenarios and interfaces",
            .hasWebLoad,
            .hasCapture)
        func underLoad() throws {
            try Site.with { site in
                let nginx = try site.startNginx()
                _ = try site.startCounters()
                _ = try site.startCollector()
                let agent = try site.startAgent()
                try agent.awaitSaying("capturing")
                let file = site.settingsFile

                let wrk = try site.startWrk(seconds: 20)
                for number in 1...50 {
                    var settings = site.agentSettings()
                    settings.isReversed = number % 2 == 1
                    settings.otherPort = number % 3 == 0 ? site.collectorPort : nil
                    settings.interfaces = number % 5 == 0 ? "lo, \"veth-none*\"" : "lo"
                    try write(settings.text, to: file)
                    agent.send(SIGHUP)
                    try agent.awaitSaying("settings read again", times: number)
                    // Some hold for a whole window and longer, some are overtaken by the next.
                    usleep(number % 4 == 0 ? 700_000 : 150_000)
                }
                #expect(try wrk.end(within: 30) == 0)
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)

                let logged = try NginxFiles.flows(inLog: read(site.path("access.log")))
                let report = try site.expectSoundStore()
                #expect(report.flows == logged)
                #expect(logged.values.reduce(0) { $0 + $1.requests } > 10_000)
                #expect(report.losses.filter { $0.value != 0 } == [:])
            }
        }

        @Test(
            "may set a limit of CPU time, and what is left out for it is declared", .hasWebLoad,
            .hasCapture)
        func limited() throws {
            try Site.with { site in
                let nginx = try site.startNginx()
                _ = try site.startCounters()
                _ = try site.startCollector()
                let agent = try site.startAgent()
                try agent.awaitSaying("capturing")
                var settings = site.agentSettings()
                settings.cpuLimit = "1%"
                try write(settings.text, to: site.settingsFile)
                agent.send(SIGHUP)
                try agent.awaitSaying("settings read again")
                // Without pauses between its requests.
                let mix = NginxFiles.load.replacing("function delay()", with: "function unused()")
                let wrk = try site.startWrk(seconds: 8, mix: mix)
                try agent.awaitSaying("capture is above its cpu_limit")
                #expect(try wrk.end(within: 20) == 0)
                try agent.awaitSaying("capture keeps to its cpu_limit again", within: 40)
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)

                let logged = try read(site.path("access.log")).split(separator: "\n").count
                let windows = try StoredWindow.all(in: site.path("store.db"))
                let shed = windows.filter { $0.shed > 0 }
                #expect(!shed.isEmpty)
                #expect(shed.allSatisfy { $0.isDegraded && $0.isDoubtful })
                let most = shed.filter { $0.shed * 999 > $0.servicePackets }
                #expect(most.allSatisfy { $0.notCaptured }, "\(most)")
                // Each exchange that is missing had two packets at least.
                let counted = windows.reduce(0) { $0 + $1.exchanges }
                #expect(counted < logged)
                #expect(logged - counted <= shed.reduce(0) { $0 + $1.shed } / 2 + 64)
            }
        }

        @Test("are refused where they are wrong or need a restart, and the old ones hold on")
        func refused() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let agent = try site.startAgent()
                let file = site.settingsFile
                let good = try read(file)

                try write(good.replacing("version: 1", with: "version: 1\nservces: []"), to: file)
                agent.send(SIGHUP)
                try agent.awaitSaying("the old settings hold on")
                try agent.awaitSaying("servces")

                var settings = site.agentSettings()
                settings.windowSeconds = 2
                settings.id = "host-b"
                try write(settings.text, to: file)
                agent.send(SIGHUP)
                try agent.awaitSaying("agent.id, window cannot change while the agent runs")

                try write(good, to: file)
                agent.send(SIGHUP)
                try agent.awaitSaying("settings read again")
                #expect(agent.said.count(of: "the old settings hold on") == 2)
                #expect(try agent.stop() == 0)
            }
        }
    }
}
