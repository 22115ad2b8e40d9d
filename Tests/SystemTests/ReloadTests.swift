import Glibc
import Testing

extension SystemTests {
    @Suite("Settings that change while traffic runs")
    struct ReloadTests {
        @Test(
            "lose and double nothing in 50 changes of services, scenarios and interfaces",
            .enabled("nginx or wrk is missing: apt-get install nginx-light wrk") {
                Host.has("nginx", "wrk")
            },
            .enabled("no right to capture: CAP_NET_RAW is missing") { Host.mayCapture })
        func underLoad() throws {
            try Site.with { site in
                let nginx = try site.startNginx()
                _ = try site.startCounters()
                _ = try site.startCollector()
                let agent = try site.startAgent()
                try agent.awaitSaying("capturing")
                let file = site.settingsFile

                try write(NginxFiles.load, to: site.path("load.lua"))
                let wrk = try site.start(
                    "wrk",
                    [
                        "wrk", "-t1", "-c64", "-d20s", "-s", site.path("load.lua"),
                        "http://127.0.0.1:\(site.servicePort)/",
                    ])
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
