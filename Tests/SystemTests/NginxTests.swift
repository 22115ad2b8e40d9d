import Glibc
import Testing

extension SystemTests {
    @Suite("On real traffic")
    struct NginxTests {
        @Test(
            "counts per scenario and outcome equal nginx's access log, with no packet dropped",
            .hasWebLoad,
            .hasCapture)
        func countsEqualTheAccessLog() throws {
            try Site.with { site in
                let nginx = try site.startNginx()
                _ = try site.startCounters()
                _ = try site.startCollector()
                let agent = try site.startAgent()
                try agent.awaitSaying("capturing")

                let wrk = try site.startWrk(seconds: 10)
                #expect(try wrk.end(within: 20) == 0)
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)

                let logged = try NginxFiles.flows(inLog: read(site.path("access.log")))
                let report = try site.expectSoundStore()
                #expect(report.flows == logged)
                #expect(logged.values.reduce(0) { $0 + $1.requests } > 10_000)
                #expect(logged.values.allSatisfy { $0.refused > 0 && $0.failed > 0 })
                #expect(report.losses["kernel_drops"] == 0)
                #expect(report.losses.filter { $0.value != 0 } == [:])
                #expect(report.isSimulated)
            }
        }
    }
}
