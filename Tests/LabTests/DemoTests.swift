import Foundation
import Metering
import Testing

@testable import Lab

@Suite("The demonstration")
struct DemoTests {
    private func outcome(credit: Int, saysSimulated: Bool = true) -> DemoOutcome {
        var load = LoadResult()
        for (scenario, completed) in zip(LoanScenario.allCases, [90, 40, 30, 20] as [UInt64]) {
            load.scenarios[scenario.rawValue] = OutcomeCounts(
                completed: completed, refused: 10, failed: 1)
        }
        let part = { (ta: Int) -> [String: Any] in
            [
                "ta": ta, "completed": ta, "refused": 10, "failed": 1,
                "energy_microjoules": 5_000_000,
            ]
        }
        let report = DemoReport([
            "simulated": saysSimulated,
            "rounds": [
                [
                    "hosts": [["energy_coverage": 1.0, "counts_coverage": 0.99]],
                    "energy_kwh": 0.001, "r_cf": 2_790,
                    "scenarios": [
                        "credit": part(credit), "drawdown": part(40), "repayment": part(30),
                        "query": part(20),
                    ],
                ]
            ],
        ])
        let agent = DemoOutcome.Agent(cpuSeconds: 0.5, peakBytes: nil, stopSeconds: 0.1)
        return DemoOutcome(
            simulated: true, period: .init(from: "a", to: "b", round: "60s"), load: load,
            report: report, agent: agent)
    }

    @Test("takes credit refusals as completed flows, and no other refusals")
    func completed() {
        let equal = outcome(credit: 100)
        #expect(LoanScenario.allCases.map(equal.completedByLoad) == [100, 40, 30, 20])
        #expect(equal.differences.isEmpty)
        #expect(equal.joulesPerFlow(.credit) == 0.05)
        #expect(equal.report.coverage == 0.99)
        let short = outcome(credit: 99)
        #expect(short.differences == ["credit TA: load 100, counted 99"])
        #expect(outcome(credit: 100, saysSimulated: false).differences.count == 1)
    }

    @Test("writes every key, what is not known as null, and says simulated")
    func json() throws {
        let text = try outcome(credit: 100).json()
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "simulated", "scenarios", "energy_kwh", "o_grams", "period", "m_policy", "r_cf",
                "sci_cf_grams", "coverage", "agent",
            ])
        #expect(object["simulated"] as? Bool == true && object["o_grams"] is NSNull)
        #expect(outcome(credit: 100).table.contains("SIMULATED"))
        #expect(outcome(credit: 100).table.hasPrefix("非评估结果"))
    }

    @Test("finds the right to capture in the process or in the program's file")
    func rights() {
        func status(_ effective: String, _ ambient: String, bounding: String = "ffffffff") -> String
        {
            "CapEff:\t\(effective)\nCapBnd:\t\(bounding)\nCapAmb:\t\(ambient)\n"
        }
        let none = status("0000000000000000", "0000000000000000")
        let raw: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        var notEffective = raw
        notEffective[0] = 0
        func holds(_ text: String, root: Bool = false, file: [UInt8]? = nil) -> Bool {
            CaptureRight.holds(status: text, isRoot: root, fileCapability: file)
        }
        #expect(!holds(none) && !holds(none, root: true))
        #expect(holds(status("2000", "0"), root: true) && !holds(status("2000", "0")))
        #expect(holds(status("2000", "2000")))
        #expect(holds(none, file: raw) && !holds(none, file: notEffective))
        #expect(!holds(status("0", "0", bounding: "0"), file: raw))
        for count in 0..<20 { #expect(!holds(none, file: Array(raw.prefix(count)))) }
    }

    @Test("writes paths with quotes as YAML strings")
    func paths() {
        let settings = DemoSettings(
            work: #"/tmp/a "b" \c"#, appPort: 1, collectorPort: 2, simulated: true)
        #expect(settings.agent.contains(#"sysfs: "/tmp/a \"b\" \\c/sys", idle_watts: 60"#))
        let real = DemoSettings(work: "/w", appPort: 1, collectorPort: 2, simulated: false)
        #expect(!real.agent.contains("energy:"))
    }

    @Test("ends its programs, also one that will not")
    func children() throws {
        let folder = try TemporaryFolder()
        let guardian = try ChildGuard()
        let script = "trap '' TERM; echo ready >&2; while :; do sleep 0.05; done"
        let polite = try ChildProcess(
            name: "polite", program: "/bin/sleep", arguments: ["60"], folder: folder.path,
            guardian: guardian)
        #expect(polite.isRunning && (polite.peakMemory ?? 0) > 0)
        polite.finish()
        #expect(polite.end?.status == 128 + SIGTERM)
        let rude = try ChildProcess(
            name: "rude", program: "/bin/sh", arguments: ["-c", script], folder: folder.path,
            guardian: guardian)
        let limit = LabClock.boot + .seconds(10)
        while !rude.tail.contains("ready"), LabClock.boot < limit { usleep(5_000) }
        rude.finish(within: .milliseconds(200))
        #expect(rude.end?.status == 128 + SIGKILL)
    }

    @Test("has a guard that ends what is left when the demonstration is gone")
    func guarded() throws {
        let folder = try TemporaryFolder()
        var guardian: ChildGuard? = try ChildGuard()
        let pid = try ChildProcess.spawn(
            "/bin/sleep", ["60"], output: folder.path + "/out", log: folder.path + "/log")
        guardian?.add(pid)
        guardian = nil
        var status: Int32 = 0
        #expect(waitpid(pid, &status, 0) == pid)
        #expect(status & 0x7f == SIGTERM)
    }
}
