import Foundation
import Testing

extension SystemTests {
    @Suite("Killed in the middle", .hasCapture)
    struct KillTests {
        @Test("the collector loses and doubles nothing, and every flow arrives")
        func collectorIsKilled() throws {
            try Site.with { site in
                _ = try site.startApplication()
                _ = try site.startCounters()
                let collector = try site.startCollector()
                let agent = try site.startAgent()
                try agent.awaitSaying("collector connected")
                let load = try site.startLoad(seconds: 8)
                try site.awaitStored()

                collector.kill()
                try agent.awaitSaying("collector not connected")
                let before = try StoredRecords(site.path("store.db")).count
                // Long enough for a backlog of several windows to build up.
                let wasDown = Date()
                try wait("the collector to be missed for 3 s", 5) {
                    Date().timeIntervalSince(wasDown) > 3
                }
                _ = try site.startCollector()
                #expect(try load.end(within: 20) == 0)
                try site.awaitStored(within: 40)
                #expect(try agent.stop() == 0)

                let report = try site.expectSoundStore()
                #expect(report.records >= before + 4)
                #expect(report.flows == (try flows(ofLoad: load)))
                #expect(report.losses.filter { $0.value != 0 } == [:])
                // What lies before the agent's first window and after its last is not recorded.
                #expect(report.intervals("without_record").count <= 2)
            }
        }

        @Test("the agent goes on with its sequence and its energy, and says what it did not count")
        func agentIsKilled() throws {
            try Site.with { site in
                _ = try site.startApplication()
                _ = try site.startCounters()
                _ = try site.startCollector()
                let first = try site.startAgent()
                let load = try site.startLoad(seconds: 8)
                try site.awaitStored()

                first.kill()
                let wentDown = Date()
                try wait("3 s without an agent", 5) { Date().timeIntervalSince(wentDown) > 3 }
                let cameBack = Date()
                let second = try site.startAgent()
                #expect(try load.end(within: 20) == 0)
                try site.awaitStored(within: 20)
                #expect(try second.stop() == 0)

                // Energy goes on over the time without an agent, and lies in one record each; the
                // counts of that time are not known.
                let report = try site.expectSoundStore()
                let down = DateInterval(start: wentDown, end: cameBack)
                #expect(report.intervals("without_record").allSatisfy { !$0.intersects(down) })
                #expect(report.intervals("without_energy").allSatisfy { !$0.intersects(down) })
                let host = try #require(report.hosts.first)
                #expect(host["windows_agent_stopped"] as? Int ?? 0 >= 3)
                #expect(host["overlap_seconds"] as? Double == 0)
                let counted = host["counts_covered_seconds"] as? Double ?? .infinity
                let metered = host["energy_covered_seconds"] as? Double ?? 0
                #expect(metered - counted >= down.duration)
                // The window that was open at the kill is lost with its counts, and no more.
                #expect(metered - counted < down.duration + 3)
                #expect(second.said.contains("the agent did not run for a while"))
                for (scenario, sent) in try flows(ofLoad: load) {
                    let counted = try #require(report.flows[scenario])
                    #expect(counted.requests > 0)
                    #expect(counted.requests < sent.requests, "\(scenario)")
                }
            }
        }
    }
}

/// What the load generator says it completed.
func flows(ofLoad load: Child) throws -> [String: Flows] {
    let scenarios = try dictionary(load.printed)["scenarios"] as? [String: [String: Int]] ?? [:]
    return scenarios.mapValues { counts in
        let (completed, refused) = (counts["completed"] ?? -1, counts["refused"] ?? -1)
        let failed = counts["failed"] ?? -1
        return Flows(
            requests: completed + refused + failed, completed: completed, refused: refused,
            failed: failed)
    }
}
