import Foundation
import Testing

extension SystemTests {
    @Suite("Stopped by SIGTERM", .hasCapture)
    struct StopTests {
        @Test("agent and collector end in order within 2 s while traffic flows")
        func stopsInTraffic() throws {
            try Site.with { site in
                _ = try site.startApplication()
                _ = try site.startCounters()
                let collector = try site.startCollector()
                let agent = try site.startAgent()
                let load = try site.startLoad(seconds: 6)
                try site.awaitStored()

                let stopped = Date()
                #expect(try agent.stop(within: 2) == 0)
                let ended = Date()
                #expect(try collector.stop(within: 2) == 0)
                #expect(load.isRunning)

                // The open window was closed and stored: nothing is missing before the signal.
                let report = try site.expectSoundStore()
                let after = try #require(report.intervals("without_record").last)
                #expect(after.start >= stopped)
                #expect(after.start <= ended)
                #expect(report.flows.values.allSatisfy { $0.requests > 0 })
                #expect(try load.end(within: 10) == 0)
            }
        }

        @Test("what was counted up to the signal is kept while the collector is down")
        func stopsWithoutCollector() throws {
            try Site.with { site in
                _ = try site.startApplication()
                _ = try site.startCounters()
                let agent = try site.startAgent()
                try agent.awaitSaying("collector not connected")
                let load = try site.startLoad(seconds: 3)
                #expect(try load.end(within: 10) == 0)
                // At once: the last responses are still in the kernel's ring.
                #expect(try agent.stop(within: 2) == 0)
                #expect(!site.hasStore)

                let collector = try site.startCollector()
                let again = try site.startAgent()
                try site.awaitStored()
                #expect(try again.stop(within: 2) == 0)
                #expect(try collector.stop(within: 2) == 0)
                let report = try site.expectSoundStore()
                #expect(report.flows == (try flows(ofLoad: load)))
            }
        }

        @Test("the collector ends within 2 s while an agent sends, and takes up where it was")
        func collectorStopsWhileReceiving() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let agent = try site.startAgent()
                for _ in 1...3 {
                    let collector = try site.startCollector()
                    try site.awaitStored(within: 20)
                    #expect(try collector.stop(within: 2) == 0)
                }
                #expect(try agent.stop(within: 2) == 0)
                try site.expectSoundStore()
            }
        }
    }
}
