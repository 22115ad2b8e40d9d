import Foundation
import Testing

extension SideBySideTests {
    @Suite("Set back to a copy of its state", .hasCapture)
    struct RestoreTests {
        @Test(
            "an agent begins a new run where the collector has other records of the old one",
            arguments: [false, true])
        func restored(whileCollectorIsDown: Bool) throws {
            try Site.with { site in
                _ = try site.startCounters()
                var collector = try site.startCollector()
                var agent = try site.startAgent()
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let files = FileManager.default
                try files.copyItem(atPath: site.path("state"), toPath: site.path("copy"))

                agent = try site.startAgent()
                try site.awaitStored(through: Date() + 2)
                #expect(try agent.stop() == 0)
                let stored = try StoredRecords(site.path("store.db")).count
                try files.removeItem(atPath: site.path("state"))
                try files.moveItem(atPath: site.path("copy"), toPath: site.path("state"))

                if whileCollectorIsDown {
                    #expect(try collector.stop() == 0)
                    agent = try site.startAgent()
                    let began = Date()
                    // It makes more records than the collector has.
                    try wait("windows without a collector", 20) {
                        Date().timeIntervalSince(began) > 4
                    }
                    collector = try site.startCollector()
                } else {
                    agent = try site.startAgent()
                }
                try agent.awaitSaying("a new run of records begins", within: 60)
                try site.awaitStored(within: 60)
                #expect(try agent.stop() == 0)
                #expect(agent.said.count(of: "a new run of records begins") == 1)
                let runs = try StoredRecords(site.path("store.db")).runs
                #expect(runs.count == 2)
                #expect(runs.allSatisfy { $0.first == 1 && $0.last == $0.count })
                #expect(runs.map(\.count).max().map { $0 >= stored } == true)
                let dropped = try #require(
                    try site.report().hosts.first?["spool_dropped"] as? Int)
                // Where it is refused before its first window, nothing is lost.
                if whileCollectorIsDown { #expect(dropped > 0) }
                #expect(agent.said.contains("lost=\(dropped)"), "\(agent.said)")
                #expect(try collector.stop() == 0)
            }
        }
    }
}
