import Foundation
import Metering
import NIOPosix
import Report
import Testing

@Suite("The fleet of the lab: twenty hosts, two sites, nine rounds, and all that goes wrong")
struct FleetReportTests {
    /// `fleet_play.py` writes what happens; the agent's own parts live through it on simulated counters
    /// and clocks, and deliver to a collector; `fleet_truth.py` computes what the report must say from
    /// what happened alone, in whole numbers and fractions, and compares each number of it.
    @Test("every figure of the report is what the lab knows")
    func truthful() async throws {
        guard FleetScript.isPossible else { return }
        let folder = NSTemporaryDirectory() + "fleet-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (play, report) = (folder + "/play.json", folder + "/report.json")
        let written = try await FleetScript.run("fleet_play.py", [play])
        try #require(written.status == 0)
        let script = try JSONDecoder().decode(
            FleetScript.self, from: Data(contentsOf: URL(fileURLWithPath: play)))
        #expect(script.hosts.count == 20)
        let secret = Data((0..<32).map { _ in UInt8.random(in: 0...255) })
        #expect(
            FileManager.default.createFile(
                atPath: folder + "/flow.secret", contents: secret,
                attributes: [.posixPermissions: 0o600]))
        // Before any round closes: what each round closed with is all there is.
        let received = Timestamp(script.sealed)
        let main = try LabCollector(store: folder + "/main.db", at: received)
        let other = try LabCollector(store: folder + "/other.db", at: received)
        let assessment = try LabAssessment(script, in: main.store)
        let events = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await main.serving { first in
            try await other.serving { second in
                for host in script.hosts {
                    let host = try LabHost(
                        host, from: script.start, in: folder, collectors: [first, second],
                        group: events)
                    try await host.run()
                }
            }
        }
        try await events.shutdownGracefully()
        // Of one host all is new, of two all was there.
        let (new, known) = try main.take(from: other)
        #expect(new >= script.seconds - 1 && known >= 2 * (script.seconds - 4))
        let content = try assessment.report(from: main.store)
        try Data(content.json().utf8).write(to: URL(fileURLWithPath: report))
        // Both means, and that they are far from each other, where people read.
        #expect(content.table(.english).contains("WARNING: differs by more than 5 %"))
        #expect(content.html(.english).contains("the mean of rounds and the ratio of sums differ"))
        #expect(content.html(.chinese).contains("各轮平均与总量之比相差"))
        // The sums shown are those that the ratio is of, and which rounds they are over is said.
        let result = content.result
        let carbon = try #require(result.operationalSum.value)
        let mass = try #require(result.embodiedSum.value?.typical)
        let units = try #require(result.unitsSum.value)
        let ratio = try #require(result.ratioOfSums.value)
        #expect(abs((carbon + mass) / Double(units) / ratio - 1) < 1e-9)
        #expect(!result.roundsWithoutBusiness.isEmpty)
        let sites = content.sites.compactMap(\.operationalIT.value)
        #expect(abs(sites.reduce(0, +) / carbon - 1) < 1e-12 && sites.count == 2)
        #expect(content.html(.english).contains("sum of the rounds in the result and of R = 0"))
        #expect(content.html(.english).contains("its O and M are in the sums, and not in the mean"))
        #expect(content.html(.chinese).contains("其 O、M 计入总和，不计入平均值"))
        #expect(content.table(.english).contains("(with rounds of R = 0, as energy and TA below)"))
        if let kept = ProcessInfo.processInfo.environment["JOULEFLOW_FLEET_REPORT"] {
            try FileManager.default.copyItem(atPath: report, toPath: kept)
        }
        let compared = try await FleetScript.run("fleet_truth.py", [play, report])
        let words = String(decoding: compared.output, as: UTF8.self)
        #expect(compared.status == 0, "\(words)")
        // Not all was left out.
        let count = words.split(separator: " ").first.flatMap { Int($0) } ?? 0
        #expect(count > 5_000, "\(words)")
    }
}
