import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite("Business flows, the agent being away", .hasCapture)
    struct FlowRestartTests {
        @Test(
            "no flow is lost or doubled where nothing passed meanwhile", arguments: Ending.allCases)
        func whilePaused(ending: Ending) throws {
            try Site.with { site in
                let host = try LoanHost("host-a")
                _ = try site.startLoan(host)
                _ = try site.startCounters()
                _ = try site.startCollector()
                let settings = try site.loanSettings(host, hasCounters: true)
                let first = try site.startAgent(of: host, settings)
                let load = try site.startLoanLoad(
                    host,
                    further: [
                        "--pause-at", "\(LoanLoad.flows / 2)", "--resume-file", site.path("resume"),
                    ])
                try load.awaitSaying("paused", within: Double(LoanLoad.secondsAtMost))
                let half = try LoanTruth(site.path("truth.json"))
                try site.awaitStored()

                let down = try away(first, ending, site)
                let second = try site.startAgent(of: host, settings)
                try write("", to: site.path("resume"))
                let truth = try site.loanTruth(load)
                try site.awaitStored()
                #expect(try second.stop() == 0)

                let report = try site.expectSoundStore()
                try write(report.text, to: site.path("report.json"))
                #expect(report.counts == truth.counts)
                #expect(report.ruleHits == truth.hits)
                for (id, scenario) in half.all.scenarios where id != "query" {
                    #expect(scenario.flows > 0, "\(id)")
                    #expect(scenario.flows < report.counts[id]?.flows ?? 0, "\(id)")
                }
                try expectDeclared(down, in: report, second)
                try site.expectNoIdentifier()
            }
        }

        @Test(
            "no flow is counted twice, and the time is declared, where flows passed meanwhile",
            arguments: Ending.allCases)
        func whileFlowing(ending: Ending) throws {
            try Site.with { site in
                let host = try LoanHost("host-a")
                _ = try site.startLoan(host)
                _ = try site.startCounters()
                _ = try site.startCollector()
                let settings = try site.loanSettings(host, hasCounters: true)
                let first = try site.startAgent(of: host, settings)
                let load = try site.startLoanLoad(
                    host, further: ["--rate", "\(LoanLoad.flows / 10)"])
                try site.awaitStored(through: Date() + 2)

                let down = try away(first, ending, site)
                #expect(load.isRunning)
                let second = try site.startAgent(of: host, settings)
                let truth = try site.loanTruth(load)
                try site.awaitStored()
                #expect(try second.stop() == 0)

                let report = try site.expectSoundStore()
                let counts = report.counts
                #expect(counts.count == truth.counts.count)
                for (id, sent) in truth.all.scenarios {
                    let counted = try #require(counts[id])
                    let missed = sent.requests - counted.requests
                    #expect(missed > 0, "\(id)")
                    #expect(counted.requests > missed, "\(id)")
                    #expect(counted.completed <= sent.completed, "\(id)")
                    #expect(counted.flows <= sent.flows, "\(id)")
                    // One exchange of a batch completes many; of the others each is one flow.
                    if sent.completing == sent.completed {
                        #expect(sent.flows - counted.flows <= missed, "\(id)")
                    }
                }
                try expectDeclared(down, in: report, second)
            }
        }

        /// Ends the agent, and lets a few windows pass.
        private func away(_ agent: Child, _ ending: Ending, _ site: Site) throws -> DateInterval {
            switch ending {
            case .stopped: #expect(try agent.stop() == 0)
            case .killed: agent.kill()
            }
            let wentDown = Date()
            try wait("2.5 s without an agent", 5) { Date().timeIntervalSince(wentDown) > 2.5 }
            return DateInterval(start: wentDown, end: Date())
        }

        /// The time without an agent lies in windows without counts, and little other time does.
        private func expectDeclared(
            _ down: DateInterval, in report: Report, _ agent: Child
        ) throws {
            let host = try #require(report.hosts.first)
            #expect(host["windows_agent_stopped"] as? Int ?? 0 >= 2)
            #expect(host["overlap_seconds"] as? Double == 0)
            let counted = host["counts_covered_seconds"] as? Double ?? .infinity
            let metered = host["energy_covered_seconds"] as? Double ?? 0
            #expect(metered - counted >= down.duration)
            #expect(metered - counted < down.duration + 3)
            #expect(agent.said.contains("the agent did not run for a while"))
        }
    }
}

/// How an agent ends in the middle.
enum Ending: String, CaseIterable, CustomTestStringConvertible {
    case stopped, killed

    var testDescription: String { rawValue }
}
