import Foundation
import FoundationNetworking
import Metering
import Testing

@testable import Lab

@Suite("The loan application under load", .serialized)
struct LoanLoadTests {
    private func run(
        unit: Nanoseconds, plan: (Int) -> LoadPlan
    ) throws -> (load: LoadResult, truth: LoanTruth) {
        let server = try LoanServer(port: 0, unit: unit)
        let generator = LoadGenerator(plan(server.port))
        let limit = LabClock.boot + .seconds(30)
        while generator.result == nil, LabClock.boot < limit { usleep(5_000) }
        let result = try #require(generator.result)
        try generator.shutdown()
        // A flow is in the ledger once its answer is sent: all are when the threads have ended.
        try server.stop()
        let truth = server.ledger.snapshot
        return (result, truth)
    }

    @Test("counts what the load generator counts, and burns CPU in the ratio 24 : 7 : 3 : 1")
    func together() throws {
        let mix = try #require(
            LoadMix(shares: [20, 25, 25, 30], refused: 0.1, errors: 0.05, seed: 7))
        // Units so long that what reading and answering takes beside them is little on any machine.
        let (load, truth) = try run(unit: .milliseconds(5)) {
            LoadPlan(port: $0, length: .seconds(8), rate: 12, connections: 6, mix: mix)
        }
        #expect(load.errors == 0, "\(load.firstError ?? "")")
        #expect(load.other.requests > 0 && load.other == truth.other)
        var perFlow: [Double] = []
        for scenario in LoanScenario.allCases {
            #expect(load[scenario] == truth[scenario].counts)
            let flows = truth[scenario].counts.total
            // How many fit in the time is the machine's matter; each costs the same.
            #expect(flows > 2)
            perFlow.append(Double(truth[scenario].cpuNanoseconds) / Double(max(1, flows)))
            #expect(truth[scenario].wallNanoseconds >= truth[scenario].cpuNanoseconds * 9 / 10)
        }
        for (cpu, scenario) in zip(perFlow, LoanScenario.allCases) {
            let ratio = cpu / perFlow[3]
            #expect(abs(ratio / Double(scenario.units) - 1) < 0.1, "\(scenario): \(ratio)")
        }
        let all = LoanScenario.allCases.map { load[$0] }
        #expect(all.reduce(0) { $0 + $1.refused } > 0 && all.reduce(0) { $0 + $1.failed } > 0)
    }

    @Test(
        "tells whose the CPU time is, also where it waits and hands requests to a pool",
        arguments: [0, 4])
    func told(pool: Int) throws {
        let folder = try TemporaryFolder()
        var work = LoanWork(unit: .milliseconds(1))
        work.units = [10, 5, 4, 1]
        work.waits = [0, 0, 0, 20].map { .milliseconds($0) }
        work.threads = 2
        work.pool = pool
        let told = try CPULedger(path: folder.path + "/ledger")
        work.told = told
        let server = try LoanServer(port: 0, work: work)
        let mix = try #require(
            LoadMix(shares: [20, 25, 25, 30], refused: 0, errors: 0, seed: 7))
        var plan = LoadPlan(
            port: server.port, length: .seconds(2), rate: 60, connections: 6, mix: mix)
        plan.rhythm = .random(swing: 0, bursts: false)
        let generator = LoadGenerator(plan)
        let limit = LabClock.boot + .seconds(30)
        while generator.result == nil, LabClock.boot < limit { usleep(5_000) }
        let load = try #require(generator.result)
        try generator.shutdown()
        try server.stop()
        let truth = server.ledger.snapshot
        #expect(load.errors == 0, "\(load.firstError ?? "")")
        for (place, scenario) in LoanScenario.allCases.enumerated() {
            let flows = truth[scenario].counts.total
            #expect(load[scenario].total == flows && flows > 10)
            // All that burns, and what reading and answering takes beside it.
            let burnt = Double(flows * work.units[place]) * 1e6
            let used = Double(told.used[place].rawValue)
            let most = burnt + Double(flows) * 3e6
            #expect(used > burnt * 0.9 && used < most, "\(scenario): \(used / burnt)")
        }
        let wait = Double(truth[.query].wallNanoseconds) / Double(truth[.query].counts.total)
        #expect(wait > 20e6)
    }

    @Test("is sent the same sequence for the same seed, and another for another")
    func repeatable() throws {
        func requests(_ seed: UInt64) throws -> [LoadRequest] {
            let mix = try #require(
                LoadMix(shares: [10, 20, 20, 50], refused: 0.08, errors: 0.02, seed: seed))
            var sequence = LoadSequence(mix)
            return (0..<500).map { _ in sequence.next() }
        }
        let first = try requests(3)
        #expect(try requests(3) == first)
        #expect(try requests(4) != first)
        let numbers = Set(first.map(\.number))
        // Ten health checks share the empty number.
        #expect(numbers.count == 491)
        #expect(first.contains { $0.split } && first.contains { $0.uri.contains("chunked") })
    }

    @Test("sends only what the mix asks for")
    func mix() throws {
        let mix = try #require(LoadMix(shares: [0, 0, 0, 1], refused: 1, errors: 0, seed: 1))
        let (load, truth) = try run(unit: Nanoseconds(1000)) {
            LoadPlan(port: $0, length: .milliseconds(500), rate: 400, connections: 3, mix: mix)
        }
        #expect(load.errors == 0)
        #expect(load.flows > 100 && load[.query].refused == load.flows)
        #expect(truth[.query].counts == load[.query])
    }

    @Test("is found missing: a port nobody listens on is an error, not an empty result")
    func absent() throws {
        let server = try LoanServer(port: 0, unit: Nanoseconds(1000))
        let port = server.port
        try server.stop()
        let mix = try #require(LoadMix(shares: [1, 1, 1, 1], refused: 0, errors: 0, seed: 1))
        let generator = LoadGenerator(
            LoadPlan(port: port, length: .seconds(2), rate: 100, connections: 2, mix: mix))
        let limit = LabClock.boot + .seconds(10)
        while generator.result == nil, LabClock.boot < limit { usleep(5_000) }
        let result = try #require(generator.result)
        try generator.shutdown()
        #expect(result.errors == 2 && result.flows == 0)
        #expect(result.firstError?.contains("start jouleflow-lab app") == true)
    }

    @Test("answers by the request's content, with a length or in chunks")
    func answers() async throws {
        let server = try LoanServer(port: 0, unit: Nanoseconds(1000))
        let base = "http://127.0.0.1:\(server.port)"
        let cases: [(String, String, String?, Int, String)] = [
            ("GET", "/api/account/u1/summary", nil, 200, "0000"),
            ("GET", "/api/account/u1/summary?framing=chunked&expect=refused", nil, 200, "E1001"),
            ("POST", "/api/credit/A1/decision", #"{"expect":"failed"}"#, 500, "E9999"),
            ("POST", "/api/loan/D1/payout?framing=chunked", "{}", 200, "0000"),
            ("POST", "/api/repay/R1/settle", "no JSON", 400, "E4000"),
            ("GET", "/api/repay/R1/settle", nil, 405, "E4050"),
            ("GET", "/api/repay//settle", nil, 404, "E4040"),
        ]
        for (method, path, body, status, code) in cases {
            var request = URLRequest(url: try #require(URL(string: base + path)))
            request.httpMethod = method
            request.httpBody = body.map { Data($0.utf8) }
            let (data, response) = try await URLSession.shared.data(for: request)
            let http = try #require(response as? HTTPURLResponse)
            #expect(http.statusCode == status, "\(method) \(path)")
            let chunked = http.value(forHTTPHeaderField: "transfer-encoding") == "chunked"
            #expect(chunked == path.contains("framing=chunked"))
            let text = String(decoding: data, as: UTF8.self)
            #expect(text.contains(#""code":"\#(code)""#), "\(method) \(path): \(text)")
        }
        try server.stop()
        #expect(server.ledger.snapshot[.query].counts == OutcomeCounts(completed: 1, refused: 1))
        #expect(server.ledger.snapshot.other.requests == 3)
    }
}
