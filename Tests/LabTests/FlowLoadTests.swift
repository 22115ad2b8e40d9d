import Foundation
import Metering
import Testing

@testable import Lab

@Suite("The multi-step application under load", .serialized)
struct FlowLoadTests {
    private func wait(
        _ load: FlowLoad, until isThere: (FlowLoad.Progress) -> Bool
    ) throws -> FlowLoad.Progress {
        let limit = LabClock.boot + .seconds(40)
        while !isThere(load.progress), LabClock.boot < limit { usleep(5_000) }
        let progress = load.progress
        try #require(isThere(progress))
        return progress
    }

    private func run(_ plan: FlowLoadPlan) throws -> FlowTruth {
        let load = FlowLoad(plan)
        let truth = try #require(try wait(load) { $0.truth != nil }.truth)
        try load.shutdown()
        #expect(truth.errors == 0, "\(truth.firstError ?? "")")
        for view in [truth.all] + truth.hosts.values {
            for sum in view.scenarios.values { #expect(sum.imbalance == 0) }
        }
        return truth
    }

    private func host(_ server: FlowServer) -> FlowHost {
        FlowHost(port: server.port, corePort: server.corePort)
    }

    /// Requests by endpoint and by status and code, from an access log's lines.
    private func recount(_ path: String) throws -> (endpoints: [String: UInt64], lines: [String]) {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .map(String.init)
        var sums: [String: UInt64] = [:]
        for line in lines {
            let fields = line.split(separator: " ")
            try #require(fields.count == 7)
            let parts = fields[2].split(separator: "/")
            let last = parts.last ?? ""
            let name: String =
                switch (fields[0], parts.count, last) {
                case ("gateway", 4, "status") where parts[1] == "loan": "payout_status"
                case ("gateway", 3, "drawdown"): "submit"
                default: String(last)
                }
            sums[name, default: 0] += 1
            sums["\(name) \(fields[3]) \(fields[4])", default: 0] += 1
        }
        return (sums, lines)
    }

    /// The keys of a scenario's lines with one of these states or codes.
    private func finalKeys(
        _ lines: [String], of scenario: LoanScenario, _ ends: [String]
    ) -> [Substring] {
        let letters = scenario == .credit ? ["A"] : ["R", "B"]
        return lines.map { $0.split(separator: " ") }.filter { fields in
            letters.contains(String(fields[6].prefix(1)))
                && ends.contains { fields[4] == $0 || fields[5] == $0 }
        }.map { $0[6] }
    }

    @Test("answers what its access log tells, 2,000 flows with all that goes wrong")
    func together() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/access.log"
        let server = try FlowServer(port: 0, corePort: 0, log: FlowLog(path: path))
        let plan = try #require(FlowLoadPlan(hosts: [host(server)], flows: 2_000, seed: 5))
        let truth = try run(plan)
        try server.stop()
        #expect(truth.finished && truth.flows == 2_000)
        let (log, lines) = try recount(path)
        #expect(UInt64(lines.count) == truth.all.requests)
        #expect(server.log.answers.values.reduce(0, +) == truth.all.requests)
        for endpoint in FlowEndpoint.allCases where ![.query, .staffQuery].contains(endpoint) {
            let hits = endpoint.scenario.map { truth.all[$0].hits[endpoint.rawValue] ?? 0 }
            if let hits { #expect(log[endpoint.rawValue] == hits, "\(endpoint)") }
        }
        // Staff's queries have the same path.
        let queries = (log["query"] ?? 0) + (log["health"] ?? 0)
        #expect(queries == truth.all[.query].requests + truth.all.other)
        for (scenario, names) in [
            (LoanScenario.credit, ["apply", "status", "decision"]),
            (.drawdown, ["submit", "callback", "payout_status"]), (.repayment, ["repay", "batch"]),
        ] {
            let failures = names.reduce(UInt64(0)) {
                $0 + (log["\($1) 500 E9999"] ?? 0) + (log["\($1) 200 E2001"] ?? 0)
            }
            let sum = truth.all[scenario]
            #expect(sum.failed > 0 && failures >= sum.failed)
            #expect(sum.completed > 0 && sum.refused > 0 && sum.duplicates > 0)
            #expect(sum.incomplete > 0 && sum.failedOnly > 0)
            #expect((sum.open > 0) == (scenario != .repayment))
        }
        #expect(truth.all[.drawdown].keyless > 0)
        // Rejected at the door: no assessment, so no flow, whether it has a number or not.
        let rejected = try #require(log["apply 200 E2001"])
        #expect(rejected > 0 && truth.all[.credit].failed >= rejected)
        #expect(truth.all[.credit].keyless == 0)
        // From the log by keys alone: what ends well is a flow, and so is a refusal of credit.
        for (scenario, ends) in [
            (LoanScenario.credit, ["APPROVED", "REFUSED"]), (.repayment, ["SETTLED"]),
        ] {
            let keys = finalKeys(lines, of: scenario, ends)
            let sum = truth.all[scenario]
            let flows = sum.completing + (scenario == .credit ? sum.refused : 0)
            #expect(UInt64(Set(keys).count) == flows)
            #expect(keys.count - Set(keys).count <= sum.duplicates)
        }
        #expect(truth.fleet.allSatisfy { $0.value.flows == truth.all.scenarios[$0.key]?.flows })
    }

    @Test("counts over two hosts what one agent would, less what needs both")
    func twoHosts() throws {
        let servers = try (0..<2).map { _ in
            try FlowServer(port: 0, corePort: 0, log: FlowLog(path: nil))
        }
        let plan = try #require(
            FlowLoadPlan(hosts: servers.map(host), flows: 1_500, seed: 6))
        let truth = try run(plan)
        for server in servers {
            let view = try #require(truth.hosts[host(server).description])
            #expect(server.log.answers.values.reduce(0, +) == view.requests)
            #expect(view.requests > truth.all.requests / 4)
            try server.stop()
        }
        #expect(truth.hosts.values.reduce(0) { $0 + $1.requests } == truth.all.requests)
        for scenario in LoanScenario.allCases {
            let fleet = try #require(truth.fleet[scenario.rawValue])
            #expect(fleet.flows == truth.all[scenario].flows, "\(scenario)")
            #expect(scenario == .query || fleet.duplicatesAcrossHosts > 0, "\(scenario)")
        }
    }

    @Test("has the same truth for the same seed, whatever the connections")
    func repeatable() throws {
        let server = try FlowServer(port: 0, corePort: 0, log: FlowLog(path: nil))
        func truth(seed: UInt64, connections: Int) throws -> FlowTruth.View {
            var plan = try #require(
                FlowLoadPlan(hosts: [host(server)], flows: 300, seed: seed))
            plan.connections = connections
            plan.openFlows = connections * 5
            return try run(plan).all
        }
        let first = try truth(seed: 9, connections: 2)
        #expect(try truth(seed: 9, connections: 40) == first)
        #expect(try truth(seed: 10, connections: 2) != first)
        try server.stop()
    }

    @Test("pauses with flows open, goes on when told, and ends early when stopped")
    func pauses() throws {
        let server = try FlowServer(port: 0, corePort: 0, log: FlowLog(path: nil))
        var plan = try #require(FlowLoadPlan(hosts: [host(server)], flows: 100_000, seed: 2))
        plan.pauses = [400]
        plan.openFlows = 200
        let load = FlowLoad(plan)
        let paused = try #require(try wait(load) { $0.paused != nil }.paused)
        #expect(paused.flows == 400 && paused.all.scenarios.values.contains { $0.open > 0 })
        #expect(server.log.answers.values.reduce(0, +) == paused.all.requests)
        load.resume()
        _ = try wait(load) { $0.requests > paused.all.requests + 200 }
        load.stop()
        let truth = try #require(try wait(load) { $0.truth != nil }.truth)
        try load.shutdown()
        #expect(truth.errors == 0 && !truth.finished && truth.flows < 100_000)
        #expect(server.log.answers.values.reduce(0, +) == truth.all.requests)
        try server.stop()
    }

    @Test("is found missing: a port nobody listens on is an error and an end")
    func absent() throws {
        let server = try FlowServer(port: 0, corePort: 0, log: FlowLog(path: nil))
        let gone = host(server)
        try server.stop()
        let plan = try #require(FlowLoadPlan(hosts: [gone], flows: 10, seed: 1))
        let load = FlowLoad(plan)
        let truth = try #require(try wait(load) { $0.truth != nil }.truth)
        try load.shutdown()
        #expect(truth.errors > 0 && !truth.finished)
        #expect(truth.firstError?.contains("start jouleflow-lab flows-app") == true)
    }
}
