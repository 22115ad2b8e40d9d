import Foundation
import FoundationNetworking
import Testing

@testable import Lab

@Suite("The multi-step loan application")
struct FlowAppTests {
    private struct Case {
        var core = false
        let method: String
        let path: String
        var body: String?
        var expect: String?
        let status: Int
        let holds: String
    }

    @Test("answers by the request's headers, with a length, in chunks and as gzip")
    func answers() async throws {
        let server = try FlowServer(port: 0, corePort: 0, log: FlowLog(path: nil))
        let cases = [
            Case(
                method: "POST", path: "/api/credit/apply", body: #"{"serialNo":"S7-1"}"#,
                status: 200, holds: #""code":"0000","msg":"成功","data":{"applyNo":"A7-1","#),
            Case(
                method: "POST", path: "/api/credit/apply", body: #"{"serialNo":"S7-1"}"#,
                expect: "rejected", status: 200,
                holds: #""code":"E2001","msg":"业务拒绝","data":{"state":"NONE""#),
            Case(
                core: true, method: "POST", path: "/core/credit/A7-1/decision", body: "{}",
                status: 200, holds: #""applyNo":"A7-1","state":"APPROVED""#),
            Case(
                method: "GET", path: "/api/credit/A7-1/status", expect: "processing",
                status: 200, holds: #""state":"PROCESSING""#),
            Case(
                method: "GET", path: "/api/loan/drawdown/status?drawdownNo=D1", expect: "refused",
                status: 200, holds: #""drawdownNo":"D1","state":"REFUSED""#),
            Case(
                method: "POST", path: "/api/repay", body: #"{"repayNo":"R1"}"#, expect: "failed",
                status: 500, holds: #""code":"E9999""#),
            Case(
                core: true, method: "POST", path: "/core/repay/batch",
                body: #"{"batchNo":"B1","items":17}"#, status: 200,
                holds: #"{"code":"0000","batchNo":"B1","posted":17,"#),
            Case(
                core: true, method: "POST", path: "/core/repay/batch",
                body: #"{"batchNo":"B1","items":17}"#, expect: "uncounted", status: 200,
                holds: #""posted":null"#),
            Case(
                method: "GET", path: "/api/loan/query?userId=U1", expect: "unnamed", status: 200,
                holds: #""code":"E3001""#),
            Case(method: "GET", path: "/health", status: 204, holds: ""),
            Case(method: "GET", path: "/api/repay", status: 405, holds: "E4050"),
            Case(method: "POST", path: "/core/repay/batch", status: 404, holds: "E4040"),
            Case(method: "GET", path: "/api/credit//status", status: 404, holds: "E4040"),
            Case(
                method: "GET", path: "/api/loan/query", expect: "what", status: 400,
                holds: "E4000"),
        ]
        for one in cases {
            for framing in FlowFraming.allCases {
                let port = one.core ? server.corePort : server.port
                let url = try #require(URL(string: "http://127.0.0.1:\(port)\(one.path)"))
                var request = URLRequest(url: url)
                request.httpMethod = one.method
                request.httpBody = one.body.map { Data($0.utf8) }
                request.setValue(one.expect, forHTTPHeaderField: "x-expect")
                request.setValue(framing.rawValue, forHTTPHeaderField: "x-framing")
                request.setValue("gzip", forHTTPHeaderField: "accept-encoding")
                let (data, response) = try await URLSession.shared.data(for: request)
                let http = try #require(response as? HTTPURLResponse)
                #expect(http.statusCode == one.status, "\(one.path)")
                let text = String(decoding: data, as: UTF8.self)
                #expect(one.holds.isEmpty ? text.isEmpty : text.contains(one.holds), "\(text)")
                guard one.status != 204 else { continue }
                let chunked = http.value(forHTTPHeaderField: "transfer-encoding") == "chunked"
                #expect(chunked == (framing == .chunked))
                let coding = http.value(forHTTPHeaderField: "content-encoding")
                #expect((coding == "gzip") == (framing == .gzip))
            }
        }
        try server.stop()
    }

    @Test("reads its own gzip members back, and no others")
    func gzip() throws {
        for length in [0, 1, 200, 65_535] {
            let data = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            let member = try #require(StoredGzip.member(data))
            #expect(StoredGzip.data(member).map { Array($0) } == data)
            #expect(StoredGzip.data(Array(member.dropLast())) == nil)
        }
        #expect(StoredGzip.member([UInt8](repeating: 0, count: 65_536)) == nil)
        #expect(StoredGzip.data([]) == nil)
    }

    @Test("gives every flow of a seed the same requests, and other hosts their part")
    func scripts() {
        let first = (0..<2_000).map { FlowScript(seed: 3, number: $0, hosts: 2) }
        #expect(first == (0..<2_000).map { FlowScript(seed: 3, number: $0, hosts: 2) })
        #expect(first != (0..<2_000).map { FlowScript(seed: 4, number: $0, hosts: 2) })
        let steps = first.flatMap(\.steps)
        #expect(Set(steps.map(\.endpoint)) == Set(FlowEndpoint.allCases))
        #expect(Set(steps.map(\.reply)) == Set(FlowReply.allCases))
        #expect(Set(steps.map(\.host)) == [0, 1] && steps.contains { $0.split })
        #expect(first.allSatisfy { !$0.steps.isEmpty && $0.steps.count < 20 })
        #expect(first.contains { $0.scenario == .credit && $0.steps.last?.endpoint == .apply })
        let alone = (0..<2_000).flatMap { FlowScript(seed: 3, number: $0, hosts: 1).steps }
        #expect(alone.allSatisfy { $0.host == 0 })
    }

    @Test("has settings whose steps are the application's, with the options asked for")
    func settings() {
        var settings = FlowSettings(port: 8081, corePort: 8082)
        #expect(!settings.agent.contains("flow_secret") && !settings.agent.contains("expires"))
        settings.deduplication = .fleet
        settings.expires = "30s"
        settings.secret = "/run/flow.secret"
        settings.collector = "10.0.0.1:7443"
        let text = settings.agent
        #expect(text.contains("flow_secret: \"/run/flow.secret\"\n"))
        #expect(text.contains("collectors: [{address: \"10.0.0.1:7443\", plaintext: true}]\n"))
        #expect(text.ranges(of: "    dedupe: fleet\n").count == 3)
        #expect(text.ranges(of: "    expires: 30s\n").count == 3)
        for scenario in LoanScenario.allCases {
            #expect(text.contains("  - id: \(scenario.rawValue)\n"))
            for step in FlowEndpoint.steps(of: scenario) {
                #expect(text.contains("      - name: \(step.rawValue)\n"))
                #expect(text.contains("path: \"\(step.template)\""))
            }
        }
        #expect(text.ranges(of: "completes: true").count == 7)
    }
}
